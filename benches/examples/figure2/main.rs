//! Figure 2 of the paper, with what the paper leaves out: SDR improvement against input SNR for NMF, NMU and NNE,
//! by the number of iterations, with intervals, on simulated and on real normal sound.
//!
//! ```text
//! cargo run --release -p auscult-benches --example figure2 -- OUT [--machine FOLDER]
//! ```
//! Writes OUT/figure2.csv and one OUT/figure2_*.svg per kind of normal sound: a simulated factory, the clips of
//! `data/machines`, and with `--machine` a folder of clips of one machine. The anomaly is the paper's: a sweep from
//! 0.3 to 7 kHz every 3 s, in a room; the input SNR is its level over that of the normal sound in the segment.
#![allow(clippy::print_stdout, reason = "a command prints its progress")]

mod plot;
mod sound;

use auscult_eval_metrics::{Bootstrap, bss_eval_sources};
use auscult_nmf_family::{AnomalousSoundExtractor, Method, Nmf, NmuSolver, NneParams, Variant, residual};
use auscult_stft_mel::{Stft, StftParams, magnitude_spectrogram};
use ndarray::{Array1, Array2, ArrayView1, Axis, concatenate};
use num_complex::Complex;
use sound::Scene;
use std::error::Error;
use std::path::Path;

const SNRS: [f64; 6] = [-15.0, -10.0, -5.0, 0.0, 5.0, 10.0];
const ATOMS: usize = 20;

/// Mean improvement over the segments of one setting, with its 95 % interval.
pub struct Point {
    pub snr: f64,
    pub improvement: f64,
    pub low: f64,
    pub high: f64,
}

/// One line of the figure.
pub struct Curve {
    pub family: &'static str,
    pub setting: String,
    pub points: Vec<Point>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("usage: figure2 OUT [--machine FOLDER]")?;
    let out = Path::new(&out);
    std::fs::create_dir_all(out)?;
    let clips = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/machines");
    let mut kinds = vec![
        ("simulated", "simulated factory", sound::simulated()),
        ("clips", "MIMII fan, slider and valve", sound::clips(&clips)?),
    ];
    if let (Some("--machine"), Some(folder)) = (arguments.next().as_deref(), arguments.next()) {
        kinds.push(("machine", "one real machine", sound::machine(Path::new(&folder))?));
    }
    let mut csv = String::from("normal_sound,method,setting,input_snr_db,improvement_db,low,high,segments\n");
    for (name, title, scenes) in kinds {
        let segments: usize = scenes.iter().map(|scene| scene.test.len()).sum();
        println!("{title}: {} scenes, {segments} segments", scenes.len());
        let curves = evaluate(&scenes)?;
        for Curve { family, setting, points } in &curves {
            let row: Vec<String> = points.iter().map(|point| format!("{:6.2}", point.improvement)).collect();
            println!("  {family} {setting:16} {}", row.join(" "));
            for Point { snr, improvement, low, high } in points {
                csv += &format!(
                    "{name},{family},{setting},{snr},{improvement:.3},{low:.3},{high:.3},{segments}\n"
                );
            }
        }
        plot::figure(&out.join(format!("figure2_{name}.svg")), title, &SNRS, &curves)?;
    }
    std::fs::write(out.join("figure2.csv"), csv)?;
    Ok(())
}

/// The settings compared: every family over a range of budgets, and the exact solutions.
fn settings() -> Vec<(&'static str, String, Method)> {
    let mut settings = vec![("NMF", "100 clipped".into(), Method::nmf())];
    for iterations in [3, 10, 30, 100] {
        settings.push(("NMU", iterations.to_string(), Method::Nmu(NmuSolver::tepper_sapiro(iterations))));
    }
    settings.push(("NMU", "exact".into(), Method::Nmu(NmuSolver::Exact)));
    for iterations in [3, 10, 30, 100] {
        settings.push((
            "NNE",
            iterations.to_string(),
            Method::Nne(NneParams::default().iterations(iterations)),
        ));
    }
    settings.push(("NNE", "exact".into(), Method::Nne(NneParams::new(Variant::Exact))));
    settings
}

