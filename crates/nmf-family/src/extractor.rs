//! Anomalous sound extraction as the paper uses it: learn atoms from normal sound, then take from any recording
//! what they do not explain (section 3.2).

use crate::Real;
use crate::activations::Atoms;
use crate::error::{Result, check_matrix, check_shape};
use crate::extraction::{Extraction, positive};
use crate::nmf::{NmfParams, supervised};
use crate::nmu::{self, NmuSolver};
use crate::nne::{self, NneParams};
use crate::rows::Rows;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut1, Axis};
use num_complex::Complex;

/// How R is found once the atoms are known. The defaults are the settings nearest to the paper, which reports
/// no iteration counts; `docs/nmf.md` shows how much they matter.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Method {
    /// S(X - W Ĥ) with Ĥ by supervised Euclidean NMF: eq. (2), its negative entries clipped.
    Nmf {
        /// Multiplicative updates.
        iterations: usize,
    },
    /// Eq. (3), atom after atom, in the order of the energy they explain in the training data.
    Nmu(NmuSolver),
    /// Eq. (4).
    Nne(NneParams),
}

impl Method {
    /// NMF with 100 updates.
    pub fn nmf() -> Self {
        Method::Nmf { iterations: 100 }
    }

    /// NMU with 30 Tepper-Sapiro iterations an atom.
    pub fn nmu() -> Self {
        Method::Nmu(NmuSolver::default())
    }

    /// NNE as printed, gamma = xi = 1, with 30 iterations.
    pub fn nne() -> Self {
        Method::Nne(NneParams::default())
    }
}

/// Atoms of normal sound and the method that extracts what is not made of them.
///
/// ```
/// use auscult_nmf_family::{AnomalousSoundExtractor, Method, Nmf, ndarray::Array2};
///
/// # fn main() -> auscult_nmf_family::Result<()> {
/// // A hum in bins 2 and 5 whose level varies; then the same hum with a whistle in bin 7.
/// let normal = Array2::from_shape_fn((9, 40), |(n, t)| if n == 2 || n == 5 { 1.0 + (t % 3) as f64 } else { 0.01 });
/// let mut recording = normal.clone();
/// recording[[7, 20]] += 2.0;
/// let extractor = AnomalousSoundExtractor::fit(normal.view(), &Nmf::params(1), Method::nne())?;
/// let anomaly = extractor.extract(recording.view())?.residual;
/// assert!(anomaly[[7, 20]] > 1.9 && anomaly[[2, 20]] < 0.1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AnomalousSoundExtractor<T> {
    atoms: Atoms<T>,
    method: Method,
}

impl<T: Real> AnomalousSoundExtractor<T> {
    /// Learns atoms from the amplitude spectrogram of normal sound, [bin, frame], of unit length and sorted by the
    /// energy they explain.
    ///
    /// # Errors
    /// Empty, negative or non-finite data; a parameter out of range.
    pub fn fit(normal: ArrayView2<T>, params: &NmfParams, method: Method) -> Result<Self> {
        let nmf = params.fit(normal)?.normalized().sorted();
        Self::from_atoms(nmf.atoms(), method)
    }

    /// Takes the atoms W [bin, atom] as they are.
    ///
    /// # Errors
    /// Empty, negative or non-finite atoms; a parameter out of range.
    pub fn from_atoms(w: ArrayView2<T>, method: Method) -> Result<Self> {
        check_matrix("w", w)?;
        match &method {
            Method::Nmf { .. } => {}
            Method::Nmu(solver) => solver.check()?,
            Method::Nne(params) => params.check()?,
        }
        Ok(Self { atoms: Atoms::new(Rows::from_view(w.t())), method })
    }

    /// The same atoms with another method.
    ///
    /// # Errors
    /// A parameter out of range.
    pub fn with_method(&self, method: Method) -> Result<Self> {
        Self::from_atoms(self.atoms().view(), method)
    }

    /// W, [bin, atom].
    pub fn atoms(&self) -> Array2<T> {
        self.atoms.by_bin.to_array()
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Number of bins a frame must have.
    pub fn bins(&self) -> usize {
        self.atoms.by_bin.rows()
    }

    /// Ĥ and R̂ of an amplitude spectrogram [bin, frame]. Frames do not depend on each other, so a recording may
    /// come in any pieces.
    ///
    /// # Errors
    /// Empty, negative or non-finite data; another number of bins.
    pub fn extract(&self, x: ArrayView2<T>) -> Result<Extraction<T>> {
        check_matrix("x", x)?;
        check_shape("x", x.dim(), (self.bins(), x.ncols()))?;
        let x = Rows::from_view(x.t());
        Ok(match &self.method {
            Method::Nmf { iterations } => extract_by_nmf(&x, &self.atoms, *iterations),
            Method::Nmu(solver) => nmu::extract_prepared(&x, &self.atoms, *solver),
            Method::Nne(params) => nne::extract_prepared(&x, &self.atoms, params),
        })
    }

    /// The anomalous part of a complex spectrogram [bin, frame]: R̂ with the phase of the mixture, to be
    /// transformed back and listened to.
    ///
    /// # Errors
    /// Empty or non-finite data; another number of bins.
    pub fn extract_spectrum(&self, spectrum: ArrayView2<Complex<T>>) -> Result<Array2<Complex<T>>> {
        let residual = self.extract(spectrum.mapv(|z| z.norm()).view())?.residual;
        let mut anomaly = spectrum.to_owned();
        anomaly.zip_mut_with(&residual, |z, &r| *z = with_phase_of(*z, r));
        Ok(anomaly)
    }

    /// Streaming: R̂ of one frame of amplitudes into `residual`. The result is bit for bit that of
    /// [`Self::extract`] on the whole.
    ///
    /// # Errors
    /// Negative or non-finite data; another number of bins in either.
    pub fn extract_frame_into(&self, frame: ArrayView1<T>, mut residual: ArrayViewMut1<T>) -> Result<()> {
        check_shape("residual", (residual.len(), 1), (self.bins(), 1))?;
        residual.assign(&self.extract(frame.insert_axis(Axis(1)))?.residual.column(0));
        Ok(())
    }

    /// Streaming: turns one frame of a complex spectrum into its anomalous part.
    ///
    /// # Errors
    /// Non-finite data; another number of bins. The frame is then unchanged.
    pub fn extract_spectrum_frame(&self, mut frame: ArrayViewMut1<Complex<T>>) -> Result<()> {
        let anomaly = self.extract_spectrum(frame.view().insert_axis(Axis(1)))?;
        frame.assign(&anomaly.column(0));
        Ok(())
    }
}

fn with_phase_of<T: Real>(z: Complex<T>, amplitude: T) -> Complex<T> {
    let norm = z.norm();
    if norm > T::zero() { z * (amplitude / norm) } else { Complex::new(amplitude, T::zero()) }
}

fn extract_by_nmf<T: Real>(x: &Rows<T>, atoms: &Atoms<T>, iterations: usize) -> Extraction<T> {
    let h = supervised(x, atoms, iterations);
    let mut residual = Rows::zeros(x.rows(), x.columns());
    h.view().times(atoms.by_atom.view(), residual.view_mut());
    for (r, &x) in residual.data_mut().iter_mut().zip(x.data()) {
        *r = positive(x - *r);
    }
    Extraction {
        activations: h.to_transposed_array(),
        residual: residual.to_transposed_array(),
        record: Vec::new(),
    }
}
