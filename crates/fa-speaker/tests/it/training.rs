//! Eigenvoices and eigenchannels from data.

use auscult_fa_speaker::ndarray::Array2;
use auscult_fa_speaker::{
    EigenchannelParams, EigenvoiceParams, Error, Loadings, Metric, Statistics, Training,
};

use crate::support::Toy;

fn sums(corpus: &[Vec<Statistics>]) -> Vec<Statistics> {
    corpus
        .iter()
        .map(|of| {
            let mut sum = of[0].clone();
            of[1..].iter().for_each(|other| sum.add(other));
            sum
        })
        .collect()
}

/// Share of the energy of the true loadings that lies in the span of those found.
fn explained(found: &Loadings, truth: &auscult_fa_speaker::ndarray::Array3<f64>) -> f64 {
    let flat = |v: auscult_fa_speaker::ndarray::ArrayView3<f64>| {
        let (a, b, c) = v.dim();
        v.to_shape((a * b, c)).unwrap().into_owned()
    };
    let (mut basis, truth) = (flat(found.values()), flat(truth.view()));
    for j in 0..basis.ncols() {
        for i in 0..j {
            let along = basis.column(i).dot(&basis.column(j));
            let other = basis.column(i).to_owned();
            basis.column_mut(j).scaled_add(-along, &other);
        }
        let length = basis.column(j).dot(&basis.column(j)).sqrt();
        basis.column_mut(j).mapv_inplace(|x| x / length);
    }
    let inside: Array2<f64> = basis.t().dot(&truth);
    inside.mapv(|x| x * x).sum() / truth.mapv(|x| x * x).sum()
}

#[test]
fn em_finds_the_eigenvoices_and_its_evidence_never_falls() {
    let mut toy = Toy::new(8, 4, 3, 1, 21);
    let speakers = sums(&toy.corpus(80, 1, 300, false));
    for minimum_divergence in [false, true] {
        let params = EigenvoiceParams {
            factors: 3,
            iterations: 10,
            minimum_divergence,
            ..EigenvoiceParams::default()
        };
        let fitted = params.fit(&toy.gmm, &speakers).unwrap();
        assert!(fitted.evidence.windows(2).all(|pair| pair[1] >= pair[0] - 1e-6), "{:?}", fitted.evidence);
        assert!(explained(&fitted.loadings, &toy.voices) > 0.95);
        if minimum_divergence {
            // Energy as well as direction: y keeps a unit covariance.
            let energy = |v: auscult_fa_speaker::ndarray::ArrayView3<f64>| v.mapv(|x| x * x).sum();
            let ratio = energy(fitted.loadings.values()) / energy(toy.voices.view());
            assert!((0.7..1.4).contains(&ratio), "{ratio}");
            let model = auscult_fa_speaker::SpeakerModel::new(toy.gmm.clone(), fitted.loadings).unwrap();
            let model = model.with_kappa(1.0).unwrap();
            let (mut trace, n) = (0.0, speakers.len() as f64);
            for speaker in &speakers {
                let stat = model.stat(speaker).unwrap();
                let (mean, covariance) = (stat.posterior_mean(), stat.posterior_covariance());
                trace +=
                    mean.iter().map(|y| y * y).sum::<f64>() + covariance[0] + covariance[2] + covariance[5];
            }
            assert!((trace / n / 3.0 - 1.0).abs() < 0.05, "{}", trace / n / 3.0);
        }
    }
}

#[test]
fn principal_components_have_unit_scores() {
    let mut toy = Toy::new(6, 3, 2, 1, 22);
    let speakers = sums(&toy.corpus(60, 1, 2000, false));
    for metric in [Metric::Divergence, Metric::Plain] {
        let params =
            EigenvoiceParams { factors: 2, training: Training::Pca, metric, ..EigenvoiceParams::default() };
        let fitted = params.fit(&toy.gmm, &speakers).unwrap();
        assert!(fitted.evidence.is_empty());
        assert!(explained(&fitted.loadings, &toy.voices) > 0.95, "{metric:?}");
    }
}

#[test]
fn eigenchannels_are_what_differs_within_speakers() {
    let mut toy = Toy::new(8, 4, 3, 2, 23);
    let corpus = toy.corpus(60, 5, 200, true);
    let voices = Loadings::new(&toy.gmm, toy.voices.clone()).unwrap();
    let params = EigenchannelParams { factors: 2, ..EigenchannelParams::default() };
    let fitted = params.fit(&toy.gmm, &voices, &corpus).unwrap();
    assert!(explained(&fitted.loadings, &toy.channels) > 0.85);
}

#[test]
fn too_few_speakers_are_refused() {
    let mut toy = Toy::new(4, 2, 2, 1, 24);
    let speakers = sums(&toy.corpus(5, 1, 20, false));
    let fit = |factors| EigenvoiceParams { factors, ..EigenvoiceParams::default() }.fit(&toy.gmm, &speakers);
    assert!(matches!(fit(5), Err(Error::TooFew { given: 5, needed: 6, .. })));
    assert!(matches!(fit(0), Err(Error::Parameter { .. })));
    let other = Toy::new(3, 2, 2, 1, 25);
    let params = EigenvoiceParams { factors: 2, ..EigenvoiceParams::default() };
    assert!(matches!(params.fit(&other.gmm, &speakers), Err(Error::Shape { .. })));
}
