//! Figures from predictions: accuracies with intervals, per seed, paired differences, per species.

use std::collections::BTreeMap;
use std::path::Path;

use auscult_eval_metrics::{Bootstrap, ClassificationReport, confusion_matrix, mcnemar};
use ndarray::ArrayView1;
use serde::{Deserialize, Serialize};

use super::Recording;
use super::outcomes::{Outcomes, RESAMPLES, highest, mean};
use super::recipe::Recipe;
use super::train::{CurvePoint, Dataset, Predictions, Scheme};
use crate::pipeline::metrics::{Figure, Metrics};
use crate::run::Run;
use crate::{Error, Result, files};

/// The scores of one model under one scheme, all splits and seeds pooled.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Score {
    /// How test recordings were held out.
    pub scheme: Scheme,
    /// Contender or baseline.
    pub model: String,
    /// Whether it is a baseline.
    pub baseline: bool,
    /// Trainable parameters of the network (0 for baselines).
    pub parameters: usize,
    /// `accuracy`, `top3_accuracy`, `macro_f1`, `single_crop_accuracy`; intervals by bootstrap over recordings.
    pub metrics: BTreeMap<String, Figure>,
    /// Accuracy of each seed.
    pub per_seed: Vec<f64>,
    /// Accuracy at each of the random offsets, as the paper's 4.1 lists them.
    pub per_offset: Vec<f64>,
    /// Mean over splits of the held-out accuracy in the epoch of least held-out loss: the paper's 3.3 selection
    /// score, which is optimistic because the same recordings choose the epoch.
    pub selection_score: Option<f64>,
    /// Mean seconds to train and test one split.
    pub seconds: f64,
}

/// First contender minus another model, on the same recordings and splits.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Comparison {
    /// How test recordings were held out.
    pub scheme: Scheme,
    /// The other model.
    pub against: String,
    /// Difference of accuracies, interval by paired bootstrap over recordings.
    pub difference: Figure,
    /// Exact McNemar p-value, each recording counted once (its majority over splits and seeds).
    pub mcnemar_p: f64,
}

/// Per-species scores of the first contender.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SpeciesScore {
    /// Species.
    pub species: String,
    /// Share of its recordings recognised.
    pub recall: f64,
    /// Share right among recordings taken for it.
    pub precision: f64,
    /// F1.
    pub f1: f64,
    /// Tests (a recording counts once per split it is tested in).
    pub tests: usize,
    /// Total seconds of its recordings.
    pub seconds: f64,
}

/// Everything the report shows, as `results.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Results {
    /// Species, in the order of matrices.
    pub species: Vec<String>,
    /// Recordings used.
    pub recordings: usize,
    /// Scheme that the headline, the matrix and the species table use.
    pub headline: Scheme,
    /// All scores.
    pub scores: Vec<Score>,
    /// The first contender against the others.
    pub comparisons: Vec<Comparison>,
    /// Counts `[truth][predicted]` of the first contender under the headline scheme.
    pub confusion: Vec<Vec<u64>>,
    /// Per species, same contender and scheme.
    pub per_species: Vec<SpeciesScore>,
    /// Correlation of total duration and accuracy over species: the paper's Fig. 13.
    pub duration_correlation: Option<f64>,
    /// Learning curves `(contender, points)` of the shuffled splits.
    pub(crate) curves: Vec<(String, Vec<CurvePoint>)>,
}

/// Tests of one model under one scheme, pooled over splits and seeds.
struct Pool<'a> {
    parts: Vec<&'a Predictions>,
    outcomes: Outcomes,
    /// Share of the random crops that were right, per test.
    single: Vec<f64>,
}

impl<'a> Pool<'a> {
    fn new(parts: Vec<&'a Predictions>, data: &Dataset) -> Result<Self> {
        let recording: Vec<usize> = parts.iter().flat_map(|part| part.recordings.iter().copied()).collect();
        let truth: Vec<usize> = recording.iter().map(|&index| data.labels[index]).collect();
        let scores = parts.iter().flat_map(|part| part.whole.iter().flatten().copied()).collect();
        let single = parts
            .iter()
            .flat_map(|part| part.single.iter())
            .zip(&truth)
            .map(|(crops, &truth)| share(crops.iter().map(|&crop| crop == truth)))
            .collect();
        let outcomes = Outcomes::new(truth, scores, recording, data.species.len())?;
        Ok(Self { parts, outcomes, single })
    }
}

fn share(hits: impl ExactSizeIterator<Item = bool>) -> f64 {
    let count = hits.len().max(1) as f64;
    hits.filter(|&hit| hit).count() as f64 / count
}

