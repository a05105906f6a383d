//! The room: parity with pyroomacoustics, acoustics, symmetries, rendering, bad input.
use std::f64::consts::PI;

use auscult_dereverb::{
    Error,
    ndarray::{Array2, s},
    room::{
        LEAD, Point, Room, RoomParams, circular_array, linear_array, measured_reverberation_time, render,
        split_early,
    },
};
use ndarray_npy::read_npy;
use proptest::prelude::*;

const SOURCE: Point = [5.0, 1.5, 1.625];
const CENTRE: Point = [3.5, 3.0, 1.25];

fn lecture_room() -> Room {
    RoomParams::default().plan().unwrap()
}

fn small_room() -> RoomParams {
    RoomParams::default().size([2.5, 3.25, 2.125]).reverberation_time(0.15)
}

/// A free field: only the direct sound.
fn anechoic() -> Room {
    RoomParams::default().reverberation_time(0.0).plan().unwrap()
}

fn noise(length: usize) -> Vec<f64> {
    (0..length).map(|n| ((n * n % 8191) as f64 * 1.7 + n as f64 * 0.37).sin()).collect()
}

/// The largest difference of samples, over the largest sample.
fn relative(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    assert_eq!(a.dim(), b.dim());
    let largest = b.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let difference = a.iter().zip(b).fold(0.0f64, |largest, (a, b)| largest.max((a - b).abs()));
    assert!(largest > 0.0 && difference.is_finite());
    difference / largest
}

#[test]
fn equals_pyroomacoustics() {
    let array = [CENTRE, [3.625, 3.0, 1.25], [3.5, 3.125, 1.5]];
    let cases = [
        ("reverberant", lecture_room(), SOURCE, &array[..]),
        ("small", small_room().max_order(3).plan().unwrap(), [0.125, 3.0, 1.5], &[[2.0, 1.0, 0.5]]),
    ];
    for (name, room, source, microphones) in cases {
        let path = format!("{}/tests/golden/room/{name}.npy", env!("CARGO_MANIFEST_DIR"));
        let golden: Array2<f64> = read_npy(path).unwrap();
        let ours = room.impulse_responses(source, microphones).unwrap();
        let mut padded = Array2::zeros(golden.dim());
        let length = golden.ncols().min(ours.ncols());
        padded.slice_mut(s![.., ..length]).assign(&ours.slice(s![.., ..length]));
        let difference = relative(&padded, &golden);
        println!("room/{name}: {difference:.1e}");
        assert!(difference < 1e-6, "{name}: {difference:e}");
    }
}

/// A sample at a time, straight from the equation.
#[test]
fn equals_a_naive_sum_over_images() {
    let room = small_room().max_order(2).plan().unwrap();
    let (size, source, microphone) = (room.params().size, [1.0, 2.0, 0.75], [2.0, 0.5, 1.5]);
    let ours = room.impulse_responses(source, &[microphone]).unwrap();
    let reflection = (1.0 - room.absorption()).sqrt();
    let mut naive = Array2::zeros(ours.dim());
    for (i, j, k) in (0..125).map(|n| (n / 25 - 2i32, n / 5 % 5 - 2, n % 5 - 2)) {
        let order = i.abs() + j.abs() + k.abs();
        if order > 2 {
            continue;
        }
        let along = |axis: usize, i: i32| {
            let offset = if i % 2 == 0 { source[axis] } else { size[axis] - source[axis] };
            f64::from(i) * size[axis] + offset - microphone[axis]
        };
        let distance = (along(0, i).powi(2) + along(1, j).powi(2) + along(2, k).powi(2)).sqrt();
        let delay = distance * 16_000.0 / 343.0;
        for sample in 0..naive.ncols() {
            let tap = sample as f64 - delay.floor();
            if (0.0..=80.0).contains(&tap) {
                let t = PI * (sample as f64 - 40.0 - delay);
                let hann = 0.5 - 0.5 * (2.0 * PI * tap / 80.0).cos();
                naive[[0, sample]] += reflection.powi(order) / distance * hann * t.sin() / t;
            }
        }
    }
    assert!(relative(&ours, &naive) < 1e-13);
}

