//! The model, and its files.

use auscult_fa_speaker::{Alignment, SpeakerModel};
use serde_json::json;

use crate::support::Toy;

#[test]
fn models_come_back_from_files_bit_for_bit() {
    let toy = Toy::new(5, 3, 4, 2, 61);
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("model");
    let (front_end, notes) = (json!({"rate": 8000}), json!({"threshold": 1.5}));
    for model in [toy.model().with_alignment(Alignment::HardYml), toy.extended().with_kappa(0.3).unwrap()] {
        model.save(&stem, &front_end, &notes).unwrap();
        let (back, said) = SpeakerModel::load(&stem, &front_end).unwrap();
        assert_eq!(back.eigenvoices(), model.eigenvoices());
        assert_eq!((back.kappa(), back.alignment()), (model.kappa(), model.alignment()));
        assert_eq!(back, model);
        assert_eq!(said, notes);
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "no temporary files");
    toy.model().save(&folder.path().join("model.v2"), &front_end, &notes).unwrap();
    assert!(folder.path().join("model.v2.json").is_file(), "a stem keeps its dots");
}

#[test]
fn another_front_end_and_damage_are_refused() {
    let toy = Toy::new(4, 2, 2, 1, 62);
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("model");
    toy.model().save(&stem, &json!({"rate": 8000}), &json!(null)).unwrap();
    let message = |front_end| SpeakerModel::load(&stem, &front_end).unwrap_err().to_string();
    assert!(message(json!({"rate": 16000})).contains("trained on features made by"));
    let arrays = stem.with_extension("safetensors");
    let whole = std::fs::read(&arrays).unwrap();
    std::fs::write(&arrays, &whole[..whole.len() / 2]).unwrap();
    assert!(message(json!({"rate": 8000})).contains("model.safetensors"));
    std::fs::write(stem.with_extension("json"), "{").unwrap();
    assert!(message(json!({"rate": 8000})).contains("model.json"));
    std::fs::remove_file(stem.with_extension("json")).unwrap();
    assert!(message(json!({"rate": 8000})).contains("could not be read"));
    assert!(toy.model().save(&folder.path().join("no/such/folder"), &json!(null), &json!(null)).is_err());
}

#[test]
fn the_evidence_scale_scales_counts() {
    let mut toy = Toy::new(4, 2, 2, 2, 63);
    let utterance = toy.corpus(1, 1, 40, true).remove(0).remove(0);
    let mut tenth = utterance.clone();
    tenth.occupation *= 0.1;
    tenth.first_order *= 0.1;
    for model in [toy.model(), toy.extended()] {
        let scaled = model.clone().with_kappa(0.1).unwrap().stat(&utterance).unwrap();
        let expected = model.stat(&tenth).unwrap();
        assert!((scaled.evidence() - expected.evidence()).abs() < 1e-12 * expected.evidence().abs().max(1.0));
    }
    assert!(toy.model().with_kappa(0.0).is_err());
}
