//! `auscult score separation`: separated sources against the true ones.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use auscult_audio_io::{Audio, read};
use auscult_eval_metrics::{BssEvalV4, bss_eval_images, bss_eval_sources, nsdr, scale_invariant_bss_eval};
use ndarray::{Array1, Array2, Array3, s};
use serde_json::{Value, json};

use super::Report;
use super::table::{Table, number};

/// Separated sources, one audio file each; all files of one sample rate, length and number of channels
#[derive(Debug, clap::Args)]
pub(super) struct SeparationArgs {
    /// True sources
    #[arg(long, short, num_args = 1.., required = true, value_name = "FILE")]
    reference: Vec<PathBuf>,
    /// Separated sources, as many
    #[arg(long, short, num_args = 1.., required = true, value_name = "FILE")]
    estimate: Vec<PathBuf>,
    /// The mixture; adds NSDR, what separation gains over it (mono only)
    #[arg(long, value_name = "FILE")]
    mixture: Option<PathBuf>,
    /// Which measure
    #[arg(long, value_enum, default_value_t = Measure::Auto)]
    measure: Measure,
    /// Window of v4 in seconds
    #[arg(long, default_value_t = 1.0)]
    window: f64,
    /// Distance of windows of v4 in seconds
    #[arg(long, default_value_t = 1.0)]
    hop: f64,
    /// Match estimates to references by the best mean SIR instead of by their order
    #[arg(long)]
    permute: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
enum Measure {
    /// `sources` for mono files, `images` for others
    Auto,
    /// BSS Eval v3 of single-channel sources (mir_eval's bss_eval_sources)
    Sources,
    /// BSS Eval v3 of source images (mir_eval's bss_eval_images)
    Images,
    /// BSS Eval v4, median over windows (museval)
    V4,
    /// SI-SDR, SI-SIR, SI-SAR (mono)
    ScaleInvariant,
}

/// Columns of one measure: name and a value per reference.
type Columns = Vec<(&'static str, Vec<Option<f64>>)>;

pub(super) fn score(args: &SeparationArgs) -> anyhow::Result<Report> {
    ensure!(
        args.reference.len() == args.estimate.len(),
        "{} references but {} estimates: give one estimate for each reference",
        args.reference.len(),
        args.estimate.len()
    );
    let (reference, sample_rate) = load(&args.reference, None)?;
    let like = (reference.dim().1, reference.dim().2, sample_rate);
    let (estimate, _) = load(&args.estimate, Some((like, &args.reference[0])))?;
    let mono = reference.dim().1 == 1;
    let (r, e) = (reference.view(), estimate.view());
    let (r1, e1) = (r.slice(s![.., 0, ..]), e.slice(s![.., 0, ..]));

    let measure = match args.measure {
        Measure::Auto if mono => Measure::Sources,
        Measure::Auto => Measure::Images,
        Measure::Sources | Measure::ScaleInvariant if !mono => {
            bail!(
                "this measure is for mono files and these have {} channels: use --measure images or v4",
                like.0
            )
        }
        given => given,
    };
    let known = |values: Vec<f64>| values.into_iter().map(Some).collect();
    let (name, mut columns, permutation): (_, Columns, _) = match measure {
        Measure::Auto | Measure::Sources => {
            let scores = bss_eval_sources(r1, e1, args.permute)?;
            let columns =
                vec![("sdr", known(scores.sdr)), ("sir", known(scores.sir)), ("sar", known(scores.sar))];
            ("bss_eval_sources", columns, scores.permutation)
        }
        Measure::Images => {
            let scores = bss_eval_images(r, e, args.permute)?;
            let columns = vec![
                ("sdr", known(scores.sdr)),
                ("isr", known(scores.isr)),
                ("sir", known(scores.sir)),
                ("sar", known(scores.sar)),
            ];
            ("bss_eval_images", columns, scores.permutation)
        }
        Measure::V4 => {
            let samples = |seconds: f64| (seconds * f64::from(sample_rate)).round().max(0.0) as usize;
            let plan = BssEvalV4::default().window(samples(args.window)).hop(samples(args.hop));
            let scores = plan.permute(args.permute).evaluate(r, e)?;
            let columns = vec![
                ("sdr", scores.median_sdr()),
                ("isr", scores.median_isr()),
                ("sir", scores.median_sir()),
                ("sar", scores.median_sar()),
            ];
            ("bss_eval_v4", columns, scores.permutation)
        }
        Measure::ScaleInvariant => {
            let scores = scale_invariant_bss_eval(r1, e1, false, args.permute)?;
            let columns = vec![
                ("si_sdr", known(scores.si_sdr)),
                ("si_sir", known(scores.si_sir)),
                ("si_sar", known(scores.si_sar)),
            ];
            ("scale_invariant", columns, scores.permutation)
        }
    };
    if let Some(path) = &args.mixture {
        ensure!(mono, "--mixture is for mono files and these have {} channels", like.0);
        let (mixture, _) = load(std::slice::from_ref(path), Some((like, &args.reference[0])))?;
        let matched: Array2<f32> = e1.select(ndarray::Axis(0), &permutation);
        let mixture: Array1<f32> = mixture.slice(s![0, 0, ..]).to_owned();
        columns.push(("nsdr", known(nsdr(r1, matched.view(), mixture.view())?)));
    }
    Ok(report(args, name, &columns, &permutation))
}

fn report(args: &SeparationArgs, measure: &str, columns: &Columns, permutation: &[usize]) -> Report {
    let headings: Vec<String> =
        columns.iter().map(|(name, _)| name.to_uppercase().replace('_', "-")).collect();
    let mut header = vec!["reference", "estimate"];
    header.extend(headings.iter().map(String::as_str));
    let mut table = Table::new(&header);
    let cell = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number);
    let mut sources = Vec::new();
    for (j, reference) in args.reference.iter().enumerate() {
        let estimate = &args.estimate[permutation[j]];
        let mut row = vec![estimate.display().to_string()];
        row.extend(columns.iter().map(|(_, values)| cell(values[j])));
        table.row(reference.display().to_string(), row);
        let mut json = json!({ "reference": reference, "estimate": estimate });
        for (name, values) in columns {
            json[*name] = json!(values[j]); // infinite ratios become null
        }
        sources.push(json);
    }
    let mean = |values: &[Option<f64>]| {
        let known: Vec<f64> = values.iter().flatten().copied().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    let mut row = vec![String::new()];
    row.extend(columns.iter().map(|(_, values)| cell(mean(values))));
    table.row("mean", row);
    let mut metrics = serde_json::Map::new();
    for (name, values) in columns {
        let known = values.iter().flatten().count();
        metrics.insert((*name).to_owned(), json!({ "value": mean(values), "n": known }));
    }
    let text = format!("{}\n{measure}, dB\n", table.render());
    Report { text, json: json!({ "measure": measure, "metrics": Value::from(metrics), "sources": sources }) }
}

/// `[source, channel, sample]` of files that must agree with each other, and with `like` (channels, frames, rate).
fn load(paths: &[PathBuf], like: Option<((usize, usize, u32), &Path)>) -> anyhow::Result<(Array3<f32>, u32)> {
    let shape = |audio: &Audio| (audio.samples.nrows(), audio.samples.ncols(), audio.sample_rate);
    let files = paths
        .iter()
        .map(|path| read(path).with_context(|| path.display().to_string()))
        .collect::<anyhow::Result<Vec<Audio>>>()?;
    let (expected, of) = like.unwrap_or_else(|| (shape(&files[0]), &paths[0]));
    for (audio, path) in files.iter().zip(paths) {
        let (channels, frames, rate) = shape(audio);
        ensure!(
            (channels, frames, rate) == expected,
            "{}: {channels} channels, {frames} frames at {rate} Hz, but {} has {} channels, {} frames at {} Hz: \
             bring them to the same format and cut them to the same length",
            path.display(),
            of.display(),
            expected.0,
            expected.1,
            expected.2,
        );
    }
    let stacked = Array3::from_shape_fn((files.len(), expected.0, expected.1), |(source, channel, frame)| {
        files[source].samples[[channel, frame]]
    });
    Ok((stacked, expected.2))
}

#[cfg(test)]
mod tests {
    use auscult_audio_io::{SampleFormat, write_wav};

    use super::*;

    #[test]
    fn matches_shuffled_estimates() {
        let folder = tempfile::tempdir().unwrap();
        let noise = |seed: usize| move |t: usize| 0.3 * ((t * t) as f32 * 0.37 + seed as f32 * 1.7).sin();
        let write = |name: &str, sample: &dyn Fn(usize) -> f32, frames: usize| {
            let path = folder.path().join(name);
            let samples = Array2::from_shape_fn((1, frames), |(_, t)| sample(t));
            write_wav(&path, &Audio::new(samples, 8000).unwrap(), SampleFormat::F32).unwrap();
            path
        };
        let (a, b) = (noise(1), noise(1000));
        let leaky = |t: usize| a(t) + 0.1 * b(t + 7);
        let args = |estimate: Vec<PathBuf>, mixture| SeparationArgs {
            reference: vec![write("a.wav", &a, 4000), write("b.wav", &b, 4000)],
            estimate,
            mixture,
            measure: Measure::Auto,
            window: 1.0,
            hop: 1.0,
            permute: true,
        };
        let estimates = vec![write("b_found.wav", &b, 4000), write("a_found.wav", &leaky, 4000)];
        let mixture = write("mix.wav", &|t| a(t) + b(t), 4000);
        let report = score(&args(estimates, Some(mixture))).unwrap();
        let first = &report.json["sources"][0];
        assert!(first["estimate"].as_str().unwrap().ends_with("a_found.wav"));
        assert!(first["sdr"].as_f64().unwrap() > 15.0 && first["nsdr"].as_f64().unwrap() > 10.0);
        let short = vec![write("short.wav", &a, 3999), write("b_found.wav", &b, 4000)];
        let message = score(&args(short, None)).err().unwrap().to_string();
        assert!(message.contains("3999 frames at 8000 Hz"), "{message}");
    }
}
