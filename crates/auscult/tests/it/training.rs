//! `auscult train` and `auscult report`: what they leave, and that a second call does nothing.

use crate::support::{Place, files, json, trained};

#[test]
fn a_run_folder_holds_what_the_documentation_says() {
    let run = trained().run();
    let found = files(&run);
    let top: Vec<&str> = found.keys().map(String::as_str).filter(|name| !name.contains('/')).collect();
    let mut expected = vec!["metrics.json", "model.json", "model.safetensors", "predictions.csv"];
    expected.extend(["recipe.toml", "results.json", "run.json", "stages.jsonl"]);
    assert_eq!(top, expected);

    // (2 shuffle splits + 2 folds) x 2 networks and 3 baselines, and the final fit.
    let of_jobs = |name: &str| found.keys().filter(|path| path.ends_with(name)).count();
    assert_eq!(of_jobs("predictions.json"), 4 * 5 + 1);
    assert!(found.contains_key("jobs/shuffle-1-seed1-small/metrics.jsonl"));
    assert_eq!(of_jobs("checkpoint.safetensors"), 0, "checkpoints of finished jobs only take room");
    assert_eq!(of_jobs(".part"), 0);
    assert!(found.contains_key("jobs/recordings.sha256"));

    let table = String::from_utf8(found["predictions.csv"].clone()).unwrap();
    assert!(table.starts_with("scheme,split,seed,model,path,species,predicted,probability,right\n"));
    let about = json(run.join("run.json"));
    assert_eq!(about["pipeline"], "birds");
    assert_eq!(about["recipe"], "recipe");
}

#[test]
fn metrics_have_the_house_shape() {
    let run = trained().run();
    let metrics = json(run.join("metrics.json"));
    assert_eq!(metrics["pipeline"], "birds");
    assert_eq!(metrics["run"], run.file_name().unwrap().to_str().unwrap());
    assert!(metrics["manifest"].as_str().unwrap().ends_with("labels.csv"));
    for name in ["accuracy", "top3_accuracy", "macro_f1", "recordist_disjoint_accuracy"] {
        let figure = |part: &str| metrics["metrics"][name][part].as_f64().unwrap();
        let (value, low, high) = (figure("value"), figure("low"), figure("high"));
        assert!(0.0 <= low && low <= value && value <= high && high <= 1.0, "{name}: {metrics}");
        assert!((1.0..=20.0).contains(&figure("n")) && metrics["metrics"][name]["n"].is_u64());
    }
}

#[test]
fn a_second_call_prints_the_same_table_and_changes_nothing() {
    let place = Place::new();
    let first = place.train(&[]).well();
    for part in ["accuracy", "top 3", "macro F1", "small", "majority", "McNemar", "recordist-disjoint"] {
        assert!(first.out.contains(part), "`{part}` is not in: {}", first.out);
    }
    let before = files(&place.path("runs"));
    let second = place.train(&[]).well();
    assert_eq!(first.out, second.out);
    assert!(second.err.contains("nothing to do"), "{}", second.err);
    assert!(before == files(&place.path("runs")), "a finished run is left alone");

    let resumed = place.auscult(["train", "birds", "--resume", "latest"]).well();
    assert_eq!(first.out, resumed.out);
    assert!(before == files(&place.path("runs")));

    // a run is gone on with where it lies, not begun anew among the runs of this call
    let run = place.run();
    let call = ["train", "birds", "--runs", "elsewhere", "--resume", run.to_str().unwrap()];
    assert_eq!(first.out, place.auscult(call).well().out);
    assert!(!place.path("elsewhere").exists());
}

