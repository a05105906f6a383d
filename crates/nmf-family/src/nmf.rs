//! Non-negative matrix factorisation: X ~ W H, paper eq. (1).

use crate::activations::{Atoms, Gather, Rule, Statistics, pass};
use crate::atoms;
use crate::error::{Result, check_matrix, check_parameter, check_shape};
use crate::init::Init;
use crate::loss::{FLOOR, Loss};
use crate::rows::Rows;
use crate::{Real, simd};
use ndarray::{Array2, ArrayView2, Axis, concatenate};

/// The update rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Solver {
    /// Multiplicative updates (Lee and Seung 2001; Fevotte and Idier 2011): every loss, never increases it.
    #[default]
    Multiplicative,
    /// Cyclic coordinate descent, also called HALS (Cichocki and Phan 2009): Euclidean only, converges in far
    /// fewer iterations.
    CoordinateDescent,
}

/// l1 |.|₁ + ½ l2 |.|² added to the objective, unscaled.
///
/// scikit-learn's `alpha_W`, `alpha_H` and `l1_ratio` on X [bin, frame] are
/// `l1 = frames * alpha_W * l1_ratio`, `l2 = frames * alpha_W * (1 - l1_ratio)` for the atoms, and the same
/// with bins and `alpha_H` for the activations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Penalty {
    /// Weight of the sum of the entries: larger is sparser.
    pub l1: f64,
    /// Weight of half the squared entries.
    pub l2: f64,
}

/// Everything a factorisation is told besides its data.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct NmfParams {
    /// Number of atoms K; the paper uses 20. May exceed the matrix.
    pub components: usize,
    /// What is minimised.
    pub loss: Loss,
    /// How.
    pub solver: Solver,
    /// Most iterations, one update of W and one of H each.
    pub iterations: usize,
    /// Stop early: for multiplicative updates when sqrt(2 objective) falls by less than this part of its first
    /// value between two checks, for coordinate descent when the projected gradient has shrunk to this part of
    /// its first value. Zero runs all iterations.
    pub tolerance: f64,
    /// Iterations between two entries of the record. The Euclidean objective comes almost free; that of other
    /// losses costs a logarithm or a power per entry.
    pub check_every: usize,
    /// Iterations of [`Nmf::transform`], each frame starting alike.
    pub transform_iterations: usize,
    /// Where W and H start.
    pub init: Init,
    /// Of the random start.
    pub seed: u64,
    /// On W.
    pub atom_penalty: Penalty,
    /// On H.
    pub activation_penalty: Penalty,
    /// Least denominator, and least model value under a negative power. scikit-learn's 1.19e-7 by default;
    /// lower it when the data are that small.
    pub floor: f64,
}

impl Default for NmfParams {
    fn default() -> Self {
        Self {
            components: 20,
            loss: Loss::Euclidean,
            solver: Solver::Multiplicative,
            iterations: 200,
            tolerance: 1e-4,
            check_every: 10,
            transform_iterations: 100,
            init: Init::Random,
            seed: 0,
            atom_penalty: Penalty::default(),
            activation_penalty: Penalty::default(),
            floor: FLOOR,
        }
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $t:ty),* $(,)?) => { $(
        $(#[$doc])*
        pub fn $name(mut self, $name: $t) -> Self {
            self.$name = $name;
            self
        }
    )* };
}
pub(crate) use setters;

impl NmfParams {
    /// `components` atoms and the defaults: Euclidean loss, 200 multiplicative updates from a random start.
    pub fn new(components: usize) -> Self {
        Self { components, ..Self::default() }
    }

    setters! {
        /// Sets what is minimised.
        loss: Loss,
        /// Sets the update rule.
        solver: Solver,
        /// Sets the most iterations.
        iterations: usize,
        /// Sets the stopping tolerance; 0 runs all iterations.
        tolerance: f64,
        /// Sets the iterations between two entries of the record.
        check_every: usize,
        /// Sets the iterations of [`Nmf::transform`].
        transform_iterations: usize,
        /// Sets the start.
        init: Init,
        /// Sets the seed of the random start.
        seed: u64,
        /// Sets the penalty on W.
        atom_penalty: Penalty,
        /// Sets the penalty on H.
        activation_penalty: Penalty,
        /// Sets the least denominator.
        floor: f64,
    }

    /// Learns W [bin, atom] and H [atom, frame] from X [bin, frame].
    ///
    /// # Errors
    /// Empty, negative or non-finite data; a zero in X when beta <= 0; a parameter out of range; NNDSVD with more
    /// atoms than bins or frames.
    pub fn fit<T: Real>(&self, x: ArrayView2<T>) -> Result<Nmf<T>> {
        self.fit_with(x, Start::Init, &mut |_| {})
    }

