//! The comparison against what it stands for, and its properties.

use auscult_fa_speaker::ndarray::{Array2, Array3};
use auscult_fa_speaker::{
    Error, Loadings, SpeakerStat, llr_all_pairs, llr_with_each, paper_probability, posterior,
};
use proptest::prelude::*;

use crate::support::Toy;

fn log_sum(values: &[f64]) -> f64 {
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    highest + values.iter().map(|v| (v - highest).exp()).sum::<f64>().ln()
}

/// ln p(frames | y, z) of aligned frames.
fn log_density(toy: &Toy, x: &Array2<f64>, aligned: &[usize], y: &[f64], z: &[f64]) -> f64 {
    let mut sum = 0.0;
    for (frame, &k) in x.rows().into_iter().zip(aligned) {
        for (j, &value) in frame.iter().enumerate() {
            let mut mean = toy.gmm.means()[[k, j]];
            mean += y.iter().enumerate().map(|(f, y)| toy.voices[[k, j, f]] * y).sum::<f64>();
            mean += z.iter().enumerate().map(|(f, z)| toy.channels[[k, j, f]] * z).sum::<f64>();
            let variance = toy.gmm.variances()[[k, j]];
            sum -= 0.5 * ((value - mean).powi(2) / variance + (std::f64::consts::TAU * variance).ln());
        }
    }
    sum
}

/// Points of a grid over [-7, 7] and the logarithm of the prior times the width of a cell.
fn grid(points: usize) -> Vec<(f64, f64)> {
    let width = 14.0 / (points - 1) as f64;
    let log_prior = |y: f64| -0.5 * (y * y + std::f64::consts::TAU.ln()) + width.ln();
    (0..points).map(|i| -7.0 + width * i as f64).map(|y| (y, log_prior(y))).collect()
}

#[test]
fn the_closed_form_is_the_integral_over_one_factor() {
    let mut toy = Toy::new(4, 3, 1, 1, 1);
    let y = toy.factors();
    let utterances = [toy.speak(&y, 6, false), toy.speak(&y, 5, false)];
    let model = toy.model();
    let stats = utterances.each_ref().map(|(x, k)| model.stat(&toy.statistics(x, k)).unwrap());
    let points = grid(2001);
    let logs = utterances.each_ref().map(|(x, k)| -> Vec<f64> {
        points.iter().map(|(y, _)| log_density(&toy, x, k, &[*y], &[0.0])).collect()
    });
    let integral = |of: &dyn Fn(usize) -> f64| {
        log_sum(&points.iter().enumerate().map(|(i, (_, prior))| of(i) + prior).collect::<Vec<_>>())
    };
    let expected =
        integral(&|i| logs[0][i] + logs[1][i]) - integral(&|i| logs[0][i]) - integral(&|i| logs[1][i]);
    assert!((stats[0].llr(&stats[1]).unwrap() - expected).abs() < 1e-9);
}

#[test]
fn the_closed_form_is_the_integral_over_two_factors() {
    let mut toy = Toy::new(4, 3, 2, 1, 2);
    let y = toy.factors();
    let utterances = [toy.speak(&y, 6, false), toy.speak(&y, 5, false)];
    let model = toy.model();
    let stats = utterances.each_ref().map(|(x, k)| model.stat(&toy.statistics(x, k)).unwrap());
    let axis = grid(141);
    let points: Vec<([f64; 2], f64)> =
        axis.iter().flat_map(|a| axis.iter().map(move |b| ([a.0, b.0], a.1 + b.1))).collect();
    let logs = utterances.each_ref().map(|(x, k)| -> Vec<f64> {
        points.iter().map(|(y, _)| log_density(&toy, x, k, y, &[0.0])).collect()
    });
    let integral = |of: &dyn Fn(usize) -> f64| {
        log_sum(&points.iter().enumerate().map(|(i, (_, prior))| of(i) + prior).collect::<Vec<_>>())
    };
    let expected =
        integral(&|i| logs[0][i] + logs[1][i]) - integral(&|i| logs[0][i]) - integral(&|i| logs[1][i]);
    assert!((stats[0].llr(&stats[1]).unwrap() - expected).abs() < 1e-9);
}

#[test]
fn eigenchannels_are_integrated_out_of_each_utterance() {
    let mut toy = Toy::new(4, 3, 1, 1, 3);
    let y = toy.factors();
    let utterances = [toy.speak(&y, 6, true), toy.speak(&y, 5, true)];
    let model = toy.extended();
    let stats = utterances.each_ref().map(|(x, k)| model.stat(&toy.statistics(x, k)).unwrap());
    let points = grid(201);
    let logs = utterances.each_ref().map(|(x, k)| -> Vec<f64> {
        points
            .iter()
            .map(|(y, _)| {
                log_sum(
                    &points
                        .iter()
                        .map(|(z, prior)| log_density(&toy, x, k, &[*y], &[*z]) + prior)
                        .collect::<Vec<_>>(),
                )
            })
            .collect()
    });
    let integral = |of: &dyn Fn(usize) -> f64| {
        log_sum(&points.iter().enumerate().map(|(i, (_, prior))| of(i) + prior).collect::<Vec<_>>())
    };
    let expected =
        integral(&|i| logs[0][i] + logs[1][i]) - integral(&|i| logs[0][i]) - integral(&|i| logs[1][i]);
    assert!((stats[0].llr(&stats[1]).unwrap() - expected).abs() < 1e-9);
}

