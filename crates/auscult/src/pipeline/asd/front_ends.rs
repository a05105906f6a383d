//! The eight front ends (A) to (H) of Fig. 3: dereverberation or not, times three extractors of anomalous sound or none.

use std::collections::BTreeMap;

use auscult_dereverb::{Complex, UnifiedDereverb, UnifiedParams, Wpe, WpeParams};
use auscult_nmf_family::{AnomalousSoundExtractor, Method, Nmf};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, concatenate, s};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A front end, by its letter in Fig. 3 and Table 1.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum FrontEnd {
    /// The microphones as they are.
    A,
    /// NMF.
    B,
    /// NMU.
    C,
    /// NNE.
    D,
    /// Dereverberation.
    E,
    /// Dereverberation, then NMF.
    F,
    /// Dereverberation, then NMU.
    G,
    /// Dereverberation, then NNE.
    H,
}

/// An extractor of anomalous sound (3.2).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Extraction {
    Nmf,
    Nmu,
    Nne,
}

/// What reaches the extractors.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Stream {
    Observed,
    Dereverberated,
}

impl FrontEnd {
    /// All eight, in the order of Table 1.
    pub const ALL: [Self; 8] = [Self::A, Self::B, Self::C, Self::D, Self::E, Self::F, Self::G, Self::H];

    /// What it does, such as `BD + NNE`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "none",
            Self::B => "NMF",
            Self::C => "NMU",
            Self::D => "NNE",
            Self::E => "BD",
            Self::F => "BD + NMF",
            Self::G => "BD + NMU",
            Self::H => "BD + NNE",
        }
    }

    pub(super) fn stream(self) -> Stream {
        if self >= Self::E { Stream::Dereverberated } else { Stream::Observed }
    }

    pub(super) fn extraction(self) -> Option<Extraction> {
        match self {
            Self::A | Self::E => None,
            Self::B | Self::F => Some(Extraction::Nmf),
            Self::C | Self::G => Some(Extraction::Nmu),
            Self::D | Self::H => Some(Extraction::Nne),
        }
    }
}

/// The blind dereverberation (3.1).
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Dereverberation {
    /// Weighted prediction error: a linear filter. The paper uses Togami's method, of which this is one of three parts.
    Wpe(WpeParams),
    /// Inverse filtering, beamforming and suppression by one likelihood, derived from what is published of Togami's
    /// method; its sources are mixed again, as in the paper. Several times slower than WPE.
    Unified(UnifiedParams),
}

impl Default for Dereverberation {
    /// WPE with 8 taps from 2 frames (32 ms) on: late enough to leave overlapping frames alone, and no longer than
    /// what ten seconds can tell.
    fn default() -> Self {
        Self::Wpe(WpeParams::default().taps(8).delay(2).iterations(3))
    }
}

/// A planned [`Dereverberation`].
pub(super) enum Dereverberator {
    Wpe(Wpe),
    Unified(UnifiedDereverb),
}

impl Dereverberator {
    pub(super) fn new(params: &Dereverberation) -> Result<Self> {
        Ok(match params.clone() {
            Dereverberation::Wpe(params) => Self::Wpe(params.plan().map_err(Error::part("dereverberation"))?),
            Dereverberation::Unified(params) => {
                Self::Unified(params.plan().map_err(Error::part("dereverberation"))?)
            }
        })
    }

    /// Of a spectrum [channel, frame, bin]. Digital silence stays silence.
    pub(super) fn process(&self, spectrum: ArrayView3<Complex<f32>>) -> Result<Array3<Complex<f32>>> {
        let done = match self {
            Self::Wpe(wpe) => wpe.process(spectrum),
            Self::Unified(unified) => unified.process(spectrum).map(|output| output.mixture()),
        };
        done.map_err(Error::part("dereverberation"))
    }

    /// `others` through the filter that was estimated from `spectrum` alone: what it does to parts of a recording.
    ///
    /// The filter is linear and time-invariant, so they are put behind the recording, out of the filter's reach and
    /// with no weight in its estimation.
    pub(super) fn process_beside(
        &self,
        spectrum: ArrayView3<Complex<f32>>,
        others: &[ArrayView3<Complex<f32>>],
    ) -> Result<Vec<Array3<Complex<f32>>>> {
        let Self::Wpe(wpe) = self else {
            return Err(Error::Data(
                "only the filter of WPE is linear: its effect alone can be told by parts".into(),
            ));
        };
        let (channels, frames, bins) = spectrum.dim();
        let reach = wpe.params().taps + wpe.params().delay;
        let gap = Array3::zeros((channels, reach, bins));
        let mut parts = vec![spectrum];
        for other in others {
            parts.extend([gap.view(), *other]);
        }
        let failed = |error| Error::part("dereverberation of parts")(error);
        let all = concatenate(Axis(1), &parts).map_err(failed)?;
        let mut weights = Array2::zeros((all.len_of(Axis(1)), bins));
        weights.slice_mut(s![..frames, ..]).fill(1.0);
        let done = wpe
            .process_masked(all.view(), weights.view())
            .map_err(Error::part("dereverberation of parts"))?;
        let mut from = frames;
        let cut = others.iter().map(|other| {
            from += reach;
            let part = done.slice(s![.., from..from + other.len_of(Axis(1)), ..]).to_owned();
            from += other.len_of(Axis(1));
            part
        });
        Ok(cut.collect())
    }
}

