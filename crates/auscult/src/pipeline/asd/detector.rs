//! The system of Fig. 1, trained: front ends, a back end behind each, and their errors on one scale.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use auscult_dereverb::Complex;
use auscult_stft_mel::{MelFilterBank, Stft, StftParams};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, concatenate};
use serde::{Deserialize, Serialize};

use super::back_ends::{AutoencoderParams, BackEnd, Fitted};
use super::features::{FeatureParams, Scaling, mel_energies};
use super::front_ends::{Dereverberation, Dereverberator, ExtractionParams, Extractors, FrontEnd, Stream};
use super::parallel;
use crate::observer::Observer;
use crate::random::Random;
use crate::{Error, Result, files};

/// Everything a detector is told besides its training sounds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectorParams {
    /// Spectra to vectors.
    pub features: FeatureParams,
    /// Blind dereverberation of (E) to (H).
    pub dereverberation: Dereverberation,
    /// The three extractors.
    pub extraction: ExtractionParams,
    /// The paper's back end.
    pub autoencoder: AutoencoderParams,
    /// The front ends to train.
    pub front_ends: Vec<FrontEnd>,
    /// The back ends behind each of them.
    pub back_ends: Vec<BackEnd>,
}

impl Default for DetectorParams {
    fn default() -> Self {
        Self {
            features: FeatureParams::default(),
            dereverberation: Dereverberation::default(),
            extraction: ExtractionParams::default(),
            autoencoder: AutoencoderParams::default(),
            front_ends: FrontEnd::ALL.to_vec(),
            back_ends: vec![BackEnd::Autoencoder],
        }
    }
}

impl DetectorParams {
    pub(super) fn check(&self) -> Result<(), String> {
        for (name, count) in [("front_ends", self.front_ends.len()), ("back_ends", self.back_ends.len())] {
            if count == 0 {
                return Err(format!("{name} is empty: name at least one"));
            }
        }
        self.autoencoder.training.check(false).map_err(|error| format!("autoencoder.training: {error}"))?;
        if self.features.frames == 0 || self.features.hop_length == 0 {
            return Err("features.frames and features.hop_length must be at least 1".into());
        }
        Analysis::new(self).map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// A back end behind a front end: a row of Table 1.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Row {
    pub(super) back_end: BackEnd,
    pub(super) front_end: FrontEnd,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}-{:?}", self.back_end.name(), self.front_end)
    }
}

/// Standardised errors (e - μ) / σ of each row, [channel, vector].
pub(super) type Errors = BTreeMap<Row, Array2<f32>>;

/// The transforms, which need no training.
struct Analysis {
    stft: Stft<f32>,
    filters: MelFilterBank<f32>,
    dereverberator: Dereverberator,
}

impl Analysis {
    fn new(params: &DetectorParams) -> Result<Self> {
        let features = &params.features;
        let stft = StftParams::new(features.n_fft).hop_length(features.hop_length).plan();
        Ok(Self {
            stft: stft.map_err(Error::part("the spectra"))?,
            filters: features.filters()?,
            dereverberator: Dereverberator::new(&params.dereverberation)?,
        })
    }

    fn spectrum(&self, audio: ArrayView2<f32>) -> Result<Array3<Complex<f32>>> {
        self.stft.forward_multi(audio).map_err(Error::part("the spectra"))
    }

    /// A stream of a recording's spectrum.
    fn stream(&self, stream: Stream, observed: ArrayView3<Complex<f32>>) -> Result<Array3<Complex<f32>>> {
        match stream {
            Stream::Observed => Ok(observed.to_owned()),
            Stream::Dereverberated => self.dereverberator.process(observed),
        }
    }

