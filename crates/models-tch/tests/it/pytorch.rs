//! The same numbers as PyTorch, from the same files; `tests/golden/generate.py` is the other side.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use auscult_models_tch::{Classifier, Device, Network};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Deserialize;

use crate::common::{names, one_thread};

#[derive(Deserialize)]
struct Golden {
    formula: Vec<Case>,
    file: Case,
}

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) network: Network,
    pub(crate) input_shape: Vec<usize>,
    /// What the last layer's weights are multiplied by.
    #[serde(default = "one")]
    pub(crate) fc_scale: f32,
    pub(crate) logits: Vec<f32>,
}

fn one() -> f32 {
    1.0
}

pub(crate) fn golden_path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", name].iter().collect()
}

fn golden() -> Golden {
    serde_json::from_slice(&std::fs::read(golden_path("logits.json")).unwrap()).unwrap()
}

/// The numbers of `generate.py`'s function of the same name.
pub(crate) fn formula(count: usize, salt: f64) -> Vec<f32> {
    (0..count).map(|index| ((index % 1009).pow(2) as f64 * 0.7 + salt).sin() as f32).collect()
}

/// Replaces the weights of a saved classifier by the formula's.
pub(crate) fn set_by_formula(classifier: &mut Classifier, fc_scale: f32) {
    let folder = tempfile::tempdir().unwrap();
    classifier.save(&folder.path().join("model"), &serde_json::Value::Null).unwrap();
    classifier.load_weights(&rewritten_by_formula(folder.path(), fc_scale)).unwrap();
}

/// Replaces the numbers of the saved `model.safetensors` in `folder` by the formula's, those of the last layer times `fc_scale`.
pub(crate) fn rewritten_by_formula(folder: &Path, fc_scale: f32) -> PathBuf {
    let path = folder.join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let shapes: BTreeMap<&str, Vec<usize>> =
        file.iter().map(|(name, view)| (name, view.shape().to_vec())).collect();
    let values: Vec<(&str, &Vec<usize>, Vec<u8>)> = shapes
        .iter()
        .enumerate()
        .map(|(salt, (name, shape))| {
            assert!(!name.contains("__"), "{name} was used twice");
            let near_one = name.ends_with("running_var") || (name.ends_with("weight") && shape.len() == 1);
            let shift = if near_one { 1.0 } else { 0.0 };
            let numbers = formula(shape.iter().product(), salt as f64);
            let inputs: usize = shape[1..].iter().product();
            let scale = if shape.len() > 1 { (6.0 / inputs as f64).sqrt() as f32 } else { 0.1 };
            let scale = if *name == "fc.weight" { scale * fc_scale } else { scale };
            // what a bottleneck adds, or rounding errors grow from block to block
            let calm = if name.starts_with("layer") && name.ends_with("bn3.weight") { 0.1 } else { 1.0 };
            let bytes = numbers.iter().flat_map(|number| (calm * (number * scale + shift)).to_le_bytes());
            (*name, shape, bytes.collect())
        })
        .collect();
    let views = values
        .iter()
        .map(|(name, shape, bytes)| (name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap()));
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    path
}

/// Greatest difference between our probabilities of two examples and the softmax of the golden logits.
pub(crate) fn difference(classifier: &Classifier, case: &Case) -> f32 {
    let (examples, classes) = (2, classifier.classes().len());
    let count = examples * case.input_shape.iter().product::<usize>();
    let ours = classifier.predict_shaped(&formula(count, 0.5), &case.input_shape, examples).unwrap();
    let theirs = case.logits.chunks(classes).flat_map(|row| {
        let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let powers: Vec<f32> = row.iter().map(|logit| (logit - greatest).exp()).collect();
        let sum: f32 = powers.iter().sum();
        powers.into_iter().map(move |power| power / sum)
    });
    assert_eq!(ours.len(), case.logits.len());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn every_network_computes_what_pytorch_computes() {
    one_thread();
    for case in golden().formula {
        let mut classifier =
            Classifier::new(&case.network, &case.input_shape, &names(4), 0, Device::Cpu).unwrap();
        set_by_formula(&mut classifier, case.fc_scale);
        let difference = difference(&classifier, &case);
        println!("{}: {difference:e}", case.network.name());
        assert!(difference < 1e-5, "{}: {difference}", case.network.name());
    }
}

#[test]
fn a_file_from_pytorch_gives_its_results() {
    one_thread();
    let case = golden().file;
    let mut classifier = Classifier::new(&case.network, &[1, 16, 16], &names(4), 0, Device::Cpu).unwrap();
    assert!(difference(&classifier, &case) > 1e-2, "fresh weights should differ");
    classifier.load_weights(&golden_path("bird.safetensors")).unwrap();
    let difference = difference(&classifier, &case);
    println!("bird.safetensors: {difference:e}");
    assert!(difference < 1e-5, "{difference}");
}

/// `generate.py` checks the same file in PyTorch.
#[test]
fn the_file_that_pytorch_was_given_is_what_we_write() {
    one_thread();
    #[derive(Deserialize)]
    struct Metadata {
        inputs: Vec<f32>,
        probabilities: Vec<f32>,
    }
    let (classifier, metadata) = Classifier::load(&golden_path("from_rust"), Device::Cpu).unwrap();
    let Metadata { inputs, probabilities } = serde_json::from_value(metadata.clone()).unwrap();
    let ours = classifier.predict(&inputs, 2).unwrap();
    assert!(ours.iter().zip(&probabilities).all(|(a, b)| (a - b).abs() < 1e-5));
    let folder = tempfile::tempdir().unwrap();
    classifier.save(&folder.path().join("again"), &metadata).unwrap();
    let again = std::fs::read(folder.path().join("again.safetensors")).unwrap();
    assert!(again == std::fs::read(golden_path("from_rust.safetensors")).unwrap());
}
