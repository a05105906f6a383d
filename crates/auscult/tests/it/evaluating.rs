//! `auscult eval`: a run on a manifest that it has never seen.

use crate::support::{Place, files, json, write_song};

/// Other takes of the species, named as people would.
fn unseen() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sounds")).unwrap();
    let mut table = String::from("species,path\n");
    for (index, name) in
        ["Low Hummer", "RISING-WHISTLER", "falling piper", "shrill_peeper"].iter().enumerate()
    {
        write_song(&folder.path().join(format!("sounds/{index}.wav")), index, 77, 2.0, 22_050, 1);
        table += &format!("{name},{index}.wav\n");
    }
    let manifest = folder.path().join("field.csv");
    std::fs::write(&manifest, table).unwrap();
    let manifest = manifest.display().to_string();
    (folder, manifest)
}

#[test]
fn any_manifest_with_any_spelling_is_scored() {
    let place = Place::with_trained_run();
    let (folder, manifest) = unseen();
    let root = folder.path().join("sounds").display().to_string();
    let output = folder.path().join("figures.json").display().to_string();
    let run = place.run().display().to_string();
    let call = ["eval", "birds", "--run", &run, "--manifest", &manifest, "--root", &root];
    let table = place.auscult(call).well();
    for name in ["accuracy", "top3_accuracy", "macro_f1", "mean_average_precision", "n = 4"] {
        assert!(table.out.contains(name), "{}", table.out);
    }
    let printed = place.auscult([&call[..], &["--json", "--output", &output]].concat()).well();
    let printed: serde_json::Value = serde_json::from_str(&printed.out).unwrap();
    assert_eq!(printed, json(&output));
    assert_eq!(printed["pipeline"], "birds");
    assert_eq!(printed["manifest"], manifest.as_str());
    assert_eq!(printed["metrics"]["accuracy"]["n"], 4);

    let evals = files(&place.run().join("eval"));
    let of = |name: &str| evals.keys().find(|path| path.starts_with("field-") && path.ends_with(name));
    let predictions = String::from_utf8(evals[of("predictions.csv").unwrap()].clone()).unwrap();
    let header = "path,species,predicted,right,falling_piper,low_hummer,rising_whistler,shrill_peeper";
    assert_eq!(predictions.lines().next(), Some(header));
    assert_eq!(predictions.lines().count(), 5);
    assert!(of("confusion.svg").is_some() && of("metrics.json").is_some());
}

#[test]
fn unknown_species_and_lost_files_are_named_or_left_out() {
    let place = Place::with_trained_run();
    let (folder, manifest) = unseen();
    let table = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, table + "ostrich,0.wav\nlow hummer,gone.wav\n").unwrap();
    // Line 6 repeats a path; mend that first.
    let root = folder.path().join("sounds").display().to_string();
    let call = ["eval", "birds", "--manifest", &manifest, "--root", &root];
    place.auscult(call).refused(&["field.csv, line 6", "listed on line 2"]);
    let table = std::fs::read_to_string(&manifest).unwrap().replace("ostrich,0.wav", "ostrich,bird.wav");
    std::fs::write(&manifest, table).unwrap();
    place.auscult(call).refused(&[
        "field.csv, line 6",
        "`ostrich`",
        "falling_piper, low_hummer",
        "--skip-bad",
    ]);
    let scored = place.auscult([&call[..], &["--skip-bad"]].concat()).well();
    for part in ["ostrich", "gone.wav", "2 recordings were left out"] {
        assert!(scored.err.contains(part), "{}", scored.err);
    }
    assert!(scored.out.contains("n = 4"), "{}", scored.out);

    std::fs::write(&manifest, "path,species\nx.wav,ostrich\n").unwrap();
    place.auscult([&call[..], &["--skip-bad"]].concat()).refused(&["no recording of", "field.csv"]);
}

#[test]
fn a_run_without_a_model_says_what_to_do() {
    let place = Place::new();
    let call = ["eval", "birds", "--manifest", "labels.csv"];
    place.auscult(call).refused(&["there is no run here", "auscult train"]);
    place.train(&["--set", "protocol.final_fit=false", "--set", "protocol.disjoint_folds=0"]).well();
    place.auscult(call).refused(&["no model", "final_fit"]);
    place.auscult(["birds", "low_hummer_0.wav"]).refused(&["no model", "final_fit"]);
}
