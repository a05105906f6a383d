//! Against NumPy, scikit-learn and SciPy: tests/golden/generate.py.

use auscult_fa_speaker::ndarray::{Array1, Array2, Array3};
use auscult_fa_speaker::{Gmm, GmmParams, Linkage, Loadings, SpeakerModel, SpeakerStat, Start, Statistics};
use serde::Deserialize;
use std::path::Path;

type Rows = Vec<Vec<f64>>;

pub(crate) fn matrix(rows: &Rows) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

fn cube(blocks: &[Rows]) -> Array3<f64> {
    Array3::from_shape_fn((blocks.len(), blocks[0].len(), blocks[0][0].len()), |(k, i, j)| blocks[k][i][j])
}

pub(crate) fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[derive(Deserialize)]
struct Stat {
    precision: Rows,
    linear: Vec<f64>,
    evidence: f64,
}

#[derive(Deserialize)]
struct Case {
    mean: Rows,
    variance: Rows,
    eigenvoices: Vec<Rows>,
    eigenchannels: Vec<Rows>,
    occupation: Rows,
    first_order: Vec<Rows>,
    eigenvoice: Vec<Stat>,
    extended: Vec<Stat>,
    llr: f64,
    llr_extended: f64,
}

#[track_caller]
fn assert_close(value: f64, expected: f64) {
    let tolerance = 1e-10 * expected.abs().max(1.0);
    assert!((value - expected).abs() <= tolerance, "{value} is not {expected}");
}

#[track_caller]
fn assert_stat(stat: &SpeakerStat, expected: &Stat) {
    let mut packed = stat.precision().iter();
    for (i, row) in expected.precision.iter().enumerate() {
        for entry in &row[..=i] {
            assert_close(*packed.next().unwrap(), *entry);
        }
    }
    for (value, expected) in stat.linear().iter().zip(&expected.linear) {
        assert_close(*value, *expected);
    }
    assert_close(stat.evidence(), expected.evidence);
}

#[test]
fn the_closed_forms_are_numpys() {
    for case in read::<Vec<Case>>("comparison.json") {
        let gmm =
            Gmm::new(Array1::ones(case.mean.len()), matrix(&case.mean), matrix(&case.variance)).unwrap();
        let voices = Loadings::new(&gmm, cube(&case.eigenvoices)).unwrap();
        let channels = Loadings::new(&gmm, cube(&case.eigenchannels)).unwrap();
        let plain = SpeakerModel::new(gmm, voices).unwrap().with_kappa(1.0).unwrap();
        let extended = plain.clone().with_eigenchannels(channels).unwrap();
        let utterance = |i: usize| Statistics {
            occupation: Array1::from(case.occupation[i].clone()),
            first_order: matrix(&case.first_order[i]),
        };
        for (model, stats, llr) in
            [(plain, &case.eigenvoice, case.llr), (extended, &case.extended, case.llr_extended)]
        {
            let [a, b] = [0, 1].map(|i| model.stat(&utterance(i)).unwrap());
            assert_stat(&a, &stats[0]);
            assert_stat(&b, &stats[1]);
            assert_close(a.llr(&b).unwrap(), llr);
            assert_close(auscult_fa_speaker::llr_with_each(&a, &[&b]).unwrap()[0], llr);
        }
    }
}

#[derive(Deserialize)]
struct Mixture {
    frames: Rows,
    weights: Vec<f64>,
    means: Rows,
    variances: Rows,
    log_likelihoods: Vec<f64>,
    posteriors: Rows,
}

#[test]
fn densities_are_scikit_learns() {
    let golden: Mixture = read("gmm.json");
    let weights = Array1::from(golden.weights);
    let gmm = Gmm::new(weights, matrix(&golden.means), matrix(&golden.variances)).unwrap();
    let frames = matrix(&golden.frames);
    let log_likelihoods = gmm.log_likelihoods(frames.view()).unwrap();
    let posteriors = gmm.posteriors(frames.view()).unwrap();
    for (t, expected) in golden.log_likelihoods.iter().enumerate() {
        assert_close(log_likelihoods[t], *expected);
        for (k, expected) in golden.posteriors[t].iter().enumerate() {
            assert_close(posteriors[[t, k]], *expected);
        }
    }
}

#[test]
fn em_ends_near_scikit_learns_optimum() {
    let golden: Mixture = read("gmm.json");
    let frames = matrix(&golden.frames);
    let theirs =
        Gmm::new(Array1::from(golden.weights), matrix(&golden.means), matrix(&golden.variances)).unwrap();
    let their_mean = theirs.log_likelihoods(frames.view()).unwrap().mean().unwrap();
    for start in [Start::KMeans, Start::BinarySplit] {
        let params = GmmParams {
            components: 4,
            start,
            iterations: 100,
            tolerance: 1e-8,
            variance_floor: 1e-6,
            ..GmmParams::default()
        };
        let ours = params.fit(frames.view()).unwrap();
        assert!(*ours.log_likelihood.last().unwrap() > their_mean - 0.02, "{start:?}");
    }
}

#[derive(Deserialize)]
struct Hierarchy {
    distance: Rows,
    single: Rows,
    complete: Rows,
    average: Rows,
}

#[test]
fn linkages_are_scipys() {
    let golden: Hierarchy = read("linkage.json");
    let n = golden.distance.len();
    let distances: Vec<f32> =
        (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| golden.distance[i][j] as f32).collect();
    for (linkage, expected) in [
        (Linkage::Single, golden.single),
        (Linkage::Complete, golden.complete),
        (Linkage::Average, golden.average),
    ] {
        let tree = auscult_fa_speaker::agglomerate_distances(distances.clone(), n, linkage).unwrap();
        for (merge, row) in tree.merges().iter().zip(&expected) {
            let mut pair = [merge.first, merge.second];
            pair.sort_unstable();
            assert_eq!(pair, [row[0] as usize, row[1] as usize], "{linkage:?}");
            assert!((merge.distance - row[2]).abs() < 1e-5 * row[2].max(1.0));
            assert_eq!(merge.size, row[3] as usize);
        }
        assert_eq!(tree.merges().len(), n - 1);
    }
}