    /// Mel energies [frame, band] of each channel behind each of the front ends of one stream.
    fn energies(
        &self,
        spectrum: ArrayView3<Complex<f32>>,
        front_ends: &[FrontEnd],
        extractors: Option<&Extractors>,
    ) -> Result<BTreeMap<FrontEnd, Vec<Array2<f32>>>> {
        let channels = spectrum.len_of(Axis(0));
        let amplitudes = amplitudes(spectrum);
        let mut energies = BTreeMap::new();
        for &front_end in front_ends {
            let residual;
            let heard = match (front_end.extraction(), extractors) {
                (Some(extraction), Some(extractors)) => {
                    residual = extractors.residual(extraction, amplitudes.view())?;
                    residual.view()
                }
                (Some(_), None) => {
                    return Err(Error::Data(format!(
                        "front end {front_end:?} extracts, but no atoms were learnt"
                    )));
                }
                (None, _) => amplitudes.view(),
            };
            let all = mel_energies(&self.filters, heard)?;
            let frames = all.nrows() / channels;
            let of_channel = all.axis_chunks_iter(Axis(0), frames.max(1)).map(|part| part.to_owned());
            energies.insert(front_end, of_channel.collect());
        }
        Ok(energies)
    }
}

/// [channel · frame, bin]
fn amplitudes(spectrum: ArrayView3<Complex<f32>>) -> Array2<f32> {
    let (channels, frames, bins) = spectrum.dim();
    let values: Vec<f32> = spectrum.iter().map(|z| z.norm()).collect();
    // the shape holds exactly these values
    Array2::from_shape_vec((channels * frames, bins), values).unwrap_or_default()
}

/// A trained row: scaling, back end, and μ and σ of eq. (8).
struct TrainedRow {
    row: Row,
    scaling: Scaling,
    // libtorch's tensors may not be used by two threads at once
    back_end: Mutex<Fitted>,
    mean: f64,
    deviation: f64,
}

/// What stands beside a back end's weights.
#[derive(Deserialize, Serialize)]
struct Metadata {
    scaling: Scaling,
    mean: f64,
    deviation: f64,
}

/// Where training sounds come from: how many there are, and each, [channel, sample].
pub(super) struct Sounds<'a> {
    pub(super) count: usize,
    pub(super) sound: &'a (dyn Fn(usize) -> Result<Array2<f32>> + Sync),
}

/// A trained detector.
pub(super) struct Detector {
    params: DetectorParams,
    analysis: Analysis,
    extractors: BTreeMap<Stream, Extractors>,
    rows: Vec<TrainedRow>,
}

impl Detector {
    /// Learns from normal sounds. Every part lands in `folder` as soon as it is done, and the same call goes on from
    /// there.
    pub(super) fn fit(
        params: &DetectorParams,
        sounds: &Sounds,
        seed: u64,
        folder: &Path,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        // Sums of several threads would depend on their number; rows are trained side by side instead.
        auscult_models_tch::set_threads(1).map_err(Error::part("libtorch"))?;
        let analysis = Analysis::new(params)?;
        let extractors = learn_atoms(params, &analysis, sounds, seed, folder, observer)?;
        let rows: Vec<Row> = params
            .back_ends
            .iter()
            .flat_map(|&back_end| params.front_ends.iter().map(move |&front_end| Row { back_end, front_end }))
            .collect();
        let missing: Vec<Row> = rows.iter().copied().filter(|row| !done(folder, *row)).collect();
        if !missing.is_empty() {
            let energies = training_energies(&analysis, &missing, &extractors, sounds, observer)?;
            fit_rows(params, &missing, &energies, seed, folder, observer)?;
        }
        files::write_json(&folder.join("detector.json"), params)?;
        Self::load(folder)
    }

