//! Figures with intervals from what the jobs found.

use std::collections::BTreeMap;
use std::path::Path;

use auscult_eval_metrics::{Bootstrap, DiarizationErrors, JaccardErrors};
use serde::{Deserialize, Serialize};

use super::clusterings::{Calibration, Measures};
use super::corpus::Corpus;
use super::model::Tuned;
use super::systems::System;
use super::train::{Clustered, Found, ScoredTurns};
use crate::pipeline::metrics::{Figure, Metrics};
use crate::{Error, Result, Run, files};

/// Resamples for intervals.
const RESAMPLES: usize = 2000;

/// A system at one number of Gaussians, all seeds pooled.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Score {
    /// Gaussians of the background model.
    pub components: usize,
    /// Which system.
    pub system: System,
    /// `known_...` with the number of speakers told, `auto_...` with the threshold from development speakers; see [`Measures`].
    /// Intervals by bootstrap over conversations.
    pub metrics: BTreeMap<String, Figure>,
    /// One-to-one accuracy with the number told, by seed.
    pub per_seed: Vec<f64>,
    /// The proposed system minus this one, one-to-one accuracy with the number told, same conversations.
    pub proposed_minus: Option<Figure>,
}

/// The evidence scale of one job.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Scale {
    /// Gaussians of the background model.
    pub components: usize,
    /// Seed.
    pub seed: u64,
    /// Which system.
    pub system: System,
    /// On the segments of development speakers, which chose it.
    pub development: Calibration,
    /// On those of test speakers.
    pub test: Calibration,
}

/// Errors of a set of recordings.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Turns {
    /// Recordings with their errors.
    pub recordings: Vec<ScoredTurns>,
    /// `der_collar`, `der`, `jer`, `der_known_count`, `miss`, `false_alarm`, `confusion`, `exact_count`; intervals by bootstrap over
    /// recordings.
    pub metrics: BTreeMap<String, Figure>,
}

/// Everything the report shows, as `results.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Results {
    /// Speakers in the manifest.
    pub speakers: usize,
    /// Recordings used.
    pub recordings: usize,
    /// Recordings left out.
    pub skipped: usize,
    /// Table 1.
    pub scores: Vec<Score>,
    /// Evidence scales.
    pub scales: Vec<Scale>,
    /// What each seed chose for diarization.
    pub tuned: Vec<Tuned>,
    /// Simulated conversations of test speakers.
    pub conversations: Turns,
    /// Long ones.
    pub long: Turns,
    /// Real recordings, where the recipe names any.
    pub meetings: Option<Turns>,
    /// Seconds each job took.
    pub seconds: Vec<f64>,
}

type Measure = fn(&Measures) -> f64;
const MEASURES: [(&str, Measure); 6] = [
    ("squared_purity", |m| m.squared_purity),
    ("purity", |m| m.purity),
    ("one_to_one", |m| m.one_to_one),
    ("k_measure", |m| m.k_measure),
    ("speaker_count", |m| m.speaker_count),
    ("exact_count", |m| m.exact_count),
];

fn mean_figure(values: &[f64]) -> Result<Figure> {
    let mean = |draw: &[usize]| draw.iter().map(|&i| values[i]).sum::<f64>() / draw.len() as f64;
    let interval =
        Bootstrap::new(RESAMPLES).interval(values.len(), mean).map_err(Error::part("an interval"))?;
    Ok(Figure::new(&interval, values.len()))
}

pub(super) fn summarise(corpus: &Corpus, found: Vec<Found>, meetings: Vec<ScoredTurns>) -> Result<Results> {
    let mut sizes: Vec<usize> = found.iter().map(|job| job.components).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let mut scores = Vec::new();
    for components in sizes {
        let jobs: Vec<&Found> = found.iter().filter(|job| job.components == components).collect();
        for system in System::ALL {
            scores.push(pooled(&jobs, components, system)?);
        }
    }
    let scales = found
        .iter()
        .flat_map(|job| {
            job.development.iter().filter_map(|(&system, &development)| {
                let test = *job.test.get(&system)?;
                Some(Scale { components: job.components, seed: job.seed, system, development, test })
            })
        })
        .collect();
    let diarized: Vec<_> = found.iter().filter_map(|job| job.diarization.as_ref()).collect();
    let conversations = diarized.iter().flat_map(|turns| turns.conversations.clone()).collect();
    let long = diarized.iter().flat_map(|turns| turns.long.clone()).collect();
    Ok(Results {
        speakers: corpus.speakers.len(),
        recordings: corpus.utterances.len(),
        skipped: corpus.skipped,
        scores,
        scales,
        tuned: diarized.iter().map(|turns| turns.tuned).collect(),
        conversations: summarise_turns(conversations)?,
        long: summarise_turns(long)?,
        meetings: if meetings.is_empty() { None } else { Some(summarise_turns(meetings)?) },
        seconds: found.iter().map(|job| job.seconds).collect(),
    })
}

