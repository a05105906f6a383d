//! Blind dereverberation under one likelihood: linear prediction, beamforming and suppression estimated together.
//! The model is told where users look for it, in `model.md`.

mod factorised;
mod filter;
mod model;
mod params;
mod posterior;
#[cfg(test)]
mod tests;
mod variances;
mod workspace;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use ndarray::{Array3, ArrayView3, Axis};
use num_complex::Complex;
use rayon::prelude::*;

use crate::Real;
use crate::error::{Result, check_spectrum};
use crate::stack::StackedPast;
use factorised::Activations;
use model::{BinModel, Class, Role};
pub use params::{FilterStep, LateModel, SourceModel, UnifiedParams, Update};
use workspace::Workspace;

/// Dereverberation under the unified likelihood. [`UnifiedParams`] has the equations.
///
/// ```
/// use auscult_dereverb::{Complex, UnifiedParams, ndarray::Array3};
///
/// let unified = UnifiedParams::default().sources(1).taps(3).plan()?;
/// let spectrum = Array3::from_shape_fn((2, 100, 3), |(m, t, f)| Complex::from_polar(1.0, (m + t * t + f) as f64));
/// let parts = unified.process(spectrum.view())?;
/// assert_eq!(parts.mixture().dim(), (2, 100, 3));
/// # Ok::<(), auscult_dereverb::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct UnifiedDereverb {
    params: UnifiedParams,
}

/// What a recording is taken apart into. All are [channel, frame, bin], of the scale of the input.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct UnifiedOutput<T> {
    /// The image of each source at all microphones: direct sound and early reflections. The order of sources differs
    /// from bin to bin.
    pub sources: Vec<Array3<Complex<T>>>,
    /// The late reverberation that the linear filter left.
    pub residual: Array3<Complex<T>>,
    /// What the linear filter alone makes of the recording: sources, residual and floor together.
    pub linear: Array3<Complex<T>>,
}

impl<T: Real> UnifiedOutput<T> {
    /// The dereverberated recording: the sum of all sources.
    pub fn mixture(&self) -> Array3<Complex<T>> {
        let silence = Array3::default(self.residual.dim());
        self.sources.iter().fold(silence, |sum, source| sum + source)
    }
}

/// Which parameters a step of the estimation has just moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Moved {
    /// None yet: the start.
    Nothing,
    /// Variances and covariances together (EM).
    Statistics,
    /// Variances (MM).
    Variances,
    /// Weights of the factorised variances.
    Bases,
    /// Activations of the factorised variances.
    Activations,
    /// Covariances.
    Covariances,
    /// The prediction filter.
    Filter,
}

/// The record of one step, for [`UnifiedDereverb::process_observed`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The iteration, from 0.
    pub iteration: usize,
    /// What has moved.
    pub moved: Moved,
    /// Exact log-likelihood of each bin after the step; 0 for silent bins.
    pub log_likelihood: Vec<f64>,
    /// Log-density of the late covariances under their prior, less its constant; 0 without a prior. Steps raise the
    /// sum of both.
    pub log_prior: Vec<f64>,
    /// Time the step took, on the wall. That of `Nothing` includes the initial filter.
    pub duration: Duration,
}

impl UnifiedDereverb {
    pub(crate) fn new(params: UnifiedParams) -> Self {
        Self { params }
    }

    /// The parameters of the plan.
    pub fn params(&self) -> &UnifiedParams {
        &self.params
    }

    /// Takes apart a spectrum [channel, frame, bin] of any scale.
    ///
    /// Bins are shared out to the threads of rayon's current pool; the result does not depend on their number.
    ///
    /// # Errors
    /// If the spectrum is empty or not finite.
    pub fn process<T: Real>(&self, spectrum: ArrayView3<Complex<T>>) -> Result<UnifiedOutput<T>> {
        self.process_observed(spectrum, |_| ())
    }

    /// [`Self::process`] that tells of every step as it is done.
    ///
    /// # Errors
    /// Those of [`Self::process`].
    pub fn process_observed<T: Real>(
        &self,
        spectrum: ArrayView3<Complex<T>>,
        observe: impl FnMut(&Step),
    ) -> Result<UnifiedOutput<T>> {
        check_spectrum(spectrum.view())?;
        let mut estimation = Estimation::new(&self.params, spectrum, observe);
        for iteration in 0..self.params.iterations {
            if !estimation.iterate(iteration) {
                break;
            }
        }
        Ok(estimation.finish())
    }
}

/// An estimation under way.
struct Estimation<'a, T, F> {
    params: &'a UnifiedParams,
    past: StackedPast,
    frames: usize,
    models: Vec<BinModel<T>>,
    activations: Option<Activations<T>>,
    /// One for each thread, made when first needed.
    workspaces: Mutex<Vec<Workspace<T>>>,
    observe: F,
    /// The step whose likelihood is known only when the next one has its posterior.
    pending: (usize, Moved, Duration),
    /// The objective before the filter's step of the last iteration.
    objective: Option<f64>,
    /// The newest objective known.
    last: f64,
}

impl<'a, T: Real, F: FnMut(&Step)> Estimation<'a, T, F> {
    fn new(params: &'a UnifiedParams, spectrum: ArrayView3<Complex<T>>, observe: F) -> Self {
        let (channels, frames, bins) = spectrum.dim();
        let past = StackedPast { channels, taps: params.taps, delay: params.delay };
        let start = Instant::now();
        let workspaces = Mutex::new(Vec::new());
        let mut models: Vec<BinModel<T>> = (0..bins)
            .into_par_iter()
            .map(|f| {
                // [channel][frame] -> [frame][channel]
                let signal = spectrum.index_axis(Axis(2), f).t().iter().copied().collect();
                with_workspace(&workspaces, past, frames, |workspace: &mut Workspace<T>| {
                    BinModel::new(params, signal, f, &mut workspace.wpe)
                })
            })
            .collect();
        let activations = match params.source_model {
            SourceModel::Free => None,
            SourceModel::Factorised { components } => {
                Some(Activations::new(&mut models, components, frames, params.seed))
            }
        };
        Self {
            params,
            past,
            frames,
            models,
            activations,
            workspaces,
            observe,
            pending: (0, Moved::Nothing, start.elapsed()),
            objective: None,
            last: f64::NEG_INFINITY,
        }
    }