/// Summarises all predictions of a run.
pub(crate) fn summarise(recipe: &Recipe, data: &Dataset, predictions: &[Predictions]) -> Result<Results> {
    let mut keys: Vec<(Scheme, &str, bool)> = Vec::new();
    for part in predictions {
        let key = (part.scheme, part.model.as_str(), part.baseline);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let pool = |scheme: Scheme, model: &str| {
        let parts = predictions.iter().filter(|part| part.scheme == scheme && part.model == model).collect();
        Pool::new(parts, data)
    };
    let mut scores = Vec::new();
    for &(scheme, model, _) in &keys {
        scores.push(score(&pool(scheme, model)?, data)?);
    }
    let first = &recipe.contenders[0].name;
    let mut comparisons = Vec::new();
    for &(scheme, model, _) in keys.iter().filter(|key| key.1 != first) {
        comparisons.push(compare(scheme, model, &pool(scheme, first)?, &pool(scheme, model)?)?);
    }
    let has = |scheme| keys.iter().any(|key| key.0 == scheme);
    let headline = [Scheme::Test, Scheme::Shuffle].into_iter().find(|&scheme| has(scheme));
    let headline = headline.unwrap_or(Scheme::RecordistDisjoint);
    let headline_pool = pool(headline, first)?;
    let counts = confusion_matrix(
        &headline_pool.outcomes.truth,
        &headline_pool.outcomes.predicted,
        data.species.len(),
    )
    .map_err(Error::part("the confusion matrix"))?;
    let per_species = per_species(&headline_pool, data)?;
    let curves = predictions
        .iter()
        .filter(|part| part.scheme == Scheme::Shuffle && !part.curve.is_empty())
        .map(|part| (part.model.clone(), part.curve.clone()))
        .collect();
    Ok(Results {
        species: data.species.clone(),
        recordings: data.recordings.len(),
        headline,
        scores,
        comparisons,
        confusion: counts.rows().into_iter().map(|row| row.to_vec()).collect(),
        duration_correlation: duration_correlation(&per_species),
        per_species,
        curves,
    })
}

fn score(pool: &Pool, data: &Dataset) -> Result<Score> {
    let outcomes = &pool.outcomes;
    let metrics = BTreeMap::from([
        ("accuracy".to_owned(), outcomes.accuracy()?),
        ("top3_accuracy".to_owned(), outcomes.top3_accuracy()?),
        ("single_crop_accuracy".to_owned(), outcomes.mean_of(|test| pool.single[test])?),
        ("macro_f1".to_owned(), outcomes.macro_f1()?),
    ]);
    let right_in = |part: &Predictions| {
        share(
            part.recordings
                .iter()
                .zip(&part.whole)
                .map(|(&recording, scores)| highest(ArrayView1::from(scores)) == data.labels[recording]),
        )
    };
    let mut by_seed: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for part in &pool.parts {
        by_seed.entry(part.seed).or_default().push(right_in(part));
    }
    let offsets = pool.parts.iter().flat_map(|part| &part.single).map(Vec::len).min().unwrap_or(0);
    let crops: Vec<&Vec<usize>> = pool.parts.iter().flat_map(|part| &part.single).collect();
    let selection: Vec<f64> = pool.parts.iter().filter_map(|part| selection_score(&part.curve)).collect();
    Ok(Score {
        scheme: pool.parts[0].scheme,
        model: pool.parts[0].model.clone(),
        baseline: pool.parts[0].baseline,
        parameters: pool.parts[0].parameters,
        metrics,
        per_seed: by_seed.into_values().map(|splits| mean(splits.into_iter())).collect(),
        per_offset: (0..offsets)
            .map(|offset| {
                share(crops.iter().zip(&pool.outcomes.truth).map(|(crop, &truth)| crop[offset] == truth))
            })
            .collect(),
        selection_score: (!selection.is_empty()).then(|| mean(selection.into_iter())),
        seconds: mean(pool.parts.iter().map(|part| part.seconds)),
    })
}

/// Held-out accuracy in the epoch of least held-out loss (paper 001, 3.3).
fn selection_score(curve: &[CurvePoint]) -> Option<f64> {
    let held_out = curve.iter().filter_map(|point| Some((point.held_out_loss?, point.held_out_accuracy?)));
    held_out.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, accuracy)| accuracy)
}

fn compare(scheme: Scheme, against: &str, first: &Pool, other: &Pool) -> Result<Comparison> {
    let right = |pool: &Pool| -> Vec<f64> {
        (0..pool.outcomes.truth.len()).map(|test| pool.outcomes.right(test)).collect()
    };
    let recording = &first.outcomes.recording;
    let (ours, theirs) = (right(first), right(other));
    let over = |right: &[f64], indices: &[usize]| mean(indices.iter().map(|&index| right[index]));
    let paired = Bootstrap::new(RESAMPLES)
        .seed(1)
        .paired_difference_grouped(recording, |i| over(&ours, i), |i| over(&theirs, i))
        .map_err(Error::part("a paired interval"))?;
    // Each recording once: recognised where it was in more than half of its tests.
    let mut tests: BTreeMap<usize, (f64, f64, f64)> = BTreeMap::new();
    for (index, &recording) in recording.iter().enumerate() {
        let entry = tests.entry(recording).or_default();
        *entry = (entry.0 + ours[index], entry.1 + theirs[index], entry.2 + 1.0);
    }
    let ours: Vec<bool> = tests.values().map(|(ours, _, count)| 2.0 * ours > *count).collect();
    let theirs: Vec<bool> = tests.values().map(|(_, theirs, count)| 2.0 * theirs > *count).collect();
    let test = mcnemar(&ours, &theirs).map_err(Error::part("McNemar's test"))?;
    let difference = Figure::new(&paired.difference, tests.len());
    Ok(Comparison { scheme, against: against.to_owned(), difference, mcnemar_p: test.p_value })
}