/// ln N(x; 0, covariance) by elimination.
fn log_gaussian(x: &[f64], mut covariance: Vec<Vec<f64>>) -> f64 {
    let n = x.len();
    let mut x = x.to_vec();
    let mut sum = 0.0;
    for i in 0..n {
        let pivot = covariance[i][i];
        sum -= 0.5 * (x[i] * x[i] / pivot + (std::f64::consts::TAU * pivot).ln());
        for r in i + 1..n {
            let factor = covariance[r][i] / pivot;
            x[r] -= factor * x[i];
            for c in i..n {
                covariance[r][c] -= factor * covariance[i][c];
            }
        }
    }
    sum
}

#[test]
fn a_dense_gaussian_over_stacked_frames_agrees() {
    let mut toy = Toy::new(5, 2, 3, 2, 4);
    let y = toy.factors();
    let utterances = [toy.speak(&y, 6, true), toy.speak(&y, 4, true)];
    let model = toy.extended();
    let stats = utterances.each_ref().map(|(x, k)| model.stat(&toy.statistics(x, k)).unwrap());
    // Every number of both utterances, with its utterance, component and feature.
    let numbers: Vec<(usize, usize, usize, f64)> = utterances
        .iter()
        .enumerate()
        .flat_map(|(u, (x, aligned))| {
            let toy = &toy;
            x.indexed_iter()
                .map(move |((t, j), value)| (u, aligned[t], j, value - toy.gmm.means()[[aligned[t], j]]))
        })
        .collect();
    let covariance = |a: usize, b: usize, joint: bool| {
        let ((u, k, i, _), (w, l, j, _)) = (numbers[a], numbers[b]);
        let shared = |loadings: &Array3<f64>| -> f64 {
            (0..loadings.shape()[2]).map(|f| loadings[[k, i, f]] * loadings[[l, j, f]]).sum()
        };
        let mut value = if joint || u == w { shared(&toy.voices) } else { 0.0 };
        value += if u == w { shared(&toy.channels) } else { 0.0 };
        value + if a == b { toy.gmm.variances()[[k, i]] } else { 0.0 }
    };
    let x: Vec<f64> = numbers.iter().map(|number| number.3).collect();
    let dense = |joint: bool| -> Vec<Vec<f64>> {
        (0..x.len()).map(|a| (0..x.len()).map(|b| covariance(a, b, joint)).collect()).collect()
    };
    // Two speakers: the blocks of the utterances are independent.
    let expected = log_gaussian(&x, dense(true)) - log_gaussian(&x, dense(false));
    assert!((stats[0].llr(&stats[1]).unwrap() - expected).abs() < 1e-9);
}

#[test]
fn no_eigenchannels_are_eigenchannels_of_zero() {
    let mut toy = Toy::new(6, 5, 4, 3, 5);
    let corpus = toy.corpus(2, 2, 30, false);
    let zero = Loadings::new(&toy.gmm, Array3::zeros((6, 5, 3))).unwrap();
    let (plain, extended) = (toy.model(), toy.model().with_eigenchannels(zero).unwrap());
    for utterance in corpus.iter().flatten() {
        let (a, b) = (plain.stat(utterance).unwrap(), extended.stat(utterance).unwrap());
        assert!((a.evidence() - b.evidence()).abs() < 1e-12 * a.evidence().abs().max(1.0));
    }
}

fn stats(factors: usize, count: usize, seed: u64) -> Vec<SpeakerStat> {
    let mut toy = Toy::new(5, 4, factors, 1, seed);
    let corpus = toy.corpus(count, 1, 25, false);
    Toy::stats(&toy.model(), &corpus).0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_ratio_is_symmetric_and_obeys_the_chain_rule(factors in 1_usize..12, seed in 0_u64..1000) {
        let all = stats(factors, 3, seed);
        let [a, b, c] = [&all[0], &all[1], &all[2]];
        prop_assert_eq!(a.llr(b).unwrap().to_bits(), b.llr(a).unwrap().to_bits());
        let (ab, bc) = (a.merged(b).unwrap(), b.merged(c).unwrap());
        let one_way = a.llr(b).unwrap() + ab.llr(c).unwrap();
        let other_way = b.llr(c).unwrap() + bc.llr(a).unwrap();
        prop_assert!((one_way - other_way).abs() < 1e-9 * one_way.abs().max(1.0));
    }

    #[test]
    fn lanes_give_what_one_pair_gives(factors in 1_usize..26, count in 1_usize..40, seed in 0_u64..1000) {
        let all = stats(factors, count, seed);
        let others: Vec<&SpeakerStat> = all.iter().collect();
        let scores = llr_with_each(&all[0], &others).unwrap();
        for (score, other) in scores.iter().zip(&all) {
            let expected = all[0].llr(other).unwrap();
            prop_assert!((score - expected).abs() < 1e-9 * expected.abs().max(1.0));
        }
        let pairs = llr_all_pairs(&all).unwrap();
        prop_assert_eq!(pairs.len(), count * (count - 1) / 2);
        for i in 0..count {
            for j in 0..i {
                let expected = all[i].llr(&all[j]).unwrap();
                let score = f64::from(pairs[i * (i - 1) / 2 + j]);
                prop_assert!((score - expected).abs() < 1e-5 * expected.abs().max(1.0));
            }
        }
    }
}