fn pooled(jobs: &[&Found], components: usize, system: System) -> Result<Score> {
    let of = |system: System| -> Vec<Clustered> {
        jobs.iter().flat_map(|job| job.clustered.get(&system).cloned().unwrap_or_default()).collect()
    };
    let all = of(system);
    let mut metrics = BTreeMap::new();
    for (name, measure) in MEASURES {
        let values = |part: fn(&Clustered) -> &Measures| {
            all.iter().map(|one| measure(part(one))).collect::<Vec<f64>>()
        };
        metrics.insert(format!("known_{name}"), mean_figure(&values(|one| &one.known))?);
        metrics.insert(format!("auto_{name}"), mean_figure(&values(|one| &one.automatic))?);
    }
    let proposed = of(System::Proposed);
    let differences: Vec<f64> = proposed
        .iter()
        .zip(&all)
        .map(|(ours, theirs)| ours.known.one_to_one - theirs.known.one_to_one)
        .collect();
    let per_seed = jobs
        .iter()
        .filter_map(|job| job.clustered.get(&system))
        .map(|of| of.iter().map(|one| one.known.one_to_one).sum::<f64>() / of.len() as f64)
        .collect();
    let proposed_minus = if system == System::Proposed { None } else { Some(mean_figure(&differences)?) };
    Ok(Score { components, system, metrics, per_seed, proposed_minus })
}

/// Sums errors over recordings before it takes rates, as the field does.
pub(crate) fn summarise_turns(recordings: Vec<ScoredTurns>) -> Result<Turns> {
    let mut metrics = BTreeMap::new();
    if recordings.is_empty() {
        return Ok(Turns { recordings, metrics });
    }
    let sum = |draw: &[usize], part: fn(&ScoredTurns) -> DiarizationErrors| -> DiarizationErrors {
        draw.iter().map(|&i| part(&recordings[i])).sum()
    };
    let share = |draw: &[usize], part: fn(&DiarizationErrors) -> f64| {
        let errors = sum(draw, |one| one.full);
        part(&errors) / errors.total.max(f64::MIN_POSITIVE)
    };
    type Statistic<'a> = Box<dyn Fn(&[usize]) -> f64 + Sync + 'a>;
    let statistics: [(&str, Statistic); 8] = [
        ("der_collar", Box::new(|draw| sum(draw, |one| one.collar).rate())),
        ("der", Box::new(|draw| sum(draw, |one| one.full).rate())),
        ("der_known_count", Box::new(|draw| sum(draw, |one| one.known_count).rate())),
        ("jer", Box::new(|draw| draw.iter().map(|&i| recordings[i].jaccard).sum::<JaccardErrors>().rate())),
        ("miss", Box::new(|draw| share(draw, |errors| errors.miss))),
        ("false_alarm", Box::new(|draw| share(draw, |errors| errors.false_alarm))),
        ("confusion", Box::new(|draw| share(draw, |errors| errors.confusion))),
        (
            "exact_count",
            Box::new(|draw| {
                let right = draw.iter().filter(|&&i| recordings[i].found == recordings[i].speakers).count();
                right as f64 / draw.len() as f64
            }),
        ),
    ];
    for (name, statistic) in statistics {
        let n = recordings.len();
        let interval =
            Bootstrap::new(RESAMPLES).interval(n, statistic).map_err(Error::part("an interval"))?;
        metrics.insert(name.to_owned(), Figure::new(&interval, n));
    }
    Ok(Turns { recordings, metrics })
}

pub(super) fn write(run: &Run, manifest: &Path, results: &Results) -> Result<()> {
    let mut metrics: BTreeMap<String, Figure> = results.conversations.metrics.clone();
    metrics.extend(results.long.metrics.iter().map(|(name, figure)| (format!("{name}/long"), *figure)));
    for score in &results.scores {
        for (name, figure) in &score.metrics {
            let system = serde_json::to_value(score.system).map_err(Error::part("the results"))?;
            let system = system.as_str().unwrap_or_default().to_owned();
            metrics.insert(format!("{name}/{system}/{}", score.components), *figure);
        }
    }
    let metrics = Metrics {
        pipeline: "speakers".into(),
        run: run.name(),
        manifest: manifest.display().to_string(),
        metrics,
    };
    files::write_json(&run.path("metrics.json"), &metrics)?;
    // Last: it marks the run as complete.
    files::write_json(&run.path("results.json"), results)
}