fn per_species(pool: &Pool, data: &Dataset) -> Result<Vec<SpeciesScore>> {
    let report =
        ClassificationReport::new(&pool.outcomes.truth, &pool.outcomes.predicted, data.species.len())
            .map_err(Error::part("per-species scores"))?;
    let rows = data.species.iter().zip(&report.per_class).enumerate().map(|(index, (species, scores))| {
        SpeciesScore {
            species: species.clone(),
            recall: scores.recall,
            precision: scores.precision,
            f1: scores.f1,
            tests: pool.outcomes.truth.iter().filter(|&&truth| truth == index).count(),
            seconds: data.seconds_of(index),
        }
    });
    Ok(rows.collect())
}

fn duration_correlation(species: &[SpeciesScore]) -> Option<f64> {
    let tested = species.iter().filter(|species| species.tests > 0);
    correlation(&tested.map(|species| (species.seconds, species.recall)).collect::<Vec<_>>())
}

/// Pearson's correlation; `None` where either side does not vary.
fn correlation(points: &[(f64, f64)]) -> Option<f64> {
    let (x, y) = (mean(points.iter().map(|p| p.0)), mean(points.iter().map(|p| p.1)));
    let product = |f: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>();
    let cross = product(&|p| (p.0 - x) * (p.1 - y));
    let scale = (product(&|p| (p.0 - x).powi(2)) * product(&|p| (p.1 - y).powi(2))).sqrt();
    (points.len() > 2 && scale > 1e-12).then(|| cross / scale)
}

/// Writes `metrics.json`, `predictions.csv` and, last, `results.json`, which marks the run as complete.
pub(crate) fn write(
    run: &Run,
    manifest: &Path,
    data: &Dataset,
    predictions: &[Predictions],
    results: &Results,
) -> Result<()> {
    let first = predictions.iter().find(|part| !part.baseline).map_or("", |part| part.model.as_str());
    let mut metrics = BTreeMap::new();
    for score in results.scores.iter().filter(|score| score.model == first) {
        let prefix = if score.scheme == results.headline { "" } else { score.scheme.name() };
        for (name, figure) in &score.metrics {
            let separator = if prefix.is_empty() { "" } else { "_" };
            metrics.insert(format!("{}{separator}{name}", prefix.replace('-', "_")), *figure);
        }
    }
    let metrics = Metrics {
        pipeline: "birds".into(),
        run: run.name(),
        manifest: manifest.display().to_string(),
        metrics,
    };
    files::write_json(&run.path("metrics.json"), &metrics)?;
    let mut table = csv::Writer::from_writer(Vec::new());
    let header = ["scheme", "split", "seed", "model", "path", "species", "predicted", "probability", "right"];
    let failed = |error| Error::part("predictions.csv")(error);
    table.write_record(header).map_err(failed)?;
    for part in predictions {
        for (&recording, scores) in part.recordings.iter().zip(&part.whole) {
            let predicted = highest(ArrayView1::from(scores));
            let Recording { path, species, .. } = &data.recordings[recording];
            let record = [
                part.scheme.name(),
                &part.split.to_string(),
                &part.seed.to_string(),
                &part.model,
                &path.display().to_string(),
                species,
                &data.species[predicted],
                &format!("{:.4}", scores[predicted]),
                if data.labels[recording] == predicted { "1" } else { "0" },
            ];
            table.write_record(record).map_err(failed)?;
        }
    }
    let table = table.into_inner().map_err(|error| Error::Data(error.to_string()))?;
    files::write(&run.path("predictions.csv"), table)?;
    files::write_json(&run.path("results.json"), results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selection_score_reads_the_epoch_of_least_loss() {
        let point = |epoch, loss, accuracy| CurvePoint {
            epoch,
            train_loss: 0.0,
            held_out_loss: Some(loss),
            held_out_accuracy: Some(accuracy),
        };
        assert_eq!(selection_score(&[point(0, 2.0, 0.1), point(1, 1.0, 0.3), point(2, 1.5, 0.4)]), Some(0.3));
        assert_eq!(selection_score(&[]), None);
    }

    #[test]
    fn correlation_is_pearsons() {
        assert!((correlation(&[(0., 1.), (1., 3.), (2., 5.)]).unwrap() - 1.0).abs() < 1e-12);
        assert!((correlation(&[(0., 1.), (1., 0.), (2., -1.)]).unwrap() + 1.0).abs() < 1e-12);
        assert_eq!(correlation(&[(0., 1.), (1., 1.), (2., 1.)]), None);
    }

    #[test]
    fn the_first_of_equals_is_highest() {
        assert_eq!(highest(ndarray::array![0.2, 0.5, 0.5].view()), 1);
    }
}
