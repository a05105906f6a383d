//! The catalogue and the data of this very checkout.
use std::path::Path;

use xtask::{Workspace, commands::data, datasets::Catalogue, manifest};

fn checkout() -> Workspace {
    Workspace::at(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
}

#[test]
fn the_catalogue_is_sound() {
    let workspace = checkout();
    let catalogue = Catalogue::read(&workspace).unwrap();
    assert!(catalogue.datasets.iter().any(|dataset| dataset.name == "birds10"));
}

#[test]
fn the_shipped_data_is_whole() {
    let workspace = checkout();
    let catalogue = Catalogue::read(&workspace).unwrap();
    for dataset in catalogue.datasets.iter().filter(|dataset| dataset.shipped.is_some()) {
        data::verify(&workspace, dataset, None).unwrap();
    }
}

#[test]
fn the_published_bird_split_is_the_papers() {
    let table = manifest::read(&checkout().path("recipes/avian_ca_nv_91.csv")).unwrap();
    assert!(table.problems.is_empty());
    let count = |split: &str| table.rows.iter().filter(|(_, row)| row["split"] == split).count();
    assert_eq!((count("train"), count("test")), (1820, 910));
    for label in 0..91 {
        let of_label = table.rows.iter().filter(|(_, row)| row["label"] == label.to_string());
        assert_eq!(of_label.count(), 30, "label {label}");
    }
}
