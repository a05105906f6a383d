//! Times speaker comparison on prepared input, for `benches/peers/fa_speaker.py`.
//!
//! `fa_speaker_timing pairs STATS.npy FACTORS REPETITIONS`: all pairs of `[utterance, lower triangle of P then d]`;
//! `fa_speaker_timing em FRAMES.npy COMPONENTS REPETITIONS`: EM steps on `[frame, feature]` of f64;
//! `fa_speaker_timing mfcc SAMPLES.npy RATE REPETITIONS`: 12 MFCC, log energy and deltas of `[sample]` of f32.
//! Prints a JSON line: the best time in seconds, and values to check.

use std::time::Instant;

use auscult_fa_speaker::{GmmParams, SpeakerStat, llr_all_pairs};
use auscult_stft_mel::{MfccParams, append_deltas};
use ndarray::{Array1, Array2};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [job, file, number, repetitions] = arguments.as_slice() else {
        return Err("expected JOB FILE NUMBER REPETITIONS".into());
    };
    let (number, repetitions): (usize, usize) = (number.parse()?, repetitions.parse()?);
    let (seconds, values) = match job.as_str() {
        "pairs" => {
            let rows: Array2<f64> = ndarray_npy::read_npy(file)?;
            let triangle = number * (number + 1) / 2;
            let stat = |row: ndarray::ArrayView1<f64>| {
                let (p, d) = row.split_at(ndarray::Axis(0), triangle);
                SpeakerStat::new(p.to_vec(), d.to_vec())
            };
            let stats = rows.rows().into_iter().map(stat).collect::<Result<Vec<_>, _>>()?;
            best_of(repetitions, || Ok(llr_all_pairs(&stats)?[..10].iter().map(|&v| f64::from(v)).collect()))?
        }
        "em" => {
            let frames: Array2<f64> = ndarray_npy::read_npy(file)?;
            let fit = |iterations| {
                let params =
                    GmmParams { components: number, iterations, tolerance: 0.0, ..GmmParams::default() };
                let start = Instant::now();
                let fitted = params.fit(frames.view())?;
                Ok::<_, Failure>((start.elapsed().as_secs_f64(), fitted.log_likelihood))
            };
            // The difference of two fits: starting is not an EM step.
            let mut best = f64::INFINITY;
            let mut values = Vec::new();
            for _ in 0..repetitions {
                let (short, _) = fit(1)?;
                let (long, steps) = fit(6)?;
                best = best.min((long - short) / 5.0);
                values = steps;
            }
            (best, values)
        }
        "mfcc" => {
            let samples: Array1<f32> = ndarray_npy::read_npy(file)?;
            let plan = MfccParams::htk(u32::try_from(number)?).plan::<f32>()?;
            best_of(repetitions, || {
                let features = append_deltas(plan.process(samples.view())?.view(), 2, 1)?;
                Ok(vec![features.nrows() as f64, features.ncols() as f64])
            })?
        }
        other => return Err(format!("unknown job `{other}`").into()),
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
    job: impl Fn() -> Result<Vec<f64>, Failure>,
) -> Result<(f64, Vec<f64>), Failure> {
    let (mut best, mut values) = (f64::INFINITY, Vec::new());
    for _ in 0..repetitions {
        let start = Instant::now();
        values = job()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok((best, values))
}