#[test]
fn settings_make_another_run_and_no_other_number_in_the_old_one() {
    let place = Place::new();
    let quick = ["--set", "protocol.shuffle_splits=1", "--set", "protocol.disjoint_folds=0"];
    let quicker = [&quick[..], &["--set", "contender.0.training.epochs=1"]].concat();
    place.train(&quick).well();
    let first = place.run();
    place.train(&quicker).well();
    let second = place.run();
    assert_ne!(first, second);
    let recipe = std::fs::read_to_string(second.join("recipe.toml")).unwrap();
    assert!(recipe.contains("epochs = 1\n"), "{recipe}");
    let lines = |run: &std::path::Path| {
        let metrics = run.join("jobs/shuffle-0-seed1-small/metrics.jsonl");
        std::fs::read_to_string(metrics).unwrap().lines().count()
    };
    assert_eq!((lines(&first), lines(&second)), (3, 1));

    // A run that can no longer go on as it was begun is refused before anything is trained.
    place.list("");
    let runs = std::fs::read_dir(place.path("runs/birds")).unwrap().count();
    let name = first.file_name().unwrap().to_str().unwrap();
    place.auscult(["train", "birds", "--resume", first.to_str().unwrap()]).refused(&[name, "changed"]);
    place.auscult(["train", "birds", "--resume", "latest"]).refused(&["changed"]);
    assert_eq!(std::fs::read_dir(place.path("runs/birds")).unwrap().count(), runs, "no new run");
}

#[test]
fn the_same_recipe_gives_the_same_numbers_again() {
    let quick = ["--set", "protocol.shuffle_splits=1", "--set", "protocol.disjoint_folds=0"];
    let figures = |place: &Place| {
        place.train(&quick).well();
        std::fs::read(place.run().join("predictions.csv")).unwrap()
    };
    let place = Place::new();
    let first = figures(&place);
    std::fs::remove_dir_all(place.path("runs")).unwrap();
    assert!(first == figures(&place));
}

#[test]
fn the_report_needs_nothing_but_itself() {
    let place = trained();
    let page = place.path("page.html");
    let run = place.run();
    place.auscult(["report", run.to_str().unwrap(), "--output", "page.html"]).well();
    let html = std::fs::read_to_string(&page).unwrap();

    assert!(!html.contains("<script"), "no script");
    assert!(!html.contains("@import") && !html.contains("url("), "no style from elsewhere");
    for attribute in ["src=\"", "href=\"", "data=\"", "srcset=\"", "action=\""] {
        for (place, _) in html.match_indices(attribute) {
            let value = html[place + attribute.len()..].split('"').next().unwrap();
            let inside = value.starts_with("data:") || value.starts_with('#');
            let tag = &html[html[..place].rfind('<').unwrap()..place];
            assert!(inside || tag.starts_with("<a "), "{tag} loads {value}");
        }
    }
    let images: Vec<&str> = html.split("src=\"data:image/png;base64,").skip(1).collect();
    assert_eq!(images.len(), 4, "a spectrogram of each species");
    for image in images {
        use base64::Engine as _;
        let bytes =
            base64::engine::general_purpose::STANDARD.decode(image.split('"').next().unwrap()).unwrap();
        let info = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        assert_eq!(info.info().height, 16, "a row a mel band");
    }
    assert!(html.contains("<audio") && html.contains("src=\"data:audio/wav;base64,UklGR"));
    for part in ["seeds 1", "majority", "gaussian-nb", "mfcc-statistics-mlp", "avian-v20", "same data"] {
        assert!(html.contains(part), "`{part}` is not in the report");
    }
    assert!(html.contains("shrill_peeper") && html.contains("https://example.org/low_hummer/0"));
    assert!(html.contains("<td>no</td>"), "the paper's data are not ours");
}

#[test]
fn a_report_of_an_unfinished_run_says_so() {
    let place = Place::new();
    place.auscult(["report", "nowhere"]).refused(&["nowhere", "there is no run here"]);
    let run = place.path("begun");
    std::fs::create_dir(&run).unwrap();
    std::fs::copy(trained().run().join("run.json"), run.join("run.json")).unwrap();
    place.auscult(["report", "begun"]).refused(&["begun", "not finished"]);
    assert!(!place.path("report.html").exists());
}
