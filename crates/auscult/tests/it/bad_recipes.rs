//! Recipes that cannot be used: refused before any work, with the key and what it may be.

use auscult::pipeline::birds::Recipe;

use crate::support::{Place, SMALL};

#[test]
fn mistakes_are_shown_in_their_line() {
    let place = Place::new();
    let refused = |text: &str, expected: &[&str]| {
        place.recipe(text);
        let message = place.train(&[]).refused(&[&["recipe.toml"], expected].concat());
        println!("{message}");
    };
    refused(&SMALL.replace("[protocol]", "[protocol"), &["line 8", "[protocol"]);
    refused(&SMALL.replace("seeds =", "sedes ="), &["line 9", "unknown field `sedes`", "shuffle_splits"]);
    refused(&SMALL.replace("epochs = 3", "epochs = 'three'"), &["'three'", "invalid type"]);
    refused(&SMALL.replace("bird_resnet", "bird_resent"), &["unknown variant `bird_resent`", "bird_resnet"]);
    refused(&SMALL.replace("widths =", "width ="), &["unknown field `width`", "widths"]);
    refused(&SMALL.replace("\"majority\"", "\"minority\""), &["unknown variant `minority`", "majority"]);
    refused("about = 'x'\n[data]\nmanifest = 'labels.csv'\n", &["contender"]);
    refused(&SMALL.replace("[data]", "[date]"), &["date"]);
    assert!(!place.path("runs").exists(), "nothing was begun");
}

#[test]
fn contradictions_are_refused_before_any_work() {
    let place = Place::new();
    for (setting, expected) in [
        ("protocol.seeds=[]", "seeds is empty"),
        ("protocol.seeds=[1, 2, 1]", "seed 1 twice"),
        ("protocol.held_out=1.0", "held_out is 1"),
        ("protocol.held_out=nan", "held_out is NaN"),
        ("protocol.offsets=0", "offsets"),
        ("protocol.disjoint_folds=1", "disjoint_folds is 1"),
        ("baselines=['majority', 'majority']", "`majority` is the name of two"),
        ("contender.0.name=majority", "`majority`"),
        ("contender.0.name=../../outside", "`../../outside`"),
        ("contender.0.name=''", "name"),
        ("contender.0.crops=0", "crops"),
        ("contender.0.window.frames=0", "frames"),
        ("contender.0.window.combine=mfcc-only", "no rows"),
        ("contender.0.front_end.n_mfcc=17", "17 MFCC"),
        ("contender.0.front_end.hop_length=0", "hop_length"),
        ("contender.0.front_end.n_mels=0", "no rows"),
        ("contender.0.front_end.f_max=5000.0", "f_max"),
        ("contender.0.front_end.f_min=-1.0", "f_min"),
        ("contender.0.front_end.sample_rate=0", "sample_rate"),
        ("contender.0.training.epochs=0", "epochs"),
        ("contender.0.training.batch_size=0", "batch_size"),
        ("contender.0.training.label_smoothing=1.5", "label_smoothing"),
        ("contender.0.training.optimizer={ kind = 'adam', lr = -1.0 }", "lr"),
        ("contender.0.training.keep=best", "validation"),
        ("contender.0.network.widths=[0]", "widths"),
        ("contender.0.network={ kind = 'mlp', hidden = [4] }", "shape"),
        ("contender.0.network={ kind = 'avian_v20' }", "larger input"),
        ("contender.0.augment.noise=-1.0", "noise"),
        ("contender.0.augment.stretch=1.5", "stretch"),
        ("contender.0.augment.mixup=nan", "mixup"),
    ] {
        let recipe = place.path("recipe.toml").display().to_string();
        let message = Recipe::read(&recipe, &[setting.to_owned()]).unwrap_err().to_string();
        println!("{message}");
        assert!(message.contains("recipe.toml") && message.contains(expected), "{setting}: {message}");
    }
    place.train(&["--set", "contender.0.training.epochs=0"]).refused(&["recipe.toml", "epochs"]);
    assert!(!place.path("runs").exists(), "nothing was begun");
    place.train(&["--set", "protocol.seeds"]).refused(&["no `=`"]);
    place.train(&["--set", "contender.7.crops=2"]).refused(&["there is no `7`"]);
    place.auscult(["train", "birds", "--recipe", "maxi"]).refused(&["maxi", "mini, best, paper"]);
    place.auscult(["train", "birds", "--resume", "x", "--recipe", "mini"]).refused(&["--resume"]);
}

#[test]
fn a_protocol_that_tests_nothing_is_refused_and_folds_alone_are_enough() {
    let place = Place::new();
    let none = ["--set", "protocol.shuffle_splits=0", "--set", "protocol.disjoint_folds=0"];
    place.train(&none).refused(&["shuffle_splits", "disjoint_folds", "test"]);
    place.train(&["--set", "protocol.shuffle_splits=0"]).well();
    assert_eq!(crate::support::json(place.run().join("results.json"))["headline"], "recordist-disjoint");
}
