//! Manifests that cannot be used: file, line, remedy.

use crate::support::Place;

#[test]
fn the_line_is_named() {
    let good = "path,species,recordist\nlow_hummer_0.wav,low_hummer,Ann\n";
    let cases: [(&str, Vec<u8>, &str); 11] = [
        ("a missing column", b"file,species\na.wav,b\n".to_vec(), "line 1: there is no column `path`"),
        ("no species", b"path\na.wav\n".to_vec(), "line 1: there is no column `species`"),
        ("semicolons", b"path;species\na.wav;b\n".to_vec(), "the header has: path;species"),
        ("a field too many", format!("{good}b.wav,x,y,z\n").into(), "line 3: this row has 4 fields"),
        ("a comma in a name", format!("{good}b.wav,low, hummer,y\n").into(), "quote fields that hold commas"),
        (
            "a repeated path",
            format!("{good}low_hummer_0.wav,x,y\n").into(),
            "line 3: `low_hummer_0.wav` is listed on line 2",
        ),
        ("no name", format!("{good}b.wav, ,y\n").into(), "line 3: column `species` is empty"),
        (
            "a bad split",
            b"path,species,split\na.wav,b,train\nc.wav,b,validation\n".to_vec(),
            "line 3: split is `validation`",
        ),
        ("Latin-1", [good.as_bytes(), b"b.wav,m\xe9sange,y\n"].concat(), "line 3: this row is not UTF-8"),
        ("a Latin-1 header", b"path,species,\xe9\na,b,c\n".to_vec(), "line 1: this row is not UTF-8"),
        ("no rows", b"path,species\n".to_vec(), "no rows"),
    ];
    for (case, table, expected) in cases {
        let place = Place::new();
        place.file("labels.csv", table);
        let message = place.train(&[]).refused(&["labels.csv, line ", expected]);
        println!("{case}: {message}");
        assert!(!place.path("runs").exists(), "{case}: nothing was begun");
    }
}

#[test]
fn data_that_allow_no_test_are_explained() {
    let rows = |species: &[(&str, usize)]| {
        let mut table = String::from("path,species,recordist\n");
        for (name, count) in species {
            (0..*count).for_each(|take| table += &format!("{name}_{take}.wav,{name},Ann\n"));
        }
        table
    };
    let place = Place::new();
    let refused = |table: &str, more: &[&str], expected: &[&str]| {
        place.file("labels.csv", table);
        println!("{}", place.train(more).refused(expected));
    };
    let one = rows(&[("low_hummer", 3)]);
    refused(&one, &[], &["1 species", "at least two"]);
    let single = rows(&[("low_hummer", 3), ("falling_piper", 1)]);
    refused(&single, &[], &["`falling_piper`", "only one recording"]);
    let one_recordist = rows(&[("low_hummer", 3), ("falling_piper", 3)]);
    refused(&one_recordist, &[], &["2 recordist-disjoint folds", "there are 1", "disjoint_folds to 0"]);
    let nameless = one_recordist.replace(",recordist", "").replace(",Ann", "");
    refused(&nameless, &[], &["labels.csv", "recordist", "protocol.disjoint_folds = 0"]);
    // Whoever recorded the hummers recorded no piper: no fold can test what another has taught.
    let apart = one_recordist.replace("falling_piper,Ann", "falling_piper,Bo");
    refused(&apart, &[], &["recordist-disjoint", "one recordist", "disjoint_folds"]);
    let all_test = one_recordist.replace("recordist", "split").replace("Ann", "test");
    refused(&all_test, &["--set", "protocol.disjoint_folds=0"], &["`test`", "train"]);
    place.file("labels.csv", &one_recordist);
    std::fs::remove_file(place.path("labels.csv")).unwrap();
    place.train(&[]).refused(&["labels.csv"]);
}

#[test]
fn test_rows_are_scored_by_models_that_never_saw_them() {
    let place = Place::new();
    let table = std::fs::read_to_string(place.path("labels.csv")).unwrap();
    let table: String = table
        .lines()
        .map(|line| match line {
            _ if line.starts_with("path") => format!("{line},split\n"),
            _ if line.contains("_4.wav") => format!("{line},test\n"),
            _ => format!("{line},train\n"),
        })
        .collect();
    place.file("labels.csv", table);
    let said = place.train(&["--set", "protocol.disjoint_folds=0"]).well();
    assert!(said.out.contains("test (percent"), "{}", said.out);
    let run = place.run();
    assert_eq!(crate::support::json(run.join("results.json"))["headline"], "test");
    assert_eq!(crate::support::json(run.join("metrics.json"))["metrics"]["accuracy"]["n"], 4);
    let predictions = std::fs::read_to_string(run.join("predictions.csv")).unwrap();
    for line in predictions.lines().skip(1) {
        assert_eq!(line.starts_with("test,"), line.contains("_4.wav"), "{line}");
    }
}
