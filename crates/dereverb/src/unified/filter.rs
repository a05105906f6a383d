//! The step of the prediction filter: G minimises Σₜ dₜᴴ Φₜ⁻¹ dₜ with d = x - Gᴴ x̄, a quadratic whose gradient vanishes where
//!
//! Σ x̄ₜ x̄ₜᴴ G Φₜ⁻¹ = Σ x̄ₜ xₜᴴ Φₜ⁻¹.
//!
//! What couples the columns of G is that Φₜ⁻¹ differs from frame to frame. Were it wₜ A, the solution would be that of
//! WPE with the weights w; so A⁻¹ and (Σ w x̄ x̄ᴴ)⁻¹, from either side, make a good preconditioner.

use num_complex::Complex;

use super::FilterStep;
use super::model::BinModel;
use super::posterior::{Posterior, lower};
use super::variances::full;
use super::workspace::Workspace;
use crate::Real;
use crate::cholesky::Cholesky;
use crate::hermitian::{Matrix, adjoint, cholesky, eigen, inverse, inverse_lower};
use crate::planar::Planar;
use crate::product::ROWS;
use crate::stack::Stack;

pub(super) struct FilterSolver<T> {
    cholesky: Cholesky<T>,
    /// C = Σ w x̄ x̄ᴴ and its factor
    gram: Planar<T>,
    factor: Planar<T>,
    /// Σ z x̄ᴴ, [channel][tap and channel]
    cross: Planar<T>,
    /// Filters [tap and channel][channel]: the negative gradient, the same preconditioned, the direction of search
    gradient: Planar<T>,
    preconditioned: Planar<T>,
    direction: Planar<T>,
    /// Signals [channel][frame]: what the direction predicts, and Φ⁻¹ times that
    predicted: Planar<T>,
    weighted: Planar<T>,
}

impl<T: Real> FilterSolver<T> {
    pub(super) fn new(stack: &Stack<T>) -> Self {
        let (channels, order) = (stack.past.channels, stack.past.len());
        let cholesky = Cholesky::new(order);
        let filter = || Planar::zeros(order * channels);
        Self {
            gram: cholesky.matrix(),
            factor: cholesky.matrix(),
            cross: Planar::zeros(channels.next_multiple_of(ROWS) * cholesky.width),
            cholesky,
            gradient: filter(),
            preconditioned: filter(),
            direction: filter(),
            predicted: stack.signal(),
            weighted: stack.signal(),
        }
    }

    /// `gradient` = Σ x̄ zᴴ of a signal z.
    fn correlate(&mut self, stack: &mut Stack<T>, z: impl Fn(usize, usize) -> Complex<T>) {
        let (channels, width) = (stack.past.channels, self.cholesky.width);
        stack.cross(|_, t, m| z(t, m), &mut self.cross, width);
        for j in 0..stack.past.len() {
            for m in 0..channels {
                self.gradient.set(j * channels + m, self.cross.get(m * width + j).conj());
            }
        }
    }

    /// `preconditioned` = C⁻¹ `gradient` A⁻¹
    fn precondition(&mut self, a_inverse: &Matrix<T>) {
        let channels = a_inverse.nrows();
        self.preconditioned.copy_from(&self.gradient);
        self.cholesky.solve(&self.factor, &mut self.preconditioned, channels);
        let mut row = vec![Complex::default(); channels];
        for start in (0..self.preconditioned.re.len()).step_by(channels) {
            for (m, entry) in row.iter_mut().enumerate() {
                *entry = (0..channels).map(|k| self.preconditioned.get(start + k) * a_inverse[[k, m]]).sum();
            }
            row.iter().enumerate().for_each(|(m, &entry)| self.preconditioned.set(start + m, entry));
        }
    }

    fn factor(&mut self, stack: &mut Stack<T>, weights: &[T], loading: T) -> bool {
        stack.gram(&weights[..stack.frames], &mut self.gram, self.cholesky.width);
        self.cholesky.factor_loaded(&self.gram, &mut self.factor, loading)
    }
}

/// Re tr(Aᴴ B)
fn inner<T: Real>(a: &Planar<T>, b: &Planar<T>) -> T {
    let sum = |a: &[T], b: &[T]| a.iter().zip(b).map(|(&a, &b)| a * b).sum::<T>();
    sum(&a.re, &b.re) + sum(&a.im, &b.im)
}