#[test]
fn the_direct_sound_is_exact() {
    // 320 m/s and 16 kHz: half a metre is 25 samples
    let room = RoomParams::default().reverberation_time(0.0).speed_of_sound(320.0).plan().unwrap();
    let responses = room.impulse_responses([1.0, 1.0, 1.0], &[[1.5, 1.0, 1.0]]).unwrap();
    assert!(responses.iter().enumerate().all(|(n, &value)| value == if n == LEAD + 25 { 2.0 } else { 0.0 }));

    // a tone, delayed by a fraction of a sample
    let distance = 2.0f64.sqrt();
    let tone = |n: f64| (2.0 * PI * 0.05 * n).sin();
    let signal: Vec<f64> = (0..2000).map(|n| tone(n as f64)).collect();
    let heard = anechoic().render(&signal, [1.0, 1.0, 1.0], &[[2.0, 2.0, 1.0]]).unwrap();
    for n in 200..1900 {
        let expected = tone(n as f64 - distance * 16_000.0 / 343.0) / distance;
        // the window of the sinc is in steps of a sample, so off its top by up to (π / 80)²
        let bound = 1.05 * (PI / 80.0).powi(2) / distance;
        assert!((heard[[0, n]] - expected).abs() < bound, "{n}: {} {expected}", heard[[0, n]]);
    }
}

#[test]
fn sound_decays_in_the_reverberation_time() {
    for (size, seconds) in [([7.0, 6.0, 3.0], 0.4), ([5.0, 4.0, 3.0], 0.3), ([8.0, 6.5, 3.5], 0.7)] {
        let room = RoomParams::default().size(size).reverberation_time(seconds).plan().unwrap();
        let responses = room.impulse_responses([1.2, 1.7, 1.1], &[[3.1, 2.3, 1.9]]).unwrap();
        // the difference of samples takes out what the images pile up at 0 Hz
        let response: Vec<f64> = responses.row(0).windows(2).into_iter().map(|w| w[1] - w[0]).collect();
        let measured = measured_reverberation_time(&response, 16_000.0).unwrap();
        println!("{size:?}: {seconds} s asked for, {measured:.3} s measured");
        assert!((measured / seconds - 1.0).abs() < 0.15, "{size:?}: {seconds} {measured}");
    }
}

#[test]
fn energy_falls_from_each_tenth_of_a_second_to_the_next() {
    let responses = lecture_room().impulse_responses(SOURCE, &[CENTRE]).unwrap();
    let energies: Vec<f64> = responses
        .row(0)
        .as_slice()
        .unwrap()
        .chunks(1600)
        .map(|part| part.iter().map(|value| value * value).sum())
        .collect();
    assert!(energies.len() > 5);
    assert!(energies.windows(2).all(|pair| pair[1] < pair[0]), "{energies:?}");
}

#[test]
fn an_exponential_has_its_reverberation_time() {
    let response: Vec<f64> = (0..8000).map(|n| 10f64.powf(-3.0 * f64::from(n) / 4800.0)).collect();
    let measured = measured_reverberation_time(&response, 16_000.0).unwrap();
    assert!((measured - 0.3).abs() < 1e-4, "{measured}");
    for hopeless in [&[][..], &[0.0; 10], &[1.0; 100]] {
        assert!(matches!(measured_reverberation_time(hopeless, 16_000.0), Err(Error::NoDecay { .. })));
    }
}

#[test]
fn early_and_late_add_up() {
    let responses = lecture_room().impulse_responses(SOURCE, &circular_array(CENTRE, 0.05, 4)).unwrap();
    let parts = split_early(responses.view(), 512).unwrap();
    assert_eq!(&parts.early + &parts.late, responses);
    let distance = (1.45f64.powi(2) + 1.5 * 1.5 + 0.375 * 0.375).sqrt();
    let boundary = LEAD + (distance * 16_000.0 / 343.0) as usize + 512;
    let first = parts.late.row(0).iter().position(|&value| value != 0.0).unwrap();
    assert!(first.abs_diff(boundary) <= 2, "{first} {boundary}");
    // nearer sources are drier
    let ratio = |source| {
        let responses = lecture_room().impulse_responses(source, &[CENTRE]).unwrap();
        split_early(responses.view(), 40).unwrap().ratio_db(0)
    };
    assert!(ratio([3.9, 3.0, 1.25]) > ratio(SOURCE) + 6.0);
    assert_eq!(split_early(responses.view(), usize::MAX).unwrap().ratio_db(0), f64::INFINITY);
}

