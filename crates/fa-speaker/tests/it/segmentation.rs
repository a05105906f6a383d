//! Change detection and resegmentation.

use auscult_fa_speaker::ndarray::{Array2, s};
use auscult_fa_speaker::{ChangeParams, Error, ViterbiParams};

use crate::support::Noise;

fn speech(turns: &[(usize, f64)]) -> Array2<f32> {
    let mut noise = Noise(51);
    let total = turns.iter().map(|turn| turn.0).sum();
    let centre: Vec<f64> = turns.iter().flat_map(|&(frames, centre)| vec![centre; frames]).collect();
    Array2::from_shape_fn((total, 4), |(t, _)| (centre[t] + noise.normal()) as f32)
}

#[test]
fn changes_are_found_where_they_are() {
    let x = speech(&[(400, 0.0), (300, 2.0), (500, -1.0)]);
    let segments = ChangeParams::default().segments(x.view()).unwrap();
    let ends: Vec<usize> = segments.iter().map(|segment| segment.1).collect();
    assert_eq!(ends.len(), 3, "{segments:?}");
    assert!(ends[0].abs_diff(400) <= 10 && ends[1].abs_diff(700) <= 10 && ends[2] == 1200, "{segments:?}");
    assert!(segments.windows(2).all(|pair| pair[0].1 == pair[1].0));
}

#[test]
fn one_speaker_and_short_speech_stay_whole() {
    let x = speech(&[(900, 0.0)]);
    assert_eq!(ChangeParams::default().segments(x.view()).unwrap(), [(0, 900)]);
    for frames in [1, 9, 150, 199] {
        let short = x.slice(s![..frames, ..]);
        assert_eq!(ChangeParams::default().segments(short).unwrap(), [(0, frames)]);
    }
    assert!(ChangeParams::default().segments(x.slice(s![..0, ..])).unwrap().is_empty());
    let odd = ChangeParams { step: 7, ..ChangeParams::default() };
    assert!(matches!(odd.segments(x.view()), Err(Error::Parameter { .. })));
    // All frames alike: nothing to tell apart, and no determinant to fail on.
    assert_eq!(ChangeParams::default().segments(Array2::<f64>::zeros((500, 3)).view()).unwrap(), [(0, 500)]);
}

#[test]
fn the_path_is_the_best_of_all_paths() {
    let mut noise = Noise(52);
    let logs = Array2::from_shape_fn((7, 3), |_| 3.0 * noise.normal());
    let places = [0, 1, 2, 30, 31, 32, 33];
    let params = ViterbiParams { switch_penalty: 4.0, pause_penalty: 1.0, pause: 5 };
    let score = |path: &[usize]| -> f64 {
        let heard: f64 = path.iter().enumerate().map(|(t, &speaker)| logs[[t, speaker]]).sum();
        let switched = (1..7).filter(|&t| path[t] != path[t - 1]);
        heard - switched.map(|t| if t == 3 { 1.0 } else { 4.0 }).sum::<f64>()
    };
    let best = (0..3_usize.pow(7))
        .map(|code| (0..7).map(|t| code / 3_usize.pow(t) % 3).collect::<Vec<_>>())
        .max_by(|a, b| score(a).total_cmp(&score(b)))
        .unwrap();
    let path = params.path(logs.view(), &places).unwrap();
    assert!((score(&path) - score(&best)).abs() < 1e-12);
}

#[test]
fn odd_paths() {
    let params = ViterbiParams::default();
    assert!(params.path(Array2::zeros((0, 2)).view(), &[]).unwrap().is_empty());
    assert_eq!(params.path(Array2::zeros((3, 1)).view(), &[0, 1, 2]).unwrap(), [0, 0, 0]);
    assert!(params.path(Array2::zeros((3, 1)).view(), &[0]).is_err());
    let nan = Array2::from_elem((2, 2), f64::NAN);
    assert!(matches!(params.path(nan.view(), &[0, 1]), Err(Error::NotFinite { .. })));
}
