//! Atoms from a stream: each batch of frames updates W and is then forgotten.
//!
//! The sums behind the multiplicative update of W decay by a forgetting factor, so the atoms follow normal sound
//! that changes (Lefevre, Bach and Fevotte, "Online algorithms for nonnegative matrix factorization with the
//! Itakura-Saito divergence", 2011; the update is scikit-learn's `MiniBatchNMF.partial_fit`).

use crate::Real;
use crate::activations::{Atoms, Gather, Rule, pass};
use crate::atoms;
use crate::error::{Result, check_matrix, check_parameter, check_shape};
use crate::nmf::{NmfParams, activations, setters};
use crate::rows::Rows;
use ndarray::{Array2, ArrayView2};

/// What online factorisation is told besides its data.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct OnlineParams {
    /// Number of atoms, loss, start, penalties, floor; always by multiplicative updates. Iterations, tolerance and
    /// solver are not used.
    pub nmf: NmfParams,
    /// Part of the earlier sums that survives a batch: 1 keeps everything, 0 only the newest batch.
    pub forget_factor: f64,
    /// Updates of a batch's activations before its one update of the atoms.
    pub batch_iterations: usize,
}

impl Default for OnlineParams {
    fn default() -> Self {
        Self { nmf: NmfParams::default(), forget_factor: 0.7, batch_iterations: 30 }
    }
}

impl OnlineParams {
    /// `components` atoms, Euclidean loss, forget factor 0.7, 30 updates of H a batch.
    pub fn new(components: usize) -> Self {
        Self { nmf: NmfParams::new(components), ..Self::default() }
    }

    setters! {
        /// Sets loss, start, penalties and floor.
        nmf: NmfParams,
        /// Sets the part of the earlier sums that survives a batch.
        forget_factor: f64,
        /// Sets the updates of a batch's activations.
        batch_iterations: usize,
    }
}

/// Atoms that learn from batch after batch.
#[derive(Clone, Debug)]
pub struct OnlineNmf<T> {
    params: OnlineParams,
    state: Option<State<T>>,
}

#[derive(Clone, Debug)]
struct State<T> {
    atoms: Atoms<T>,
    /// Decayed sums, [atom, bin]; W is their ratio.
    numerator: Rows<T>,
    denominator: Rows<T>,
}

impl<T: Real> OnlineNmf<T> {
    /// Starts at the first batch, as `params.nmf.init` says.
    ///
    /// # Errors
    /// A parameter out of range.
    pub fn new(params: OnlineParams) -> Result<Self> {
        params.nmf.check()?;
        let forget = params.forget_factor;
        check_parameter((0.0..=1.0).contains(&forget), "forget_factor", forget, "a number in [0, 1]")?;
        Ok(Self { params, state: None })
    }

    /// Starts from the atoms W [bin, atom].
    ///
    /// # Errors
    /// A parameter out of range; empty, negative or non-finite atoms.
    pub fn from_atoms(params: OnlineParams, w: ArrayView2<T>) -> Result<Self> {
        let mut online = Self::new(params)?;
        check_matrix("w", w)?;
        online.state = Some(State::new(w));
        Ok(online)
    }

    /// Learns from one batch X [bin, frame]; returns its mean loss per frame before the atoms moved.
    ///
    /// # Errors
    /// Empty, negative or non-finite data; a zero when beta <= 0; another number of bins than before.
    pub fn partial_fit(&mut self, x: ArrayView2<T>) -> Result<f64> {
        check_matrix("x", x)?;
        let nmf = &self.params.nmf;
        nmf.loss.check_data("x", x)?;
        if self.state.is_none() {
            let (w, _) = nmf.init.factors(x, nmf.components, nmf.seed)?;
            self.state = Some(State::new(w.view()));
        }
        let Some(state) = &mut self.state else { return Ok(0.0) };
        check_shape("x", x.dim(), (state.atoms.by_bin.rows(), x.ncols()))?;

        let frames = Rows::from_view(x.t());
        let rule = Rule { coordinate_descent: false, ..nmf.activation_rule(self.params.batch_iterations) };
        let mean = x.iter().map(|x| x.wide()).sum::<f64>() / x.len() as f64;
        let atoms = state.atoms.by_atom.rows();
        let mut h = Rows::zeros(frames.rows(), atoms);
        for t in 0..frames.rows() {
            h.row_mut(t).fill(T::of((mean / atoms as f64).sqrt()));
        }
        let gather = Gather { statistics: true, divergence: true };
        let statistics = pass(&frames, &mut h, &state.atoms, &rule, gather);
        let rule = Rule { penalty: nmf.atom_penalty, ..rule };
        let denominator = atoms::denominator(&state.atoms.by_atom, &statistics, &rule);
        state.update(&statistics.numerator, &denominator, &rule, T::of(self.params.forget_factor));
        Ok(statistics.divergence / x.ncols() as f64)
    }

    /// W, [bin, atom]; none before the first batch.
    pub fn atoms(&self) -> Option<Array2<T>> {
        self.state.as_ref().map(|state| state.atoms.by_bin.to_array())
    }

    /// Supervised: H [atom, frame] of other data with the atoms as they are now; see [`crate::Nmf::transform`].
    ///
    /// # Errors
    /// No batch yet, as empty atoms; empty, negative or non-finite data, or another number of bins.
    pub fn transform(&self, x: ArrayView2<T>) -> Result<Array2<T>> {
        let atoms = self.atoms().unwrap_or_else(|| Array2::zeros((x.nrows(), 0)));
        activations(x, atoms.view(), &self.params.nmf)
    }
}

impl<T: Real> State<T> {
    fn new(w: ArrayView2<T>) -> Self {
        let by_atom = Rows::from_view(w.t());
        let mut denominator = Rows::zeros(by_atom.rows(), by_atom.columns());
        denominator.data_mut().fill(T::one());
        Self { numerator: by_atom.clone(), denominator, atoms: Atoms::new(by_atom) }
    }

    /// W <- (A / B)^gamma, with A and B the decayed sums of W^(1/gamma) . numerator and of the denominator.
    fn update(&mut self, numerator: &Rows<T>, denominator: &Rows<T>, rule: &Rule, forget: T) {
        let exponent = T::of(rule.loss.step_exponent());
        let (l1, l2, floor) = (T::of(rule.penalty.l1), T::of(rule.penalty.l2), T::of(rule.floor));
        let mut by_atom = self.atoms.by_atom.clone();
        let entries = by_atom.data_mut().iter_mut().zip(numerator.data()).zip(denominator.data());
        let sums = self.numerator.data_mut().iter_mut().zip(self.denominator.data_mut());
        for (((w, &numerator), &denominator), (a, b)) in entries.zip(sums) {
            let denominator = denominator + l1 + l2 * *w;
            let denominator = if denominator == T::zero() { floor } else { denominator };
            let root = if exponent == T::one() { *w } else { w.powf(T::one() / exponent) };
            *a = *a * forget + root * numerator;
            *b = *b * forget + denominator;
            let ratio = *a / *b;
            *w = if exponent == T::one() { ratio } else { ratio.powf(exponent) };
            if rule.loss.beta() <= 1.0 && *w < T::of(f64::EPSILON) {
                *w = T::zero();
            }
        }
        self.atoms = Atoms::new(by_atom);
    }
}