    /// [`NmfParams::fit`] from a given start; `components` gives way to its shape.
    ///
    /// # Errors
    /// As [`NmfParams::fit`], and factors of the wrong shape.
    pub fn fit_from<T: Real>(&self, x: ArrayView2<T>, w: ArrayView2<T>, h: ArrayView2<T>) -> Result<Nmf<T>> {
        self.fit_with(x, Start::Factors { w, h }, &mut |_| {})
    }

    /// Semi-supervised: keeps the atoms `fixed` [bin, fixed atom] as they are and learns `components` more beside
    /// them. The fixed ones come first in the result.
    ///
    /// # Errors
    /// As [`NmfParams::fit`], and atoms of the wrong shape.
    pub fn fit_beside<T: Real>(&self, x: ArrayView2<T>, fixed: ArrayView2<T>) -> Result<Nmf<T>> {
        self.fit_with(x, Start::Beside { fixed }, &mut |_| {})
    }

    /// The one behind the other three: any start, and an observer called with every entry of the record.
    ///
    /// # Errors
    /// As [`NmfParams::fit`].
    pub fn fit_with<T: Real>(
        &self,
        x: ArrayView2<T>,
        start: Start<T>,
        observer: &mut dyn FnMut(&Progress),
    ) -> Result<Nmf<T>> {
        self.check()?;
        check_matrix("x", x)?;
        self.loss.check_data("x", x)?;
        let (w, h, fixed) = start.factors(self, x)?;
        let rule = self.activation_rule(1);
        let atom_rule = Rule { penalty: self.atom_penalty, ..rule };
        let energy = x.iter().map(|x| x.wide() * x.wide()).sum::<f64>();
        let frames = Rows::from_view(x.t());
        let mut atoms = Atoms::new(Rows::from_view(w.t()));
        let mut h = Rows::from_view(h.t());

        let measured = |statistics: &Statistics<T>, atoms: &Atoms<T>, h: &mut Rows<T>| {
            let fit = match self.loss {
                Loss::Euclidean => {
                    let objective = atoms::euclidean_objective(energy, atoms, statistics);
                    if atoms::cancels::<T>(objective, energy) {
                        let gather = Gather { divergence: true, statistics: false };
                        pass(&frames, h, atoms, &Rule { steps: 0, ..rule }, gather).divergence
                    } else {
                        objective
                    }
                }
                _ => statistics.divergence,
            };
            fit + self.atom_penalty.of(&atoms.by_atom) + self.activation_penalty.of(h)
        };

        let gather =
            |divergence| Gather { statistics: true, divergence: divergence && self.loss != Loss::Euclidean };
        let mut statistics = pass(&frames, &mut h, &atoms, &Rule { steps: 0, ..rule }, gather(true));
        let first = Progress {
            iteration: 0,
            of: self.iterations,
            objective: measured(&statistics, &atoms, &mut h),
            violation: None,
        };
        observer(&first);
        let mut record = vec![first];
        let mut first_violation = None;
        for iteration in 1..=self.iterations {
            let atom_violation = atoms::update(&mut atoms, &statistics, &atom_rule, fixed);
            let check = iteration % self.check_every == 0 || iteration == self.iterations;
            statistics = pass(&frames, &mut h, &atoms, &rule, gather(check));
            let violation = atom_violation + statistics.violation;
            let first_violation = *first_violation.get_or_insert(violation);
            let settled = self.solver == Solver::CoordinateDescent
                && (first_violation == 0.0 || violation <= self.tolerance * first_violation)
                && self.tolerance > 0.0;
            if check || settled {
                let progress = Progress {
                    iteration,
                    of: self.iterations,
                    objective: measured(&statistics, &atoms, &mut h),
                    violation: (self.solver == Solver::CoordinateDescent).then_some(violation),
                };
                observer(&progress);
                let before = record[record.len() - 1].error();
                let flat = self.solver == Solver::Multiplicative
                    && self.tolerance > 0.0
                    && before - progress.error() < self.tolerance * record[0].error();
                record.push(progress);
                if settled || flat {
                    break;
                }
            }
        }
        Ok(Nmf {
            params: self.clone(),
            atoms: atoms.by_bin.to_array(),
            activations: h.to_transposed_array(),
            record,
        })
    }

