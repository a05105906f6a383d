//! Mel-frequency cepstral coefficients, by the name of the toolkit that defines them.

use ndarray::{Array1, Array2, ArrayView1};

use crate::dct::{dct_matrix, lifter_weights};
use crate::error::{Result, check};
use crate::{LogScale, MelParams, MelSpectrogram, MelSpectrogramParams, Real, StftParams};

/// MFCC as `librosa.feature.mfcc` defines it.
#[derive(Clone, Debug, PartialEq)]
pub struct MfccParams {
    mel: MelSpectrogramParams,
    n_mfcc: usize,
    lifter: f64,
}

impl MfccParams {
    /// librosa's MFCC.
    pub fn librosa(sample_rate: u32) -> Self {
        MfccParams {
            mel: MelSpectrogramParams::new(StftParams::default(), MelParams::new(sample_rate, 128)),
            n_mfcc: 20,
            lifter: 0.0,
        }
    }
    /// Sets.
    pub fn n_mfcc(mut self, n_mfcc: usize) -> Self {
        self.n_mfcc = n_mfcc;
        self
    }
    /// Checks.
    pub fn plan<T: Real>(&self) -> Result<Mfcc<T>> {
        check(self.n_mfcc > 0, "n_mfcc", self.n_mfcc, "at least 1")?;
        let mel = self.mel.plan()?;
        Ok(Mfcc {
            dct: dct_matrix(self.n_mfcc, mel.n_mels()),
            lifter: lifter_weights(self.lifter, 1, self.n_mfcc),
            mel,
        })
    }
}
/// Planned.
#[derive(Clone, Debug)]
pub struct Mfcc<T: Real = f32> {
    mel: MelSpectrogram<T>,
    dct: Array2<T>,
    lifter: Array1<T>,
}

impl<T: Real> Mfcc<T> {
    /// Coefficients `[frame, coefficient]`.
    pub fn process(&self, signal: ArrayView1<'_, T>) -> Result<Array2<T>> {
        let mut mel = self.mel.process(signal)?;
        LogScale::power_db().apply_inplace(&mut mel)?;
        let mut out = mel.dot(&self.dct.t());
        out *= &self.lifter;
        Ok(out)
    }
}