/// a += c b
fn add_multiple<T: Real>(a: &mut Planar<T>, c: T, b: &Planar<T>) {
    for (a, b) in [(&mut a.re, &b.re), (&mut a.im, &b.im)] {
        a.iter_mut().zip(b).for_each(|(a, &b)| *a += c * b);
    }
}

impl<T: Real> BinModel<T> {
    /// Moves the filter; `workspace` holds the posterior of the present parameters.
    pub(super) fn update_filter(&mut self, step: FilterStep, workspace: &mut Workspace<T>) {
        if self.classes.is_empty() {
            return;
        }
        let Workspace { wpe, posterior, solver, trace: spread, weights, outer, inverse: mean, .. } =
            workspace;
        let stack = &mut wpe.stack;
        stack.load(&self.signal, T::one());
        let (channels, frames) = (stack.past.channels, stack.frames);
        if let FilterStep::Exact = step {
            return self.solve_exactly(stack, posterior);
        }
        if let FilterStep::ScalarWeight = step {
            // w = tr Φ⁻¹ / M
            for t in 0..frames {
                let trace: T = (0..channels).map(|m| posterior.inverse(m, m, t).re).sum();
                weights[t] = trace / T::of(channels as f64);
            }
            if solver.factor(stack, weights, T::zero()) {
                let x: Vec<_> =
                    self.signal.iter().enumerate().map(|(i, &x)| x * weights[i / channels]).collect();
                solver.correlate(stack, |t, m| x[t * channels + m]);
                self.filter.copy_from(&solver.gradient);
                solver.cholesky.solve(&solver.factor, &mut self.filter, channels);
            }
            return self.filter_signal(stack);
        }
        // A: the mean of Φ⁻¹
        weights.fill(T::zero());
        weights[..frames].fill(T::of(frames as f64).recip());
        posterior.sums(weights, outer, mean);
        let a = full(mean);
        let a_inverse = inverse(&a, T::epsilon());
        if let FilterStep::Mm = step {
            // Φ⁻¹ <= w A
            let whiten = inverse_lower(&cholesky(&a, T::epsilon()));
            for t in 0..frames {
                let p = Matrix::from_shape_fn(a.dim(), |(i, j)| match i >= j {
                    true => posterior.inverse(i, j, t),
                    false => posterior.inverse(j, i, t).conj(),
                });
                let (values, _) = eigen(whiten.dot(&p).dot(&adjoint(&whiten)).view());
                weights[t] = values.into_iter().fold(T::zero(), T::max);
            }
        } else {
            // w = tr(A⁻¹ Φ⁻¹) / M
            for i in 0..channels {
                (0..=i).for_each(|j| outer.set(lower(i, j), a_inverse[[i, j]]));
            }
            posterior.quadratic_and_trace(outer, &mut workspace.quadratic, spread);
            let channels = T::of(channels as f64);
            weights.iter_mut().zip(&*spread).take(frames).for_each(|(w, &trace)| *w = trace / channels);
        }
        // enough for a factor to exist; it changes the way, not the goal
        let loading = if T::epsilon() > T::of(1e-10) { 1e-5 } else { 1e-8 };
        if !solver.factor(stack, weights, T::of(loading)) {
            return; // silence in all of the past: nothing to predict from
        }
        let stride = posterior.stride;
        solver.correlate(stack, |t, m| posterior.y.get(m * stride + t));
        solver.precondition(&a_inverse);
        match step {
            FilterStep::Pcg { steps } => {
                self.conjugate_gradients(steps, &a_inverse, stack, posterior, solver)
            }
            _ => {
                add_multiple(&mut self.filter, T::one(), &solver.preconditioned);
                self.filter_signal(stack);
            }
        }
    }

