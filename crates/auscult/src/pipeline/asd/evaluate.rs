//! Scoring a run that was trained on recordings on any other manifest.

use std::collections::BTreeMap;

use super::back_ends::BackEnd;
use super::detector::Detector;
use super::parallel;
use super::recipe::{Data, Recipe};
use super::recordings::{machines, read_manifest, score};
use super::results::{Results, snake_case, summarise};
use super::train::Tested;
use crate::observer::Observer;
use crate::pipeline::doors::{EvaluateOptions, Evaluation, evaluation_folder};
use crate::pipeline::metrics::{Figure, Metrics};
use crate::run::Run;
use crate::{Error, Result, files};

/// Scores `run` on a manifest with the detectors of its first seed; writes into `RUN/eval/NAME/`. Normal recordings whose
/// `part` is `train` are left out: a detector knows what it was trained on, which would flatter it.
///
/// # Errors
/// Bad manifests and recordings, each named; [`Error::Run`] for a run that was trained in simulation, where no machine
/// has a name to be found by.
pub fn evaluate(run: &Run, options: &EvaluateOptions, observer: &mut dyn Observer) -> Result<Evaluation> {
    let (recipe, data) = recipe_of(run)?;
    let mut recordings = read_manifest(&options.manifest, &options.root)?;
    let all = recordings.len();
    recordings.retain(|recording| recording.train != Some(true) || recording.abnormal);
    let listed = recordings.len();
    if listed < all {
        observer.warn(&format!("{} normal recordings are left out: their part is `train`", all - listed));
    }
    let seed = recipe.protocol.seeds[0];
    let mut tested: Vec<Tested> = Vec::new();
    let mut scored = 0;
    for machine in machines(&recordings) {
        let of_machine: Vec<_> = recordings.iter().filter(|recording| recording.machine == machine).collect();
        let folder = run.path("jobs").join(format!("seed-{seed}")).join(&machine);
        let detector = match Detector::load(&folder) {
            Ok(detector) => detector,
            Err(_) if !folder.exists() => {
                let problem = Error::Table {
                    path: options.manifest.clone(),
                    line: of_machine[0].line,
                    problem: format!(
                        "the run has not learnt `{machine}`; leave such rows out or pass --skip-bad"
                    ),
                };
                if !options.skip_bad {
                    return Err(problem);
                }
                observer.warn(&format!("skipped {problem}"));
                continue;
            }
            Err(error) => return Err(error),
        };
        let results =
            parallel::each(&format!("{machine}: scoring"), of_machine.len(), observer, |index| match score(
                &detector,
                of_machine[index],
                data.0,
                data.1,
                seed,
            ) {
                Err(Error::Recording { .. }) if options.skip_bad => Ok(None),
                Ok(segments) => Ok(Some(segments)),
                Err(error) => Err(error),
            })?;
        for segments in results.into_iter().flatten() {
            scored += 1;
            tested.extend(segments);
        }
    }
    if tested.is_empty() {
        return Err(Error::Data(format!("no recording of {} could be scored", options.manifest.display())));
    }
    let results = summarise(&recipe, &tested)?;
    let metrics = Metrics {
        pipeline: "asd".into(),
        run: run.name(),
        manifest: options.manifest.display().to_string(),
        metrics: figures(&results, recipe.detector.back_ends[0]),
    };
    let folder = evaluation_folder(run, &options.manifest)?;
    files::write_json(&folder.join("results.json"), &results)?;
    files::write_json(&folder.join("metrics.json"), &metrics)?;
    for caution in &results.cautions {
        observer.warn(caution);
    }
    Ok(Evaluation { metrics, folder, skipped: listed - scored })
}

/// The recipe of a run on recordings, with its channels and segment length.
fn recipe_of(run: &Run) -> Result<(Recipe, (usize, f64))> {
    let path = run.path("recipe.toml");
    let recipe: Recipe = toml::from_str(&std::fs::read_to_string(&path).map_err(Error::io("read", &path))?)
        .map_err(Error::part("recipe.toml"))?;
    match &recipe.data {
        Data::Manifest(data) => {
            let how = (data.channels, data.segment_seconds);
            Ok((recipe, how))
        }
        Data::Simulation(_) => Err(Error::Run {
            path: run.folder().into(),
            problem: "this run was trained on simulated machines, of which there are no recordings; train on a manifest \
                      (recipe `mimii` or `dcase2020`) or use `auscult monitor`"
                .into(),
        }),
    }
}

/// AUC and pAUC of every row and machine, and over machines their mean and harmonic mean.
fn figures(results: &Results, back_end: BackEnd) -> BTreeMap<String, Figure> {
    let mut figures = BTreeMap::new();
    let mut by_row: BTreeMap<&str, Vec<(Figure, Figure)>> = BTreeMap::new();
    for cell in results.cells.iter().filter(|cell| cell.back_end == back_end) {
        figures.insert(snake_case(&format!("auc {} {}", cell.row, cell.condition)), cell.auc);
        figures.insert(snake_case(&format!("pauc {} {}", cell.row, cell.condition)), cell.pauc);
        by_row.entry(&cell.row).or_default().push((cell.auc, cell.pauc));
    }
    for (row, cells) in by_row {
        let count = cells.len() as f64;
        let harmonic = |of: fn(&Figure) -> f64| {
            2.0 * count / cells.iter().map(|(auc, pauc)| 1.0 / of(auc) + 1.0 / of(pauc)).sum::<f64>()
        };
        let n = cells.iter().map(|(auc, _)| auc.n).sum();
        let low = harmonic(|figure| figure.low.max(1e-9));
        let figure = Figure { value: harmonic(|f| f.value), low, high: harmonic(|f| f.high), n };
        figures.insert(snake_case(&format!("harmonic mean of auc and pauc {row}")), figure);
    }
    figures
}
