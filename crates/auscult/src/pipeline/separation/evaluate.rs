//! Scoring a trained run on any manifest of stems.

use super::collections::{Layout, overlap, songs};
use super::estimates::Rendering;
use super::model::SeparationModel;
use super::recipe::Recipe;
use super::results::{Clip, figures, measures, spreads, table};
use super::scores::score;
use super::separate::separate;
use super::sounds::Sound;
use crate::observer::Observer;
use crate::pipeline::doors::{EvaluateOptions, Evaluation, evaluation_folder};
use crate::pipeline::metrics::Metrics;
use crate::run::Run;
use crate::{Error, Result, files};

/// Scores `run` on a manifest, at the songs' own rates, as `auscult separate` writes them; writes into `RUN/eval/NAME/`, and
/// `RUN/metrics.json` follows the latest evaluation.
///
/// # Errors
/// Bad manifests and recordings, songs the model has heard in training, each named.
pub fn evaluate(run: &Run, options: &EvaluateOptions, observer: &mut dyn Observer) -> Result<Evaluation> {
    let model = SeparationModel::of_run(run, options.device)?;
    let (_, recipe) = Recipe::read(&run.path("recipe.toml").to_string_lossy(), &[])?;
    let mut songs = songs(Layout::Manifest, &options.root, Some(&options.manifest))?;
    let listed = songs.len();
    let heard = overlap(&model.preparation.heard, &songs);
    if !heard.is_empty() {
        let problem =
            format!("the run's model was trained on {} of its songs: {}", heard.len(), heard.join(", "));
        if !options.skip_bad {
            return Err(Error::Data(format!("{problem}; leave them out, or pass --skip-bad")));
        }
        observer.warn(&format!("skipped: {problem}"));
        songs.retain(|song| !heard.contains(&song.name));
    }
    observer.begin("scoring", songs.len() as u64);
    let mut clips = Vec::new();
    for (index, song) in songs.iter().enumerate() {
        let sound = match Sound::read(song, None) {
            Ok(sound) => sound,
            Err(error @ Error::Recording { .. }) if options.skip_bad => {
                observer.warn(&format!("skipped {error}"));
                continue;
            }
            Err(error) => return Err(error),
        };
        let separation = recipe.contenders[0].separate;
        let stems = separate(&model, sound.mixture.view(), sound.sample_rate, &separation)?;
        match score(&sound, &stems) {
            Some(scores) => {
                clips.push(Clip {
                    song: song.name.clone(),
                    group: song.group.clone(),
                    model: model.preparation.contender.clone(),
                    rendering: Rendering::Product,
                    native: true,
                    measures: measures(&scores),
                });
            }
            None => observer.warn(&format!(
                "`{}` cannot be scored: its voice or accompaniment is silent or unknown",
                song.name
            )),
        }
        if observer.advance(index as u64 + 1, "").is_break() {
            return Err(Error::Interrupted);
        }
    }
    observer.end(&format!("{} songs", clips.len()));
    if clips.is_empty() {
        return Err(Error::Data(format!("no song of {} could be scored", options.manifest.display())));
    }
    let metrics = Metrics {
        pipeline: "separation".into(),
        run: run.name(),
        manifest: options.manifest.display().to_string(),
        metrics: figures(&spreads(&clips.iter().collect::<Vec<_>>())?),
    };
    let folder = evaluation_folder(run, &options.manifest)?;
    files::write(&folder.join("clips.csv"), table(&clips)?)?;
    files::write_json(&folder.join("metrics.json"), &metrics)?;
    files::write_json(&run.path("metrics.json"), &metrics)?;
    Ok(Evaluation { metrics, folder, skipped: listed - clips.len() })
}
