//! The experiments: models on background speakers, choices by development speakers, figures on test speakers. Each number of
//! Gaussians and seed is a job with a file of its own, so that a killed run goes on where it was.

use std::collections::{BTreeMap, HashMap};

use auscult_eval_metrics::{
    DiarizationErrors, DiarizationScores, DiarizationScoring, JaccardErrors, Segment,
};
use auscult_fa_speaker::{SpeakerModel, Statistics};
use ndarray::ArrayView1;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::clusterings::{Calibration, Measures, calibration, choose_threshold};
use super::conversations::{Conversation, conversation, cut_segments, turns};
use super::corpus::{Corpus, Meeting, Utterance, read_manifest, read_meetings};
use super::diarize::{Segments, SpeakerCount, Turn, filled};
use super::front_end::{FeatureExtractor, Speech, seconds};
use super::infer::Diarizer;
use super::model::{DiarizationModel, Notes, Tuned};
use super::recipe::{Diarization, Recipe};
use super::results::{self, Results};
use super::systems::{Described, System, Trained};
use crate::observer::Observer;
use crate::pipeline::TrainOptions;
use crate::random::Random;
use crate::run::{Run, fingerprint};
use crate::{Error, Result, files};

/// A clustered conversation of test speakers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Clustered {
    /// Speakers in it.
    pub speakers: usize,
    /// With the number of speakers told.
    pub known: Measures,
    /// With the threshold that development speakers chose.
    pub automatic: Measures,
}

/// What one job finds.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Found {
    pub(crate) components: usize,
    pub(crate) seed: u64,
    /// Evidence scale each system that has one was given, on development segments.
    pub(crate) development: BTreeMap<System, Calibration>,
    /// The same scale on test segments.
    pub(crate) test: BTreeMap<System, Calibration>,
    pub(crate) thresholds: BTreeMap<System, f64>,
    pub(crate) clustered: BTreeMap<System, Vec<Clustered>>,
    pub(crate) diarization: Option<FoundTurns>,
    pub(crate) seconds: f64,
}

/// What is found from sound to turns.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct FoundTurns {
    pub(crate) tuned: Tuned,
    /// Errors with a collar on the conversations that chose it.
    pub(crate) development: DiarizationErrors,
    pub(crate) conversations: Vec<ScoredTurns>,
    pub(crate) long: Vec<ScoredTurns>,
}

/// The turns of one recording beside the truth.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ScoredTurns {
    /// Name or number.
    pub name: String,
    /// Seconds.
    pub seconds: f64,
    /// Speakers in the truth.
    pub speakers: usize,
    /// Speakers found.
    pub found: usize,
    /// Errors with 0.25 s around boundaries left out.
    pub collar: DiarizationErrors,
    /// Errors with nothing left out.
    pub full: DiarizationErrors,
    /// Jaccard errors, nothing left out.
    pub jaccard: JaccardErrors,
    /// Errors with the number of speakers told, nothing left out.
    pub known_count: DiarizationErrors,
}

/// The collar of NIST's evaluations, seconds on each side.
const COLLAR: f64 = 0.25;

/// Trains by `recipe`, evaluates on its own protocol and leaves the run folder: `run.json`, `recipe.toml`, `model.safetensors` and
/// `model.json`, `jobs/`, `results.json`, `metrics.json`. Called again with the same recipe and data it goes on where it was, or returns
/// at once.
///
/// # Errors
/// Bad manifests, recordings and recipes, each named; [`Error::Interrupted`] when the observer stops it.
pub fn train(
    name: &str,
    recipe: &Recipe,
    options: &TrainOptions,
    observer: &mut dyn Observer,
) -> Result<Run> {
    let recordings = read_manifest(&recipe.data.manifest, &recipe.root())?;
    let run = Run::open_or_create(&options.runs, "speakers", name, &run_fingerprint(recipe, options)?)?;
    if files::read_json::<Results>(&run.path("results.json"))?.is_some() {
        observer.begin(&format!("run {} is complete", run.name()), 0);
        observer.end("nothing to do; change the recipe or remove the folder to train anew");
        return Ok(run);
    }
    let toml = crate::pipeline::recipe::text(recipe)?;
    files::write(&run.path("recipe.toml"), toml)?;
    let extractor = recipe.front_end.plan()?;
    let corpus = Corpus::prepare(&recordings, &extractor, options.skip_bad, observer)?;
    run.begun_with(corpus.fingerprint())?;
    let experiment = Experiment { recipe, corpus: &corpus, extractor: &extractor, run: &run };
    let mut found = Vec::new();
    for &seed in &recipe.protocol.seeds {
        for (index, &components) in recipe.models.components.iter().enumerate() {
            found.push(experiment.job(components, seed, index == 0, observer)?);
        }
    }
    let meetings = match &recipe.data.meetings {
        None => Vec::new(),
        Some(manifest) => {
            let root = manifest.parent().unwrap_or(std::path::Path::new(""));
            let diarizer = Diarizer::new(DiarizationModel::of_run(&run)?)?;
            let (scored, _) =
                score_meetings(&diarizer, &read_meetings(manifest, root)?, options.skip_bad, observer)?;
            scored.into_iter().map(|(scored, _)| scored).collect()
        }
    };
    let results = results::summarise(&corpus, found, meetings)?;
    results::write(&run, &recipe.data.manifest, &results)?;
    Ok(run)
}

