//! Table 1 with intervals, the paper's three claims, and the controls.

use std::collections::BTreeMap;

use auscult_eval_metrics::{Bootstrap, Interval, PartialAuc, partial_auc, roc_auc};
use serde::{Deserialize, Serialize};

use super::back_ends::BackEnd;
use super::ensemble::{Ensemble, PROPOSED};
use super::front_ends::FrontEnd;
use super::recipe::{Data, Recipe};
use super::train::{Take, Tested, control};
use crate::pipeline::metrics::{Figure, Metrics};
use crate::run::Run;
use crate::{Error, Result, files};

/// Table 1 of the paper: AUC at -5, -10 and -15 dB.
const PAPER: [[f64; 3]; 12] = [
    [0.848, 0.722, 0.654],
    [0.990, 0.931, 0.697],
    [0.939, 0.795, 0.675],
    [0.991, 0.924, 0.760],
    [0.886, 0.752, 0.664],
    [1.000, 0.954, 0.785],
    [0.965, 0.857, 0.732],
    [1.000, 0.945, 0.813],
    [0.970, 0.853, 0.703],
    [0.977, 0.889, 0.744],
    [0.983, 0.880, 0.702],
    [0.999, 0.974, 0.854],
];

/// What `results.json` holds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Results {
    /// Columns of the table: SNRs, or kinds of machine.
    pub conditions: Vec<String>,
    /// Every AUC.
    pub cells: Vec<Cell>,
    /// The paper's three claims, measured.
    pub claims: Vec<Claim>,
    /// What takes the effect of dereverberation apart (simulation).
    pub controls: Vec<Cell>,
    /// How much dereverberation raises the anomaly's SNR between 0.3 and 7 kHz, dB, by condition (simulation).
    pub shifts_db: BTreeMap<String, f64>,
    /// What a reader must know before believing a figure.
    pub cautions: Vec<String>,
    /// Tested segments: normal, abnormal.
    pub segments: [usize; 2],
    /// What was drawn by the bootstrap: machines of halls, or recordings.
    pub groups: usize,
}

/// A row of Table 1 at one condition.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Cell {
    /// The back end.
    pub back_end: BackEnd,
    /// Front end or ensemble.
    pub row: String,
    /// SNR or machine.
    pub condition: String,
    /// Area under the curve.
    pub auc: Figure,
    /// Area up to a false-alarm rate of 0.1, as DCASE scales it.
    pub pauc: Figure,
    /// What the paper has there.
    pub paper: Option<f64>,
}

/// A claim: a difference of AUCs, on the same segments.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Claim {
    /// The back end.
    pub back_end: BackEnd,
    /// SNR or machine.
    pub condition: String,
    /// What is compared.
    pub claim: String,
    /// The difference.
    pub difference: Figure,
    /// The paper's difference.
    pub paper: Option<f64>,
}

impl Claim {
    /// Whether the interval lies on one side of zero.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        match (self.difference.low > 0.0, self.difference.high < 0.0) {
            (true, _) => "holds",
            (_, true) => "the opposite holds",
            _ => "open",
        }
    }
}

/// The segments of one condition.
struct Trial<'a> {
    condition: String,
    takes: Vec<(&'a Tested, &'a Take)>,
    groups: Vec<usize>,
    /// Place of this condition in the paper's table.
    paper: Option<usize>,
}

