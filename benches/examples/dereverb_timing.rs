//! Times dereverberation on a prepared spectrum, for `benches/peers/dereverb.py`.
//!
//! `dereverb_timing JOB PRECISION SPECTRUM REPETITIONS [OUTPUT]` prints a JSON line with the best time in seconds, of
//! the wall and of the processor. JOB is `offline`, `nara` (offline with nara_wpe's floor), `online` (time per frame) or
//! `unified` (which prints the time of its parts too); PRECISION is `f64` or `f32`; SPECTRUM is
//! `[channel, frame, bin, re or im]` of f64, .npy, and OUTPUT the same.

use std::collections::BTreeMap;
use std::time::Instant;

use auscult_dereverb::{Complex, OnlineWpeParams, PowerFloor, Real, UnifiedParams, WpeParams};
use ndarray::{Array3, Array4, Axis, stack};
use rustix::time::{ClockId, clock_gettime};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [job, precision, spectrum, repetitions, output @ ..] = arguments.as_slice() else {
        return Err("expected JOB PRECISION SPECTRUM REPETITIONS [OUTPUT]".into());
    };
    let parts: Array4<f64> = ndarray_npy::read_npy(spectrum)?;
    let spectrum = parts.map_axis(Axis(3), |part| Complex::new(part[0], part[1]));
    let cleaned = match precision.as_str() {
        "f64" => run::<f64>(job, &spectrum, repetitions.parse()?)?,
        "f32" => run::<f32>(job, &spectrum, repetitions.parse()?)?,
        other => return Err(format!("unknown precision `{other}`").into()),
    };
    if let Some(output) = output.first() {
        let parts = stack(Axis(3), &[cleaned.mapv(|y| y.re).view(), cleaned.mapv(|y| y.im).view()])?;
        ndarray_npy::write_npy(output, &parts)?;
    }
    Ok(())
}

fn run<T: Real>(
    job: &str,
    spectrum: &Array3<Complex<f64>>,
    repetitions: usize,
) -> Result<Array3<Complex<f64>>, Failure> {
    let x = spectrum.mapv(|x| Complex::new(T::of(x.re), T::of(x.im)));
    let (channels, frames, bins) = x.dim();
    let mut y = Array3::default(x.dim());
    let (mut wall, mut processor) = (f64::INFINITY, f64::INFINITY);
    let mut parts = BTreeMap::<String, f64>::new();
    for _ in 0..repetitions {
        let mut online = OnlineWpeParams::default().plan::<T>(channels, bins)?;
        // frames next to each other in memory, as a stream brings them
        let by_frame = x.view().permuted_axes([1, 0, 2]).as_standard_layout().into_owned();
        let mut clean = by_frame.clone();
        let (start, busy) = (Instant::now(), processor_seconds());
        let steps = match job {
            "nara" => {
                let params = WpeParams::default().power_floor(PowerFloor::Max(1e-10));
                y = params.plan()?.process(x.view())?;
                1
            }
            "unified" => {
                parts.clear();
                let unified = UnifiedParams::default().tolerance(0.0).plan()?;
                let output = unified.process_observed(x.view(), |step| {
                    *parts.entry(format!("{:?}", step.moved)).or_default() += step.duration.as_secs_f64();
                })?;
                y = output.mixture();
                1
            }
            "offline" => {
                y = WpeParams::default().plan()?.process(x.view())?;
                1
            }
            "online" => {
                for (frame, clean) in by_frame.outer_iter().zip(clean.outer_iter_mut()) {
                    online.step_into(frame, clean)?;
                }
                frames
            }
            other => return Err(format!("unknown job `{other}`").into()),
        };
        wall = wall.min(start.elapsed().as_secs_f64() / steps as f64);
        processor = processor.min((processor_seconds() - busy) / steps as f64);
        if job == "online" {
            y.assign(&clean.permuted_axes([1, 0, 2]));
        }
    }
    #[allow(clippy::print_stdout)] // this is what the example is for
    {
        println!("{{\"seconds\": {wall}, \"processor_seconds\": {processor}, \"parts\": {parts:?}}}");
    }
    Ok(y.mapv(|y| Complex::new(y.re.wide(), y.im.wide())))
}

/// Processor time of this process so far: unlike the wall's, hardly longer when others use the machine.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}