    /// Reads what [`Self::fit`] left in `folder`.
    pub(super) fn load(folder: &Path) -> Result<Self> {
        let missing = || Error::Run {
            path: folder.into(),
            problem: "there is no trained detector here; train it first".into(),
        };
        let params: DetectorParams = files::read_json(&folder.join("detector.json"))?.ok_or_else(missing)?;
        params.check().map_err(|problem| Error::Run {
            path: folder.into(),
            problem: format!("detector.json is damaged ({problem}); train the detector again"),
        })?;
        let analysis = Analysis::new(&params)?;
        let mut extractors = BTreeMap::new();
        for stream in streams(&params.front_ends, true) {
            let path = atoms_file(folder, stream);
            let atoms = files::read_npy(&path).ok_or_else(|| Error::Run {
                path,
                problem: "this is no whole table of atoms; train the detector again".into(),
            })?;
            extractors.insert(stream, Extractors::with_atoms(&params.extraction, atoms.view())?);
        }
        let mut rows = Vec::new();
        for &back_end in &params.back_ends {
            for &front_end in &params.front_ends {
                let row = Row { back_end, front_end };
                let (fitted, metadata) = Fitted::load(back_end, &folder.join(row.to_string()).join("model"))?;
                let metadata: Metadata =
                    serde_json::from_value(metadata).map_err(Error::part(format!("the model of {row}")))?;
                let Metadata { scaling, mean, deviation } = metadata;
                if !fitted.fits(params.features.width()) || !scaling.fits(&params.features) {
                    let problem =
                        format!("the model of {row} is for other features; train the detector again");
                    return Err(Error::Run { path: folder.into(), problem });
                }
                rows.push(TrainedRow { row, scaling, back_end: Mutex::new(fitted), mean, deviation });
            }
        }
        Ok(Self { params, analysis, extractors, rows })
    }

    pub(super) fn params(&self) -> &DetectorParams {
        &self.params
    }

    /// The spectrum [channel, frame, bin] of a recording [channel, sample].
    pub(super) fn spectrum(&self, audio: ArrayView2<f32>) -> Result<Array3<Complex<f32>>> {
        self.analysis.spectrum(audio)
    }

    pub(super) fn dereverberator(&self) -> &Dereverberator {
        &self.analysis.dereverberator
    }

    /// The errors of all rows on a recording.
    pub(super) fn errors(&self, audio: ArrayView2<f32>) -> Result<Errors> {
        Ok(self.hear(audio)?.0)
    }

    /// The errors of all rows on a recording, and what the last of the front ends leaves of it: mel energies
    /// [frame, band], mean over the channels.
    pub(super) fn hear(&self, audio: ArrayView2<f32>) -> Result<(Errors, Array2<f32>)> {
        let observed = self.spectrum(audio)?;
        let (mut errors, mut last) = (Errors::new(), None);
        for stream in streams(&self.params.front_ends, false) {
            let spectrum = self.analysis.stream(stream, observed.view())?;
            let energies = self.energies(stream, spectrum.view(), &self.params.front_ends)?;
            errors.append(&mut self.errors_behind(&energies)?);
            last = energies.into_values().next_back();
        }
        let channels = last.unwrap_or_default();
        let mut residual = Array2::zeros(channels.first().map_or((0, 0), |channel| channel.dim()));
        channels.iter().for_each(|channel| residual.scaled_add(1.0 / channels.len() as f32, channel));
        Ok((errors, residual))
    }

    /// The errors of the rows behind `stream` that begin with one of `front_ends`, on what is said to be that stream.
    pub(super) fn errors_of_stream(
        &self,
        stream: Stream,
        spectrum: ArrayView3<Complex<f32>>,
        front_ends: &[FrontEnd],
    ) -> Result<Errors> {
        self.errors_behind(&self.energies(stream, spectrum, front_ends)?)
    }

    /// Mel energies of each channel behind those of `front_ends` that begin with this stream.
    fn energies(
        &self,
        stream: Stream,
        spectrum: ArrayView3<Complex<f32>>,
        front_ends: &[FrontEnd],
    ) -> Result<BTreeMap<FrontEnd, Vec<Array2<f32>>>> {
        self.analysis.energies(spectrum, &of_stream(stream, front_ends), self.extractors.get(&stream))
    }

    fn errors_behind(&self, energies: &BTreeMap<FrontEnd, Vec<Array2<f32>>>) -> Result<Errors> {
        let mut errors = Errors::new();
        for trained in &self.rows {
            if let Some(channels) = energies.get(&trained.row.front_end) {
                errors.insert(trained.row, trained.standardised(channels)?);
            }
        }
        Ok(errors)
    }