impl<'a> Trial<'a> {
    fn new(condition: String, takes: Vec<(&'a Tested, &'a Take)>, paper: Option<usize>) -> Self {
        let mut names: Vec<&str> = takes.iter().map(|(tested, _)| tested.group.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let group = |tested: &Tested| names.binary_search(&tested.group.as_str()).unwrap_or_default();
        let groups = takes.iter().map(|(tested, _)| group(tested)).collect();
        Self { condition, takes, groups, paper }
    }

    /// Mean over seeds of an area, over the segments drawn. A seed of which only one kind was drawn is left out.
    fn area(&self, scores: &[f64], drawn: &[usize], of: impl Fn(&[bool], &[f64]) -> Option<f64>) -> f64 {
        let mut by_seed: BTreeMap<u64, (Vec<bool>, Vec<f64>)> = BTreeMap::new();
        for &index in drawn {
            let tested = self.takes[index].0;
            let (truth, values) = by_seed.entry(tested.seed).or_default();
            truth.push(tested.abnormal);
            values.push(scores[index]);
        }
        let areas: Vec<f64> = by_seed.values().filter_map(|(truth, values)| of(truth, values)).collect();
        areas.iter().sum::<f64>() / areas.len() as f64
    }

    fn auc(&self, scores: &[f64], drawn: &[usize]) -> f64 {
        self.area(scores, drawn, |truth, values| roc_auc(truth, values).ok())
    }

    fn pauc(&self, scores: &[f64], drawn: &[usize]) -> f64 {
        self.area(scores, drawn, |truth, values| partial_auc(truth, values, 0.1, PartialAuc::McClish).ok())
    }

    fn scores(&self, of: impl Fn(&Take) -> f64) -> Vec<f64> {
        self.takes.iter().map(|(_, take)| of(take)).collect()
    }

    /// A statistic with its interval over whole groups. With too few groups for one, all that is known is that it may
    /// be anything.
    fn figure(
        &self,
        resamples: usize,
        widest: [f64; 2],
        statistic: impl Fn(&[usize]) -> f64 + Sync,
    ) -> Figure {
        let all: Vec<usize> = (0..self.takes.len()).collect();
        let unknown = |value: f64| Interval { value, low: widest[0], high: widest[1] };
        let interval = Bootstrap::new(resamples)
            .seed(1)
            .interval_grouped(&self.groups, &statistic)
            .unwrap_or_else(|_| unknown(statistic(&all)));
        Figure::new(&interval, self.takes.len())
    }
}

/// From scores to tables.
pub(super) fn summarise(recipe: &Recipe, tested: &[Tested]) -> Result<Results> {
    let trials = trials(recipe, tested);
    let rows = Ensemble::table(&recipe.detector.front_ends, &recipe.protocol.ensembles)
        .map_err(|problem| Error::Recipe { name: "recipe.toml".into(), problem })?;
    let resamples = recipe.protocol.resamples;
    let (mut cells, mut claims, mut controls) = (Vec::new(), Vec::new(), Vec::new());
    for &back_end in &recipe.detector.back_ends {
        for trial in &trials {
            let scores: Vec<Vec<f64>> =
                rows.iter().map(|row| trial.scores(|take| row.score(back_end, &take.scores))).collect();
            for (row, scores) in rows.iter().zip(&scores) {
                cells.push(cell(
                    trial,
                    back_end,
                    &row.name,
                    scores,
                    resamples,
                    paper_value(row, trial.paper),
                ));
            }
            claims.extend(claims_of(trial, back_end, &rows, &scores, resamples));
            controls.extend(controls_of(trial, back_end, resamples));
        }
    }
    let count = |abnormal| tested.iter().filter(|tested| tested.abnormal == abnormal).count();
    let mut groups: Vec<&str> = tested.iter().map(|tested| tested.group.as_str()).collect();
    groups.sort_unstable();
    groups.dedup();
    Ok(Results {
        conditions: trials.iter().map(|trial| trial.condition.clone()).collect(),
        cells,
        claims,
        controls,
        shifts_db: shifts(&trials),
        cautions: cautions(recipe, &trials),
        segments: [count(false), count(true)],
        groups: groups.len(),
    })
}

/// One trial an SNR, or one a kind of machine.
fn trials<'a>(recipe: &Recipe, tested: &'a [Tested]) -> Vec<Trial<'a>> {
    let with = |wanted: &dyn Fn(&Tested, &Take) -> bool| {
        tested
            .iter()
            .flat_map(|tested| tested.takes.iter().map(move |take| (tested, take)))
            .filter(|(tested, take)| wanted(tested, take))
            .collect::<Vec<_>>()
    };
    match &recipe.data {
        Data::Simulation(_) => {
            let trial = |&snr: &f64| {
                let paper = [-5.0, -10.0, -15.0].iter().position(|&known| known == snr);
                let takes = with(&|tested, take| !tested.abnormal || take.snr_db == Some(snr));
                Trial::new(format!("{snr} dB"), takes, paper)
            };
            recipe.protocol.snrs_db.iter().map(trial).collect()
        }
        Data::Manifest(_) => {
            let mut machines: Vec<&str> = tested.iter().map(|tested| tested.machine.as_str()).collect();
            machines.sort_unstable();
            machines.dedup();
            let trial = |machine: &&str| {
                Trial::new((*machine).to_owned(), with(&|tested, _| tested.machine == *machine), None)
            };
            machines.iter().map(trial).collect()
        }
    }
}