    /// From the present filter on: the objective falls with every step.
    fn conjugate_gradients(
        &mut self,
        steps: usize,
        a_inverse: &Matrix<T>,
        stack: &mut Stack<T>,
        posterior: &Posterior<T>,
        solver: &mut FilterSolver<T>,
    ) {
        let channels = stack.past.channels;
        let stride = stack.stride();
        solver.direction.copy_from(&solver.preconditioned);
        let mut residual = solver.gradient.clone();
        let mut descent = inner(&residual, &solver.preconditioned);
        let enough = descent * T::epsilon() * T::epsilon();
        for step in 0..steps {
            let direction = &solver.direction;
            stack.filter(|j, m| direction.get(j * channels + m), &mut solver.predicted);
            solver.predicted.im.iter_mut().for_each(|im| *im = -*im);
            posterior.apply(&solver.predicted, &mut solver.weighted);
            let curvature: T = (0..channels)
                .map(|m| m * stride..m * stride + stack.frames)
                .map(|channel| {
                    let product = |a: &[T], b: &[T]| a.iter().zip(b).map(|(&a, &b)| a * b).sum::<T>();
                    product(&solver.predicted.re[channel.clone()], &solver.weighted.re[channel.clone()])
                        + product(&solver.predicted.im[channel.clone()], &solver.weighted.im[channel])
                })
                .sum();
            if !(descent > enough && curvature > T::zero()) {
                break;
            }
            let length = descent / curvature;
            add_multiple(&mut self.filter, length, &solver.direction);
            add_multiple(&mut self.error, -length, &solver.predicted);
            if step + 1 == steps {
                break;
            }
            let weighted = std::mem::take(&mut solver.weighted);
            solver.correlate(stack, |t, m| weighted.get(m * stride + t));
            solver.weighted = weighted;
            add_multiple(&mut residual, -length, &solver.gradient);
            solver.gradient.copy_from(&residual);
            solver.precondition(a_inverse);
            let before = descent;
            descent = inner(&residual, &solver.preconditioned);
            let mut direction = solver.preconditioned.clone();
            add_multiple(&mut direction, descent / before, &solver.direction);
            solver.direction = direction;
        }
    }

    /// All M² · taps equations at once; for tests and small problems.
    fn solve_exactly(&mut self, stack: &mut Stack<T>, posterior: &Posterior<T>) {
        let (channels, order, frames) = (stack.past.channels, stack.past.len(), stack.frames);
        let unknowns = order * channels;
        let mut cholesky = Cholesky::new(unknowns);
        let mut matrix = cholesky.matrix();
        let mut rhs = Planar::zeros(unknowns);
        let mut factor = cholesky.matrix();
        let (lead, width) = (stack.past.lead(), cholesky.width);
        for t in 0..frames {
            // x̄[j], oldest frame first
            let past = |j: usize| match (t + j / channels).checked_sub(lead) {
                Some(t) => stack.present(j % channels, t),
                None => Complex::default(),
            };
            let p = |i: usize, j: usize| match i >= j {
                true => posterior.inverse(i, j, t),
                false => posterior.inverse(j, i, t).conj(),
            };
            for j in 0..order {
                let x = past(j);
                for m in 0..channels {
                    let weighted: Complex<T> = (0..channels).map(|k| p(m, k) * stack.present(k, t)).sum();
                    let row = j * channels + m;
                    rhs.set(row, rhs.get(row) + x * weighted.conj());
                    for l in 0..=j {
                        let product = x * past(l).conj();
                        for k in 0..channels {
                            let column = l * channels + k;
                            if column <= row {
                                let at = row * width + column;
                                // (x̄ x̄ᴴ G P)[j, m] = Σ x̄[j] conj(x̄[l]) G[l, k] P[k, m]
                                matrix.set(at, matrix.get(at) + product * p(k, m));
                            }
                        }
                    }
                }
            }
        }
        // proximity to the present filter keeps the step monotone where the matrix is singular
        let mean = (0..unknowns).map(|i| matrix.re[i * width + i]).sum::<T>() / T::of(unknowns as f64);
        let proximity = mean * if T::epsilon() > T::of(1e-10) { T::of(1e-5) } else { T::of(1e-12) };
        add_multiple(&mut rhs, proximity, &self.filter);
        (0..unknowns).for_each(|i| matrix.re[i * width + i] += proximity);
        if cholesky.factor_loaded(&matrix, &mut factor, T::zero()) {
            cholesky.solve(&factor, &mut rhs, 1);
            self.filter.copy_from(&rhs);
        }
        self.filter_signal(stack);
    }

    /// d = x - Gᴴ x̄
    fn filter_signal(&mut self, stack: &mut Stack<T>) {
        let (channels, stride) = (stack.past.channels, stack.stride());
        let filter = &self.filter;
        stack.filter(|j, m| filter.get(j * channels + m), &mut self.error);
        for m in 0..channels {
            for t in 0..stack.frames {
                let predicted = self.error.get(m * stride + t).conj();
                self.error.set(m * stride + t, stack.present(m, t) - predicted);
            }
        }
    }
}
