//! The rivals.

use auscult_fa_speaker::ndarray::{Array2, s};
use auscult_fa_speaker::{
    Bic, Clr, ClrForm, ClusterModel, EigenvoiceParams, Error, FactorDistance, FullGaussian, GaussianGlr,
    GmmGlr, GmmParams, PenaltyFrames, PldaParams, Statistics,
};

use crate::support::{Noise, SOFT, Toy};

fn cloud(seed: u64, frames: usize, centre: f64) -> Array2<f64> {
    let mut noise = Noise(seed);
    Array2::from_shape_fn((frames, 3), |(_, j)| centre + noise.normal() * (1.0 + j as f64))
}

/// ½ n ln|Σ| of frames, by elimination.
fn half_log_determinant(x: &Array2<f64>) -> f64 {
    let (n, d) = x.dim();
    let mean = x.mean_axis(auscult_fa_speaker::ndarray::Axis(0)).unwrap();
    let centred = x - &mean;
    let mut covariance = centred.t().dot(&centred) / n as f64;
    let ridge = 1e-3 * covariance.diag().sum() / d as f64;
    covariance.diag_mut().mapv_inplace(|v| v + ridge);
    let mut sum = 0.0;
    for i in 0..d {
        sum += covariance[[i, i]].ln();
        for r in i + 1..d {
            let factor = covariance[[r, i]] / covariance[[i, i]];
            for c in i..d {
                let upper = covariance[[i, c]];
                covariance[[r, c]] -= factor * upper;
            }
        }
    }
    0.5 * n as f64 * sum
}

#[test]
fn glr_and_bic_are_their_definitions() {
    let (a, b) = (cloud(1, 80, 0.0), cloud(2, 60, 1.0));
    let both =
        auscult_fa_speaker::ndarray::concatenate(auscult_fa_speaker::ndarray::Axis(0), &[a.view(), b.view()])
            .unwrap();
    let expected = half_log_determinant(&both) - half_log_determinant(&a) - half_log_determinant(&b);
    let (first, second) = (FullGaussian::new(a.view()).unwrap(), FullGaussian::new(b.view()).unwrap());
    assert!((first.glr_distance(&second).unwrap() - expected).abs() < 1e-9 * expected.abs());
    let penalty = 0.5 * 2.0 * 9.0 * 140_f64.ln();
    let bic = Bic { alpha: 2.0, ..Bic::default() };
    assert!((bic.distance(&first, &second).unwrap() - (expected - penalty)).abs() < 1e-8);
    let of_recording = Bic { alpha: 2.0, frames: PenaltyFrames::Recording(1000.0) };
    let difference = bic.distance(&first, &second).unwrap() - of_recording.distance(&first, &second).unwrap();
    assert!((difference - 9.0 * (1000.0 / 140_f64).ln()).abs() < 1e-9);
    assert_eq!(GaussianGlr.merged(&first, &second).unwrap().frames(), 140.0);
}

#[test]
fn bic_tells_one_speaker_from_two() {
    let gaussian = |seed, centre| FullGaussian::new(cloud(seed, 200, centre).view()).unwrap();
    let bic = Bic::default();
    assert!(bic.distance(&gaussian(3, 0.0), &gaussian(4, 0.0)).unwrap() < 0.0);
    assert!(bic.distance(&gaussian(3, 0.0), &gaussian(4, 3.0)).unwrap() > 0.0);
    let mixtures = GmmGlr { mixture: GmmParams { components: 2, ..GmmGlr::default().mixture } };
    let near = mixtures.distance(cloud(3, 200, 0.0).view(), cloud(4, 200, 0.0).view()).unwrap();
    let far = mixtures.distance(cloud(3, 200, 0.0).view(), cloud(4, 200, 9.0).view()).unwrap();
    assert!(near < far, "{near} {far}");
}

#[test]
fn a_gaussian_of_few_or_equal_frames_has_a_distance() {
    let one = FullGaussian::new(cloud(5, 1, 0.0).view()).unwrap();
    let constant = FullGaussian::new(Array2::<f32>::zeros((10, 3)).view()).unwrap();
    assert!(one.glr_distance(&constant).unwrap().is_finite());
    let vast = FullGaussian::new(Array2::from_elem((4, 3), 1e200_f64).view());
    assert!(matches!(vast, Err(Error::Singular { .. })));
    let none = FullGaussian::new(cloud(5, 1, 0.0).slice(s![..0, ..]));
    assert!(matches!(none, Err(Error::TooFew { .. })));
}