fn cell(
    trial: &Trial,
    back_end: BackEnd,
    row: &str,
    scores: &[f64],
    resamples: usize,
    paper: Option<f64>,
) -> Cell {
    Cell {
        back_end,
        row: row.to_owned(),
        condition: trial.condition.clone(),
        auc: trial.figure(resamples, [0.0, 1.0], |drawn| trial.auc(scores, drawn)),
        pauc: trial.figure(resamples, [0.0, 1.0], |drawn| trial.pauc(scores, drawn)),
        paper,
    }
}

/// The paper's AUC of a row of its table.
fn paper_value(row: &Ensemble, column: Option<usize>) -> Option<f64> {
    let table = Ensemble::table(&FrontEnd::ALL, &BTreeMap::new()).ok()?;
    let place = table.iter().position(|known| known.name == row.name)?;
    Some(PAPER[place][column?])
}

/// The three claims: mean differences of the rows that differ in nothing else.
fn claims_of(
    trial: &Trial,
    back_end: BackEnd,
    rows: &[Ensemble],
    scores: &[Vec<f64>],
    resamples: usize,
) -> Vec<Claim> {
    let place = |name: &str| rows.iter().position(|row| row.name.starts_with(name));
    let pairs = |letters: &[(&str, &str)]| -> Option<Vec<(usize, usize)>> {
        letters.iter().map(|(with, without)| Some((place(with)?, place(without)?))).collect()
    };
    let all: Vec<usize> = (0..trial.takes.len()).collect();
    let mut compared = vec![
        (
            "dereverberation helps: mean of E-A, F-B, G-C, H-D",
            pairs(&[("(E)", "(A)"), ("(F)", "(B)"), ("(G)", "(C)"), ("(H)", "(D)")]),
        ),
        (
            "extraction helps: mean of B, C, D over A and F, G, H over E",
            pairs(&[
                ("(B)", "(A)"),
                ("(C)", "(A)"),
                ("(D)", "(A)"),
                ("(F)", "(E)"),
                ("(G)", "(E)"),
                ("(H)", "(E)"),
            ]),
        ),
    ];
    // The best single row is chosen on these very segments, which favours it.
    let singles = rows.iter().enumerate().filter(|(_, row)| row.members.len() == 1);
    let best = singles.map(|(index, _)| (index, trial.auc(&scores[index], &all))).fold(
        None,
        |best: Option<(usize, f64)>, next| match best {
            Some(best) if best.1 >= next.1 => Some(best),
            _ => Some(next),
        },
    );
    let proposed = rows.iter().position(|row| row.name == PROPOSED);
    compared.push((
        "the ensemble helps: proposed over the best single row",
        proposed.zip(best).map(|(proposed, (best, _))| vec![(proposed, best)]),
    ));
    compared
        .into_iter()
        .filter_map(|(claim, pairs)| {
            let pairs = pairs?;
            let mean = |of: &dyn Fn(usize) -> f64| {
                pairs.iter().map(|&(with, without)| of(with) - of(without)).sum::<f64>() / pairs.len() as f64
            };
            let difference =
                trial.figure(resamples, [-1.0, 1.0], |drawn| mean(&|row| trial.auc(&scores[row], drawn)));
            let paper = trial.paper.map(|column| {
                // the paper's best single row is its own
                let best = PAPER[..8].iter().map(|row| row[column]).fold(0.0, f64::max);
                let value = |row: usize| paper_value(&rows[row], Some(column)).unwrap_or(f64::NAN);
                if pairs.len() == 1 { value(pairs[0].0) - best } else { mean(&value) }
            });
            let condition = trial.condition.clone();
            Some(Claim { back_end, condition, claim: claim.to_owned(), difference, paper })
        })
        .collect()
}