    /// Σ μ / σ over the rows of the first back end: what makes sums of standardised errors positive.
    pub(super) fn offset(&self, members: &[FrontEnd]) -> f64 {
        let first = self.params.back_ends.first();
        let counted = self.rows.iter().filter(|trained| {
            Some(&trained.row.back_end) == first && members.contains(&trained.row.front_end)
        });
        counted.map(|trained| trained.mean / trained.deviation).sum()
    }
}

impl TrainedRow {
    fn standardised(&self, channels: &[Array2<f32>]) -> Result<Array2<f32>> {
        let errors = channel_errors(&self.back_end, &self.scaling, channels)?;
        Ok(errors.mapv(|error| ((f64::from(error) - self.mean) / self.deviation) as f32))
    }
}

/// e of eq. (8), [channel, vector].
fn channel_errors(
    back_end: &Mutex<Fitted>,
    scaling: &Scaling,
    channels: &[Array2<f32>],
) -> Result<Array2<f32>> {
    let vectors: Vec<f32> = channels.iter().flat_map(|channel| scaling.vectors(channel.view())).collect();
    let back_end = back_end.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let errors = back_end.errors(&vectors, scaling.width())?;
    let per_channel = errors.len() / channels.len().max(1);
    Array2::from_shape_vec((channels.len(), per_channel), errors).map_err(Error::part("errors"))
}

/// The streams of these front ends; with `extracting`, those that are extracted from.
fn streams(front_ends: &[FrontEnd], extracting: bool) -> Vec<Stream> {
    let wanted = |stream: &Stream| {
        front_ends.iter().any(|front_end| {
            front_end.stream() == *stream && (!extracting || front_end.extraction().is_some())
        })
    };
    [Stream::Observed, Stream::Dereverberated].into_iter().filter(wanted).collect()
}

fn of_stream(stream: Stream, front_ends: &[FrontEnd]) -> Vec<FrontEnd> {
    front_ends.iter().copied().filter(|front_end| front_end.stream() == stream).collect()
}

fn atoms_file(folder: &Path, stream: Stream) -> std::path::PathBuf {
    folder.join(match stream {
        Stream::Observed => "atoms-observed.npy",
        Stream::Dereverberated => "atoms-dereverberated.npy",
    })
}

/// Learns W of each stream that extractors work on, from frames drawn evenly over all sounds and channels.
fn learn_atoms(
    params: &DetectorParams,
    analysis: &Analysis,
    sounds: &Sounds,
    seed: u64,
    folder: &Path,
    observer: &mut dyn Observer,
) -> Result<BTreeMap<Stream, Extractors>> {
    let mut extractors = BTreeMap::new();
    let mut missing = Vec::new();
    for stream in streams(&params.front_ends, true) {
        match files::read_npy(&atoms_file(folder, stream)) {
            Some(atoms) => {
                extractors.insert(stream, Extractors::with_atoms(&params.extraction, atoms.view())?);
            }
            None => missing.push(stream),
        }
    }
    if missing.is_empty() {
        return Ok(extractors);
    }
    let frames = parallel::each("sound to learn atoms from", sounds.count, observer, |index| {
        let observed = analysis.spectrum((sounds.sound)(index)?.view())?;
        missing
            .iter()
            .map(|&stream| {
                let amplitudes = amplitudes(analysis.stream(stream, observed.view())?.view());
                let stride =
                    (amplitudes.nrows() * sounds.count).div_ceil(params.extraction.learning_frames.max(1));
                let drawn: Vec<usize> = (index % stride..amplitudes.nrows()).step_by(stride).collect();
                Ok(amplitudes.select(Axis(0), &drawn))
            })
            .collect::<Result<Vec<_>>>()
    })?;
    let learnt = parallel::each("atoms", missing.len(), observer, |position| {
        let parts: Vec<ArrayView2<f32>> = frames.iter().map(|of_sound| of_sound[position].view()).collect();
        let amplitudes = concatenate(Axis(0), &parts).map_err(Error::part("learning atoms"))?;
        Extractors::learn(&params.extraction, amplitudes.view(), seed)
    })?;
    for (stream, learnt) in missing.into_iter().zip(learnt) {
        files::write_npy(&atoms_file(folder, stream), &learnt.atoms())?;
        extractors.insert(stream, learnt);
    }
    Ok(extractors)
}