/// The name of the run that [`train`] would begin or go on with: the recipe's name and a hash of recipe, manifests, version and
/// `skip_bad`.
///
/// # Errors
/// [`Error::Io`] where a manifest cannot be read.
pub fn run_name(name: &str, recipe: &Recipe, options: &TrainOptions) -> Result<String> {
    Ok(Run::name_of(name, &run_fingerprint(recipe, options)?))
}

fn run_fingerprint(recipe: &Recipe, options: &TrainOptions) -> Result<String> {
    let read = |path: &std::path::Path| std::fs::read(path).map_err(Error::io("read", path));
    let table = read(&recipe.data.manifest)?;
    let meetings = recipe.data.meetings.as_deref().map(read).transpose()?.unwrap_or_default();
    let resolved = serde_json::to_vec(recipe).map_err(Error::part("the recipe"))?;
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    Ok(fingerprint(&[&resolved, &table, &meetings, version, &[u8::from(options.skip_bad)]]))
}

struct Experiment<'a> {
    recipe: &'a Recipe,
    corpus: &'a Corpus,
    extractor: &'a FeatureExtractor,
    run: &'a Run,
}

/// What a stream of random numbers is for.
#[derive(Clone, Copy)]
enum Purpose {
    Development = 2,
    Test = 3,
    DevelopmentSound = 4,
    TestSound = 5,
    DevelopmentLong = 6,
    TestLong = 7,
}

