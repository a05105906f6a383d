//! Figures from scores: the paper's tables, differences with intervals, the learning curve.

use std::collections::{BTreeMap, HashMap};

use auscult_eval_metrics::{Bootstrap, Summary};
use serde::{Deserialize, Serialize};

use super::estimates::Rendering;
use super::recipe::Recipe;
use super::scores::{MEASURES, StemScore};
use super::train::{ClipScore, CurvePoint, Dataset, JobScores};
use crate::pipeline::metrics::{Figure, Metrics};
use crate::run::Run;
use crate::{Error, Result, files};

/// Resamples for intervals.
const RESAMPLES: usize = 2000;

/// The names of the two stems.
pub const STEMS: [&str; 2] = ["vocals", "accompaniment"];

/// A figure over songs, as the tables of MIREX give it (paper 004, Tables 4 and 5).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Spread {
    /// The mean with its interval, by a bootstrap over groups.
    pub mean: Figure,
    /// Standard deviation over songs.
    pub deviation: f64,
    /// Least.
    pub min: f64,
    /// Greatest.
    pub max: f64,
    /// Median.
    pub median: f64,
}

/// One way of separating, scored at one rate.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Row {
    /// Contender or baseline.
    pub model: String,
    /// How its masks became stems.
    pub rendering: Rendering,
    /// At the songs' own rates, not the network's.
    pub native: bool,
    /// Trainable parameters; 0 for baselines.
    pub parameters: usize,
    /// Mean seconds to train and score one network.
    pub seconds: f64,
    /// `vocals_nsdr`, `accompaniment_sir`, ...
    pub measures: BTreeMap<String, Spread>,
    /// Mean NSDR of the voice of each seed.
    pub per_seed: Vec<f64>,
}

/// The difference of two rows on the same songs.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Comparison {
    /// What is compared, in words.
    pub what: String,
    /// Difference of NSDR of the voice, dB; interval by paired bootstrap over groups.
    pub vocals: Figure,
    /// Likewise of the accompaniment.
    pub accompaniment: Figure,
}

/// The first contender after so much music.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Amount {
    /// Seconds of songs that taught, mean over folds and seeds.
    pub seconds: f64,
    /// NSDR of the voice.
    pub vocals: Figure,
    /// NSDR of the accompaniment.
    pub accompaniment: Figure,
}

/// The scores of one song, mean over seeds, for box plots.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Clip {
    /// Its name.
    pub song: String,
    /// Who sings.
    pub group: String,
    /// Contender or baseline.
    pub model: String,
    /// How its masks became stems.
    pub rendering: Rendering,
    /// At the song's own rate.
    pub native: bool,
    /// `vocals_nsdr`, ...
    pub measures: BTreeMap<String, f64>,
}

/// Everything a run found; `results.json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Results {
    /// Songs used.
    pub songs: usize,
    /// Songs tested and scored.
    pub tested: usize,
    /// Different groups (singers) tested.
    pub groups: usize,
    /// Seconds of songs that taught a network, mean over folds.
    pub taught: f64,
    /// A row a way of separating: contenders first, in the recipe's order.
    pub rows: Vec<Row>,
    /// First contender against the others, and filters against none.
    pub comparisons: Vec<Comparison>,
    /// The first contender by amount of training music, rising; empty unless the recipe asks.
    pub amounts: Vec<Amount>,
    /// Training curves, by contender.
    pub curves: Vec<(String, Vec<CurvePoint>)>,
    /// Every song's scores.
    pub clips: Vec<Clip>,
}

/// All scores of both stems by name.
pub(crate) fn measures(stems: &[StemScore; 2]) -> BTreeMap<String, f64> {
    let named = STEMS.iter().zip(stems).flat_map(|(stem, score)| {
        MEASURES.iter().filter_map(move |(name, find)| Some((format!("{stem}_{name}"), find(score)?)))
    });
    named.collect()
}

/// Model, rendering, whether at the songs' own rate.
type Key = (String, Rendering, bool);
/// Sum and number of values, by measure.
type Sums = HashMap<String, (f64, usize)>;

/// Mean over seeds of every song's scores, in the order they were made.
fn clips<'a>(scores: impl Iterator<Item = &'a ClipScore>) -> Vec<Clip> {
    let mut found: Vec<(Clip, Sums)> = Vec::new();
    let mut places: HashMap<(Key, String), usize> = HashMap::new();
    for score in scores {
        let key = ((score.model.clone(), score.rendering, score.native), score.song.clone());
        let place = *places.entry(key).or_insert_with(|| {
            let clip = Clip {
                song: score.song.clone(),
                group: score.group.clone(),
                model: score.model.clone(),
                rendering: score.rendering,
                native: score.native,
                measures: BTreeMap::new(),
            };
            found.push((clip, Sums::new()));
            found.len() - 1
        });
        for (name, value) in measures(&score.stems) {
            let (sum, count) = found[place].1.entry(name).or_default();
            *sum += value;
            *count += 1;
        }
    }
    let mean = |(mut clip, sums): (Clip, Sums)| {
        clip.measures = sums.into_iter().map(|(name, (sum, count))| (name, sum / count as f64)).collect();
        clip
    };
    found.into_iter().map(mean).collect()
}