    pub(crate) fn activation_rule(&self, steps: usize) -> Rule {
        Rule {
            loss: self.loss,
            coordinate_descent: self.solver == Solver::CoordinateDescent,
            penalty: self.activation_penalty,
            floor: self.floor,
            steps,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        check_parameter(self.components > 0, "components", self.components as f64, "at least 1")?;
        check_parameter(self.check_every > 0, "check_every", self.check_every as f64, "at least 1")?;
        check_parameter(self.tolerance >= 0.0, "tolerance", self.tolerance, "a number >= 0")?;
        check_parameter(self.floor > 0.0 && self.floor < 1.0, "floor", self.floor, "a number in (0, 1)")?;
        check_parameter(self.loss.beta().is_finite(), "beta", self.loss.beta(), "a finite number")?;
        for Penalty { l1, l2 } in [self.atom_penalty, self.activation_penalty] {
            check_parameter(l1 >= 0.0 && l1.is_finite(), "l1", l1, "a number >= 0")?;
            check_parameter(l2 >= 0.0 && l2.is_finite(), "l2", l2, "a number >= 0")?;
        }
        check_parameter(
            self.solver == Solver::Multiplicative || self.loss == Loss::Euclidean,
            "beta",
            self.loss.beta(),
            "Loss::Euclidean for coordinate descent; use Solver::Multiplicative for other losses",
        )
    }
}

impl Penalty {
    fn of<T: Real>(&self, values: &Rows<T>) -> f64 {
        if *self == Penalty::default() {
            return 0.0;
        }
        let one: f64 = values.data().iter().map(|value| value.wide()).sum();
        self.l1 * one + 0.5 * self.l2 * simd::dot(values.data(), values.data()).wide()
    }
}

/// Where [`NmfParams::fit_with`] starts from.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Start<'a, T> {
    /// As `init` says.
    Init,
    /// From these factors.
    Factors {
        /// [bin, atom].
        w: ArrayView2<'a, T>,
        /// [atom, frame].
        h: ArrayView2<'a, T>,
    },
    /// With these atoms kept and `components` more, started as `init` says, learnt beside them.
    Beside {
        /// [bin, fixed atom].
        fixed: ArrayView2<'a, T>,
    },
}

impl<T: Real> Start<'_, T> {
    /// W, H, and how many of the first atoms stay.
    fn factors(self, params: &NmfParams, x: ArrayView2<T>) -> Result<(Array2<T>, Array2<T>, usize)> {
        match self {
            Start::Init => {
                let (w, h) = params.init.factors(x, params.components, params.seed)?;
                Ok((w, h, 0))
            }
            Start::Factors { w, h } => {
                check_matrix("w", w)?;
                check_matrix("h", h)?;
                check_shape("w", w.dim(), (x.nrows(), w.ncols()))?;
                check_shape("h", h.dim(), (w.ncols(), x.ncols()))?;
                Ok((w.to_owned(), h.to_owned(), 0))
            }
            Start::Beside { fixed } => {
                check_matrix("fixed", fixed)?;
                check_shape("fixed", fixed.dim(), (x.nrows(), fixed.ncols()))?;
                let (w, h) = params.init.factors(x, params.components, params.seed)?;
                let (_, h_fixed) = Init::Random.factors(x, fixed.ncols(), params.seed.wrapping_add(1))?;
                let w = concatenate![Axis(1), fixed, w];
                Ok((w, concatenate![Axis(0), h_fixed, h], fixed.ncols()))
            }
        }
    }
}

/// One entry of the convergence record.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Progress {
    /// Iterations done; 0 is the start.
    pub iteration: usize,
    /// Most iterations there will be.
    pub of: usize,
    /// Loss plus penalties.
    pub objective: f64,
    /// Coordinate descent: Σ |projected gradient| over W and H during this iteration.
    pub violation: Option<f64>,
}

impl Progress {
    /// sqrt(2 objective): for the Euclidean loss |X - W H|, scikit-learn's `reconstruction_err_`.
    pub fn error(&self) -> f64 {
        (2.0 * self.objective.max(0.0)).sqrt()
    }
}

/// A learnt factorisation.
#[derive(Clone, Debug, PartialEq)]
pub struct Nmf<T> {
    params: NmfParams,
    atoms: Array2<T>,
    activations: Array2<T>,
    record: Vec<Progress>,
}

impl Nmf<f64> {
    /// Short for [`NmfParams::new`]; the fit takes `f32` as well as `f64`.
    pub fn params(components: usize) -> NmfParams {
        NmfParams::new(components)
    }
}

