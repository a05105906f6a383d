//! How good a clustering of a conversation is, and the threshold that development conversations choose.

use auscult_eval_metrics::{Contingency, cllr};
use auscult_fa_speaker::{Dendrogram, SpeakerModel, SpeakerStat, Statistics, llr_all_pairs};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::systems::Described;
use crate::{Error, Result};

/// The measures of one clustering, by seconds of speech.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Measures {
    /// Squared purity (average cluster purity): our reading of the slides' I_PUR.
    pub squared_purity: f64,
    /// Share of speech whose cluster is mostly its speaker's.
    pub purity: f64,
    /// Share of speech that is right when each cluster stands for one speaker.
    pub one_to_one: f64,
    /// Geometric mean of squared purity and squared coverage.
    pub k_measure: f64,
    /// max(0, 1 - |clusters - speakers| / speakers): our reading of I_SPK.
    pub speaker_count: f64,
    /// 1 where the number of speakers is right.
    pub exact_count: f64,
}

impl Measures {
    pub(crate) fn new(turns: &Described, labels: &[usize]) -> Result<Self> {
        let highest = |labels: &[usize]| labels.iter().max().map_or(0, |most| most + 1);
        let mut table = Array2::<f64>::zeros((highest(&turns.speakers), highest(labels)));
        for ((&speaker, &label), &frames) in turns.speakers.iter().zip(labels).zip(&turns.frames) {
            table[[speaker, label]] += frames as f64;
        }
        let failed = || Error::part("scoring a clustering");
        let table = Contingency::from_table(table).map_err(failed())?;
        Ok(Self {
            squared_purity: table.squared_purity(),
            purity: table.purity(),
            one_to_one: table.one_to_one_accuracy().map_err(failed())?,
            k_measure: table.k_measure(),
            speaker_count: table.speaker_count_score(),
            exact_count: f64::from(u8::from(table.n_clusters() == table.n_classes())),
        })
    }

    /// What a threshold is chosen by: clusters that are right and right in number, half each.
    fn worth(&self) -> f64 {
        0.5 * (self.k_measure + self.speaker_count)
    }
}

/// Distances tried as thresholds.
const CANDIDATES: usize = 80;

/// The distance to stop at that does best on development conversations; of equals the middle one.
pub(crate) fn choose_threshold(conversations: &[(&Described, Dendrogram)]) -> Result<f64> {
    let mut distances: Vec<f64> = conversations
        .iter()
        .flat_map(|(_, tree)| tree.merges().iter().map(|merge| merge.distance))
        .filter(|distance| distance.is_finite())
        .collect();
    distances.sort_by(f64::total_cmp);
    let Some(last) = distances.len().checked_sub(1) else { return Ok(0.0) };
    let candidates: Vec<f64> = (0..=CANDIDATES).map(|i| distances[last * i / CANDIDATES]).collect();
    let worth = candidates
        .iter()
        .map(|&threshold| {
            let scores = conversations
                .iter()
                .map(|(turns, tree)| {
                    Ok(Measures::new(turns, &tree.cut_at_distance(threshold, 1, usize::MAX))?.worth())
                })
                .collect::<Result<Vec<f64>>>()?;
            Ok(scores.iter().sum::<f64>())
        })
        .collect::<Result<Vec<f64>>>()?;
    let most = worth.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let best: Vec<f64> =
        candidates.iter().zip(&worth).filter(|(_, worth)| **worth >= most).map(|(&c, _)| c).collect();
    Ok(best[best.len() / 2])
}

/// How well the log-likelihood ratios of pairs of segments are calibrated.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Calibration {
    /// The evidence scale.
    pub kappa: f64,
    /// Cost of the log-likelihood ratio, bits; 1 is not listening at all.
    pub cllr: f64,
    /// Equal error rate.
    pub equal_error_rate: f64,
}

/// Scores all pairs of segments at one evidence scale.
pub(crate) fn calibration(model: &SpeakerModel, segments: &[(usize, Statistics)]) -> Result<Calibration> {
    let failed = || Error::part("calibration");
    let stats = segments
        .iter()
        .map(|(_, statistics)| model.stat(statistics))
        .collect::<Result<Vec<SpeakerStat>, _>>();
    let scores: Vec<f64> =
        llr_all_pairs(&stats.map_err(failed())?).map_err(failed())?.into_iter().map(f64::from).collect();
    let pairs = (0..segments.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let same: Vec<bool> = pairs.map(|(i, j)| segments[i].0 == segments[j].0).collect();
    let method = auscult_eval_metrics::EqualErrorRateMethod::default();
    Ok(Calibration {
        kappa: model.kappa(),
        cllr: cllr(&same, &scores).map_err(failed_metric())?,
        equal_error_rate: auscult_eval_metrics::equal_error_rate(&same, &scores, method)
            .map_err(failed_metric())?,
    })
}

fn failed_metric() -> impl FnOnce(auscult_eval_metrics::Error) -> Error {
    Error::part("calibration: development segments must have pairs of one speaker and of two")
}
