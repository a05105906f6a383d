//! Scoring a trained run on recordings that come with their turns.

use std::collections::BTreeMap;

use super::corpus::read_meetings;
use super::infer::Diarizer;
use super::model::DiarizationModel;
use super::results::summarise_turns;
use super::train::score_meetings;
use crate::observer::Observer;
use crate::pipeline::doors::{EvaluateOptions, Evaluation, evaluation_folder};
use crate::pipeline::metrics::Metrics;
use crate::{Error, Result, Run, files};

/// Diarizes the recordings of a manifest (CSV with `path` and `rttm`, or an RTTM file whose recordings lie in the root by their names) and
/// scores the turns; writes `metrics.json`, `recordings.csv` and `hypothesis.rttm` into `RUN/eval/NAME/`, and `RUN/metrics.json` follows
/// the latest evaluation.
///
/// # Errors
/// Bad manifests and recordings, each named with file and line.
pub fn evaluate(run: &Run, options: &EvaluateOptions, observer: &mut dyn Observer) -> Result<Evaluation> {
    let diarizer = Diarizer::new(DiarizationModel::of_run(run)?)?;
    let meetings = read_meetings(&options.manifest, &options.root)?;
    let (scored, skipped) = score_meetings(&diarizer, &meetings, options.skip_bad, observer)?;
    if scored.is_empty() {
        return Err(Error::Data(format!("no recording of {} could be scored", options.manifest.display())));
    }
    let hypothesis: BTreeMap<_, _> =
        scored.iter().map(|(one, turns)| (one.name.clone(), turns.clone())).collect();
    let turns = summarise_turns(scored.into_iter().map(|(one, _)| one).collect())?;
    let folder = evaluation_folder(run, &options.manifest)?;
    std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    auscult_eval_metrics::write_rttm(folder.join("hypothesis.rttm"), &hypothesis)
        .map_err(Error::part("the turns"))?;
    let failed = |error: csv::Error| Error::Data(format!("recordings.csv: {error}"));
    let mut table = csv::Writer::from_writer(Vec::new());
    table
        .write_record([
            "recording",
            "seconds",
            "speakers",
            "found",
            "der_collar",
            "der",
            "miss_s",
            "false_alarm_s",
            "confusion_s",
        ])
        .map_err(failed)?;
    for one in &turns.recordings {
        let number = |value: f64| format!("{value:.4}");
        table
            .write_record([
                one.name.clone(),
                number(one.seconds),
                one.speakers.to_string(),
                one.found.to_string(),
                number(one.collar.rate()),
                number(one.full.rate()),
                number(one.full.miss),
                number(one.full.false_alarm),
                number(one.full.confusion),
            ])
            .map_err(failed)?;
    }
    files::write(
        &folder.join("recordings.csv"),
        table.into_inner().map_err(|error| Error::Data(error.to_string()))?,
    )?;
    let metrics = Metrics {
        pipeline: "speakers".into(),
        run: run.name(),
        manifest: options.manifest.display().to_string(),
        metrics: turns.metrics,
    };
    files::write_json(&folder.join("metrics.json"), &metrics)?;
    files::write_json(&run.path("metrics.json"), &metrics)?;
    Ok(Evaluation { metrics, folder, skipped })
}
