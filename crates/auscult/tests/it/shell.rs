//! `auscult doctor`, `completions` and `man`.

use auscult::pipeline::PIPELINES;

use crate::support::{Place, trained};

#[test]
fn the_doctor_finds_what_is_there_and_says_how_to_mend_the_rest() {
    let said = Place::new().auscult(["doctor"]).well();
    assert!(said.out.contains("birds        no trained run\n"), "{}", said.out);
    assert!(said.out.contains("-> `auscult train birds`"), "{}", said.out);

    let findings: serde_json::Value =
        serde_json::from_str(&trained().auscult(["doctor", "--json"]).well().out).unwrap();
    let finding = |name: &str| findings.as_array().unwrap().iter().find(|f| f["name"] == name).unwrap();
    for pipeline in PIPELINES {
        finding(pipeline.name());
    }
    assert!(finding("birds")["value"].as_str().unwrap().contains("recipe-"));
    assert!(finding("birds")["remedy"].is_null());
    assert!(finding("runs")["value"].as_str().unwrap().ends_with("can be written"));
}

#[test]
fn every_shell_and_the_manual_know_every_verb() {
    let place = Place::new();
    let verbs = ["birds", "train", "eval", "report", "score", "doctor"];
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.auscult(["completions", shell]).well().out;
        assert!(verbs.iter().all(|verb| script.contains(verb)), "{shell}");
    }
    assert!(place.auscult(["man"]).well().out.contains(".TH auscult 1"));
    place.auscult(["man", "--output", "pages"]).well();
    for verb in verbs {
        let page = std::fs::read_to_string(place.path("pages").join(format!("auscult-{verb}.1"))).unwrap();
        assert!(page.contains(".SH OPTIONS"), "{verb}");
    }
    place.auscult(["completions", "tcsh"]).refused(&["possible values", "bash"]);
}