/// Rows of the controls, where they were measured.
fn controls_of(trial: &Trial, back_end: BackEnd, resamples: usize) -> Vec<Cell> {
    let measured = |take: &Take| take.controls.is_some();
    if trial.takes.is_empty() || !trial.takes.iter().all(|(_, take)| measured(take)) {
        return Vec::new();
    }
    [control::EARLY, control::RAISED, control::BY_NORMAL]
        .into_iter()
        .filter_map(|name| {
            let key = format!("{}: {name}", back_end.name());
            let score =
                |take: &Take| take.controls.as_ref().and_then(|controls| controls.scores.get(&key)).copied();
            let complete = trial.takes.iter().all(|(_, take)| score(take).is_some());
            complete.then(|| {
                let scores = trial.scores(|take| score(take).unwrap_or(f64::NAN));
                cell(trial, back_end, name, &scores, resamples, None)
            })
        })
        .collect()
}

/// Mean SNR shift of each condition in which it was measured.
fn shifts(trials: &[Trial]) -> BTreeMap<String, f64> {
    trials
        .iter()
        .filter_map(|trial| {
            let controls = trial.takes.iter().filter_map(|(_, take)| take.controls.as_ref());
            let shifts: Vec<f64> = controls.filter_map(|controls| controls.shift_db).collect();
            let mean = shifts.iter().sum::<f64>() / shifts.len() as f64;
            (!shifts.is_empty()).then(|| (trial.condition.clone(), mean))
        })
        .collect()
}

fn cautions(recipe: &Recipe, trials: &[Trial]) -> Vec<String> {
    let mut cautions = Vec::new();
    if matches!(recipe.data, Data::Simulation(_)) {
        cautions.push(
            "Simulated sound: how hard it is was set by looking at row (A) alone (docs/asd.md), so compare rows with \
             each other, not with the paper's numbers."
                .into(),
        );
    }
    for trial in trials {
        let of = |abnormal: bool| {
            let groups =
                trial.takes.iter().zip(&trial.groups).filter(|((tested, _), _)| tested.abnormal == abnormal);
            let mut groups: Vec<usize> = groups.map(|(_, &group)| group).collect();
            groups.sort_unstable();
            groups.dedup();
            groups.len()
        };
        let (normal, abnormal) = (of(false), of(true));
        if normal.min(abnormal) < 10 {
            let what = if matches!(recipe.data, Data::Simulation(_)) { "machines" } else { "recordings" };
            cautions.push(format!(
                "{}: only {normal} normal and {abnormal} abnormal {what} were tested. Segments of one are not \
                 independent: with fewer than ten of each the figures say next to nothing.",
                trial.condition
            ));
        }
    }
    cautions
}

/// Writes `results.json` (last), `metrics.json` and `predictions.csv`.
pub(super) fn write(run: &Run, recipe: &Recipe, tested: &[Tested], results: &Results) -> Result<()> {
    let manifest = match &recipe.data {
        Data::Simulation(_) => "simulation".to_owned(),
        Data::Manifest(data) => data.manifest.display().to_string(),
    };
    let metrics = results
        .cells
        .iter()
        .filter(|cell| cell.back_end == recipe.detector.back_ends[0])
        .map(|cell| (snake_case(&format!("auc {} {}", cell.row, cell.condition)), cell.auc))
        .collect();
    let metrics = Metrics { pipeline: "asd".into(), run: run.name(), manifest, metrics };
    files::write_json(&run.path("metrics.json"), &metrics)?;
    files::write(&run.path("predictions.csv"), predictions(tested)?)?;
    files::write_json(&run.path("results.json"), results)
}

/// A figure's name as `metrics.json` writes names: `auc_a_none_10_db` for "auc (A) none -10 dB".
pub(super) fn snake_case(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("_")
}

