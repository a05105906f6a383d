//! Putting a libtorch together from wheels.
use std::{fs, path::Path};

use xtask::{
    Workspace,
    libtorch::{self, Found, RELEASES, unpack_wheels},
};

use crate::archive::zip;

const TORCH: &[(&str, &[u8])] = &[
    ("torch/include/torch/csrc/api.h", b"#pragma once"),
    ("torch/lib/libtorch_cpu.so", b"cpu"),
    ("torch/lib/libtorch_cuda.so", b"huge"),
    ("torch/lib/libtorch.so", b"drags in cuda"),
    ("torch/lib/libc10.so", b"c10"),
    ("torch/lib/libgomp.so.1", b"gomp"),
    ("torch/version.py", b"__version__ = '2.11.0+cu130'"),
];

fn wheels(folder: &Path) {
    zip(&folder.join("torch-2.11.0-cp311-linux.whl"), TORCH);
    zip(&folder.join("nvidia_cuda_runtime-13.0.96.whl"), &[("nvidia/cu13/lib/libcudart.so.13", b"rt")]);
    zip(&folder.join("nvidia_cuda_cupti-13.0.85.whl"), &[("nvidia/cu13/lib/libcupti.so.13", b"cupti")]);
}

fn checkout(tch: &str) -> (tempfile::TempDir, Workspace) {
    let folder = tempfile::tempdir().unwrap();
    let lock = format!("[[package]]\nname = \"tch\"\nversion = \"{tch}\"\n");
    fs::write(folder.path().join("Cargo.lock"), lock).unwrap();
    let workspace = Workspace::at(folder.path());
    (folder, workspace)
}

#[test]
fn the_needed_files_are_taken_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let wheels_folder = folder.path().join("wheels");
    fs::create_dir(&wheels_folder).unwrap();
    wheels(&wheels_folder);
    let target = folder.path().join(".libtorch");
    // An older one, or a link to nowhere, is replaced.
    std::os::unix::fs::symlink("nowhere", &target).unwrap();
    // So is what a killed process left.
    fs::create_dir(folder.path().join(".libtorch-building")).unwrap();
    let found = unpack_wheels(RELEASES[0], &wheels_folder, &target).unwrap();
    assert_eq!(found, Found { folder: target.clone(), version: "2.11.0".into(), cuda: false });
    let mut libraries: Vec<_> = fs::read_dir(target.join("lib"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    libraries.sort();
    let expected =
        ["libc10.so", "libcudart.so.13", "libcupti.so.13", "libgomp.so.1", "libtorch.so", "libtorch_cpu.so"];
    assert_eq!(libraries, expected);
    assert_eq!(fs::read_link(target.join("lib/libtorch.so")).unwrap(), Path::new("libtorch_cpu.so"));
    assert!(target.join("include/torch/csrc/api.h").is_file());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing half-made is left");
}

#[test]
fn a_missing_library_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    zip(&folder.path().join("torch.whl"), &TORCH[..3]);
    let target = folder.path().join(".libtorch");
    fs::create_dir(&target).unwrap();
    let error = unpack_wheels(RELEASES[0], folder.path(), &target).unwrap_err();
    assert!(error.to_string().contains("libc10.so"), "{error:#}");
    assert!(target.is_dir());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing half-made is left");
}

#[test]
fn the_lock_file_decides_the_version() {
    let version = |tch: &str| libtorch::required(&checkout(tch).1).map(|release| release.libtorch);
    assert_eq!(version("0.24.0").unwrap(), "2.11.0");
    assert_eq!(version("0.26.0").unwrap(), "2.13.0");
    assert!(version("0.99.0").unwrap_err().to_string().contains("0.99.0"));
}

#[test]
fn a_libtorch_of_ones_own_is_linked_if_it_fits() {
    let (_keep, workspace) = checkout("0.24.0");
    let own = tempfile::tempdir().unwrap();
    assert!(libtorch::adopt(&workspace, own.path()).unwrap_err().to_string().contains("no libtorch"));
    for (name, content) in [("lib/libtorch_cpu.so", ""), ("lib/libtorch_cuda.so", ""), ("include/a.h", "")] {
        fs::create_dir_all(own.path().join(name).parent().unwrap()).unwrap();
        fs::write(own.path().join(name), content).unwrap();
    }
    fs::write(own.path().join("build-version"), "2.12.1+cu130\n").unwrap();
    let refused = libtorch::adopt(&workspace, own.path()).unwrap_err().to_string();
    assert!(refused.contains("2.12.1") && refused.contains("2.11.0"), "{refused}");

    fs::write(own.path().join("build-version"), "2.11.0+cu130\n").unwrap();
    let found = libtorch::adopt(&workspace, own.path()).unwrap();
    assert!(found.cuda);
    assert_eq!(Found::at(&libtorch::own_folder(&workspace)).unwrap().version, "2.11.0");

    // The `torch` folder of an installed wheel says its version in Python.
    fs::remove_file(own.path().join("build-version")).unwrap();
    fs::write(own.path().join("version.py"), "from typing import X\n__version__ = '2.11.0+cu130'\n").unwrap();
    assert_eq!(Found::at(own.path()).unwrap().version, "2.11.0");
}
