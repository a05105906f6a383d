//! Scoring a trained run on any manifest: AUC and accuracy with intervals by bootstrap over ten-second stretches.

use std::collections::BTreeMap;
use std::path::PathBuf;

use auscult_eval_metrics::{Bootstrap, FrameScores, roc_auc};

use super::decision::Decision;
use super::features::prepare;
use super::manifest::{Song, read_manifest};
use super::model::SvdModel;
use super::results::group;
use crate::observer::Observer;
use crate::pipeline::doors::{EvaluateOptions, Evaluation, evaluation_folder};
use crate::pipeline::metrics::{Figure, Metrics};
use crate::run::Run;
use crate::{Error, Result, files};

/// Frames between the moments that are scored.
const HOP: usize = 5;

/// Resamples for intervals.
const RESAMPLES: usize = 1000;

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
    let metrics = Metrics {
        pipeline: super::NAME.into(),
        run: run.name(),
        manifest: options.manifest.display().to_string(),
        metrics: figures(&scored, model.decision(), hop)?,
    };
    let folder = evaluation_folder(run, &options.manifest)?;
    write(&folder, &scored, model.decision(), hop)?;
    files::write_json(&folder.join("metrics.json"), &metrics)?;
    files::write_json(&run.path("metrics.json"), &metrics)?;
    Ok(Evaluation { metrics, folder, skipped: listed - scored.len() })
}

fn figures(scored: &[Scored], decision: Decision, hop: f64) -> Result<BTreeMap<String, Figure>> {
    let (mut truth, mut probabilities, mut decided, mut plain, mut groups) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (index, song) in scored.iter().enumerate() {
        truth.extend(&song.truth);
        probabilities.extend(&song.probabilities);
        decided.extend(decision.decide(&song.probabilities, hop)?);
        plain.extend(Decision::PLAIN.decide(&song.probabilities, hop)?);
        groups.extend((0..song.truth.len()).map(|moment| group(index, moment as f64 * hop)));
    }
    let figure = |statistic: &(dyn Fn(&[usize]) -> f64 + Sync)| -> Result<Figure> {
        let bootstrap = Bootstrap::new(RESAMPLES).seed(1);
        let interval = bootstrap.interval_grouped(&groups, statistic).map_err(Error::part("an interval"))?;
        Ok(Figure::new(&interval, scored.len()))
    };
    let pick = |of: &[bool], moments: &[usize]| moments.iter().map(|&m| of[m]).collect::<Vec<bool>>();
    let frames = |decided: &[bool], moments: &[usize], rate: fn(&FrameScores) -> f64| {
        FrameScores::new(&pick(&truth, moments), &pick(decided, moments))
            .map_or(f64::NAN, |scores| rate(&scores))
    };
    let auc = |moments: &[usize]| {
        let scores: Vec<f64> = moments.iter().map(|&moment| probabilities[moment]).collect();
        roc_auc(&pick(&truth, moments), &scores).unwrap_or(f64::NAN)
    };
    let mut figures = BTreeMap::from([
        ("accuracy".to_owned(), figure(&|m| frames(&decided, m, |scores| scores.accuracy))?),
        ("plain_accuracy".to_owned(), figure(&|m| frames(&plain, m, |scores| scores.accuracy))?),
        ("false_positive_rate".to_owned(), figure(&|m| frames(&decided, m, |s| s.false_alarm_rate))?),
    ]);
    // Pure instrumentals have neither a ROC curve nor anything to find.
    if truth.contains(&true) {
        figures.insert("f1".into(), figure(&|m| frames(&decided, m, |scores| scores.active.f1))?);
        figures.insert("precision".into(), figure(&|m| frames(&decided, m, |s| s.active.precision))?);
        figures.insert("recall".into(), figure(&|m| frames(&decided, m, |s| s.active.recall))?);
    }
    if truth.contains(&true) && truth.contains(&false) {
        figures.insert("auc".into(), figure(&auc)?);
    }
    Ok(figures)
}

/// `songs.csv`, a row a song, and `predictions.csv`, a row a moment.
fn write(folder: &std::path::Path, scored: &[Scored], decision: Decision, hop: f64) -> Result<()> {
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
        files::write(&PathBuf::from(folder).join(name), text)?;
    }
    Ok(())
}
