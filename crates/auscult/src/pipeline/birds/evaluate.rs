//! Scoring a trained run on any manifest: species by name, intervals by bootstrap over recordings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use auscult_eval_metrics::{confusion_matrix, mean_average_precision};
use ndarray::{Array2, Axis};

use super::features::prepare;
use super::model::BirdModel;
use super::outcomes::Outcomes;
use super::{Recording, read_manifest};
use crate::observer::Observer;
use crate::pipeline::doors::{EvaluateOptions, Evaluation, evaluation_folder};
use crate::pipeline::metrics::{Figure, Metrics};
use crate::run::Run;
use crate::{Error, Result, files, report};

/// Scores `run` on a manifest; writes into `RUN/eval/NAME/`, and `RUN/metrics.json` follows the latest
/// evaluation.
///
/// # Errors
/// Bad manifests and recordings, species the model does not know, each named with file and line.
pub fn evaluate(run: &Run, options: &EvaluateOptions, observer: &mut dyn Observer) -> Result<Evaluation> {
    let model = BirdModel::of_run(run, options.device)?;
    let recordings = read_manifest(&options.manifest, &options.root)?;
    let listed = recordings.len();
    let mut known = Vec::new();
    for recording in recordings {
        match find_species(model.species(), &recording.species) {
            Some(species) => known.push((recording, species)),
            None => {
                let problem = Error::Table {
                    path: options.manifest.clone(),
                    line: recording.line,
                    problem: format!(
                        "the run does not know the species `{}`; it knows: {}. Leave such rows out or pass --skip-bad",
                        recording.species,
                        model.species().join(", ")
                    ),
                };
                if !options.skip_bad {
                    return Err(problem);
                }
                observer.warn(&format!("skipped {problem}"));
            }
        }
    }
    let recordings: Vec<Recording> = known.iter().map(|(recording, _)| recording.clone()).collect();
    let features = prepare(&recordings, model.front_end(), &options.cache, options.skip_bad, observer)?;
    let mut scored: Vec<(Recording, usize, Vec<f64>)> = Vec::new();
    observer.begin("scoring", known.len() as u64);
    for (index, ((recording, truth), features)) in known.into_iter().zip(features).enumerate() {
        if let Some(features) = features {
            scored.push((recording, truth, model.score_recording(&features)?.to_vec()));
        }
        if observer.advance(index as u64 + 1, "").is_break() {
            return Err(Error::Interrupted);
        }
    }
    observer.end(&format!("{} recordings", scored.len()));
    if scored.is_empty() {
        return Err(Error::Data(format!("no recording of {} could be scored", options.manifest.display())));
    }
    let truth = scored.iter().map(|(_, truth, _)| *truth).collect();
    let scores = scored.iter().flat_map(|(_, _, scores)| scores.iter().copied()).collect();
    let outcomes = Outcomes::new(truth, scores, (0..scored.len()).collect(), model.species().len())?;
    let metrics = Metrics {
        pipeline: "birds".into(),
        run: run.name(),
        manifest: options.manifest.display().to_string(),
        metrics: figures(&outcomes)?,
    };
    let folder = write(run, &options.manifest, &model, &scored, &outcomes, &metrics)?;
    Ok(Evaluation { metrics, folder, skipped: listed - scored.len() })
}

/// Species are named as people write them: `Black Phoebe`, `black_phoebe` and `black-phoebe` are one.
pub(crate) fn find_species(species: &[String], name: &str) -> Option<usize> {
    let plain = |name: &str| -> String {
        name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    species.iter().position(|known| known == name).or_else(|| {
        let name = plain(name);
        species.iter().position(|known| plain(known) == name)
    })
}

fn figures(outcomes: &Outcomes) -> Result<BTreeMap<String, Figure>> {
    let Outcomes { truth, scores, .. } = outcomes;
    // Classes without a recording have no average precision: only those present are averaged.
    let average_precision = |tests: &[usize]| {
        let present: Vec<usize> =
            (0..scores.ncols()).filter(|class| tests.iter().any(|&test| truth[test] == *class)).collect();
        let scores = scores.select(Axis(0), tests).select(Axis(1), &present);
        let is = Array2::from_shape_fn(scores.dim(), |(row, class)| truth[tests[row]] == present[class]);
        mean_average_precision(is.view(), scores.view()).unwrap_or(f64::NAN)
    };
    Ok(BTreeMap::from([
        ("accuracy".to_owned(), outcomes.accuracy()?),
        ("top3_accuracy".to_owned(), outcomes.top3_accuracy()?),
        ("macro_f1".to_owned(), outcomes.macro_f1()?),
        ("mean_average_precision".to_owned(), outcomes.figure(average_precision)?),
    ]))
}

fn write(
    run: &Run,
    manifest: &Path,
    model: &BirdModel,
    scored: &[(Recording, usize, Vec<f64>)],
    outcomes: &Outcomes,
    metrics: &Metrics,
) -> Result<PathBuf> {
    let species = model.species();
    let folder = evaluation_folder(run, manifest)?;
    let mut table = csv::Writer::from_writer(Vec::new());
    let failed = |error| Error::part("predictions.csv")(error);
    let fixed = ["path", "species", "predicted", "right"].map(str::to_owned);
    table.write_record(fixed.iter().chain(species)).map_err(failed)?;
    for ((recording, truth, scores), &predicted) in scored.iter().zip(&outcomes.predicted) {
        let right = if predicted == *truth { "1" } else { "0" };
        let mut record = vec![
            recording.path.display().to_string(),
            species[*truth].clone(),
            species[predicted].clone(),
            right.into(),
        ];
        record.extend(scores.iter().map(|score| format!("{score:.4}")));
        table.write_record(record).map_err(failed)?;
    }
    let table = table.into_inner().map_err(|error| Error::Data(error.to_string()))?;
    files::write(&folder.join("predictions.csv"), table)?;
    let counts = confusion_matrix(&outcomes.truth, &outcomes.predicted, species.len())
        .map_err(Error::part("the confusion matrix"))?;
    files::write(&folder.join("confusion.svg"), report::confusion_matrix(counts.view(), species))?;
    files::write_json(&folder.join("metrics.json"), metrics)?;
    files::write_json(&run.path("metrics.json"), metrics)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::find_species;

    #[test]
    fn species_are_found_however_they_are_written() {
        let species = ["black_phoebe".to_owned(), "Townsend's Warbler".to_owned()];
        assert_eq!(find_species(&species, "Black Phoebe"), Some(0));
        assert_eq!(find_species(&species, "townsend_s_warbler"), Some(1));
        assert_eq!(find_species(&species, "ostrich"), None);
    }
}
