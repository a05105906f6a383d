//! Maskers: PyTorch's numbers from the same files, training, TorchScript.

use std::ops::ControlFlow;
use std::path::Path;

use auscult_models_tch::{
    Device, Error, Examples, Masker, MaskerParams, OptimizerParams, Progress, Result, ScriptMasker,
    TrainParams, UNetParams, train_masker,
};
use serde::Deserialize;
use serde_json::Value;

use crate::common::{Noise, one_thread};
use crate::pytorch::{formula, golden_path, rewritten_by_formula};

#[derive(Deserialize)]
struct Golden {
    formula: Vec<Case>,
    file: Case,
}

#[derive(Deserialize)]
struct Case {
    masker: MaskerParams,
    parameters: Option<usize>,
    every: usize,
    masks: Vec<f32>,
}

fn golden() -> Golden {
    serde_json::from_slice(&std::fs::read(golden_path("masks.json")).unwrap()).unwrap()
}

fn small() -> MaskerParams {
    MaskerParams::new(UNetParams::default().base(1), &["vocals", "accompaniment"]).patch([64, 64])
}

fn difference(masker: &Masker, case: &Case) -> f32 {
    let count = 2 * case.masker.patch.iter().product::<usize>();
    let magnitudes: Vec<f32> = formula(count, 0.5).into_iter().map(f32::abs).collect();
    let ours = masker.masks(&magnitudes, 2).unwrap();
    assert_eq!(ours.len(), count * case.masker.sources.len());
    let ours: Vec<f32> = ours.into_iter().step_by(case.every).collect();
    assert_eq!(ours.len(), case.masks.len());
    ours.iter().zip(&case.masks).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn every_masker_computes_what_pytorch_computes() {
    one_thread();
    for case in golden().formula {
        let mut masker = Masker::new(&case.masker, 0, Device::Cpu).unwrap();
        assert_eq!(Some(masker.parameters()), case.parameters);
        let folder = tempfile::tempdir().unwrap();
        masker.save(&folder.path().join("model"), &Value::Null).unwrap();
        masker.load_weights(&rewritten_by_formula(folder.path(), 1.0)).unwrap();
        let difference = difference(&masker, &case);
        println!("{:?}: {difference:e}", case.masker);
        assert!(difference < 1e-5, "{:?}: {difference}", case.masker);
    }
}

#[test]
fn a_file_from_pytorch_gives_its_masks() {
    one_thread();
    let case = golden().file;
    let mut masker = Masker::new(&case.masker, 0, Device::Cpu).unwrap();
    assert!(difference(&masker, &case) > 1e-2, "fresh weights should differ");
    masker.load_weights(&golden_path("unet.safetensors")).unwrap();
    let difference = difference(&masker, &case);
    println!("unet.safetensors: {difference:e}");
    assert!(difference < 1e-5, "{difference}");
}

/// `generate.py` checks the same file in PyTorch.
#[test]
fn the_masker_that_pytorch_was_given_is_what_we_write() {
    one_thread();
    let (masker, metadata) = Masker::load(&golden_path("masker_from_rust"), Device::Cpu).unwrap();
    let numbers = |key: &str| -> Vec<f32> { serde_json::from_value(metadata[key].clone()).unwrap() };
    let every = metadata["every"].as_u64().unwrap() as usize;
    let ours: Vec<f32> = masker.masks(&numbers("inputs"), 1).unwrap().into_iter().step_by(every).collect();
    assert!(ours.iter().zip(numbers("masks")).all(|(a, b)| (a - b).abs() < 1e-5));
    let folder = tempfile::tempdir().unwrap();
    masker.save(&folder.path().join("again"), &metadata).unwrap();
    let again = std::fs::read(folder.path().join("again.safetensors")).unwrap();
    assert!(again == std::fs::read(golden_path("masker_from_rust.safetensors")).unwrap());
}

#[test]
fn networks_have_the_papers_parameter_counts() {
    one_thread();
    let count = |network: UNetParams, sources: &[&str], joint| {
        let params = MaskerParams::new(network, sources).joint(joint);
        Masker::new(&params, 0, Device::Cpu).unwrap().parameters()
    };
    let paper = UNetParams::default();
    let two = ["vocals", "accompaniment"];
    assert_eq!(count(paper.clone(), &two[..1], false), 9_823_313);
    assert_eq!(count(paper.clone().skip(false), &two[..1], false), 8_734_913);
    assert_eq!(count(paper.clone(), &two, false), 2 * 9_823_313);
    // A second mask is one more filter of the last layer.
    assert_eq!(count(paper, &two, true), 9_823_313 + 32 * 25 + 1);
}

#[test]
fn unusable_maskers_and_magnitudes_are_refused() {
    one_thread();
    let refused = |params: &MaskerParams, name: &str| {
        let error = Masker::new(params, 0, Device::Cpu).unwrap_err();
        assert!(matches!(error, Error::Parameter { name: found, .. } if found == name), "{error}");
    };
    refused(&small().patch([64, 100]), "patch");
    refused(&small().patch([0, 64]), "patch");
    refused(&MaskerParams::new(UNetParams::default(), &[]), "sources");
    refused(&MaskerParams::new(UNetParams::default(), &["a", "a"]), "sources");
    refused(&MaskerParams::new(UNetParams::default(), &["a.b"]), "sources");
    refused(&MaskerParams::new(UNetParams::default().base(0), &["a"]), "base");
    refused(&MaskerParams::new(UNetParams::default().input_power(0.0), &["a"]), "input_power");
    let masker = Masker::new(&small(), 0, Device::Cpu).unwrap();
    assert!(matches!(masker.masks(&[0.0; 100], 1), Err(Error::Length { .. })));
    assert!(matches!(masker.masks(&[0.0; 4096], 0), Err(Error::Parameter { name: "batch", .. })));
    for value in [f32::NAN, -1.0] {
        let result = masker.masks(&[value; 4096], 1);
        assert!(matches!(result, Err(Error::Parameter { name: "magnitudes", .. })));
    }
    assert!(masker.masks(&[], 1).unwrap().is_empty());
}

/// A steady tone in noise that comes and goes; the sources are what they were made of.
struct TonesInNoise;

impl Examples for TonesInNoise {
    fn len(&self) -> usize {
        12
    }

    fn fill(&self, epoch: u64, index: usize, mixture: &mut [f32], sources: &mut [f32]) {
        let mut noise = Noise((epoch << 32) ^ index as u64);
        let (tone, other) = sources.split_at_mut(64 * 64);
        let row = (noise.next() * 64.0) as usize;
        tone[row * 64..][..64].fill(1.0);
        for ((mixture, tone), other) in mixture.iter_mut().zip(tone).zip(other) {
            *other = 0.3 * noise.next();
            *mixture = *tone + *other;
        }
    }
}

fn train(
    masker: &mut Masker,
    params: &TrainParams,
    folder: Option<&Path>,
    stop_at: usize,
) -> Result<Vec<f64>> {
    let mut steps = 0;
    let watch = &mut |progress: &Progress| {
        steps += usize::from(progress.finished.is_none());
        if steps == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let history = train_masker(masker, &TonesInNoise, Some(&TonesInNoise), params, folder, watch)?;
    Ok(history.epochs.iter().map(|record| record.valid_loss.unwrap()).collect())
}

fn params() -> TrainParams {
    TrainParams::default().epochs(30).batch_size(6).optimizer(OptimizerParams::adam(1e-2)).seed(3)
}

#[test]
fn training_finds_the_sources_and_resumes_exactly() {
    one_thread();
    let bits = |masker: &Masker| {
        let folder = tempfile::tempdir().unwrap();
        masker.save(&folder.path().join("m"), &Value::Null).unwrap();
        std::fs::read(folder.path().join("m.safetensors")).unwrap()
    };
    let fresh = || Masker::new(&small(), 1, Device::Cpu).unwrap();
    let mut whole = fresh();
    let losses = train(&mut whole, &params(), None, 0).unwrap();
    assert!(losses[29] < 0.5 * losses[0], "{losses:?}");

    let folder = tempfile::tempdir().unwrap();
    train(&mut fresh(), &params(), Some(folder.path()), 21).unwrap();
    let mut resumed = fresh();
    assert_eq!(train(&mut resumed, &params(), Some(folder.path()), 0).unwrap(), losses);
    assert!(bits(&resumed) == bits(&whole), "the resumed run ended with other weights");
}

/// The loss of masks of one half against known sources, by hand.
#[test]
fn the_loss_is_the_sum_over_bins_frames_and_sources() {
    struct One;
    impl Examples for One {
        fn len(&self) -> usize {
            1
        }
        fn fill(&self, _epoch: u64, _index: usize, mixture: &mut [f32], sources: &mut [f32]) {
            mixture.fill(2.0);
            sources[..64 * 64].fill(0.25);
            sources[64 * 64..].fill(1.5);
        }
    }
    one_thread();
    let mut masker = Masker::new(&small(), 0, Device::Cpu).unwrap();
    // All weights zero: the sigmoid gives one half everywhere.
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("model");
    masker.save(&stem, &Value::Null).unwrap();
    let path = folder.path().join("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[header..].fill(0);
    std::fs::write(&path, bytes).unwrap();
    masker.load_weights(&path).unwrap();
    let params = TrainParams::default().epochs(1).batch_size(1).optimizer(OptimizerParams::adam(1e-30));
    let watch = &mut |_: &Progress| ControlFlow::Continue(());
    let history = train_masker(&mut masker, &One, Some(&One), &params, None, watch).unwrap_err();
    // One example whose maps end as single pixels cannot be normalised in training: the error says so.
    assert!(matches!(history, Error::Parameter { name: "batch_size", .. }), "{history}");
    struct Two;
    impl Examples for Two {
        fn len(&self) -> usize {
            2
        }
        fn fill(&self, epoch: u64, index: usize, mixture: &mut [f32], sources: &mut [f32]) {
            One.fill(epoch, index, mixture, sources);
        }
    }
    let params = params.batch_size(2_usize);
    let history = train_masker(&mut masker, &Two, None, &params, None, watch).unwrap();
    let expected = 64.0 * 64.0 * ((1.0 - 0.25) + (1.5 - 1.0));
    assert!((history.epochs[0].train_loss - expected).abs() < 1e-3 * expected);
    let smoothed = train_masker(&mut masker, &Two, None, &params.label_smoothing(0.1), None, watch);
    assert!(matches!(smoothed, Err(Error::Parameter { name: "label_smoothing", .. })));
}

#[test]
fn torchscript_from_elsewhere_makes_masks() {
    one_thread();
    let path = golden_path("script.pt");
    let script = ScriptMasker::load(&path, [64, 32], Device::Cpu).unwrap();
    assert_eq!(script.sources(), 2);
    let masks = script.masks(&[0.5; 3 * 64 * 32], 2).unwrap();
    for example in masks.chunks(2 * 64 * 32) {
        assert!(example[..64 * 32].iter().all(|&mask| mask == 0.75));
        assert!(example[64 * 32..].iter().all(|&mask| mask == 0.25));
    }
    let message = |path: &Path| ScriptMasker::load(path, [64, 32], Device::Cpu).unwrap_err().to_string();
    assert!(message(Path::new("no/such.pt")).contains("cannot read `no/such.pt`"));
    let weights = golden_path("unet.safetensors");
    let error = message(&weights);
    assert!(error.contains("unet.safetensors") && error.contains("TorchScript"), "{error}");
    assert!(!error.contains("frame #"), "a stack trace: {error}");
}
