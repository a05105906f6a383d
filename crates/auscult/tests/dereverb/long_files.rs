//! Memory does not grow with the file.

use std::path::Path;
use std::process::{Command, Stdio};

use ndarray::{Array2, Axis, concatenate};

use crate::support::{recorded, samples, write};

/// The most memory a child had, MB, by the system's count.
#[cfg(target_os = "linux")]
fn peak_memory(input: &Path, output: &Path, method: &str) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_auscult"))
        .args(["dereverb", "--method", method, "--segment", "6", "--taps", "3", "--iterations", "1"])
        .args([input.as_os_str(), "--output".as_ref(), output.as_os_str()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kilobytes.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(child.wait().unwrap().success() && peak > 0);
    peak / 1024
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (short, long) = (folder.path().join("short.wav"), folder.path().join("long.wav"));
    let output = folder.path().join("out.wav");
    let (minute, _) = recorded(2, 60.0);
    write(&short, &minute);
    let copies: Vec<_> = (0..12).map(|_| minute.view()).collect();
    let all: Array2<f32> = concatenate(Axis(1), &copies).unwrap();
    write(&long, &all);
    for method in ["wpe", "unified"] {
        let (few, many) = (peak_memory(&short, &output, method), peak_memory(&long, &output, method));
        println!("{method}: 1 min {few} MB, 12 min {many} MB");
        assert_eq!(samples(&output).dim(), all.dim());
        // eleven minutes more are 42 MB of samples and 330 MB of spectrum
        assert!(many < few + 24, "{method}: 1 min took {few} MB, 12 min {many} MB");
    }
}