#[test]
fn rendering_is_convolution_without_the_lead() {
    let (signal, source) = (noise(3000), [0.3, 0.4, 0.5]);
    let array = [[0.4, 0.4, 0.5], [2.0, 3.0, 2.0]];
    let room = small_room().plan().unwrap();
    let responses = room.impulse_responses(source, &array).unwrap();
    let mut naive = Array2::zeros((2, signal.len()));
    for microphone in 0..2 {
        for n in 0..signal.len() {
            for k in 0..responses.ncols().min(n + LEAD + 1) {
                if let Some(sample) = signal.get(n + LEAD - k) {
                    naive[[microphone, n]] += responses[[microphone, k]] * sample;
                }
            }
        }
    }
    assert!(relative(&room.render(&signal, source, &array).unwrap(), &naive) < 1e-12);
    assert!(relative(&render(&signal, responses.view()).unwrap(), &naive) < 1e-12);
    // shorter than the response, and than the lead
    for length in [1, 10, 500] {
        let short = room.render(&signal[..length], source, &array).unwrap();
        assert_eq!(short.dim(), (2, length));
    }
}

#[test]
fn a_moving_source_that_stays_is_at_rest() {
    let (signal, array, room) = (noise(5000), circular_array(CENTRE, 0.05, 2), lecture_room());
    let still = room.render(&signal, SOURCE, &array).unwrap();
    for points in [1, 2, 4, 30] {
        let moving = room.render_moving(&signal, &vec![SOURCE; points], 800, &array).unwrap();
        assert!(relative(&moving, &still) < 1e-12, "{points}");
    }
}

#[test]
fn a_moving_source_is_where_its_path_says() {
    let path = [[1.0, 3.0, 1.25], [6.0, 3.0, 1.25]];
    let (signal, room) = (noise(6000), anechoic());
    let moving = room.render_moving(&signal, &path, 3000, &[CENTRE]).unwrap();
    let last = room.render(&signal, path[1], &[CENTRE]).unwrap();
    // half-way, both points sound at half their level
    let first = room.render(&signal, path[0], &[CENTRE]).unwrap();
    for n in 3300..6000 {
        assert!((moving[[0, n]] - last[[0, n]]).abs() < 1e-12);
    }
    let middle = 1500 + (2.5 * 16_000.0 / 343.0) as usize;
    let expected = 0.5 * (first[[0, middle]] + last[[0, middle]]);
    assert!((moving[[0, middle]] - expected).abs() < 2e-3, "{} {expected}", moving[[0, middle]]);
}