/// Numbers for the groups of clips, as the bootstrap wants them.
fn groups<'a>(clips: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let mut known: Vec<&str> = Vec::new();
    clips
        .map(|group| {
            known.iter().position(|other| *other == group).unwrap_or_else(|| {
                known.push(group);
                known.len() - 1
            })
        })
        .collect()
}

fn mean_at(values: &[f64], indices: &[usize]) -> f64 {
    indices.iter().map(|&index| values[index]).sum::<f64>() / indices.len() as f64
}

/// The mean of values with its interval over groups.
fn figure(values: &[f64], groups: &[usize]) -> Result<Figure> {
    let bootstrap = Bootstrap::new(RESAMPLES).seed(1);
    let interval = bootstrap
        .interval_grouped(groups, |indices| mean_at(values, indices))
        .map_err(Error::part("an interval"))?;
    Ok(Figure::new(&interval, values.len()))
}

/// The spread of one measure over the clips that have it.
fn spread(clips: &[&Clip], measure: &str) -> Result<Option<Spread>> {
    let with: Vec<(&Clip, f64)> =
        clips.iter().filter_map(|clip| Some((*clip, *clip.measures.get(measure)?))).collect();
    if with.is_empty() {
        return Ok(None);
    }
    let values: Vec<f64> = with.iter().map(|(_, value)| *value).collect();
    let groups = groups(with.iter().map(|(clip, _)| clip.group.as_str()));
    let summary = Summary::new(&values).map_err(Error::part("a summary"))?;
    Ok(Some(Spread {
        mean: figure(&values, &groups)?,
        deviation: summary.standard_deviation,
        min: summary.min,
        max: summary.max,
        median: summary.median,
    }))
}

/// All measures of a set of clips.
pub(crate) fn spreads(clips: &[&Clip]) -> Result<BTreeMap<String, Spread>> {
    let mut spreads = BTreeMap::new();
    for stem in STEMS {
        for (name, _) in MEASURES {
            let name = format!("{stem}_{name}");
            if let Some(spread) = spread(clips, &name)? {
                spreads.insert(name, spread);
            }
        }
    }
    Ok(spreads)
}

/// One minus other on the songs both have.
fn compare(what: String, one: &[&Clip], other: &[&Clip]) -> Result<Option<Comparison>> {
    let pairs: Vec<(&Clip, &Clip)> =
        one.iter().filter_map(|a| Some((*a, *other.iter().find(|b| a.song == b.song)?))).collect();
    if pairs.is_empty() {
        return Ok(None);
    }
    let groups = groups(pairs.iter().map(|(clip, _)| clip.group.as_str()));
    let difference = |measure: &str| -> Result<Figure> {
        let differences: Option<Vec<f64>> =
            pairs.iter().map(|(a, b)| Some(a.measures.get(measure)? - b.measures.get(measure)?)).collect();
        figure(&differences.unwrap_or_default(), &groups)
    };
    let (vocals, accompaniment) = (difference("vocals_nsdr")?, difference("accompaniment_nsdr")?);
    Ok(Some(Comparison { what, vocals, accompaniment }))
}

