//! Sources whose variances are a non-negative factorisation, v[f, t] = Σₖ w[f, k] h[k, t]: what changes together in all
//! bins is told once, and no longer a parameter of every time and frequency.
//!
//! Multiplicative updates (MM): w <- w (Σₜ h q / Σₜ h r)^½ and likewise h, with q = yᴴ S y and r = tr(Φ⁻¹ S).

use ndarray::{Array2, Axis, Zip};
use rand_distr::{Distribution, StandardUniform};
use rand_pcg::Pcg64Mcg;

use super::model::{BinModel, Class, Role};
use super::workspace::Workspace;
use crate::Real;

/// The least weight or activation.
const LEAST: f64 = 1e-12;

/// h of every source, [component, frame].
pub(super) struct Activations<T>(Vec<Array2<T>>);

/// q and r of every source in one bin, [frame].
pub(super) type Ratios<T> = Vec<(Vec<T>, Vec<T>)>;

fn sources<T>(classes: &mut [Class<T>]) -> impl Iterator<Item = &mut Class<T>> {
    classes.iter_mut().filter(|class| class.role == Role::Source)
}

impl<T: Real> Activations<T> {
    /// Starts from the loudness of the frames and of the bins, scattered by the seed.
    pub(super) fn new(models: &mut [BinModel<T>], components: usize, frames: usize, seed: u64) -> Self {
        let mut random = Pcg64Mcg::new(u128::from(seed) << 64 | u128::MAX >> 64);
        let mut scatter = || {
            let uniform: f64 = StandardUniform.sample(&mut random);
            T::of(0.5 + uniform)
        };
        let count = models.iter().map(|m| m.classes.iter().filter(|c| c.role == Role::Source).count()).max();
        let mut loudness = vec![vec![T::zero(); frames]; count.unwrap_or(0)];
        for model in &mut *models {
            for (class, loudness) in sources(&mut model.classes).zip(&mut loudness) {
                let mean = class.variance[..frames].iter().copied().sum::<T>() / T::of(frames as f64);
                class.bases = (0..components).map(|_| mean * scatter() / T::of(components as f64)).collect();
                loudness.iter_mut().zip(&class.variance).for_each(|(sum, &v)| *sum += v / mean);
            }
        }
        let activations = loudness
            .iter()
            .map(|loudness| {
                let mean = loudness.iter().copied().sum::<T>() / T::of(frames as f64);
                let relative = |t: usize| (loudness[t] / mean).max(T::of(LEAST));
                Array2::from_shape_fn((components, frames), |(_, t)| relative(t) * scatter())
            })
            .collect();
        let activations = Self(activations);
        models.iter_mut().for_each(|model| activations.set_variances(model));
        activations
    }

    /// v = Σ w h of one bin.
    fn set_variances(&self, model: &mut BinModel<T>) {
        for (class, h) in sources(&mut model.classes).zip(&self.0) {
            let Class { variance, bases, .. } = class;
            for (h, variance) in h.axis_iter(Axis(1)).zip(variance) {
                *variance = h.iter().zip(&*bases).map(|(&h, &w)| w * h).sum();
            }
        }
    }

    /// The update of one bin's w.
    pub(super) fn update_bases(&self, model: &mut BinModel<T>, workspace: &mut Workspace<T>) {
        let Workspace { posterior, quadratic, trace, .. } = workspace;
        for (class, h) in sources(&mut model.classes).zip(&self.0) {
            posterior.quadratic_and_trace(class.packed(), quadratic, trace);
            for (w, h) in class.bases.iter_mut().zip(h.rows()) {
                let weighted = |values: &[T]| h.iter().zip(values).map(|(&h, &value)| h * value).sum::<T>();
                *w = (*w * (weighted(quadratic).max(T::zero()) / weighted(trace)).sqrt()).max(T::of(LEAST));
            }
        }
        self.set_variances(model);
    }

    /// What the update of h needs of one bin.
    pub(super) fn ratios(model: &mut BinModel<T>, workspace: &mut Workspace<T>) -> Ratios<T> {
        let Workspace { posterior, quadratic, trace, .. } = workspace;
        let frames = posterior.frames;
        sources(&mut model.classes)
            .map(|class| {
                posterior.quadratic_and_trace(class.packed(), quadratic, trace);
                (quadratic[..frames].to_vec(), trace[..frames].to_vec())
            })
            .collect()
    }

    /// The update of h from all bins, summed in their order.
    pub(super) fn update(&mut self, models: &mut [BinModel<T>], ratios: &[Ratios<T>]) {
        for (source, h) in self.0.iter_mut().enumerate() {
            let mut numerator = Array2::<T>::zeros(h.dim());
            let mut denominator = numerator.clone();
            for (model, ratios) in models.iter_mut().zip(ratios) {
                let classes = sources(&mut model.classes).zip(ratios).nth(source);
                let Some((class, (quadratic, trace))) = classes else { continue };
                for (k, &w) in class.bases.iter().enumerate() {
                    for (mut sums, values) in
                        [(numerator.row_mut(k), quadratic), (denominator.row_mut(k), trace)]
                    {
                        sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum += w * value);
                    }
                }
            }
            Zip::from(h).and(&numerator).and(&denominator).for_each(|h, &q, &r| {
                if r > T::zero() {
                    *h = (*h * (q.max(T::zero()) / r).sqrt()).max(T::of(LEAST));
                }
            });
        }
        models.iter_mut().for_each(|model| self.set_variances(model));
    }
}