#[test]
fn arrays_are_where_they_should_be() {
    let circle = circular_array(CENTRE, 0.05, 8);
    let distance = |a: Point, b: Point| (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum::<f64>().sqrt();
    assert!(circle.iter().all(|&microphone| (distance(microphone, CENTRE) - 0.05).abs() < 1e-12));
    assert!((distance(circle[0], circle[4]) - 0.1).abs() < 1e-12);
    let line = linear_array(CENTRE, 0.1, 4);
    assert!((line[0][0] - 3.35).abs() < 1e-12 && (line[3][0] - 3.65).abs() < 1e-12);
    assert_eq!(linear_array(CENTRE, 0.1, 1), [CENTRE]);
}

#[test]
fn threads_do_not_matter() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            lecture_room().render(&noise(2000), SOURCE, &circular_array(CENTRE, 0.05, 3)).unwrap()
        })
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn bad_input_is_an_error() {
    for params in [
        RoomParams::default().size([0.0, 6.0, 3.0]),
        RoomParams::default().size([7.0, f64::NAN, 3.0]),
        RoomParams::default().size([7.0, 6.0, f64::INFINITY]),
        RoomParams::default().reverberation_time(-0.1),
        RoomParams::default().reverberation_time(f64::NAN),
        RoomParams::default().sample_rate(0.0),
        RoomParams::default().speed_of_sound(-343.0),
    ] {
        assert!(matches!(params.clone().plan(), Err(Error::Parameter { .. })), "{params:?}");
    }
    let too_short = RoomParams::default().reverberation_time(0.05).plan();
    assert!(matches!(too_short, Err(Error::ReverberationTime { .. })), "{too_short:?}");

    let room = small_room().max_order(1).plan().unwrap();
    let inside = [1.0, 1.0, 1.0];
    for outside in [[-0.1, 1.0, 1.0], [1.0, 3.3, 1.0], [1.0, 1.0, f64::NAN]] {
        let source = room.impulse_responses(outside, &[inside]);
        assert!(matches!(source, Err(Error::OutsideRoom { what: "source", .. })));
        let microphone = room.impulse_responses(inside, &[[2.0, 2.0, 2.0], outside]);
        assert!(matches!(microphone, Err(Error::OutsideRoom { what: "microphone", index: 1, .. })));
        let path = room.render_moving(&[1.0], &[inside, outside], 10, &[[2.0, 2.0, 2.0]]);
        assert!(matches!(path, Err(Error::OutsideRoom { what: "point of the path", index: 1, .. })));
    }
    let there = room.impulse_responses(inside, &[inside]);
    assert!(matches!(there, Err(Error::SourceAtMicrophone { index: 0, .. })));
    let corner = [2.0, 2.0, 2.0];
    assert!(matches!(room.impulse_responses(inside, &[]), Err(Error::Parameter { .. })));
    assert!(matches!(room.render(&[], inside, &[corner]), Err(Error::Parameter { .. })));
    let nan = room.render(&[0.0, f64::NAN], inside, &[corner]);
    assert!(matches!(nan, Err(Error::SignalNotFinite { sample: 1 })));
    assert!(matches!(room.render_moving(&[1.0], &[inside], 0, &[corner]), Err(Error::Parameter { .. })));
    assert!(matches!(room.render_moving(&[1.0], &[], 1, &[corner]), Err(Error::Parameter { .. })));
    assert!(matches!(render(&[1.0], Array2::ones((1, LEAD)).view()), Err(Error::Parameter { .. })));
    assert!(matches!(split_early(Array2::zeros((0, 5)).view(), 1), Err(Error::Parameter { .. })));
}

fn inside(size: Point) -> impl Strategy<Value = Point> {
    [0.05..size[0] - 0.05, 0.05..size[1] - 0.05, 0.05..size[2] - 0.05]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Source and microphone may change places.
    #[test]
    fn reciprocity(a in inside([2.5, 3.25, 2.125]), b in inside([2.5, 3.25, 2.125])) {
        let room = small_room().max_order(8).plan().unwrap();
        let there = room.impulse_responses(a, &[b]).unwrap();
        let back = room.impulse_responses(b, &[a]).unwrap();
        let length = there.ncols().min(back.ncols());
        let (there, back) = (there.slice(s![.., ..length]).to_owned(), back.slice(s![.., ..length]).to_owned());
        prop_assert!(relative(&there, &back) < 1e-9);
    }

    /// The same room seen in a mirror sounds the same.
    #[test]
    fn mirror_symmetry(a in inside([2.5, 3.25, 2.125]), b in inside([2.5, 3.25, 2.125])) {
        let room = small_room().max_order(6).plan().unwrap();
        let mirrored = |point: Point| [2.5 - point[0], point[1], point[2]];
        let one = room.impulse_responses(a, &[b]).unwrap();
        let other = room.impulse_responses(mirrored(a), &[mirrored(b)]).unwrap();
        prop_assert!(one.ncols().abs_diff(other.ncols()) <= 1);
        let length = one.ncols().min(other.ncols());
        let (one, other) = (one.slice(s![.., ..length]).to_owned(), other.slice(s![.., ..length]).to_owned());
        prop_assert!(relative(&one, &other) < 1e-9);
    }
}
