//! Figures from predictions: AUC and accuracy with intervals, per seed and song, paired differences, costs.

use std::collections::{BTreeMap, BTreeSet};

use auscult_eval_metrics::Bootstrap;
use serde::{Deserialize, Serialize};

use super::decision::Decision;
use super::moments::{Moments, RESAMPLES};
use super::recipe::Recipe;
use super::splits::Scheme;
use super::stress::Stress;
use super::train::{CurvePoint, Dataset, Predictions};
use crate::pipeline::metrics::{Figure, Metrics};
use crate::run::Run;
use crate::{Error, Result, files};

/// The scores of one model under one scheme, all splits and seeds pooled.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Score {
    /// How test songs were held out.
    pub scheme: Scheme,
    /// Contender, or `majority`.
    pub model: String,
    /// Trainable parameters of the network (0 for the baseline).
    pub parameters: usize,
    /// `auc`, `accuracy` as the model smooths and decides; `plain_auc`, `plain_accuracy` frame by frame at one half;
    /// `f1`, `precision`, `recall`, `false_positive_rate`, `false_negative_rate`. Intervals by bootstrap over
    /// stretches of ten seconds.
    pub metrics: BTreeMap<String, Figure>,
    /// AUC and accuracy of each seed.
    pub per_seed: Vec<(f64, f64)>,
    /// AUC (`None` where a song is all sung or not at all) and accuracy of each song, means over seeds.
    pub per_song: Vec<(String, Option<f64>, f64)>,
    /// Mean seconds to train and test one split.
    pub seconds: f64,
    /// Mean seconds of a training step.
    pub step_seconds: f64,
    /// Mean share of the training that waited for examples.
    pub data_wait: f64,
    /// Seconds to score a minute of music at the protocol's hop, features excluded.
    pub seconds_a_minute: f64,
}

/// First contender minus another model, on the same songs and splits.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Comparison {
    /// How test songs were held out.
    pub scheme: Scheme,
    /// The other model.
    pub against: String,
    /// Difference of accuracies, interval by paired bootstrap over stretches of ten seconds.
    pub accuracy: Figure,
    /// Difference of AUCs, likewise.
    pub auc: Figure,
}

/// Everything the report shows, as `results.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Results {
    /// Songs used.
    pub songs: usize,
    /// Artists among them, where the manifest names any.
    pub artists: usize,
    /// Minutes of music.
    pub minutes: f64,
    /// Scheme of the headline.
    pub headline: Scheme,
    /// All scores.
    pub scores: Vec<Score>,
    /// The first contender against the others.
    pub comparisons: Vec<Comparison>,
    /// The first contender's stress tests, means over splits and seeds of the headline scheme.
    pub stress: Vec<Stress>,
    /// Learning curves `(contender, points)` of the headline scheme.
    pub(crate) curves: Vec<(String, Vec<CurvePoint>)>,
}