impl Experiment<'_> {
    /// One number of Gaussians and one seed; the first number also diarizes, and with the first seed gives the run's model.
    fn job(
        &self,
        components: usize,
        seed: u64,
        diarizes: bool,
        observer: &mut dyn Observer,
    ) -> Result<Found> {
        let file = self.run.path(format!("jobs/gaussians-{components}-seed-{seed}/found.json"));
        if let Some(found) = files::read_json(&file)? {
            return Ok(found);
        }
        let began = std::time::Instant::now();
        observer.begin(&format!("{components} Gaussians, seed {seed}"), 8);
        let mut step = 0;
        let mut observe = |note: &str| {
            step += 1;
            if observer.advance(step, note).is_break() { Err(Error::Interrupted) } else { Ok(()) }
        };
        let protocol = &self.recipe.protocol;
        let [development, test] = self.corpus.divide(protocol.development, protocol.speakers.1, seed)?;
        let background = self.corpus.background();
        let trained = Trained::fit(&background, components, seed, &self.recipe.models, &mut observe)?;
        observe("clustering")?;
        let mut found = self.clusterings(&trained, &development, &test, components, seed)?;
        if diarizes {
            observe("diarization")?;
            let turns = self.diarization(&trained, &found, &development, &test, seed)?;
            found.diarization = Some(turns);
        }
        found.seconds = began.elapsed().as_secs_f64();
        files::write_json(&file, &found)?;
        observer.end("written");
        Ok(found)
    }

    /// Pairs and conversations of given segments.
    fn clusterings(
        &self,
        trained: &Trained,
        development: &[Vec<&Utterance>],
        test: &[Vec<&Utterance>],
        components: usize,
        seed: u64,
    ) -> Result<Found> {
        let protocol = &self.recipe.protocol;
        let [of_development, of_test] =
            [(development, Purpose::Development), (test, Purpose::Test)].map(|(speakers, purpose)| {
                pooled_segments(trained, speakers, self.recipe, &mut Random::keyed(&[seed, purpose as u64]))
            });
        let (of_development, of_test) = (of_development?, of_test?);
        let mut found = Found {
            components,
            seed,
            development: BTreeMap::new(),
            test: BTreeMap::new(),
            thresholds: BTreeMap::new(),
            clustered: BTreeMap::new(),
            diarization: None,
            seconds: 0.0,
        };
        let draw = |speakers: &[Vec<&Utterance>], count: usize, purpose: Purpose| -> Result<Vec<Described>> {
            (0..count as u64)
                .into_par_iter()
                .map(|index| {
                    let mut random = Random::keyed(&[seed, purpose as u64, index]);
                    trained.describe(&turns(speakers, protocol, &mut random))
                })
                .collect()
        };
        let tuning = draw(development, protocol.development_conversations, Purpose::Development)?;
        let testing = draw(test, protocol.test_conversations, Purpose::Test)?;
        for system in System::ALL {
            let mut kappa = 1.0;
            if system.scales_evidence() {
                let scored = protocol
                    .kappas
                    .iter()
                    .map(|&kappa| calibration(&trained.scaled(system, kappa)?, &of_development))
                    .collect::<Result<Vec<Calibration>>>()?;
                if let Some(best) = scored.into_iter().min_by(|a, b| a.cllr.total_cmp(&b.cllr)) {
                    kappa = best.kappa;
                    found.development.insert(system, best);
                    found.test.insert(system, calibration(&trained.scaled(system, kappa)?, &of_test)?);
                }
            }
            let trees = tuning
                .par_iter()
                .map(|turns| Ok((turns, trained.cluster(system, kappa, turns)?)))
                .collect::<Result<Vec<_>>>()?;
            let threshold = choose_threshold(&trees)?;
            found.thresholds.insert(system, threshold);
            let clustered = testing
                .par_iter()
                .map(|turns| {
                    let tree = trained.cluster(system, kappa, turns)?;
                    let mut voices = turns.speakers.clone();
                    voices.sort_unstable();
                    voices.dedup();
                    Ok(Clustered {
                        speakers: voices.len(),
                        known: Measures::new(turns, &tree.cut_at_count(voices.len()))?,
                        automatic: Measures::new(turns, &tree.cut_at_distance(threshold, 1, usize::MAX))?,
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            found.clustered.insert(system, clustered);
        }
        Ok(found)
    }

    /// From sound to turns, on conversations of test speakers; evidence scale and threshold by those of development speakers.
    fn diarization(
        &self,
        trained: &Trained,
        found: &Found,
        development: &[Vec<&Utterance>],
        test: &[Vec<&Utterance>],
        seed: u64,
    ) -> Result<FoundTurns> {
        let settings = &self.recipe.diarization;
        let draw = |speakers: &[Vec<&Utterance>], count: usize, seconds: f64, purpose: Purpose| {
            let rate = self.recipe.front_end.sample_rate;
            let of = |index| Random::keyed(&[seed, purpose as u64, index]);
            (0..count as u64)
                .map(|index| conversation(speakers, &self.recipe.protocol, rate, seconds, &mut of(index)))
                .collect::<Vec<Conversation>>()
        };
        let listen = |conversation: Conversation| -> Result<(Conversation, Speech)> {
            let speech = self.extractor.features(ArrayView1::from(&conversation.samples))?;
            Ok((conversation, speech))
        };
        let (short, long) = (settings.development_conversations, settings.long_conversations);
        let mut tuning = draw(development, short, 0.0, Purpose::DevelopmentSound);
        tuning.extend(draw(development, long, settings.long_seconds, Purpose::DevelopmentLong));
        let tuning = tuning.into_par_iter().map(listen).collect::<Result<Vec<_>>>()?;
        let (tuned, development) = choose(trained, settings, &tuning)?;
        let kappa = found.development.get(&System::Proposed).map_or(1.0, |calibration| calibration.kappa);
        let model = DiarizationModel {
            speakers: trained.scaled(System::Proposed, kappa)?,
            front_end: self.recipe.front_end.clone(),
            notes: Notes { tuned, diarization: settings.clone() },
        };
        if seed == self.recipe.protocol.seeds[0] {
            model.save(&self.run.path("model"))?;
        }
        let diarizer = Diarizer::new(model)?;
        let tested = |conversations: Vec<Conversation>| -> Result<Vec<ScoredTurns>> {
            let of_one = |(index, one): (usize, &Conversation)| {
                let seconds = one.samples.len() as f64 / f64::from(self.recipe.front_end.sample_rate);
                let turns = |count| diarizer.diarize_mono(&one.samples, count);
                let known = turns(SpeakerCount::Known(voices(&one.turns)))?;
                score(
                    format!("{seed}-{index}"),
                    seconds,
                    &one.turns,
                    &turns(SpeakerCount::Automatic)?,
                    &known,
                )
            };
            conversations.par_iter().enumerate().map(of_one).collect()
        };
        let conversations = tested(draw(test, settings.test_conversations, 0.0, Purpose::TestSound))?;
        let long = tested(draw(test, settings.long_conversations, settings.long_seconds, Purpose::TestLong))?;
        Ok(FoundTurns { tuned, development, conversations, long })
    }
}

/// All segments of some speakers, each with its speaker.
fn pooled_segments(
    trained: &Trained,
    speakers: &[Vec<&Utterance>],
    recipe: &Recipe,
    random: &mut Random,
) -> Result<Vec<(usize, Statistics)>> {
    let mut segments = Vec::new();
    for (speaker, utterances) in speakers.iter().enumerate() {
        segments.extend(
            cut_segments(utterances, &recipe.protocol, random).into_iter().map(|segment| (speaker, segment)),
        );
    }
    segments
        .par_iter()
        .map(|(speaker, segment)| {
            let statistics = trained.proposed.statistics(segment.view());
            Ok((*speaker, statistics.map_err(Error::part("statistics"))?))
        })
        .collect()
}

/// The evidence scale and its bounds, the threshold and the pauses of least errors on development conversations, short and long; of
/// equals the middle choice. And these errors.
fn choose(
    trained: &Trained,
    settings: &Diarization,
    conversations: &[(Conversation, Speech)],
) -> Result<(Tuned, DiarizationErrors)> {
    let models = settings
        .kappas
        .iter()
        .map(|&kappa| Ok((kappa, trained.scaled(System::Proposed, kappa)?)))
        .collect::<Result<Vec<(f64, SpeakerModel)>>>()?;
    // Errors of one conversation by every choice, in the same order.
    let of_one = |(truth, speech): &(Conversation, Speech)| {
        let segments = Segments::new(&trained.proposed, speech, settings)?;
        let by_fill = |model, labels: &[Option<usize>], unpenalised| -> Result<Vec<DiarizationErrors>> {
            let count = SpeakerCount::Automatic;
            let (turns, _) = segments.resegmented(model, labels, unpenalised, count, settings)?;
            let errors =
                |&fill| Ok(scored(&truth.turns, &named(filled(turns.clone(), fill)), COLLAR)?.errors);
            settings.fills.iter().map(errors).collect()
        };
        let mut all = Vec::new();
        for &(kappa, ref model) in &models {
            // Many choices cut a conversation alike.
            let mut known: HashMap<(Vec<Option<usize>>, usize), Vec<DiarizationErrors>> = HashMap::new();
            for &most_evidence in &settings.most_evidence {
                let tree = segments.cluster(model, most_evidence)?;
                for &threshold in &settings.thresholds {
                    let labels = segments.labels(&tree, threshold, SpeakerCount::Automatic, settings);
                    for (index, &unpenalised) in settings.unpenalised.iter().enumerate() {
                        let key = (labels.clone(), index);
                        if !known.contains_key(&key) {
                            known.insert(key.clone(), by_fill(model, &labels, unpenalised)?);
                        }
                        let tuned = |&fill| Tuned { kappa, threshold, fill, most_evidence, unpenalised };
                        all.extend(settings.fills.iter().map(tuned).zip(known[&key].clone()));
                    }
                }
            }
        }
        Ok(all)
    };
    let errors =
        conversations.par_iter().map(of_one).collect::<Result<Vec<Vec<(Tuned, DiarizationErrors)>>>>()?;
    let first = errors.first().ok_or_else(|| Error::Data("there is no conversation to choose by".into()))?;
    let tried: Vec<(Tuned, DiarizationErrors)> = first
        .iter()
        .enumerate()
        .map(|(i, &(tuned, _))| (tuned, errors.iter().map(|of| of[i].1).sum()))
        .collect();
    let least = tried.iter().map(|(_, errors)| errors.rate()).fold(f64::INFINITY, f64::min);
    let best: Vec<_> = tried.iter().filter(|(_, errors)| errors.rate() <= least).collect();
    Ok(*best[best.len() / 2])
}

fn named(turns: Vec<Turn>) -> Vec<Segment> {
    let named = |(from, to, who): Turn| Segment::new(seconds(from), seconds(to), who.to_string());
    turns.into_iter().map(named).collect()
}

fn voices(turns: &[Segment]) -> usize {
    turns.iter().map(|turn| &turn.label).collect::<std::collections::BTreeSet<_>>().len()
}

fn scored(reference: &[Segment], hypothesis: &[Segment], collar: f64) -> Result<DiarizationScores> {
    DiarizationScoring::default()
        .collar(collar)
        .evaluate(reference, hypothesis, None)
        .map_err(Error::part("scoring turns"))
}

fn score(
    name: String,
    seconds: f64,
    reference: &[Segment],
    automatic: &[Segment],
    known: &[Segment],
) -> Result<ScoredTurns> {
    let full = scored(reference, automatic, 0.0)?;
    Ok(ScoredTurns {
        name,
        seconds,
        speakers: voices(reference),
        found: voices(automatic),
        collar: scored(reference, automatic, COLLAR)?.errors,
        full: full.errors,
        jaccard: full.jaccard,
        known_count: scored(reference, known, 0.0)?.errors,
    })
}

/// The scores of a recording, and the turns that were found in it.
pub(crate) type ScoredMeeting = (ScoredTurns, Vec<Segment>);

/// Diarizes recordings that come with their truth, and how many were left out.
///
/// # Errors
/// Without `skip_bad` the first bad recording; RTTM files that cannot be read or do not name the recording.
pub(crate) fn score_meetings(
    diarizer: &Diarizer,
    meetings: &[Meeting],
    skip_bad: bool,
    observer: &mut dyn Observer,
) -> Result<(Vec<ScoredMeeting>, usize)> {
    use super::infer::DiarizeOptions;
    observer.begin("recordings with several speakers", meetings.len() as u64);
    let (mut all, mut skipped) = (Vec::new(), 0);
    for (index, meeting) in meetings.iter().enumerate() {
        let recordings =
            auscult_eval_metrics::read_rttm(&meeting.rttm).map_err(Error::part("the reference"))?;
        let named = recordings.get(&meeting.name);
        // A file about one recording may call it what it likes.
        let reference = named.or(if recordings.len() == 1 { recordings.values().next() } else { None });
        let Some(reference) = reference else {
            let problem = format!("{} says nothing about `{}`", meeting.rttm.display(), meeting.name);
            return Err(Error::recording(&meeting.path, problem));
        };
        let listen =
            |speakers| diarizer.diarize(&meeting.path, &DiarizeOptions { speakers, lenient: skip_bad });
        let heard = if reference.iter().any(|turn| turn.end > turn.start) {
            listen(SpeakerCount::Automatic)
        } else {
            let problem = format!("{} has no turn of any length: nothing to score", meeting.rttm.display());
            Err(Error::recording(&meeting.path, problem))
        };
        match heard {
            Ok(automatic) => {
                let known = listen(SpeakerCount::Known(voices(reference)))?;
                let scored = score(
                    meeting.name.clone(),
                    automatic.seconds,
                    reference,
                    &automatic.turns,
                    &known.turns,
                )?;
                all.push((scored, automatic.turns));
            }
            Err(error @ Error::Recording { .. }) if skip_bad => {
                observer.warn(&format!("skipped {error}"));
                skipped += 1;
            }
            Err(error) => return Err(error),
        }
        if observer.advance(index as u64 + 1, "").is_break() {
            return Err(Error::Interrupted);
        }
    }
    observer.end(&format!("{} recordings", all.len()));
    Ok((all, skipped))
}