    /// False once the objective hardly rises.
    fn iterate(&mut self, iteration: usize) -> bool {
        let (update, sources) = (self.params.update, self.params.source_model);
        let is_free = move |class: &Class<T>| match class.role {
            Role::Source => sources == SourceModel::Free,
            Role::LateTaps => false,
            Role::LateGain => true,
        };
        if let Some(mut activations) = self.activations.take() {
            self.step(iteration, Moved::Bases, |model, workspace| activations.update_bases(model, workspace));
            let ratios = self.step(iteration, Moved::Activations, Activations::ratios);
            activations.update(&mut self.models, &ratios);
            self.activations = Some(activations);
        } else if update == Update::Em {
            self.step(iteration, Moved::Statistics, |model, workspace| {
                model.maximise_expectation(is_free, workspace);
            });
        }
        if self.activations.is_some() || update == Update::Mm {
            if self.models.iter().any(|model| model.classes.iter().any(is_free)) {
                self.step(iteration, Moved::Variances, |model, workspace| {
                    model.minorise_variances(is_free, workspace);
                });
            }
            self.step(iteration, Moved::Covariances, |model, workspace| {
                model.update_covariances(update, workspace);
            });
        }
        let filter = self.params.filter;
        self.step(iteration, Moved::Filter, |model, workspace| model.update_filter(filter, workspace));
        // what is known here is the objective before the filter's step, of every iteration
        let before = self.objective.replace(self.last);
        before.is_none_or(|before| self.last - before > self.params.tolerance * self.last.abs())
    }

    /// Updates every bin's posterior, which tells the likelihood of the step before, and from it does a step.
    fn step<R: Send>(
        &mut self,
        iteration: usize,
        moved: Moved,
        advance: impl Fn(&mut BinModel<T>, &mut Workspace<T>) -> R + Sync,
    ) -> Vec<R> {
        let start = Instant::now();
        let (past, frames, workspaces) = (self.past, self.frames, &self.workspaces);
        let floor = T::of(self.params.noise_floor);
        let (done, likelihoods): (Vec<(R, f64)>, Vec<f64>) = self
            .models
            .par_iter_mut()
            .map(|model| {
                with_workspace(workspaces, past, frames, |workspace: &mut Workspace<T>| {
                    let likelihood = likelihood(model, workspace, floor);
                    let prior = model.log_prior();
                    ((advance(model, workspace), prior), likelihood)
                })
            })
            .unzip();
        let (done, priors): (Vec<R>, Vec<f64>) = done.into_iter().unzip();
        self.report(likelihoods, priors);
        self.pending = (iteration, moved, start.elapsed());
        done
    }

    fn report(&mut self, log_likelihood: Vec<f64>, log_prior: Vec<f64>) {
        let (iteration, moved, duration) = self.pending;
        self.last = log_likelihood.iter().sum::<f64>() + log_prior.iter().sum::<f64>();
        (self.observe)(&Step { iteration, moved, log_likelihood, log_prior, duration });
    }

    /// The parts of the recording: cₖₜ = φₖₜ Sₖ Φₜ⁻¹ dₜ.
    fn finish(mut self) -> UnifiedOutput<T> {
        let shape = (self.past.channels, self.frames, self.models.len());
        let sources = self.params.sources;
        let parts = self.step(0, Moved::Nothing, |model, workspace| match model.classes.is_empty() {
            true => vec![vec![Complex::default(); model.signal.len()]; sources + 2],
            false => model.parts(workspace),
        });
        let mut output = UnifiedOutput {
            sources: vec![Array3::default(shape); self.params.sources],
            residual: Array3::default(shape),
            linear: Array3::default(shape),
        };
        for (f, parts) in parts.into_iter().enumerate() {
            let arrays = output.sources.iter_mut().chain([&mut output.residual, &mut output.linear]);
            for (array, part) in arrays.zip(parts) {
                array.index_axis_mut(Axis(2), f).iter_mut().zip(part).for_each(|(out, value)| *out = value);
            }
        }
        output
    }
}

/// Exact log-likelihood of a bin in units of the input, leaving its posterior in the workspace; 0 for silence.
fn likelihood<T: Real>(model: &BinModel<T>, workspace: &mut Workspace<T>, floor: T) -> f64 {
    if model.classes.is_empty() {
        return 0.0;
    }
    let scaled = workspace.posterior.update(&model.summands(), floor, &model.error);
    let values = model.signal.len() as f64; // T M
    scaled - values * (2.0 * model.amplitude.wide().ln() + std::f64::consts::PI.ln())
}

fn with_workspace<T: Real, R>(
    workspaces: &Mutex<Vec<Workspace<T>>>,
    past: StackedPast,
    frames: usize,
    work: impl FnOnce(&mut Workspace<T>) -> R,
) -> R {
    let free = |workspaces: &Mutex<Vec<Workspace<T>>>| workspaces.lock().ok().and_then(|mut all| all.pop());
    let mut workspace = free(workspaces).unwrap_or_else(|| Workspace::new(past, frames));
    let result = work(&mut workspace);
    if let Ok(mut all) = workspaces.lock() {
        all.push(workspace);
    }
    result
}
