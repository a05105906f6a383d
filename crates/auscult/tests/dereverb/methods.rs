//! All methods, on a room: nearer to the early sound than the recording is.

use ndarray::{Array2, Axis, s};

use crate::support::{RATE, command, decibels, dereverberated, recorded, samples, write};

/// Early sound over everything else, decibels.
fn quality(output: &Array2<f32>, early: &Array2<f32>) -> f64 {
    -decibels(&(output - early), early)
}

#[test]
fn every_method_takes_the_room_out() {
    let (wet, early) = recorded(3, 8.0);
    let before = quality(&wet, &early);
    for (options, gain) in [
        (&["--method", "wpe"][..], 2.0),
        (&["--method", "wpe", "--taps", "14", "--delay", "2", "--iterations", "4"], 2.0),
        (&["--method", "online", "--forgetting", "0.999"], 1.0),
        (&["--method", "unified", "--sources", "1", "--rt60", "0.5"], 2.0),
        (&["--method", "unified"], 1.0),
    ] {
        let output = dereverberated(&wet, options);
        assert_eq!(output.dim(), wet.dim());
        let after = quality(&output, &early);
        println!("{options:?}: {before:.2} -> {after:.2} dB");
        assert!(after > before + gain, "{options:?}: {before:.2} -> {after:.2} dB");
    }
}

#[test]
fn one_microphone_is_enough() {
    let (wet, early) = recorded(1, 8.0);
    for method in ["wpe", "online", "unified"] {
        let output = dereverberated(&wet, &["--method", method]);
        assert!(quality(&output, &early) > quality(&wet, &early) + 0.3, "{method}");
    }
}

#[test]
fn the_summary_is_one_line_of_json() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.wav"), folder.path().join("out.wav"));
    let (wet, _) = recorded(2, 3.0);
    write(&input, &wet);
    let done =
        command(&[input.to_str().unwrap(), "-o", output.to_str().unwrap(), "--json", "--samples", "i16"]);
    assert!(done.status.success());
    let summary: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&summary["channels"], &summary["sample_rate"]), (&2.into(), &RATE.into()));
    assert_eq!((&summary["seconds"], &summary["segments"]), (&3.0.into(), &1.into()));
    let change = decibels(&samples(&output), &wet);
    assert!((summary["level_change_db"].as_f64().unwrap() - change).abs() < 0.01, "{summary}");
    assert!(summary["warnings"].as_array().unwrap().is_empty());
}

#[test]
fn threads_do_not_change_the_file() {
    let (wet, _) = recorded(2, 3.0);
    for method in ["wpe", "online", "unified"] {
        let with = |threads| dereverberated(&wet, &["--method", method, "--threads", threads]);
        assert_eq!(with("1"), with("3"), "{method}");
    }
}

#[test]
fn segments_leave_no_seam() {
    let (wet, early) = recorded(2, 14.0);
    let whole = dereverberated(&wet, &["--segment", "60"]);
    let parts = dereverberated(&wet, &["--segment", "4"]);
    assert!(quality(&parts, &early) > quality(&whole, &early) - 1.0);
    // no jump at a seam: sample to sample it changes as the recording does
    let step = |x: &Array2<f32>| {
        let steps = &x.slice(s![.., 1..]) - &x.slice(s![.., ..-1]);
        steps.map_axis(Axis(0), |step| step.iter().fold(0.0_f32, |most, x| most.max(x.abs())))
    };
    let (steps, usual) = (step(&parts), step(&wet));
    let largest = usual.iter().copied().fold(0.0, f32::max);
    assert!(steps.iter().all(|&step| step < 1.2 * largest));
}
