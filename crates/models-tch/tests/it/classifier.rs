//! Predicting, saving and loading.

use std::path::Path;

use auscult_models_tch::{Classifier, Device, Error, Network};
use proptest::prelude::*;
use serde_json::json;

use crate::common::{Noise, SIZE, classifier, names, one_thread, small_resnet, weights};

fn noise(len: usize) -> Vec<f32> {
    let mut noise = Noise(3);
    (0..len).map(|_| noise.next() - 0.5).collect()
}

#[test]
fn the_same_seed_gives_the_same_weights() {
    one_thread();
    let make =
        |seed| Classifier::new(&Network::AvianV20, &[1, 64, 64], &names(3), seed, Device::Cpu).unwrap();
    assert_eq!(weights(&make(1)), weights(&make(1)));
    assert_ne!(weights(&make(1)), weights(&make(2)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn probabilities_sum_to_one_whatever_the_batch(count in 1_usize..6, batch in 1_usize..8) {
        one_thread();
        let network = classifier(&small_resnet());
        let inputs = noise(count * SIZE * SIZE);
        let one_by_one = network.predict(&inputs, 1).unwrap();
        let batched = network.predict(&inputs, batch).unwrap();
        prop_assert_eq!(batched.len(), count * 3);
        for (row, single) in batched.chunks(3).zip(one_by_one.chunks(3)) {
            prop_assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            prop_assert!(row.iter().zip(single).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }
}

#[test]
fn prediction_checks_its_input() {
    one_thread();
    let network = classifier(&small_resnet());
    assert!(matches!(network.predict(&[0.0; 7], 1), Err(Error::Length { got: 7, .. })));
    assert!(matches!(network.predict(&noise(SIZE * SIZE), 0), Err(Error::Parameter { name: "batch", .. })));
    let mut broken = noise(SIZE * SIZE);
    broken[5] = f32::NAN;
    assert!(matches!(network.predict(&broken, 1), Err(Error::Parameter { name: "inputs", .. })));
    assert!(network.predict(&[], 4).unwrap().is_empty());
}

#[test]
fn longer_windows_are_judged_too() {
    one_thread();
    let network = classifier(&small_resnet());
    let inputs = noise(SIZE * 3 * SIZE);
    let probabilities = network.predict_shaped(&inputs, &[1, SIZE, 3 * SIZE], 1).unwrap();
    assert_eq!(probabilities.len(), 3);
    assert!(matches!(network.predict_shaped(&inputs, &[1, SIZE], 1), Err(Error::InputShape { .. })));
}

#[test]
fn a_saved_classifier_comes_back_whole() {
    one_thread();
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("birds.v1");
    let network = classifier(&small_resnet());
    let metadata = json!({"sample_rate": 22050, "mean": -7.407_98});
    network.save(&stem, &metadata).unwrap();
    let mut files: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["birds.v1.json", "birds.v1.safetensors"]);

    let (loaded, found) = Classifier::load(&stem, Device::Cpu).unwrap();
    assert_eq!(found, metadata);
    assert_eq!(loaded.network(), network.network());
    assert_eq!(loaded.classes(), network.classes());
    assert_eq!(loaded.input_shape(), network.input_shape());
    assert_eq!(weights(&loaded), weights(&network));
    let inputs = noise(2 * SIZE * SIZE);
    assert_eq!(loaded.predict(&inputs, 2).unwrap(), network.predict(&inputs, 2).unwrap());
}

#[test]
fn broken_files_are_named() {
    one_thread();
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("model");
    let load = || Classifier::load(&stem, Device::Cpu).unwrap_err();
    assert!(matches!(load(), Error::File { .. }));
    classifier(&small_resnet()).save(&stem, &json!(null)).unwrap();

    let weights = folder.path().join("model.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    let error = load();
    assert!(matches!(error, Error::Format { .. }), "{error}");
    assert!(error.to_string().contains("model.safetensors"), "{error}");

    let other = folder.path().join("other");
    Classifier::new(&Network::AvianV20, &[1, 64, 64], &names(3), 0, Device::Cpu)
        .unwrap()
        .save(&other, &json!(null))
        .unwrap();
    std::fs::copy(folder.path().join("other.safetensors"), &weights).unwrap();
    assert!(load().to_string().contains("the network has no"));

    std::fs::write(folder.path().join("model.json"), "{}").unwrap();
    assert!(load().to_string().contains("model.json"));
}

#[test]
fn a_device_that_is_not_there_is_refused() {
    for (name, device) in [("cpu", Device::Cpu), ("cuda", Device::Cuda(0)), ("cuda:3", Device::Cuda(3))] {
        assert_eq!(name.parse::<Device>().unwrap(), device);
    }
    assert_eq!(Device::Cuda(3).to_string(), "cuda:3");
    assert_eq!(serde_json::to_string(&Device::Cuda(1)).unwrap(), r#""cuda:1""#);
    for wrong in ["", "gpu", "cuda:", "cuda:-1", "cpu:0"] {
        assert!(matches!(wrong.parse::<Device>(), Err(Error::UnknownDevice { .. })), "{wrong}");
    }
    // No machine has that many.
    let made = Classifier::new(&small_resnet(), &[1, 32, 32], &names(2), 0, Device::Cuda(999));
    assert!(matches!(made, Err(Error::NoCuda { index: 999, .. })));
}

#[test]
fn one_class_is_no_question() {
    let made = Classifier::new(&small_resnet(), &[1, 32, 32], &names(1), 0, Device::Cpu);
    assert!(matches!(made, Err(Error::Parameter { name: "classes", .. })));
    let unwritable = classifier(&small_resnet()).save(Path::new("no/such/folder/model"), &json!(null));
    assert!(matches!(unwritable, Err(Error::File { .. })));
}