fn evaluate(scenes: &[Scene]) -> Result<Vec<Curve>, Box<dyn Error>> {
    let stft = StftParams::new(512).hop_length(256).plan::<f32>()?;
    let settings = settings();
    // improvements[setting][snr][segment]; the last setting is eq. (2) without clipping.
    let mut improvements = vec![vec![Vec::new(); SNRS.len()]; settings.len() + 1];
    for (index, scene) in scenes.iter().enumerate() {
        let spectra: Result<Vec<_>, _> = scene.train.iter().map(|clip| stft.forward(clip.view())).collect();
        let spectra: Vec<_> =
            spectra?.iter().map(|spectrum| magnitude_spectrogram(spectrum.view())).collect();
        let views: Vec<_> = spectra.iter().map(|spectrum| spectrum.view()).collect();
        let train = concatenate(Axis(0), &views)?;
        let params = Nmf::params(ATOMS).iterations(300).seed(index as u64);
        let trained = AnomalousSoundExtractor::fit(train.t(), &params, Method::nmf())?;
        for (number, normal) in scene.test.iter().enumerate() {
            let phase = 0.37 + 1.1 * number as f64 + 0.7 * index as f64;
            let sweep = sound::anomaly(normal.len(), phase, (index * 100 + number) as u64);
            for (at, &snr) in SNRS.iter().enumerate() {
                let gain = 10f64.powf(snr / 20.0) * sound::rms(normal) / sound::rms(&sweep);
                let anomaly = sweep.mapv(|sample| sample * gain as f32);
                let mixture = normal + &anomaly;
                let before = sdr(&anomaly, mixture.view())?;
                let spectrum = stft.forward(mixture.view())?;
                for (setting, (_, _, method)) in settings.iter().enumerate() {
                    let extracted = trained.with_method(method.clone())?.extract_spectrum(spectrum.t())?;
                    let estimate = stft.inverse(extracted.t(), Some(mixture.len()))?;
                    improvements[setting][at].push(sdr(&anomaly, estimate.view())? - before);
                }
                let estimate = signed(&stft, &trained, &spectrum, mixture.len())?;
                improvements[settings.len()][at].push(sdr(&anomaly, estimate.view())? - before);
            }
        }
    }
    let signed = ("NMF", String::from("100 signed"));
    let labels = settings.into_iter().map(|(family, setting, _)| (family, setting)).chain([signed]);
    let curves = labels.zip(improvements).map(|((family, setting), by_snr)| {
        let points: Result<Vec<Point>, Box<dyn Error>> =
            SNRS.iter().zip(by_snr).map(|(&snr, values)| point(snr, &values)).collect();
        Ok(Curve { family, setting, points: points? })
    });
    curves.collect()
}

fn point(snr: f64, values: &[f64]) -> Result<Point, Box<dyn Error>> {
    let mean = |chosen: &[usize]| chosen.iter().map(|&i| values[i]).sum::<f64>() / chosen.len() as f64;
    let interval = Bootstrap::new(2000).interval(values.len(), mean)?;
    Ok(Point { snr, improvement: interval.value, low: interval.low, high: interval.high })
}

/// Eq. (2) to the letter: X - W Ĥ with its negative entries.
fn signed(
    stft: &Stft<f32>,
    extractor: &AnomalousSoundExtractor<f32>,
    spectrum: &Array2<Complex<f32>>,
    length: usize,
) -> Result<Array1<f32>, Box<dyn Error>> {
    let magnitude = magnitude_spectrogram(spectrum.view());
    let h = extractor.extract(magnitude.t())?.activations;
    let rest = residual(magnitude.t(), extractor.atoms().view(), h.view())?;
    let mut extracted = spectrum.clone();
    for ((z, &r), &x) in extracted.iter_mut().zip(rest.t()).zip(&magnitude) {
        *z *= if x > 0.0 { r / x } else { 0.0 };
    }
    Ok(stft.inverse(extracted.view(), Some(length))?)
}

/// BSS Eval source-to-distortion ratio in dB, 512-tap filtering of the anomaly allowed.
fn sdr(anomaly: &Array1<f32>, estimate: ArrayView1<f32>) -> Result<f64, Box<dyn Error>> {
    let [reference, estimate] = [anomaly.view(), estimate].map(|signal| signal.insert_axis(Axis(0)));
    Ok(bss_eval_sources(reference, estimate, false)?.sdr[0])
}
