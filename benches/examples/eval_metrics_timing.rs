//! Times one score on prepared input, for the side-by-side scripts in `benches/peers`.
//!
//! `eval_metrics_timing SCORE FILE... REPETITIONS` prints a JSON line: the best time in seconds, and the values.
//! SCORE is `bss_eval_sources`, `sdr` or `bss_eval_v4` (FILE: reference and estimate, `[source, sample]` of f64, .npy),
//! `roc_auc` (FILE: truth and scores as f64, .npy) or `der` (FILE: reference and hypothesis, RTTM).

use std::time::Instant;

use auscult_eval_metrics::{
    BssEvalV4, DiarizationScoring, Segment, bss_eval_sources, read_rttm, roc_auc, sdr,
};
use ndarray::{Array1, Array2, Axis};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [score, first, second, repetitions] = arguments.as_slice() else {
        return Err("expected SCORE FILE FILE REPETITIONS".into());
    };
    let repetitions: usize = repetitions.parse()?;
    let (seconds, values) = match score.as_str() {
        "roc_auc" => {
            let truth: Array1<f64> = ndarray_npy::read_npy(first)?;
            let scores: Array1<f64> = ndarray_npy::read_npy(second)?;
            let truth: Vec<bool> = truth.iter().map(|&t| t > 0.5).collect();
            let scores = scores.to_vec();
            best_of(repetitions, || Ok(vec![roc_auc(&truth, &scores)?]))?
        }
        "der" => {
            let turns = |path| -> Result<Vec<Segment>, Failure> {
                Ok(read_rttm(path)?.into_values().flatten().collect())
            };
            let (reference, hypothesis) = (turns(first)?, turns(second)?);
            best_of(repetitions, || {
                let errors = DiarizationScoring::default().evaluate(&reference, &hypothesis, None)?.errors;
                Ok(vec![errors.rate()])
            })?
        }
        _ => {
            let reference: Array2<f64> = ndarray_npy::read_npy(first)?;
            let estimate: Array2<f64> = ndarray_npy::read_npy(second)?;
            let (r, e) = (reference.view(), estimate.view());
            let (r3, e3) = (r.insert_axis(Axis(1)), e.insert_axis(Axis(1)));
            match score.as_str() {
                "bss_eval_sources" => best_of(repetitions, || {
                    let s = bss_eval_sources(r, e, true)?;
                    Ok([s.sdr, s.sir, s.sar].concat())
                })?,
                "sdr" => best_of(repetitions, || Ok(vec![sdr(r.row(0), e.row(0))?]))?,
                "bss_eval_v4" => {
                    let plan = BssEvalV4::default().window(22_050).hop(22_050);
                    best_of(repetitions, || Ok(plan.evaluate(r3, e3)?.sdr.into_raw_vec_and_offset().0))?
                }
                other => return Err(format!("unknown score `{other}`").into()),
            }
        }
    };
    #[allow(clippy::print_stdout)] // this is what the example is for
    {
        println!("{{\"seconds\": {seconds}, \"values\": {values:?}}}");
    }
    Ok(())
}

/// The shortest of several runs, and the values of the last.
fn best_of(
    repetitions: usize,
    score: impl Fn() -> Result<Vec<f64>, Failure>,
) -> Result<(f64, Vec<f64>), Failure> {
    let (mut best, mut values) = (f64::INFINITY, Vec::new());
    for _ in 0..repetitions {
        let start = Instant::now();
        values = score()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok((best, values))
}
