//! Resegmentation by variational Bayes, against all paths and by what must hold.

use auscult_fa_speaker::{Error, SpeakerStat, VariationalParams, VariationalSpeakers};

use crate::support::{Noise, same_partition};

/// Pieces of speakers whose factors are `voices`, a few nats each.
fn pieces(voices: &[[f64; 2]], speakers: &[usize], noise: &mut Noise) -> Vec<SpeakerStat> {
    let precision = [1.2, 0.3, 0.9];
    let piece = |&speaker: &usize| {
        let y = voices[speaker];
        let expected = [1.2 * y[0] + 0.3 * y[1], 0.3 * y[0] + 0.9 * y[1]];
        let linear = expected.iter().map(|x| x + 0.5 * noise.normal()).collect();
        SpeakerStat::new(precision.to_vec(), linear).unwrap()
    };
    speakers.iter().map(piece).collect()
}

fn turns(lengths: &[(usize, usize)]) -> Vec<usize> {
    lengths.iter().flat_map(|&(speaker, length)| vec![speaker; length]).collect()
}

#[test]
fn speakers_and_turns_are_found_from_too_many() {
    let truth = turns(&[(0, 20), (1, 15), (0, 10), (2, 25), (1, 12), (2, 9)]);
    let pieces = pieces(&[[2.0, 0.0], [-1.5, 2.0], [-1.0, -2.5]], &truth, &mut Noise(61));
    // Each turn a speaker of its own, some boundaries wrong, one turn unknown.
    let start: Vec<Option<usize>> = turns(&[(0, 22), (1, 13), (2, 10), (3, 23), (4, 14)])
        .into_iter()
        .map(Some)
        .chain([None; 9])
        .collect();
    let stays = vec![0.95; truth.len()];
    let found = VariationalParams::default().fit(&pieces, &stays, &start).unwrap();
    assert!(same_partition(&found.labels(), &truth), "{:?}", found.labels());
    assert_eq!(found.shares.len(), 3);
    assert_eq!(found.kept.len(), 3);
    assert!((found.shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(found.responsibilities.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-9));
}

/// An outburst of one voice is a speaker, unless the prior of a voice weighs more.
#[test]
fn the_penalty_makes_fewer_speakers() {
    let truth = turns(&[(0, 40), (1, 8), (0, 30)]);
    let pieces = pieces(&[[0.5, 0.0], [-1.0, 0.6]], &truth, &mut Noise(64));
    let start: Vec<Option<usize>> = truth.iter().copied().map(Some).collect();
    let speakers = |penalty| {
        let params = VariationalParams { penalty, iterations: 100, ..VariationalParams::default() };
        params.fit(&pieces, &vec![0.9; truth.len()], &start).unwrap().shares.len()
    };
    assert_eq!([1.0, 8.0].map(speakers), [2, 1]);
}

#[test]
fn the_bound_never_falls() {
    let truth = turns(&[(0, 9), (1, 7), (2, 8), (0, 6)]);
    for seed in 0..20 {
        let mut noise = Noise(70 + seed);
        let pieces = pieces(&[[1.0, 0.3], [-0.5, 1.0], [0.2, -0.8]], &truth, &mut noise);
        let start: Vec<Option<usize>> = truth.iter().map(|_| Some(noise.below(4))).collect();
        let stays: Vec<f64> = truth.iter().map(|_| noise.uniform()).collect();
        for penalty in [1.0, 3.0] {
            let params =
                VariationalParams { penalty, least_share: 0.0, tolerance: 0.0, ..Default::default() };
            let bounds = params.fit(&pieces, &stays, &start).unwrap().lower_bounds;
            assert!(bounds.windows(2).all(|pair| pair[1] >= pair[0] - 1e-9), "{bounds:?}");
        }
    }
}

/// One round from labels that are certain, by all paths of two speakers.
#[test]
fn forward_and_backward_are_the_sum_over_all_paths() {
    let truth = [0, 0, 1, 1, 0, 1];
    let mut noise = Noise(62);
    let pieces = pieces(&[[1.0, 0.0], [-0.5, 0.8]], &truth, &mut noise);
    let stays: Vec<f64> = truth.iter().map(|_| noise.uniform()).collect();
    let start: Vec<Option<usize>> = truth.iter().copied().map(Some).collect();
    let params =
        VariationalParams { iterations: 1, start_certainty: 1.0, least_share: 0.0, ..Default::default() };
    let found = params.fit(&pieces, &stays, &start).unwrap();
    let heard: Vec<Vec<f64>> = (0..2)
        .map(|speaker| {
            let own = pieces.iter().zip(truth).filter(|(_, who)| *who == speaker).map(|(piece, _)| piece);
            let sum = own.fold(SpeakerStat::empty(2), |sum, piece| sum.merged(piece).unwrap());
            let (a, c) = (sum.posterior_mean(), sum.posterior_covariance());
            let second = |i: usize, j: usize| c[i.max(j) * (i.max(j) + 1) / 2 + i.min(j)] + a[i] * a[j];
            let expected = |piece: &SpeakerStat| {
                let (p, d) = (piece.precision(), piece.linear());
                let trace = p[0] * second(0, 0) + 2.0 * p[1] * second(0, 1) + p[2] * second(1, 1);
                d[0] * a[0] + d[1] * a[1] - 0.5 * trace
            };
            pieces.iter().map(expected).collect()
        })
        .collect();
    let mut sums = [[0.0; 2]; 6];
    let mut all = 0.0;
    for code in 0..64_usize {
        let path: Vec<usize> = (0..6).map(|t| code >> t & 1).collect();
        let moves: f64 = (1..6)
            .map(|t| f64::from(u8::from(path[t] == path[t - 1])) * stays[t] + (1.0 - stays[t]) * 0.5)
            .product();
        let likelihood = 0.5 * moves * (0..6).map(|t| heard[path[t]][t].exp()).product::<f64>();
        all += likelihood;
        (0..6).for_each(|t| sums[t][path[t]] += likelihood);
    }
    for (t, sums) in sums.iter().enumerate() {
        for (s, sum) in sums.iter().enumerate() {
            assert!((found.responsibilities[[t, s]] - sum / all).abs() < 1e-12);
        }
    }
}

#[test]
fn the_names_of_speakers_do_not_matter() {
    let truth = turns(&[(0, 10), (1, 10), (2, 10), (1, 5)]);
    let pieces = pieces(&[[2.0, 0.0], [-1.5, 2.0], [-1.0, -2.5]], &truth, &mut Noise(63));
    let stays = vec![0.9; truth.len()];
    let fit = |names: [usize; 3]| {
        let start: Vec<Option<usize>> = truth.iter().map(|&speaker| Some(names[speaker])).collect();
        VariationalParams::default().fit(&pieces, &stays, &start).unwrap()
    };
    let (first, second) = (fit([0, 1, 2]), fit([2, 0, 1]));
    for (speaker, name) in [2, 0, 1].into_iter().enumerate() {
        let (a, b) = (first.responsibilities.column(speaker), second.responsibilities.column(name));
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9));
    }
}