pub(crate) fn summarise(recipe: &Recipe, data: &Dataset, scores: &[JobScores]) -> Result<Results> {
    let whole = || scores.iter().filter(|job| job.amount == 1.0);
    let clips = clips(whole().flat_map(|job| &job.clips));
    if clips.is_empty() {
        return Err(Error::Data(
            "no tested song could be scored: in each, the voice or the accompaniment is silent or unknown"
                .into(),
        ));
    }
    let mut keys: Vec<Key> = Vec::new();
    for clip in &clips {
        let key = (clip.model.clone(), clip.rendering, clip.native);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let contender = |name: &str| recipe.contenders.iter().position(|contender| contender.name == name);
    keys.sort_by_key(|(model, rendering, native)| {
        (*native, contender(model).unwrap_or(usize::MAX), *rendering)
    });
    let of = |key: &Key| -> Vec<&Clip> {
        clips
            .iter()
            .filter(|clip| (&clip.model, clip.rendering, clip.native) == (&key.0, key.1, key.2))
            .collect()
    };
    let mut rows = Vec::new();
    for key in &keys {
        let jobs: Vec<&JobScores> = whole().filter(|job| job.model == key.0).collect();
        let per_seed = recipe.protocol.seeds.iter().filter_map(|seed| {
            let values: Vec<f64> = jobs
                .iter()
                .filter(|job| job.seed == *seed)
                .flat_map(|job| &job.clips)
                .filter(|clip| (clip.rendering, clip.native) == (key.1, key.2))
                .map(|clip| clip.stems[0].nsdr)
                .collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        });
        rows.push(Row {
            model: key.0.clone(),
            rendering: key.1,
            native: key.2,
            parameters: jobs.first().map_or(0, |job| job.parameters),
            seconds: jobs.iter().map(|job| job.seconds).sum::<f64>() / jobs.len().max(1) as f64,
            measures: spreads(&of(key))?,
            per_seed: per_seed.collect(),
        });
    }

    let first = &recipe.contenders[0].name;
    let row = |model: &str, rendering| of(&(model.to_owned(), rendering, false));
    let mut comparisons = Vec::new();
    for other in &recipe.contenders[1..] {
        let what = format!("{first} less {}, own masks", other.name);
        comparisons.extend(compare(
            what,
            &row(first, Rendering::Paper),
            &row(&other.name, Rendering::Paper),
        )?);
    }
    for (rendering, against) in
        [(Rendering::PaperWiener, Rendering::Paper), (Rendering::Product, Rendering::PaperWiener)]
    {
        let what = format!("{first}: {} less {}", rendering.name(), against.name());
        comparisons.extend(compare(what, &row(first, rendering), &row(first, against))?);
    }

    let taught: Vec<f64> = (0..data.parts.len()).map(|fold| data.seconds(&data.parts[fold].train)).collect();
    let mut tested: Vec<&str> = clips.iter().map(|clip| clip.song.as_str()).collect();
    tested.sort_unstable();
    tested.dedup();
    let mut singers: Vec<&str> = clips.iter().map(|clip| clip.group.as_str()).collect();
    singers.sort_unstable();
    singers.dedup();
    Ok(Results {
        songs: data.songs.len(),
        tested: tested.len(),
        groups: singers.len(),
        taught: taught.iter().sum::<f64>() / taught.len() as f64,
        rows,
        comparisons,
        amounts: amounts(recipe, scores)?,
        curves: whole()
            .filter(|job| !job.baseline)
            .map(|job| (job.model.clone(), job.curve.clone()))
            .collect(),
        clips,
    })
}

/// The first contender's learning curve against the amount of music, own masks.
fn amounts(recipe: &Recipe, scores: &[JobScores]) -> Result<Vec<Amount>> {
    if recipe.protocol.amounts.is_empty() {
        return Ok(Vec::new());
    }
    let mut shares = recipe.protocol.amounts.clone();
    shares.push(1.0);
    shares.sort_by(f64::total_cmp);
    let mut curve = Vec::new();
    for share in shares {
        let jobs: Vec<&JobScores> = scores
            .iter()
            .filter(|job| job.amount == share && job.model == recipe.contenders[0].name)
            .collect();
        let own = jobs.iter().flat_map(|job| &job.clips).filter(|clip| clip.rendering == Rendering::Paper);
        let clips = clips(own);
        let clips: Vec<&Clip> = clips.iter().collect();
        if let (Some(vocals), Some(accompaniment)) =
            (spread(&clips, "vocals_nsdr")?, spread(&clips, "accompaniment_nsdr")?)
        {
            curve.push(Amount {
                seconds: jobs.iter().map(|job| job.taught).sum::<f64>() / jobs.len() as f64,
                vocals: vocals.mean,
                accompaniment: accompaniment.mean,
            });
        }
    }
    Ok(curve)
}

/// A line a song, model and rendering.
pub(crate) fn table(clips: &[Clip]) -> Result<Vec<u8>> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let failed = |error| Error::part("clips.csv")(error);
    let names: Vec<String> = STEMS
        .iter()
        .flat_map(|stem| MEASURES.iter().map(move |(name, _)| format!("{stem}_{name}")))
        .collect();
    let fixed = ["song", "group", "model", "rendering", "rate"].map(str::to_owned);
    table.write_record(fixed.iter().chain(&names)).map_err(failed)?;
    for clip in clips {
        let rate = if clip.native { "own" } else { "network" };
        let fixed = [&clip.song, &clip.group, &clip.model, clip.rendering.name(), rate].map(str::to_owned);
        let value = |name: &String| clip.measures.get(name).map_or_else(String::new, |v| format!("{v:.4}"));
        table.write_record(fixed.into_iter().chain(names.iter().map(value))).map_err(failed)?;
    }
    table.into_inner().map_err(|error| Error::Data(format!("clips.csv: {error}")))
}

/// `clips.csv`, `metrics.json` and, last, `results.json`.
pub(crate) fn write(run: &Run, recipe: &Recipe, results: &Results) -> Result<()> {
    files::write(&run.path("clips.csv"), table(&results.clips)?)?;
    let first = &recipe.contenders[0].name;
    let row = results
        .rows
        .iter()
        .find(|row| &row.model == first && row.rendering == Rendering::Product && !row.native);
    let metrics = Metrics {
        pipeline: "separation".into(),
        run: run.name(),
        manifest: recipe.data.manifest.as_ref().unwrap_or(&recipe.data.root()).display().to_string(),
        metrics: row.map_or_else(BTreeMap::new, |row| figures(&row.measures)),
    };
    files::write_json(&run.path("metrics.json"), &metrics)?;
    files::write_json(&run.path("results.json"), results)
}

/// Means with their intervals.
pub(crate) fn figures(spreads: &BTreeMap<String, Spread>) -> BTreeMap<String, Figure> {
    spreads.iter().map(|(name, spread)| (name.clone(), spread.mean)).collect()
}
