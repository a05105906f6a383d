//! Times log-mel and MFCC on one thread, for `benches/peers/stft_mel.py`.
//!
//! Usage: `logmel_bench SIGNAL.npy [REPEATS]`, a float32 mono signal at 22,050 Hz. Prints one line per job and
//! repeat: the job, its processor seconds (wall-clock seconds where the system does not tell) and its frames.

#![allow(clippy::print_stdout)] // a command's output

use std::error::Error;
use std::fs::File;
use std::time::Instant;

use auscult_stft_mel::ndarray::{Array1, Array2};
use auscult_stft_mel::{LogScale, MelParams, MelSpectrogramParams, MfccParams, StftParams};
use ndarray_npy::ReadNpyExt;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("usage: logmel_bench SIGNAL.npy [REPEATS]")?;
    let repeats: usize = args.next().map_or(Ok(5), |n| n.parse())?;
    let signal = Array1::<f32>::read_npy(File::open(path)?)?;

    let stft = StftParams::new(1024).hop_length(315);
    let transform = stft.plan()?;
    let mel = MelSpectrogramParams::new(stft, MelParams::new(22_050, 80)).plan()?;
    let mfcc = MfccParams::librosa(22_050).plan()?;
    for _ in 0..repeats {
        time("stft", || Ok(transform.forward(signal.view())?.nrows()))?;
        time("mel", || Ok(mel.process(signal.view())?.nrows()))?;
        time("log_mel", || {
            let mut log_mel: Array2<f32> = mel.process(signal.view())?;
            LogScale::power_db().apply_inplace(&mut log_mel)?;
            Ok(log_mel.nrows())
        })?;
        time("mfcc", || Ok(mfcc.process(signal.view())?.nrows()))?;
    }
    Ok(())
}

/// Runs a job that returns its number of frames.
fn time(name: &str, job: impl FnOnce() -> Result<usize, Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let (start, busy) = (Instant::now(), processor_seconds());
    let frames = job()?;
    let seconds = match (busy, processor_seconds()) {
        (Some(before), Some(after)) => after - before,
        _ => start.elapsed().as_secs_f64(),
    };
    println!("{name} {seconds:.6} {frames}");
    Ok(())
}

/// Processor time of this thread so far: others on the machine do not count. Linux only.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanoseconds: f64 = stat.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds * 1e-9)
}