/// Mel energies of every channel of every sound, behind each front end that is still to be trained.
fn training_energies(
    analysis: &Analysis,
    rows: &[Row],
    extractors: &BTreeMap<Stream, Extractors>,
    sounds: &Sounds,
    observer: &mut dyn Observer,
) -> Result<BTreeMap<FrontEnd, Vec<Array2<f32>>>> {
    let mut front_ends: Vec<FrontEnd> = rows.iter().map(|row| row.front_end).collect();
    front_ends.sort();
    front_ends.dedup();
    let of_sounds = parallel::each("front ends of training sounds", sounds.count, observer, |index| {
        let observed = analysis.spectrum((sounds.sound)(index)?.view())?;
        let mut energies = BTreeMap::new();
        for stream in streams(&front_ends, false) {
            let spectrum = analysis.stream(stream, observed.view())?;
            let wanted = of_stream(stream, &front_ends);
            energies.append(&mut analysis.energies(spectrum.view(), &wanted, extractors.get(&stream))?);
        }
        Ok(energies)
    })?;
    let mut energies: BTreeMap<FrontEnd, Vec<Array2<f32>>> = BTreeMap::new();
    for of_sound in of_sounds {
        for (front_end, channels) in of_sound {
            energies.entry(front_end).or_default().extend(channels);
        }
    }
    Ok(energies)
}

/// Trains rows side by side; each is written as soon as it is done.
fn fit_rows(
    params: &DetectorParams,
    rows: &[Row],
    energies: &BTreeMap<FrontEnd, Vec<Array2<f32>>>,
    seed: u64,
    folder: &Path,
    observer: &mut dyn Observer,
) -> Result<()> {
    let stop = AtomicBool::new(false);
    parallel::each("back ends", rows.len(), observer, |index| {
        let row = rows[index];
        let outcome = fit_row(params, row, &energies[&row.front_end], seed, folder, &mut || {
            stop.load(Ordering::Relaxed)
        });
        if outcome.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        outcome
    })?;
    Ok(())
}

fn fit_row(
    params: &DetectorParams,
    row: Row,
    channels: &[Array2<f32>],
    seed: u64,
    folder: &Path,
    stop: &mut dyn FnMut() -> bool,
) -> Result<()> {
    let folder = folder.join(row.to_string());
    let seed = Random::keyed(&[seed, row.front_end as u64, row.back_end as u64]).next();
    let scaling = Scaling::fit(&params.features, channels);
    let vectors: Vec<f32> = channels.iter().flat_map(|channel| scaling.vectors(channel.view())).collect();
    let width = scaling.width();
    if vectors.len() < 2 * width {
        return Err(Error::Data(format!(
            "the training sounds are too short: they must fill at least two vectors of {:.2} s",
            params.features.seconds()
        )));
    }
    let fitted = Fitted::fit(row.back_end, &params.autoencoder, &vectors, width, seed, &folder, stop)?;
    let errors = fitted.errors(&vectors, width)?;
    let count = errors.len() as f64;
    let mean = errors.iter().map(|&e| f64::from(e)).sum::<f64>() / count;
    let variance = errors.iter().map(|&e| (f64::from(e) - mean).powi(2)).sum::<f64>() / count;
    let metadata = Metadata { scaling, mean, deviation: variance.sqrt().max(1e-12) };
    let metadata = serde_json::to_value(metadata).map_err(Error::part("the model"))?;
    fitted.save(&folder.join("model"), &metadata)?;
    files::remove_checkpoint(&folder)
}

fn done(folder: &Path, row: Row) -> bool {
    folder.join(row.to_string()).join("model.json").is_file()
}
