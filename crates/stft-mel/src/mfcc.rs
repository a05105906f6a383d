//! Mel-frequency cepstral coefficients, by the name of the toolkit that defines them.

use ndarray::{Array1, Array2, ArrayView1, ArrayViewMut1, Axis, Slice};

use crate::dct::{dct_matrix, lifter_weights};
use crate::error::{Result, check};
use crate::{
    Fbank, FbankParams, LogScale, MelParams, MelSpectrogram, MelSpectrogramParams, Real, StftParams,
};

/// Whose MFCC: how the log mel spectrum is made, how the DCT is scaled and where the energy goes.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum MfccFrontEnd {
    /// `librosa.feature.mfcc`: [`LogScale::power_db`] of a mel spectrogram, orthonormal DCT.
    Librosa(MelSpectrogramParams),
    /// HTK: log filter bank, DCT with every row scaled by `sqrt(2/N)`, energy last (HTK book, ch. 5).
    Htk(FbankParams),
    /// Kaldi: log filter bank, orthonormal DCT, energy first.
    Kaldi(FbankParams),
}

/// What stands for the level of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum EnergyTerm {
    /// Nothing: coefficients 1, 2, ...
    None,
    /// Coefficient 0.
    #[default]
    C0,
    /// The log energy of the samples, after the mean is removed and before pre-emphasis and window. HTK and Kaldi only.
    LogEnergy,
}

/// MFCC of a named convention. [`plan`](MfccParams::plan) checks it.
///
/// With `serde`, every field must be given: the toolkits' defaults differ.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct MfccParams {
    /// The convention, with its filter bank.
    pub front_end: MfccFrontEnd,
    /// Columns of the result, the energy term included.
    pub n_mfcc: usize,
    /// Cepstral lifter `1 + L/2 sin(π k / L)`; 0 for none.
    pub lifter: f64,
    /// The energy term.
    pub energy: EnergyTerm,
    /// HTK's `ENORMALISE`: log energy becomes `1 - 0.1 (max - e)`, nothing more than 50 dB below the loudest frame of
    /// the signal.
    pub normalize_energy: bool,
}

impl Default for MfccParams {
    fn default() -> Self {
        Self::librosa(22_050)
    }
}

impl MfccParams {
    /// `librosa.feature.mfcc`: 20 coefficients from 0, of 128 bands, n_fft 2048, hop 512, no lifter.
    pub fn librosa(sample_rate: u32) -> Self {
        let mel = MelSpectrogramParams::new(StftParams::default(), MelParams::new(sample_rate, 128));
        Self::new(MfccFrontEnd::Librosa(mel))
    }

    /// HTK's `MFCC_E`: coefficients 1 to 12 and the normalised log energy, of 23 bands, lifter 22.
    pub fn htk(sample_rate: u32) -> Self {
        Self::new(MfccFrontEnd::Htk(FbankParams::htk(sample_rate)))
    }

    /// Kaldi's `compute-mfcc-feats --dither=0`: the log energy and coefficients 1 to 12, of 23 bands, lifter 22.
    pub fn kaldi(sample_rate: u32) -> Self {
        Self::new(MfccFrontEnd::Kaldi(FbankParams::kaldi(sample_rate)))
    }

    /// The defaults of a convention over a given front end.
    pub fn new(front_end: MfccFrontEnd) -> Self {
        let librosa = matches!(front_end, MfccFrontEnd::Librosa(_));
        let htk = matches!(front_end, MfccFrontEnd::Htk(_));
        MfccParams {
            n_mfcc: if librosa { 20 } else { 13 },
            lifter: if librosa { 0.0 } else { 22.0 },
            energy: if librosa { EnergyTerm::C0 } else { EnergyTerm::LogEnergy },
            normalize_energy: htk,
            front_end,
        }
    }

    /// Sets the number of columns, the energy term included.
    pub fn n_mfcc(mut self, n_mfcc: usize) -> Self {
        self.n_mfcc = n_mfcc;
        self
    }

    /// Sets the cepstral lifter.
    pub fn lifter(mut self, lifter: f64) -> Self {
        self.lifter = lifter;
        self
    }

    /// Sets the energy term.
    pub fn energy(mut self, energy: EnergyTerm) -> Self {
        self.energy = energy;
        self
    }

    /// Chooses HTK's energy normalisation.
    pub fn normalize_energy(mut self, normalize: bool) -> Self {
        self.normalize_energy = normalize;
        self
    }