impl<T: Real> Nmf<T> {
    /// W, [bin, atom].
    pub fn atoms(&self) -> ArrayView2<'_, T> {
        self.atoms.view()
    }

    /// H of the training data, [atom, frame].
    pub fn activations(&self) -> ArrayView2<'_, T> {
        self.activations.view()
    }

    /// The objective over the iterations, the start first.
    pub fn record(&self) -> &[Progress] {
        &self.record
    }

    /// The last objective.
    pub fn objective(&self) -> f64 {
        self.record.last().map_or(f64::NAN, |last| last.objective)
    }

    /// W and H, [bin, atom] and [atom, frame].
    pub fn into_factors(self) -> (Array2<T>, Array2<T>) {
        (self.atoms, self.activations)
    }

    /// W H, [bin, frame].
    pub fn reconstruct(&self) -> Array2<T> {
        self.atoms.dot(&self.activations)
    }

    /// Scales every atom to unit Euclidean length and its activations by what that takes; W H stays. All-zero atoms
    /// stay zero.
    pub fn normalized(mut self) -> Self {
        for (mut w, mut h) in self.atoms.axis_iter_mut(Axis(1)).zip(self.activations.rows_mut()) {
            let length = w.dot(&w).sqrt();
            if length > T::zero() {
                w.mapv_inplace(|w| w / length);
                h.mapv_inplace(|h| h * length);
            }
        }
        self
    }

    /// Sorts the atoms by the energy they explain in the training data, Σₜ h² |w|², largest first.
    pub fn sorted(mut self) -> Self {
        let energy = |k: usize| {
            let (w, h) = (self.atoms.column(k), self.activations.row(k));
            w.dot(&w).wide() * h.dot(&h).wide()
        };
        let energies: Vec<f64> = (0..self.atoms.ncols()).map(energy).collect();
        let mut order: Vec<usize> = (0..energies.len()).collect();
        order.sort_by(|&a, &b| energies[b].total_cmp(&energies[a]));
        self.atoms = self.atoms.select(Axis(1), &order);
        self.activations = self.activations.select(Axis(0), &order);
        self
    }

    /// Supervised: H [atom, frame] for other data X [bin, frame] with these atoms, `transform_iterations` updates
    /// of every frame from a flat start. Frames do not depend on each other.
    ///
    /// # Errors
    /// Empty, negative or non-finite data, or another number of bins.
    pub fn transform(&self, x: ArrayView2<T>) -> Result<Array2<T>> {
        activations(x, self.atoms.view(), &self.params)
    }
}

/// Supervised NMF with any atoms: the H [atom, frame] that minimises d(X | W H) for W [bin, atom], by
/// `params.transform_iterations` updates. All-zero atoms get a zero.
///
/// # Errors
/// Empty, negative or non-finite matrices; different numbers of bins; a zero in X when beta <= 0.
pub fn activations<T: Real>(x: ArrayView2<T>, w: ArrayView2<T>, params: &NmfParams) -> Result<Array2<T>> {
    params.check()?;
    check_matrix("x", x)?;
    check_matrix("w", w)?;
    check_shape("w", w.dim(), (x.nrows(), w.ncols()))?;
    params.loss.check_data("x", x)?;
    let frames = Rows::from_view(x.t());
    let atoms = Atoms::new(Rows::from_view(w.t()));
    let mut h = flat_start(&frames, &atoms);
    pass(&frames, &mut h, &atoms, &params.activation_rule(params.transform_iterations), Gather::default());
    Ok(h.to_transposed_array())
}

/// Every activation of a frame alike, and such that Σ W h = Σ x: scales with the frame and sees no other.
fn flat_start<T: Real>(frames: &Rows<T>, atoms: &Atoms<T>) -> Rows<T> {
    let total: T = atoms.sums.iter().copied().sum();
    let mut h = Rows::zeros(frames.rows(), atoms.by_atom.rows());
    for t in 0..frames.rows() {
        let sum: T = frames.row(t).iter().copied().sum();
        for (h, &atom) in h.row_mut(t).iter_mut().zip(&atoms.sums) {
            *h = if atom > T::zero() { sum / total } else { T::zero() };
        }
    }
    h
}

/// H [frame, atom] by supervised Euclidean NMF: that many multiplicative updates from the flat start.
pub(crate) fn supervised<T: Real>(frames: &Rows<T>, atoms: &Atoms<T>, iterations: usize) -> Rows<T> {
    let rule = Rule {
        loss: Loss::Euclidean,
        coordinate_descent: false,
        penalty: Penalty::default(),
        floor: FLOOR,
        steps: iterations,
    };
    let mut h = flat_start(frames, atoms);
    pass(frames, &mut h, atoms, &rule, Gather::default());
    h
}

/// X - W H, [bin, frame], signed: eq. (2).
///
/// # Errors
/// Matrices that do not fit together.
pub fn residual<T: Real>(x: ArrayView2<T>, w: ArrayView2<T>, h: ArrayView2<T>) -> Result<Array2<T>> {
    check_shape("w", w.dim(), (x.nrows(), w.ncols()))?;
    check_shape("h", h.dim(), (w.ncols(), x.ncols()))?;
    Ok(&x - &w.dot(&h))
}
