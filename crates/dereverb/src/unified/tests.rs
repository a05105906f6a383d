//! Steps of the estimation on their own, against what they must be by their definition.

use ndarray::Array3;
use num_complex::Complex;

use super::model::BinModel;
use super::workspace::Workspace;
use super::{Estimation, FilterStep, LateModel, SourceModel, UnifiedParams, Update};
use crate::bin::Bin;
use crate::hermitian::{Matrix, adjoint, cholesky, identity, trace};
use crate::planar::Planar;
use crate::stack::StackedPast;
use crate::testing::Noise;
use crate::{PowerFloor, WpeParams};

/// Noise of varying power through a decaying filter, [frame][channel].
fn scene(channels: usize, frames: usize, seed: u64) -> Vec<Complex<f64>> {
    let mut noise = Noise::new(seed);
    let mut pair = || Complex::new(noise.uniform(), noise.uniform());
    let source: Vec<_> = (0..frames).map(|_| pair() * (3.0 * pair().re).exp()).collect();
    let paths: Vec<_> = (0..8 * channels).map(|i| pair() * (-0.3 * (i / channels) as f64).exp()).collect();
    (0..frames * channels)
        .map(|index| {
            let (t, m) = (index / channels, index % channels);
            let wet: Complex<f64> =
                (0..8.min(t + 1)).map(|lag| paths[lag * channels + m] * source[t - lag]).sum();
            wet + pair() * 0.05
        })
        .collect()
}

fn start(
    params: &UnifiedParams,
    channels: usize,
    signal: Vec<Complex<f64>>,
) -> (BinModel<f64>, Workspace<f64>) {
    let past = StackedPast { channels, taps: params.taps, delay: params.delay };
    let mut workspace = Workspace::new(past, signal.len() / channels);
    let model = BinModel::new(params, signal, 0, &mut workspace.wpe);
    workspace.posterior.update(&model.summands(), params.noise_floor, &model.error);
    (model, workspace)
}

fn apart(a: &Planar<f64>, b: &Planar<f64>) -> f64 {
    let largest = b.re.iter().chain(&b.im).fold(0.0_f64, |largest, x| largest.max(x.abs()));
    let pairs = a.re.iter().chain(&a.im).zip(b.re.iter().chain(&b.im));
    pairs.fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs())) / largest
}

fn small() -> UnifiedParams {
    UnifiedParams::default().taps(3).delay(2).initial_iterations(1)
}

#[test]
fn the_exact_filter_leaves_no_gradient() {
    for (channels, sources) in [(1, 1), (2, 2), (3, 1)] {
        let params = small().sources(sources);
        let (mut model, mut workspace) = start(&params, channels, scene(channels, 150, 3));
        model.update_filter(FilterStep::Exact, &mut workspace);
        workspace.posterior.update(&model.summands(), params.noise_floor, &model.error);
        // Σ x̄ dᴴ Φ⁻¹, against Σ x̄ xᴴ Φ⁻¹: of this size without a filter
        let (stride, past) = (workspace.posterior.stride, workspace.wpe.stack.past);
        let gradient = |y: &Planar<f64>| {
            let mut largest = 0.0_f64;
            for j in 0..past.len() {
                for m in 0..channels {
                    let sum: Complex<f64> = (0..150)
                        .filter_map(|t| {
                            let old = (t + j / channels).checked_sub(past.lead())?;
                            Some(model.signal[old * channels + j % channels] * y.get(m * stride + t).conj())
                        })
                        .sum();
                    largest = largest.max(sum.norm());
                }
            }
            largest
        };
        let with = gradient(&workspace.posterior.y);
        let mut x = workspace.wpe.stack.signal();
        (0..150 * channels).for_each(|i| x.set(i % channels * stride + i / channels, model.signal[i]));
        let mut y = x.clone();
        workspace.posterior.apply(&x, &mut y);
        assert!(with < 1e-7 * gradient(&y), "{channels} channels: {with:e}, {:e}", gradient(&y));
    }
}

#[test]
fn conjugate_gradients_arrive_where_the_exact_step_does() {
    let params = small();
    let signal = scene(2, 150, 4);
    let (mut exact, mut workspace) = start(&params, 2, signal.clone());
    exact.update_filter(FilterStep::Exact, &mut workspace);
    let (mut iterated, mut workspace) = start(&params, 2, signal);
    iterated.update_filter(FilterStep::Pcg { steps: 60 }, &mut workspace);
    assert!(apart(&iterated.filter, &exact.filter) < 1e-7, "{:e}", apart(&iterated.filter, &exact.filter));
    // the filter's step by step, d was moved along; it is what the filter makes of x
    let stride = workspace.posterior.stride;
    for i in 0..300 {
        let at = i % 2 * stride + i / 2;
        assert!((iterated.error.get(at) - exact.error.get(at)).norm() < 1e-7);
    }
}

