//! Scoring a trained run on any manifest: AUC and accuracy with intervals by bootstrap over ten-second stretches.

use std::path::Path;

use auscult_eval_metrics::roc_auc;

use super::decision::Decision;
use super::features::prepare;
use super::manifest::{Song, read_manifest};
use super::model::SvdModel;
use super::moments::Moments;
use crate::observer::Observer;
use crate::pipeline::doors::{EvaluateOptions, Evaluation, evaluation_folder};
use crate::pipeline::metrics::Metrics;
use crate::run::Run;
use crate::{Error, Result, files};

/// Frames between the moments that are scored.
const HOP: usize = 5;

/// A scored song.
struct Scored {
    song: Song,
    truth: Vec<bool>,
    probabilities: Vec<f64>,
}

/// Scores `run` on a manifest; writes into `RUN/eval/NAME/`, and `RUN/metrics.json` follows the latest evaluation.
///
/// # Errors
/// Bad manifests, labels and songs, each named with file and line.
pub fn evaluate(run: &Run, options: &EvaluateOptions, observer: &mut dyn Observer) -> Result<Evaluation> {
    let model = SvdModel::of_run(run, options.device)?;
    let songs = read_manifest(&options.manifest, &options.root)?;
    let listed = songs.len();
    let features = prepare(&songs, model.front_end(), &options.cache, options.skip_bad, observer)?;
    let rate = model.front_end().frame_rate();
    observer.begin("scoring", listed as u64);
    let mut scored = Vec::new();
    for (index, (song, features)) in songs.into_iter().zip(features).enumerate() {
        if let Some(features) = features {
            let values = features.values()?;
            let frames: Vec<usize> = (0..values.nrows()).step_by(HOP).collect();
            let probabilities = model.probabilities(values, &frames)?;
            let truth = song.labels.frames(rate, values.nrows()).into_iter().step_by(HOP).collect();
            scored.push(Scored { song, truth, probabilities });
        }
        if observer.advance(index as u64 + 1, "").is_break() {
            return Err(Error::Interrupted);
        }
    }
    observer.end(&format!("{} songs", scored.len()));
    if scored.is_empty() {
        return Err(Error::Data(format!("no song of {} could be scored", options.manifest.display())));
    }
    let hop = HOP as f64 / rate;
    let mut moments = Moments::default();
    for (index, Scored { truth, probabilities, .. }) in scored.iter().enumerate() {
        moments.add((0, 0), index, truth.clone(), probabilities.clone(), model.decision(), hop)?;
    }
    let metrics = Metrics {
        pipeline: super::NAME.into(),
        run: run.name(),
        manifest: options.manifest.display().to_string(),
        metrics: moments.figures()?,
    };
    let folder = evaluation_folder(run, &options.manifest)?;
    write(&folder, &scored, model.decision(), hop)?;
    files::write_json(&folder.join("metrics.json"), &metrics)?;
    files::write_json(&run.path("metrics.json"), &metrics)?;
    Ok(Evaluation { metrics, folder, skipped: listed - scored.len() })
}

/// `songs.csv`, a row a song, and `predictions.csv`, a row a moment.
fn write(folder: &Path, scored: &[Scored], decision: Decision, hop: f64) -> Result<()> {
    let failed = |error| Error::part("a table")(error);
    let mut songs = csv::Writer::from_writer(Vec::new());
    let mut moments = csv::Writer::from_writer(Vec::new());
    songs.write_record(["path", "seconds", "sung", "auc", "accuracy"]).map_err(failed)?;
    moments.write_record(["path", "time_s", "sung", "probability", "decided"]).map_err(failed)?;
    for Scored { song, truth, probabilities } in scored {
        let decided = decision.decide(probabilities, hop)?;
        let share = |hits: usize| format!("{:.4}", hits as f64 / truth.len() as f64);
        songs
            .write_record([
                &song.name,
                &format!("{:.2}", truth.len() as f64 * hop),
                &share(truth.iter().filter(|sung| **sung).count()),
                &roc_auc(truth, probabilities).map_or(String::new(), |auc| format!("{auc:.4}")),
                &share(truth.iter().zip(&decided).filter(|(a, b)| a == b).count()),
            ])
            .map_err(failed)?;
        for (index, ((sung, probability), decided)) in
            truth.iter().zip(probabilities).zip(decided).enumerate()
        {
            let bit = |on: bool| if on { "1" } else { "0" };
            let time = format!("{:.3}", index as f64 * hop);
            moments
                .write_record([&*song.name, &time, bit(*sung), &format!("{probability:.4}"), bit(decided)])
                .map_err(failed)?;
        }
    }
    let tables: [(&str, csv::Writer<Vec<u8>>); 2] = [("songs.csv", songs), ("predictions.csv", moments)];
    for (name, table) in tables {
        let text = table.into_inner().map_err(|error| Error::Data(error.to_string()))?;
        files::write(&folder.join(name), text)?;
    }
    Ok(())
}