    /// Checks the parameters and prepares the features.
    ///
    /// # Errors
    /// [`BadParam`](crate::Error::BadParam) for more coefficients than bands, a negative lifter, or a log energy of librosa's front
    /// end; and what the front end refuses.
    pub fn plan<T: Real>(&self) -> Result<Mfcc<T>> {
        let front_end = match &self.front_end {
            MfccFrontEnd::Librosa(mel) => FrontEnd::Librosa(mel.plan()?),
            MfccFrontEnd::Htk(fbank) | MfccFrontEnd::Kaldi(fbank) => FrontEnd::Speech(fbank.plan()?),
        };
        let n_mels = match &front_end {
            FrontEnd::Librosa(mel) => mel.n_mels(),
            FrontEnd::Speech(fbank) => fbank.filters().n_mels(),
        };
        let librosa = matches!(front_end, FrontEnd::Librosa(_));
        check(
            !(librosa && self.energy == EnergyTerm::LogEnergy),
            "energy",
            "LogEnergy",
            "C0 or None for librosa",
        )?;
        check(self.lifter >= 0.0, "lifter", self.lifter, "0 (none) or a positive value")?;

        // Cepstra are coefficients first .. first + n; a log energy takes the place of coefficient 0.
        let first = usize::from(self.energy == EnergyTerm::None);
        check(
            self.n_mfcc > 0 && first + self.n_mfcc <= n_mels,
            "n_mfcc",
            self.n_mfcc,
            format!("1 to {}, for {n_mels} mel bands", n_mels - first),
        )?;
        let mut dct = dct_matrix(first + self.n_mfcc, n_mels);
        dct.slice_axis_inplace(Axis(0), Slice::from(first..));
        let htk = matches!(self.front_end, MfccFrontEnd::Htk(_));
        if htk && first == 0 {
            // HTK scales row 0 like the others (HTK book, ch. 5).
            dct.row_mut(0).mapv_inplace(|w| w * T::SQRT_2());
        }
        Ok(Mfcc {
            front_end,
            dct,
            lifter: lifter_weights(self.lifter, first, self.n_mfcc),
            energy: self.energy,
            normalize_energy: self.normalize_energy,
            energy_last: htk && self.energy != EnergyTerm::None,
        })
    }
}

/// Planned MFCC. `Send + Sync` and cheap to share.
#[derive(Clone, Debug)]
pub struct Mfcc<T: Real = f32> {
    front_end: FrontEnd<T>,
    /// `[coefficient, mel]`.
    dct: Array2<T>,
    lifter: Array1<T>,
    energy: EnergyTerm,
    normalize_energy: bool,
    energy_last: bool,
}

#[derive(Clone, Debug)]
enum FrontEnd<T: Real> {
    Librosa(MelSpectrogram<T>),
    Speech(Fbank<T>),
}

impl<T: Real> Mfcc<T> {
    /// Number of columns.
    pub fn n_mfcc(&self) -> usize {
        self.dct.nrows()
    }

    /// Frames of a signal of `len` samples; 0 if it is too short.
    pub fn frames(&self, len: usize) -> usize {
        match &self.front_end {
            FrontEnd::Librosa(mel) => mel.frames(len),
            FrontEnd::Speech(fbank) => fbank.frames(len),
        }
    }

    /// MFCC `[frame, coefficient]` of one channel with samples in [-1, 1].
    ///
    /// # Errors
    /// Those of the front end: [`MelSpectrogram::process`] or [`Fbank::process`].
    pub fn process(&self, signal: ArrayView1<'_, T>) -> Result<Array2<T>> {
        let (log_mel, log_energy) = self.log_mel(signal)?;
        let mut out = log_mel.dot(&self.dct.t());
        out *= &self.lifter;
        if self.energy == EnergyTerm::LogEnergy {
            out.column_mut(0).assign(&log_energy);
            if self.normalize_energy {
                normalize_log_energy(out.column_mut(0));
            }
        }
        if self.energy_last {
            out.rows_mut().into_iter().for_each(rotate_first_to_last);
        }
        Ok(out)
    }

    /// `[frame, mel]`, and the log energy of each frame where the front end has one.
    fn log_mel(&self, signal: ArrayView1<'_, T>) -> Result<(Array2<T>, Array1<T>)> {
        match &self.front_end {
            FrontEnd::Librosa(plan) => {
                let mut mel = plan.process(signal)?;
                LogScale::power_db().apply_inplace(&mut mel)?;
                Ok((mel, Array1::zeros(0)))
            }
            FrontEnd::Speech(fbank) => {
                let frames = fbank.checked_frames(signal.len())?;
                let mut mel = Array2::zeros((frames, fbank.filters().n_mels()));
                let mut energy = Array1::zeros(frames);
                let mut t = 0;
                fbank.for_each_frame(signal, |log_mel, log_energy| {
                    mel.row_mut(t).assign(&ArrayView1::from(log_mel));
                    energy[t] = log_energy;
                    t += 1;
                });
                Ok((mel, energy))
            }
        }
    }
}

/// HTK's `ENORMALISE` with `SILFLOOR = 50`, `ESCALE = 0.1`.
fn normalize_log_energy<T: Real>(mut log_energy: ArrayViewMut1<'_, T>) {
    const SILENCE_FLOOR_DB: f64 = 50.0;
    const SCALE: f64 = 0.1;
    let range = T::of(SILENCE_FLOOR_DB * std::f64::consts::LN_10 / 10.0);
    let max = log_energy.iter().fold(T::neg_infinity(), |max, &e| num_traits::Float::max(max, e));
    log_energy.mapv_inplace(|e| T::one() - T::of(SCALE) * num_traits::Float::min(max - e, range));
}

fn rotate_first_to_last<T>(mut row: ArrayViewMut1<'_, T>) {
    for i in 1..row.len() {
        row.swap(i - 1, i);
    }
}
