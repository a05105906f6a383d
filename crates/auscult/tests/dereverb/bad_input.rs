//! Recordings with something wrong: a sane output, or an error that names the file and the remedy.

use ndarray::{Array2, Axis, concatenate, s};

use crate::support::{Noise, RATE, command, decibels, dereverberated, recorded, write};

const METHODS: [&str; 3] = ["wpe", "online", "unified"];

#[test]
fn odd_recordings_come_out_sane() {
    let (wet, _) = recorded(2, 4.0);
    let one = wet.slice(s![..1, ..]);
    let mut noise = Noise(3);
    let silence = Array2::zeros(one.dim());
    for (name, recording) in [
        ("a silent channel", concatenate(Axis(0), &[one.view(), silence.view()]).unwrap()),
        ("two equal microphones", concatenate(Axis(0), &[one.view(), one.view()]).unwrap()),
        ("clipped", wet.mapv(|x| (40.0 * x).clamp(-1.0, 1.0))),
        ("an offset", wet.mapv(|x| x + 0.3)),
        ("nothing but an offset", wet.mapv(|_| 0.3)),
        ("silence", Array2::zeros(wet.dim())),
        ("silence, then sound", {
            let mut x = wet.clone();
            x.slice_mut(s![.., ..2 * RATE as usize]).fill(0.0);
            x
        }),
        ("sound, then silence", {
            let mut x = wet.clone();
            x.slice_mut(s![.., 2 * RATE as usize..]).fill(0.0);
            x
        }),
        ("white noise", wet.mapv(|_| 0.1 * noise.next() as f32)),
    ] {
        for method in METHODS {
            let output = dereverberated(&recording, &["--method", method]);
            assert_eq!(output.dim(), recording.dim(), "{name}, {method}");
            assert!(output.iter().all(|x| x.is_finite()), "{name}, {method}");
            if recording.iter().any(|&x| x != 0.0) {
                let change = decibels(&output, &recording);
                // 20 coefficients a channel learnt within 250 frames: what a recursion predicts before it has learnt them
                // errs by about 20 / t of the power at frame t, a third of the whole (docs/dereverb.md)
                let most = if method == "online" { 2.0 } else { 0.5 };
                assert!(change < most, "{name}, {method}: {change:+.1} dB");
            } else {
                assert!(output.iter().all(|&x| x == 0.0));
            }
            if name == "a silent channel" {
                assert!(output.row(1).iter().all(|&x| x == 0.0), "{method}");
            }
        }
    }
}

#[test]
fn oddities_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("odd.wav"), folder.path().join("out.wav"));
    let (wet, _) = recorded(1, 2.0);
    let loud = wet.mapv(|x| (40.0 * x).clamp(-1.0, 1.0));
    write(
        &input,
        &concatenate(Axis(0), &[loud.view(), loud.view(), Array2::zeros(loud.dim()).view()]).unwrap(),
    );
    let done = command(&[input.to_str().unwrap(), "-o", output.to_str().unwrap(), "--json", "--taps", "5"]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    for part in ["odd.wav: silent channels: 2", "equal to channel 0: 1", "look clipped"] {
        assert!(said.contains(part), "{said}");
    }
    let summary: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(summary["warnings"].as_array().unwrap().len(), 3);
}

/// The error the command ends with; the output must not be there.
fn refused(bytes: Option<&[u8]>, options: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("bad.wav"), folder.path().join("out.wav"));
    if let Some(bytes) = bytes {
        std::fs::write(&input, bytes).unwrap();
    }
    let done = command(&[&[input.to_str().unwrap(), "-o", output.to_str().unwrap()], options].concat());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success() && !output.exists(), "{said}");
    assert!(!said.contains("--skip-bad") && !said.contains("panicked"), "{said}");
    said
}

/// The bytes of a 32-bit float WAV file.
fn float_wav(samples: &[f32]) -> Vec<u8> {
    let length = 4 * samples.len() as u32;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + length).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x03\0\x01\0");
    bytes.extend(RATE.to_le_bytes());
    bytes.extend((4 * RATE).to_le_bytes());
    bytes.extend(b"\x04\0\x20\0data");
    bytes.extend(length.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

#[test]
fn what_is_no_recording_is_refused() {
    for method in METHODS {
        let refused = |bytes: Option<&[u8]>| refused(bytes, &["--method", method]);
        assert!(refused(None).contains("bad.wav"));
        assert!(refused(Some(b"no sound at all, but long enough to be looked at")).contains("bad.wav"));
        assert!(refused(Some(&float_wav(&[]))).contains("bad.wav"));
        let mut spoilt = vec![0.1; 9000];
        spoilt[5000] = f32::NAN;
        let said = refused(Some(&float_wav(&spoilt)));
        assert!(said.contains("bad.wav") && said.contains("5000"), "{said}");
    }
}

#[test]
fn a_recording_shorter_than_the_filter_is_refused_with_a_remedy() {
    let short: Vec<f32> = (0..700).map(|n| (n as f32 * n as f32).sin()).collect();
    for method in ["wpe", "unified"] {
        let said = refused(Some(&float_wav(&short)), &["--method", method]);
        assert!(said.contains("bad.wav") && said.contains("too few") && said.contains("taps"), "{said}");
    }
    // where no number of taps would do, none is recommended
    let said = refused(Some(&float_wav(&short[..1])), &[]);
    assert!(said.contains("too few") && !said.contains("taps") && said.contains("online"), "{said}");
    // the remedies work
    let recording = Array2::from_shape_vec((1, 700), short).unwrap();
    for options in [&["--taps", "2"][..], &["--method", "online"]] {
        assert_eq!(dereverberated(&recording, options).dim(), (1, 700));
    }
    for length in 1..5 {
        let recording = recording.slice(s![.., ..length]).to_owned();
        assert_eq!(dereverberated(&recording, &["--method", "online"]).dim(), (1, length));
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let sound = float_wav(&vec![0.1; 9000]);
    for (options, part) in [
        (&["--taps", "0"][..], "taps"),
        (&["--method", "unified", "--sources", "0"], "sources"),
        (&["--method", "online", "--forgetting", "1.5"], "forgetting"),
        (&["--forgetting", "0.9"], "--method online"),
        (&["--sources", "1"], "--method unified"),
        (&["--method", "online", "--iterations", "2"], "--iterations"),
        (&["--window", "0"], "window"),
        (&["--segment", "1"], "segment"),
    ] {
        let said = refused(Some(&sound), options);
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn the_recording_itself_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("only.wav");
    let bytes = float_wav(&vec![0.1; 9000]);
    std::fs::write(&input, &bytes).unwrap();
    let done = command(&[input.to_str().unwrap(), "-o", input.to_str().unwrap()]);
    assert!(!done.status.success());
    assert!(String::from_utf8_lossy(&done.stderr).contains("same file"));
    assert_eq!(std::fs::read(&input).unwrap(), bytes);
}

#[test]
fn an_error_leaves_the_earlier_output_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("bad.wav"), folder.path().join("out.wav"));
    let mut samples = vec![0.1; 9000];
    samples[8999] = f32::INFINITY;
    std::fs::write(&input, float_wav(&samples)).unwrap();
    std::fs::write(&output, "earlier").unwrap();
    let done = command(&[input.to_str().unwrap(), "-o", output.to_str().unwrap()]);
    assert!(!done.status.success());
    assert_eq!(std::fs::read(&output).unwrap(), b"earlier");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "a temporary file is left");
}