#[test]
fn with_a_white_source_every_step_is_that_of_wpe() {
    let channels = 3;
    let signal = scene(channels, 200, 5);
    let params = small().sources(1).late(LateModel::None).initial_iterations(0).noise_floor(1e-9);
    let expected = {
        let past = StackedPast { channels, taps: 3, delay: 2 };
        let mut bin = Bin::new(past, 200);
        let (model, _) = start(&params, channels, signal.clone());
        bin.load(&model.signal, 1.0);
        let wpe = WpeParams::default().iterations(1).power_floor(PowerFloor::Mean(1e-8));
        bin.iterate(&wpe, None);
        bin.filter.clone()
    };
    for step in [FilterStep::ScalarWeight, FilterStep::Exact, FilterStep::Mm, FilterStep::Pcg { steps: 1 }] {
        let (mut model, mut workspace) = start(&params, channels, signal.clone());
        model.classes[0].covariance = identity(channels, 1.0);
        model.classes[0].pack();
        workspace.posterior.update(&model.summands(), params.noise_floor, &model.error);
        model.update_filter(step, &mut workspace);
        let apart = apart(&model.filter, &expected);
        assert!(apart < 1e-5, "{step:?}: {apart:e}");
    }
}

#[test]
fn parts_and_floor_add_up_to_what_the_filter_left() {
    let params = small();
    let (mut model, mut workspace) = start(&params, 3, scene(3, 90, 6));
    let parts = model.parts(&mut workspace);
    let [sources @ .., residual, linear] = parts.as_slice() else { panic!("no parts") };
    assert_eq!(sources.len(), 2);
    for (index, &whole) in linear.iter().enumerate() {
        let y = workspace.posterior.y.get(index / 90 * workspace.posterior.stride + index % 90);
        let sum: Complex<f64> = sources.iter().map(|source| source[index]).sum();
        let sum = sum + residual[index] + y * (params.noise_floor * model.amplitude);
        assert!((sum - whole).norm() < 1e-9 * model.amplitude);
    }
}

/// Complex normal noise by Box and Muller.
fn normal(noise: &mut Noise) -> Complex<f64> {
    let radius = (-(0.5 + 0.5 * noise.uniform()).max(1e-12).ln()).sqrt();
    Complex::from_polar(radius, std::f64::consts::PI * noise.uniform())
}

/// A random covariance of the mean power `level`.
fn covariance(noise: &mut Noise, channels: usize, level: f64) -> Matrix<f64> {
    let a = Matrix::from_shape_simple_fn((channels, channels), || normal(noise));
    let s = a.dot(&adjoint(&a)) + identity(channels, 1.0);
    let mean = trace(&s) / channels as f64;
    s.mapv(|value| value * (level / mean))
}

/// x from the model itself, [frame][channel]: x(t) = g x(t - 2) + c + r.
fn simulated(
    noise: &mut Noise,
    params: &UnifiedParams,
    g: f64,
    v: &[f64],
    s: &Matrix<f64>,
    b: &Matrix<f64>,
) -> Vec<Complex<f64>> {
    let (frames, channels) = (v.len(), s.nrows());
    let (s_root, b_root) = (cholesky(s, 0.0), cholesky(b, 0.0));
    let mut x = vec![Complex::default(); frames * channels];
    for t in 0..frames {
        let power = |age: usize| match t.checked_sub(age) {
            Some(t) => x[t * channels..][..channels].iter().map(|x: &Complex<f64>| x.norm_sqr()).sum::<f64>(),
            None => 0.0,
        };
        let decay = |age: usize| (-2.0 * params.decay() * age as f64).exp();
        let ages = params.delay..params.delay + params.horizon();
        let u = ages.map(|age| decay(age) * power(age)).sum::<f64>() / channels as f64;
        let draw: Vec<_> = (0..2 * channels).map(|_| normal(noise)).collect();
        for m in 0..channels {
            let mix = |root: &Matrix<f64>, from: usize| -> Complex<f64> {
                (0..=m).map(|k| root[[m, k]] * draw[from + k]).sum()
            };
            let past = if t >= 2 { x[(t - 2) * channels + m] } else { Complex::default() };
            x[t * channels + m] =
                past * g + mix(&s_root, 0) * v[t].sqrt() + mix(&b_root, channels) * u.sqrt();
        }
    }
    x
}