/// A row a segment and SNR, a column a row of the table.
fn predictions(tested: &[Tested]) -> Result<Vec<u8>> {
    let mut rows: Vec<&String> =
        tested.iter().flat_map(|tested| &tested.takes).flat_map(|take| take.scores.keys()).collect();
    rows.sort();
    rows.dedup();
    let mut table = csv::Writer::from_writer(Vec::new());
    let failed = |error| Error::part("predictions.csv")(error);
    let fixed = ["seed", "machine", "segment", "abnormal", "snr_db"].map(str::to_owned);
    table.write_record(fixed.iter().chain(rows.iter().copied())).map_err(failed)?;
    for tested in tested {
        for take in &tested.takes {
            let start = [
                tested.seed.to_string(),
                tested.machine.clone(),
                tested.segment.clone(),
                tested.abnormal.to_string(),
                take.snr_db.map_or_else(String::new, |snr| snr.to_string()),
            ];
            let scores =
                rows.iter().map(|row| take.scores.get(*row).map_or_else(String::new, |s| format!("{s:.5}")));
            table.write_record(start.into_iter().chain(scores)).map_err(failed)?;
        }
    }
    table.into_inner().map_err(|error| Error::io("write", "predictions.csv")(error.into_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tested(seed: u64, group: &str, abnormal: bool, score: f64) -> Tested {
        let scores = FrontEnd::ALL.map(|front_end| (format!("autoencoder-{front_end:?}"), score)).into();
        let snr_db = abnormal.then_some(-10.0);
        Tested {
            seed,
            machine: group.into(),
            group: format!("{seed} {group}"),
            segment: String::new(),
            abnormal,
            takes: vec![Take { snr_db, scores, controls: None }],
        }
    }

    #[test]
    fn aucs_are_means_over_seeds_never_across_them() {
        // within each seed the abnormal scores are higher; seed 2 is higher throughout
        let all: Vec<Tested> = (0..20)
            .flat_map(|k| {
                let group = format!("m{}", k / 2);
                let noise = f64::from(k) * 1e-3;
                [
                    tested(1, &group, false, noise),
                    tested(1, &group, true, 1.0 + noise),
                    tested(2, &group, false, 5.0 + noise),
                    tested(2, &group, true, 6.0 + noise),
                ]
            })
            .collect();
        let toml = "about = ''\n[data]\nkind = 'simulation'\n[protocol]\nseeds = [1, 2]\nsnrs_db = [-10.0]\nresamples = 50\n";
        let recipe: Recipe = toml::from_str(toml).unwrap();
        let results = summarise(&recipe, &all).unwrap();
        assert_eq!(results.cells.len(), 12);
        assert!(results.cells.iter().all(|cell| cell.auc.value == 1.0 && cell.auc.low == 1.0));
        assert_eq!(results.cells[5].paper, Some(0.954));
        assert_eq!((results.segments, results.groups), ([40, 40], 20));
        let ensemble = &results.claims[2];
        assert_eq!((ensemble.difference.value, ensemble.verdict()), (0.0, "open"));
        assert!((ensemble.paper.unwrap() - 0.020).abs() < 1e-9, "{:?}", ensemble.paper);
    }

    #[test]
    fn the_headline_is_among_the_metrics() {
        use crate::pipeline::Pipeline as _;

        let table = Ensemble::table(&FrontEnd::ALL, &BTreeMap::new()).unwrap();
        let names: Vec<String> =
            table.iter().map(|row| snake_case(&format!("auc {} -10 dB", row.name))).collect();
        for (name, _) in super::super::Asd.headline() {
            assert!(names.iter().any(|known| known == name), "{name} is none of {names:?}");
        }
    }

    #[test]
    fn few_groups_are_warned_of() {
        let all = [tested(1, "m", false, 0.0), tested(1, "m", true, 1.0)];
        let toml = "about = ''\n[data]\nkind = 'simulation'\n[protocol]\nsnrs_db = [-10.0]\nresamples = 50\n";
        let results = summarise(&toml::from_str(toml).unwrap(), &all).unwrap();
        assert!(
            results.cautions.iter().any(|caution| caution.contains("only 1 normal and 1 abnormal machines"))
        );
    }
}