/// The moments a model was tested at; those of the baseline that only knows how much is sung in the training songs
/// with `majority`.
fn moments(parts: &[&Predictions], recipe: &Recipe, data: &Dataset, majority: bool) -> Result<Moments> {
    let (protocol, hop) = (&recipe.protocol, recipe.protocol.test_hop);
    let mut moments = Moments::default();
    for part in parts {
        let contender = recipe.contenders.iter().find(|contender| contender.name == part.model);
        let Some(front_end) = contender.map(|contender| contender.front_end) else { continue };
        let seconds = hop as f64 / front_end.frame_rate();
        let seed = protocol.seeds.iter().position(|&seed| seed == part.seed).unwrap_or(0);
        for of_song in &part.songs {
            let truth = data.truth(front_end, of_song.song, hop)?;
            let (probabilities, decision) = match majority {
                true => (vec![part.sung_in_training; truth.len()], Decision::PLAIN),
                false => (of_song.probabilities(), part.decision),
            };
            moments.add((seed, part.split), of_song.song, truth, probabilities, decision, seconds)?;
        }
    }
    Ok(moments)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

/// The name of the baseline that only knows how much is sung in the training songs.
const MAJORITY: &str = "majority";

/// Summarises all predictions of a run.
pub(crate) fn summarise(recipe: &Recipe, data: &Dataset, predictions: &[Predictions]) -> Result<Results> {
    let mut schemes: Vec<Scheme> = predictions.iter().map(|part| part.scheme).collect();
    schemes.sort();
    schemes.dedup();
    let headline = schemes[0];
    let first = &recipe.contenders[0].name;
    let of = |scheme: Scheme, model: &str| -> Vec<&Predictions> {
        predictions.iter().filter(|part| part.scheme == scheme && part.model == model).collect()
    };
    let (mut scores, mut comparisons) = (Vec::new(), Vec::new());
    for &scheme in &schemes {
        let ours = moments(&of(scheme, first), recipe, data, false)?;
        for contender in &recipe.contenders {
            let parts = of(scheme, &contender.name);
            let pool = moments(&parts, recipe, data, false)?;
            scores.push(score(&contender.name, &parts, &pool, data)?);
            if contender.name != *first && pool.truth.len() == ours.truth.len() {
                comparisons.push(compare(scheme, &contender.name, &ours, &pool)?);
            }
        }
        let parts = of(scheme, first);
        let pool = moments(&parts, recipe, data, true)?;
        let baseline = score(MAJORITY, &parts, &pool, data)?;
        scores.push(Score {
            parameters: 0,
            seconds: 0.0,
            step_seconds: 0.0,
            data_wait: 0.0,
            seconds_a_minute: 0.0,
            ..baseline
        });
    }
    let headline_parts = of(headline, first);
    let artists: BTreeSet<_> = data.songs.iter().filter_map(|song| song.artist.as_deref()).collect();
    let front_end = recipe.contenders[0].front_end;
    let frames: usize = (0..data.songs.len())
        .map(|song| Ok(data.material(front_end, song)?.values.nrows()))
        .sum::<Result<usize>>()?;
    Ok(Results {
        songs: data.songs.len(),
        artists: artists.len(),
        minutes: frames as f64 / front_end.frame_rate() / 60.0,
        headline,
        scores,
        comparisons,
        stress: stress(&headline_parts),
        curves: predictions
            .iter()
            .filter(|part| part.scheme == headline)
            .map(|part| (part.model.clone(), part.curve.clone()))
            .collect(),
    })
}

fn score(model: &str, parts: &[&Predictions], pool: &Moments, data: &Dataset) -> Result<Score> {
    let seeds: BTreeSet<usize> = pool.training.iter().map(|training| training.0).collect();
    let songs: BTreeSet<usize> = pool.song.iter().copied().collect();
    let per_seed = seeds.iter().map(|&seed| {
        let moments = pool.select(|moment| pool.training[moment].0 == seed);
        (pool.auc(&moments), pool.accuracy(&moments))
    });
    let per_song = songs.iter().map(|&song| {
        let moments = pool.select(|moment| pool.song[moment] == song);
        let auc = Some(pool.auc(&moments)).filter(|auc| auc.is_finite());
        (data.songs[song].name.clone(), auc, pool.accuracy(&moments))
    });
    Ok(Score {
        scheme: parts[0].scheme,
        model: model.to_owned(),
        parameters: parts[0].parameters,
        metrics: pool.figures()?,
        per_seed: per_seed.collect(),
        per_song: per_song.collect(),
        seconds: mean(parts.iter().map(|part| part.cost.seconds)),
        step_seconds: mean(parts.iter().map(|part| part.cost.step_seconds)),
        data_wait: mean(parts.iter().map(|part| part.cost.data_wait)),
        seconds_a_minute: mean(parts.iter().map(|part| part.cost.seconds_a_minute)),
    })
}

/// Both see the same stretches; where two front ends have other frame rates, there is nothing to pair.
fn compare(scheme: Scheme, against: &str, ours: &Moments, theirs: &Moments) -> Result<Comparison> {
    let difference = |first: &(dyn Fn(&[usize]) -> f64 + Sync), second: &(dyn Fn(&[usize]) -> f64 + Sync)| {
        let paired = Bootstrap::new(RESAMPLES)
            .seed(1)
            .paired_difference_grouped(&ours.group, first, second)
            .map_err(Error::part("a paired interval"))?;
        Ok::<Figure, Error>(Figure::new(&paired.difference, ours.songs()))
    };
    Ok(Comparison {
        scheme,
        against: against.to_owned(),
        accuracy: difference(&|moments| ours.accuracy(moments), &|moments| theirs.accuracy(moments))?,
        auc: difference(&|moments| ours.auc(moments), &|moments| theirs.auc(moments))?,
    })
}

/// Means of each test over the jobs.
fn stress(parts: &[&Predictions]) -> Vec<Stress> {
    let tests = parts.first().map_or(0, |part| part.stress.len());
    (0..tests)
        .map(|test| {
            let of = |pick: fn(&Stress) -> f64| mean(parts.iter().map(|part| pick(&part.stress[test])));
            let aucs: Vec<f64> = parts.iter().filter_map(|part| part.stress[test].auc).collect();
            Stress {
                test: parts[0].stress[test].test.clone(),
                accuracy: of(|stress| stress.accuracy),
                false_alarms: of(|stress| stress.false_alarms),
                auc: (!aucs.is_empty()).then(|| mean(aucs.iter().copied())),
            }
        })
        .collect()
}

/// Writes `metrics.json`, `predictions.csv` and, last, `results.json`, which marks the run as complete.
pub(crate) fn write(
    run: &Run,
    recipe: &Recipe,
    data: &Dataset,
    predictions: &[Predictions],
    results: &Results,
) -> Result<()> {
    let first = &recipe.contenders[0].name;
    let mut metrics = BTreeMap::new();
    for score in results.scores.iter().filter(|score| score.model == *first) {
        let prefix = match score.scheme == results.headline {
            true => String::new(),
            false => format!("{}_", score.scheme.name().replace('-', "_")),
        };
        metrics.extend(score.metrics.iter().map(|(name, figure)| (format!("{prefix}{name}"), *figure)));
    }
    let manifests: Vec<String> =
        recipe.data.manifests().iter().map(|path| path.display().to_string()).collect();
    let metrics =
        Metrics { pipeline: super::NAME.into(), run: run.name(), manifest: manifests.join(", "), metrics };
    files::write_json(&run.path("metrics.json"), &metrics)?;
    let mut table = csv::Writer::from_writer(Vec::new());
    let header = ["scheme", "split", "seed", "model", "path", "time_s", "sung", "probability"];
    let failed = |error| Error::part("predictions.csv")(error);
    table.write_record(header).map_err(failed)?;
    for part in predictions {
        let contender = recipe.contenders.iter().find(|contender| contender.name == part.model);
        let Some(front_end) = contender.map(|contender| contender.front_end) else { continue };
        let hop = recipe.protocol.test_hop;
        for of_song in &part.songs {
            let truth = data.truth(front_end, of_song.song, hop)?;
            for (moment, (probability, sung)) in of_song.probabilities().iter().zip(truth).enumerate() {
                let record = [
                    part.scheme.name(),
                    &part.split.to_string(),
                    &part.seed.to_string(),
                    &part.model,
                    &data.songs[of_song.song].name,
                    &format!("{:.3}", (moment * hop) as f64 / front_end.frame_rate()),
                    if sung { "1" } else { "0" },
                    &format!("{probability:.4}"),
                ];
                table.write_record(record).map_err(failed)?;
            }
        }
    }
    let table = table.into_inner().map_err(|error| Error::Data(error.to_string()))?;
    files::write(&run.path("predictions.csv"), table)?;
    files::write_json(&run.path("results.json"), results)
}