fn of_one_late_class() -> UnifiedParams {
    let params = UnifiedParams::default().sources(1).taps(2).delay(2).late_groups(1);
    params.late_prior(None).reverberation_time(0.1).initial_iterations(0)
}

/// The variances are held at the truth.
#[test]
fn the_late_covariance_is_recovered_where_the_source_is_known() {
    for channels in [2, 4] {
        let frames = 6000;
        let mut noise = Noise::new(8);
        let (s, b) = (covariance(&mut noise, channels, 1.0), covariance(&mut noise, channels, 0.3));
        let v: Vec<f64> = (0..frames)
            .map(|_| normal(&mut noise).norm_sqr() * 2.0 * f64::from(normal(&mut noise).re > 0.0) + 1e-3)
            .collect();
        let (params, g) = (of_one_late_class().late_level(0.03), 0.3);
        let x = simulated(&mut noise, &params, g, &v, &s, &b);
        let (mut model, mut workspace) = start(&params, channels, x);
        let unit = model.amplitude * model.amplitude;
        model.classes[0].variance.iter_mut().zip(&v).for_each(|(variance, v)| *variance = v / unit);
        for _ in 0..60 {
            workspace.posterior.update(&model.summands(), params.noise_floor, &model.error);
            model.maximise_expectation(|_| false, &mut workspace);
            workspace.posterior.update(&model.summands(), params.noise_floor, &model.error);
            model.update_filter(FilterStep::Pcg { steps: 3 }, &mut workspace);
        }
        let ratio = trace(&model.classes[1].covariance) / trace(&b);
        println!("{channels} channels, variances known: late covariance {ratio:.3} of the truth");
        assert!((ratio - 1.0).abs() < 0.1, "{channels} channels: {ratio}");
        // x̄ is [x(t - 3), x(t - 2)], G the identity times g on the second
        for m in 0..channels {
            let found = model.filter.get((channels + m) * channels + m);
            assert!((found - g).norm() < 0.03, "{channels} channels: {found}");
        }
    }
}

/// A variance for every time and frequency takes the late covariance's part. In thirty iterations the factorisation gives
/// it back, or more; the prior holds whatever the start was. The figures, and what longer runs do, are in
/// docs/dereverb.md.
#[test]
fn what_the_remedies_do_to_the_bias_of_free_variances() {
    let (frames, bins, components) = (800, 12, 3);
    for channels in [2, 4] {
        let mut noise = Noise::new(20 + channels as u64);
        let activations: Vec<Vec<f64>> = (0..components)
            .map(|_| (0..frames).map(|_| 0.01 + 3.0 * noise.uniform().max(0.0).powi(3)).collect())
            .collect();
        let mut x = Array3::default((channels, frames, bins));
        let truth = 0.3;
        for f in 0..bins {
            let (s, b) = (covariance(&mut noise, channels, 1.0), covariance(&mut noise, channels, truth));
            let w: Vec<f64> = (0..components).map(|_| noise.uniform().powi(2)).collect();
            let v: Vec<f64> = (0..frames)
                .map(|t| (0..components).map(|k| w[k] * activations[k][t]).sum::<f64>() + 1e-3)
                .collect();
            let signal = simulated(&mut noise, &of_one_late_class(), 0.3, &v, &s, &b);
            for (index, value) in signal.into_iter().enumerate() {
                x[[index % channels, index / channels, f]] = value;
            }
        }
        let ratio = |params: UnifiedParams| {
            let params = params.update(Update::Mm).tolerance(0.0);
            let mut estimation = Estimation::new(&params, x.view(), |_| ());
            (0..30).for_each(|iteration| {
                estimation.iterate(iteration);
            });
            let late = estimation.models.iter().map(|model| trace(&model.classes[1].covariance));
            late.sum::<f64>() / (bins * channels) as f64 / truth
        };
        let factorised = SourceModel::Factorised { components };
        for start in [0.1, 0.3] {
            let params = || of_one_late_class().late_level(start);
            let free = ratio(params());
            let held = ratio(params().late_prior(Some(0.5)));
            let together = ratio(params().source_model(factorised));
            println!(
                "{channels} channels, from {:.2}: free {free:.2}, prior {held:.2}, factorised {together:.2}",
                start / truth
            );
            let off = |ratio: f64| ratio.ln().abs();
            assert!(free < 0.8, "{channels} channels: {free}");
            assert!(off(together) < off(free), "{channels} channels: {together}");
            assert!((held / (start / truth) - 1.0).abs() < 0.1, "{channels} channels: {held}");
        }
    }
}