#[test]
fn odd_input() {
    let params = VariationalParams::default();
    let none = params.fit(&[], &[], &[]).unwrap();
    assert!(none.labels().is_empty() && none.shares.is_empty());
    let one = [SpeakerStat::empty(3)];
    let alone: VariationalSpeakers = params.fit(&one, &[f64::default()], &[None]).unwrap();
    assert_eq!((alone.labels(), alone.shares), (vec![0], vec![1.0]));
    // A speaker nobody was given is dropped or keeps its share, and is no NaN.
    let gap = params.fit(&vec![SpeakerStat::empty(3); 4], &[0.5; 4], &[Some(2); 4]).unwrap();
    assert!(gap.responsibilities.iter().all(|value| value.is_finite()));
    let wrong = |params: VariationalParams| params.fit(&one, &[0.5], &[Some(0)]).unwrap_err();
    assert!(matches!(wrong(VariationalParams { penalty: 0.0, ..params.clone() }), Error::Parameter { .. }));
    assert!(matches!(
        wrong(VariationalParams { least_share: 1.0, ..params.clone() }),
        Error::Parameter { .. }
    ));
    assert!(matches!(params.fit(&one, &[1.5], &[None]), Err(Error::Parameter { name: "stays", .. })));
    assert!(matches!(params.fit(&one, &[], &[None]), Err(Error::Shape { .. })));
    assert!(matches!(params.fit(&one, &[0.5], &[]), Err(Error::Shape { .. })));
    let mixed = [SpeakerStat::empty(3), SpeakerStat::empty(2)];
    assert!(matches!(params.fit(&mixed, &[0.5; 2], &[None; 2]), Err(Error::Shape { .. })));
}