/// What the extractors are told. The paper gives K = 20 and no iteration counts.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExtractionParams {
    /// Atoms K.
    pub atoms: usize,
    /// Updates in which they are learnt.
    pub learning_iterations: usize,
    /// Most frames they are learnt from, drawn evenly from all training segments and channels.
    pub learning_frames: usize,
    /// How NMF extracts (eq. 2).
    pub nmf: Method,
    /// How NMU extracts (eq. 3).
    pub nmu: Method,
    /// How NNE extracts (eqs. 5 to 7).
    pub nne: Method,
}

impl Default for ExtractionParams {
    fn default() -> Self {
        Self {
            atoms: 20,
            learning_iterations: 200,
            learning_frames: 20_000,
            nmf: Method::nmf(),
            nmu: Method::nmu(),
            nne: Method::nne(),
        }
    }
}

/// Atoms of one stream, with every extractor that uses them.
pub(super) struct Extractors {
    by_method: BTreeMap<Extraction, AnomalousSoundExtractor<f32>>,
}

impl Extractors {
    /// Learns W from the amplitudes [frame, bin] of normal sound.
    pub(super) fn learn(params: &ExtractionParams, amplitudes: ArrayView2<f32>, seed: u64) -> Result<Self> {
        let nmf = Nmf::params(params.atoms).iterations(params.learning_iterations).seed(seed);
        let first = AnomalousSoundExtractor::fit(amplitudes.t(), &nmf, params.nmf.clone());
        Self::with_atoms(params, first.map_err(Error::part("learning atoms"))?.atoms().view())
    }

    /// With atoms W [bin, atom] that were learnt before.
    pub(super) fn with_atoms(params: &ExtractionParams, atoms: ArrayView2<f32>) -> Result<Self> {
        let methods =
            [(Extraction::Nmf, &params.nmf), (Extraction::Nmu, &params.nmu), (Extraction::Nne, &params.nne)];
        let extractor = |(kind, method): (Extraction, &Method)| {
            let extractor = AnomalousSoundExtractor::from_atoms(atoms, method.clone());
            Ok((kind, extractor.map_err(Error::part("the extractors"))?))
        };
        Ok(Self { by_method: methods.into_iter().map(extractor).collect::<Result<_>>()? })
    }

    /// W, [bin, atom].
    pub(super) fn atoms(&self) -> Array2<f32> {
        self.by_method[&Extraction::Nmf].atoms()
    }

    /// R of amplitudes [frame, bin], in the same layout.
    pub(super) fn residual(
        &self,
        extraction: Extraction,
        amplitudes: ArrayView2<f32>,
    ) -> Result<Array2<f32>> {
        let found = self.by_method[&extraction].extract(amplitudes.t());
        Ok(found.map_err(Error::part("extraction"))?.residual.reversed_axes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spectrum(channels: usize, frames: usize, seed: usize) -> Array3<Complex<f32>> {
        Array3::from_shape_fn((channels, frames, 4), |(m, t, f)| {
            Complex::from_polar(1.0, ((m + 3 * t * t + 7 * f + seed * t) % 97) as f32)
        })
    }

    #[test]
    fn letters_stand_for_what_fig_3_says() {
        let dereverberated: String = FrontEnd::ALL
            .iter()
            .filter(|front_end| front_end.stream() == Stream::Dereverberated)
            .map(|front_end| format!("{front_end:?}"))
            .collect();
        assert_eq!(dereverberated, "EFGH");
        assert_eq!(FrontEnd::G.extraction(), Some(Extraction::Nmu));
        assert_eq!(FrontEnd::ALL.iter().filter(|front_end| front_end.extraction().is_none()).count(), 2);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let dereverberator = Dereverberator::new(&Dereverberation::default()).unwrap();
        let (normal, anomaly) = (spectrum(2, 200, 1), spectrum(2, 200, 5).mapv(|z| z * 0.1));
        let whole = &normal + &anomaly;
        let parts = dereverberator
            .process_beside(whole.view(), &[normal.view(), anomaly.view(), whole.view()])
            .unwrap();
        let sum = &parts[0] + &parts[1];
        let alone = dereverberator.process(whole.view()).unwrap();
        let far = |a: &Array3<Complex<f32>>, b: &Array3<Complex<f32>>| {
            a.iter().zip(b).map(|(a, b)| (a - b).norm()).fold(0.0, f32::max)
        };
        assert!(far(&sum, &parts[2]) < 1e-3);
        assert!(far(&alone, &parts[2]) < 2e-3, "{}", far(&alone, &parts[2]));
    }
}
