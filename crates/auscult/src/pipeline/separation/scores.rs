//! How near stems come to the true ones (paper 004, 4): NSDR, SIR, SAR by BSS Eval v3, and v4's medians over seconds.

use auscult_eval_metrics::{BssEvalV4, bss_eval_sources, sdr};
use ndarray::{Array2, Array3, Axis, stack};
use serde::{Deserialize, Serialize};

use super::separate::Stems;
use super::sounds::{Sound, mono};

/// The scores of one stem, dB. Mono but for v4's, which hear all channels.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct StemScore {
    /// SDR less the mixture's own: the paper's equation 2.
    pub nsdr: f64,
    /// Source to distortion.
    pub sdr: f64,
    /// Source to interference.
    pub sir: f64,
    /// Source to artifacts.
    pub sar: f64,
    /// Median over seconds of BSS Eval v4's SDR; none where no second has both sources.
    pub sdr_v4: Option<f64>,
    /// Likewise its SIR.
    pub sir_v4: Option<f64>,
    /// Likewise its SAR.
    pub sar_v4: Option<f64>,
}

/// A score's name, and how to find it.
pub type Measure = (&'static str, fn(&StemScore) -> Option<f64>);

/// All of a stem's scores.
pub const MEASURES: [Measure; 7] = [
    ("nsdr", |score| Some(score.nsdr)),
    ("sir", |score| Some(score.sir)),
    ("sar", |score| Some(score.sar)),
    ("sdr", |score| Some(score.sdr)),
    ("sdr_v4", |score| score.sdr_v4),
    ("sir_v4", |score| score.sir_v4),
    ("sar_v4", |score| score.sar_v4),
];

/// Ratios that only rounding bounds, or that are infinite, count as this many dB.
const MOST: f64 = 100.0;

fn bounded(ratio: f64) -> f64 {
    ratio.clamp(-MOST, MOST)
}

/// Scores of the voice and of the accompaniment, or `None` where there is nothing to score: a part is silent or not known.
#[must_use]
pub fn score(truth: &Sound, estimate: &Stems) -> Option<[StemScore; 2]> {
    let vocals = truth.vocals.as_ref()?;
    let pair = |a: &Array2<f32>, b: &Array2<f32>| -> Option<Array2<f32>> {
        stack(Axis(0), &[mono(a).view(), mono(b).view()]).ok()
    };
    let references = pair(vocals, &truth.accompaniment)?;
    let estimates = pair(&estimate.vocals, &estimate.accompaniment)?;
    let mixture = mono(&truth.mixture);
    let scored = bss_eval_sources(references.view(), estimates.view(), false);
    let of_mixture = references.rows().into_iter().map(|reference| sdr(reference, mixture.view()).ok());
    // A silent part has no ratio of its own to anything.
    let (scored, of_mixture) = (scored.ok()?, of_mixture.collect::<Option<Vec<f64>>>()?);

    let images = |a: &Array2<f32>, b: &Array2<f32>| -> Option<Array3<f32>> {
        stack(Axis(0), &[a.view(), b.view()]).ok()
    };
    let second = truth.sample_rate as usize;
    let windows = BssEvalV4::default().window(second).hop(second);
    let v4 = images(vocals, &truth.accompaniment)
        .zip(images(&estimate.vocals, &estimate.accompaniment))
        .and_then(|(truth, estimate)| windows.evaluate(truth.view(), estimate.view()).ok());
    let median = |values: Option<Vec<Option<f64>>>, stem: usize| values.and_then(|v| v[stem]).map(bounded);
    let stem = |index: usize| StemScore {
        nsdr: bounded(scored.sdr[index]) - bounded(of_mixture[index]),
        sdr: bounded(scored.sdr[index]),
        sir: bounded(scored.sir[index]),
        sar: bounded(scored.sar[index]),
        sdr_v4: median(v4.as_ref().map(|v4| v4.median_sdr()), index),
        sir_v4: median(v4.as_ref().map(|v4| v4.median_sir()), index),
        sar_v4: median(v4.as_ref().map(|v4| v4.median_sar()), index),
    };
    Some([stem(0), stem(1)])
}
