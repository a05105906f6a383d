//! Lets what this package links (tests, examples) find libtorch when it runs.
//!
//! torch-sys tells its direct dependents where libtorch lies; Cargo hands no linker argument on from one package
//! to another, so every package with a binary that uses these networks keeps a copy of this file and names
//! torch-sys among its dependencies.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Absent under `doc-only`, where nothing is linked.
    let Some(lib) = std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(std::path::PathBuf::from) else { return };
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() != Ok("unix") {
        return;
    }
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // No symbol of ours names libtorch_cuda; unless told to keep libtorch, the linker drops it and CUDA with it.
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo:rustc-link-arg=-ltorch");
    }
}