#[test]
fn cross_likelihood_ratios_are_their_definition() {
    let mut toy = Toy::new(3, 2, 2, 1, 31);
    // Components far apart, so that the alignment does not move with the means.
    let far = toy.gmm.means().mapv(|m| m * 40.0);
    toy.gmm = toy.gmm.with_means(far).unwrap();
    let [(a, _), (b, _)] = [[0.5, -0.2], [-0.4, 0.3]].map(|y| toy.speak(&y, 90, false));
    let statistics = |x: &Array2<f64>| Statistics::new(&toy.gmm, x.view(), SOFT).unwrap();
    let (first, second) = (statistics(&a), statistics(&b));
    let adapted = [toy.gmm.adapted(&first, 16.0).unwrap(), toy.gmm.adapted(&second, 16.0).unwrap()];
    let log = |gmm: &auscult_fa_speaker::Gmm, x: &Array2<f64>| gmm.log_likelihoods(x.view()).unwrap().sum();
    let crossed = log(&adapted[1], &a) + log(&adapted[0], &b);
    let own = log(&adapted[0], &a) + log(&adapted[1], &b);
    let background = log(&toy.gmm, &a) + log(&toy.gmm, &b);
    let clr = |form| Clr { gmm: &toy.gmm, relevance: 16.0, form }.distance(&first, &second).unwrap();
    assert!((clr(ClrForm::Slides) + (crossed - own)).abs() < 1e-6);
    assert!((clr(ClrForm::Normalised) + (crossed - own) / 90.0).abs() < 1e-8);
    assert!((clr(ClrForm::AgainstUbm) + (crossed - background) / 90.0).abs() < 1e-8);
    let back =
        Clr { gmm: &toy.gmm, relevance: 16.0, form: ClrForm::Slides }.distance(&second, &first).unwrap();
    assert!((clr(ClrForm::Slides) - back).abs() < 1e-9);
    let other = Toy::new(2, 2, 2, 1, 32);
    let stranger = Statistics::empty(&other.gmm);
    let slides = Clr { gmm: &toy.gmm, relevance: 16.0, form: ClrForm::Slides };
    assert!(matches!(slides.merged(&first, &stranger), Err(Error::Shape { .. })));
}

#[test]
fn factor_distances_rank_speakers() {
    let mut toy = Toy::new(8, 5, 8, 1, 32); // eight factors: a cosine needs room
    let corpus = toy.corpus(12, 2, 150, false);
    let (stats, _) = Toy::stats(&toy.model(), &corpus);
    for measure in [
        FactorDistance::MaximumLikelihood,
        FactorDistance::PosteriorMean,
        FactorDistance::Cosine,
        FactorDistance::Mahalanobis,
    ] {
        let distance = |i: usize, j: usize| measure.distance(&stats[i], &stats[j]).unwrap();
        assert!(distance(0, 0).abs() < 1e-12, "{measure:?}");
        assert!((distance(0, 3) - distance(3, 0)).abs() < 1e-12);
        let right = (0..12).filter(|&s| {
            let own = distance(2 * s, 2 * s + 1);
            (0..24).filter(|&j| j / 2 != s).all(|j| distance(2 * s, j) > own)
        });
        assert!(right.count() >= 8, "{measure:?}");
    }
}

#[test]
fn plda_tells_speakers_apart() {
    let mut toy = Toy::new(6, 4, 3, 2, 33);
    let train = toy.corpus(60, 4, 120, true);
    let test = toy.corpus(15, 2, 120, true);
    for length_normalisation in [true, false] {
        let total_variability = EigenvoiceParams { factors: 5, ..EigenvoiceParams::default() };
        let params = PldaParams { total_variability, length_normalisation };
        let model = params.fit(&toy.gmm, &train).unwrap();
        let stats: Vec<_> = test.iter().flatten().map(|one| model.stat(one).unwrap()).collect();
        let right = (0..15).filter(|&s| {
            let own = stats[2 * s].llr(&stats[2 * s + 1]).unwrap();
            (0..30).filter(|&j| j / 2 != s).all(|j| stats[2 * s].llr(&stats[j]).unwrap() < own)
        });
        assert!(right.count() >= 10);
    }
    let single: Vec<Vec<Statistics>> = train.iter().map(|of| of[..1].to_vec()).collect();
    assert!(matches!(PldaParams::default().fit(&toy.gmm, &single), Err(Error::TooFew { .. })));
}
