//! Logarithmic scalings of spectrograms, by the names the field gives them.

use ndarray::{Array, ArrayView, Dimension};

use crate::Real;
use crate::error::{Result, check};

/// What 0 dB is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Reference {
    /// This value.
    Value(f64),
    /// The largest value of the spectrogram.
    Max,
}

impl Default for Reference {
    fn default() -> Self {
        Reference::Value(1.0)
    }
}

/// A logarithmic scaling, as a recipe names it.
///
/// ```
/// # use auscult_stft_mel::{LogScale, Reference, ndarray::array};
/// let db = LogScale::power_db().apply(array![[1.0, 0.1]].view())?;
/// assert_eq!(db, array![[0.0, -10.0]]);
/// # Ok::<(), auscult_stft_mel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LogScale {
    /// Leaves the values alone.
    #[default]
    Linear,
    /// `10 log10(max(x, amin)) - 10 log10(max(reference, amin))`, then nothing more than `top_db` below the largest
    /// value: `librosa.power_to_db`.
    PowerDb {
        /// What 0 dB is.
        reference: Reference,
        /// Floor of the values.
        amin: f64,
        /// Range kept below the maximum.
        top_db: Option<f64>,
    },
    /// The same of the squared values, with `amin` and a fixed reference squared too: `librosa.amplitude_to_db`.
    AmplitudeDb {
        /// What 0 dB is.
        reference: Reference,
        /// Floor of the values.
        amin: f64,
        /// Range kept below the maximum.
        top_db: Option<f64>,
    },
    /// `ln(max(x, floor))`.
    Ln {
        /// Floor of the values.
        floor: f64,
    },
    /// `ln x`, and 0 where `x` is 0 (Hiatt 2020).
    LnOrZero,
    /// `ln(offset + x)`.
    LnPlus {
        /// Added to the values.
        offset: f64,
    },
    /// `ln(1 + x)`.
    Ln1p,
}

impl LogScale {
    /// Decibels of a power spectrogram with librosa's defaults: reference 1, `amin` 1e-10, `top_db` 80.
    pub fn power_db() -> Self {
        LogScale::PowerDb { reference: Reference::Value(1.0), amin: 1e-10, top_db: Some(80.0) }
    }

    /// Decibels of a magnitude spectrogram with librosa's defaults: reference 1, `amin` 1e-5, `top_db` 80.
    pub fn amplitude_db() -> Self {
        LogScale::AmplitudeDb { reference: Reference::Value(1.0), amin: 1e-5, top_db: Some(80.0) }
    }

    /// Scales a spectrogram of any shape. NaN stays NaN.
    ///
    /// # Errors
    /// [`BadParam`](crate::Error::BadParam) for a floor, `amin` or offset that is not positive, or a negative
    /// `top_db`.
    pub fn apply<T: Real, D: Dimension>(&self, x: ArrayView<'_, T, D>) -> Result<Array<T, D>> {
        let mut out = x.to_owned();
        self.apply_inplace(&mut out)?;
        Ok(out)
    }

    /// [`apply`](Self::apply) in place.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_inplace<T: Real, D: Dimension>(&self, x: &mut Array<T, D>) -> Result<()> {
        match *self {
            LogScale::Linear => {}
            LogScale::PowerDb { reference, amin, top_db } => decibels(x, 10.0, reference, amin, top_db)?,
            LogScale::AmplitudeDb { reference, amin, top_db } => decibels(x, 20.0, reference, amin, top_db)?,
            LogScale::Ln { floor } => {
                check(floor > 0.0, "floor", floor, "a positive value")?;
                x.mapv_inplace(|v| clamp_below(v, T::of(floor)).ln());
            }
            LogScale::LnOrZero => x.mapv_inplace(|v| if v == T::zero() { v } else { v.ln() }),
            LogScale::LnPlus { offset } => {
                check(offset > 0.0, "offset", offset, "a positive value")?;
                x.mapv_inplace(|v| (v + T::of(offset)).ln());
            }
            LogScale::Ln1p => x.mapv_inplace(|v| v.ln_1p()),
        }
        Ok(())
    }
}

/// Decibels of a power spectrogram: [`LogScale::PowerDb`].
///
/// # Errors
/// [`BadParam`](crate::Error::BadParam) for `amin` not positive or `top_db` negative.
pub fn power_to_db<T: Real, D: Dimension>(
    power: ArrayView<'_, T, D>,
    reference: Reference,
    amin: f64,
    top_db: Option<f64>,
) -> Result<Array<T, D>> {
    LogScale::PowerDb { reference, amin, top_db }.apply(power)
}

/// Decibels of a magnitude spectrogram: [`LogScale::AmplitudeDb`].
///
/// # Errors
/// As [`power_to_db`].
pub fn amplitude_to_db<T: Real, D: Dimension>(
    magnitude: ArrayView<'_, T, D>,
    reference: Reference,
    amin: f64,
    top_db: Option<f64>,
) -> Result<Array<T, D>> {
    LogScale::AmplitudeDb { reference, amin, top_db }.apply(magnitude)
}

/// `factor * log10` relative to the reference; `factor` 20 for magnitudes is 10 for their squares.
fn decibels<T: Real, D: Dimension>(
    x: &mut Array<T, D>,
    factor: f64,
    reference: Reference,
    amin: f64,
    top_db: Option<f64>,
) -> Result<()> {
    check(amin > 0.0, "amin", amin, "a positive value")?;
    check(top_db.is_none_or(|db| db >= 0.0), "top_db", format!("{top_db:?}"), "None or at least 0 dB")?;
    let reference = match reference {
        Reference::Value(value) => value.abs(),
        Reference::Max => x.iter().fold(0.0, |max, v| v.wide().max(max)),
    };
    let zero_db = T::of(factor * reference.max(amin).log10());
    let (factor, amin) = (T::of(factor), T::of(amin));
    x.mapv_inplace(|v| factor * clamp_below(v, amin).log10() - zero_db);
    if let Some(range) = top_db {
        let floor = x.iter().fold(T::neg_infinity(), |max, &v| v.max(max)) - T::of(range);
        x.mapv_inplace(|v| clamp_below(v, floor));
    }
    Ok(())
}

/// `max(x, low)` that lets NaN through.
fn clamp_below<T: Real>(x: T, low: T) -> T {
    if x < low { low } else { x }
}
