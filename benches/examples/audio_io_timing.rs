//! Our side of `peers/audio_io.py`: does one job for every line on stdin and answers with the seconds it took.
//!
//! `audio_io_timing resample FROM TO SECONDS`, `audio_io_timing read FILE`, `audio_io_timing speech FILE` (mono,
//! 16 kHz).

// It talks to the script through its output.
#![allow(clippy::print_stdout)]

use std::hint::black_box;

use auscult_audio_io::{ReadOptions, read, resample};
use ndarray::Array2;
use rustix::time::{ClockId, clock_gettime};

type Job = Box<dyn Fn()>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let job: Job = match arguments[..] {
        ["resample", from, to, seconds] => {
            let (from, to): (u32, u32) = (from.parse()?, to.parse()?);
            let frames = seconds.parse::<usize>()? * from as usize;
            let x = Array2::from_shape_fn((1, frames), |(_, n)| (n as f32 * 0.05).sin());
            Box::new(move || drop(black_box(resample(x.view(), from, to))))
        }
        ["read", path] => {
            let path = path.to_owned();
            Box::new(move || drop(black_box(read(&path))))
        }
        ["speech", path] => {
            let path = path.to_owned();
            let options = ReadOptions::default().mono(true).sample_rate(16_000);
            Box::new(move || drop(black_box(options.read(&path))))
        }
        _ => return Err("usage: audio_io_timing resample FROM TO SECONDS | read FILE | speech FILE".into()),
    };
    for _ in std::io::stdin().lines() {
        let start = cpu_seconds();
        job();
        println!("{}", cpu_seconds() - start);
    }
    Ok(())
}

/// Time this thread has run: fair on a machine with other work.
fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + 1e-9 * now.tv_nsec as f64
}