#[test]
fn longest_and_shortest_utterances_stay_finite() {
    let mut toy = Toy::new(4, 3, 20, 1, 6);
    let corpus = toy.corpus(2, 1, 50, false);
    let model = toy.model();
    let long: Vec<SpeakerStat> =
        corpus.iter().map(|of| model.stat(&of[0]).unwrap().scaled(20_000.0).unwrap()).collect(); // 1e6 frames
    let llr = long[0].llr(&long[1]).unwrap();
    assert!(llr.is_finite() && llr < 0.0);
    assert!((llr_with_each(&long[0], &[&long[1]]).unwrap()[0] - llr).abs() < 1e-9 * llr.abs());
    let frame = toy.corpus(1, 1, 1, false);
    assert!(model.stat(&frame[0][0]).unwrap().llr(&long[0]).unwrap().is_finite());
}

#[test]
fn an_empty_utterance_says_nothing() {
    let all = stats(4, 1, 7);
    let empty = SpeakerStat::empty(4);
    assert_eq!(empty.llr(&all[0]).unwrap(), 0.0);
    let in_lanes = llr_with_each(&empty, &[&all[0], &empty]).unwrap();
    assert!(in_lanes[0].abs() < 1e-12 && in_lanes[1] == 0.0, "{in_lanes:?}");
    assert!(llr_with_each(&all[0], &[]).unwrap().is_empty());
    assert!(llr_all_pairs(&[]).unwrap().is_empty());
    assert!(llr_all_pairs(&all).unwrap().is_empty());
}

#[test]
fn bad_statistics_are_refused() {
    assert!(matches!(SpeakerStat::new(vec![f64::NAN], vec![1.0]), Err(Error::NotFinite { .. })));
    assert!(matches!(SpeakerStat::new(vec![-2.0], vec![1.0]), Err(Error::Singular { .. })));
    assert!(matches!(SpeakerStat::new(vec![1.0; 2], vec![1.0]), Err(Error::Shape { .. })));
    let (a, b) = (SpeakerStat::empty(2), SpeakerStat::empty(3));
    assert!(matches!(a.llr(&b), Err(Error::Shape { .. })));
    assert!(matches!(llr_with_each(&a, &[&b]), Err(Error::Shape { .. })));
    assert!(matches!(llr_all_pairs(&[a, b]), Err(Error::Shape { .. })));
}

#[test]
fn probabilities_follow_from_the_ratio() {
    assert!((posterior(0.0, 0.3) - 0.3).abs() < 1e-15);
    assert!((posterior(3.0_f64.ln(), 0.5) - 0.75).abs() < 1e-15);
    assert_eq!(posterior(1e4, 0.5), 1.0);
    assert_eq!(posterior(-1e4, 0.5), 0.0);
    assert!((paper_probability(2.0_f64.ln(), 100.0) - 0.02).abs() < 1e-15);
    assert!(paper_probability(10.0, 100.0) > 1.0);
}

#[test]
fn ratios_of_speakers_drawn_from_the_model_are_calibrated() {
    let mut toy = Toy::new(3, 2, 2, 1, 8);
    let corpus = toy.corpus(150, 2, 6, false);
    let (stats, speakers) = Toy::stats(&toy.model(), &corpus);
    let (mut same, mut different) = (Vec::new(), Vec::new());
    for i in 0..stats.len() {
        for j in 0..i {
            let llr = stats[i].llr(&stats[j]).unwrap();
            if speakers[i] == speakers[j] {
                same.push(llr)
            } else {
                different.push(llr)
            };
        }
    }
    // E[p(different)/p(same)] over pairs of one speaker is 1, and so is E[p(same)/p(different)] over others.
    let mean = |values: &[f64], sign: f64| {
        values.iter().map(|v| (sign * v).exp()).sum::<f64>() / values.len() as f64
    };
    assert!((mean(&same, -1.0) - 1.0).abs() < 0.35, "{}", mean(&same, -1.0));
    assert!((mean(&different, 1.0) - 1.0).abs() < 0.35, "{}", mean(&different, 1.0));
    let bits = |values: &[f64], sign: f64| {
        values.iter().map(|v| (sign * v).exp().ln_1p() / std::f64::consts::LN_2).sum::<f64>()
            / values.len() as f64
    };
    let cllr = 0.5 * (bits(&same, -1.0) + bits(&different, 1.0));
    assert!(cllr < 0.95, "{cllr} bits, no better than not listening");
}
