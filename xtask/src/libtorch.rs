//! Which libtorch the locked `tch` needs, where it is, and how to put it into `.libtorch/` from the PyPI wheels.
use std::{
    fs::{self, File},
    io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use zip::ZipArchive;

use crate::{
    Stop, Workspace, lock, process,
    progress::{Progress, Unit},
    python,
};

/// The libtorch one `tch` release is made for; torch-sys refuses every other (`TORCH_VERSION` in its build.rs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// The `tch` release, without its patch number.
    pub tch: &'static str,
    /// The libtorch version.
    pub libtorch: &'static str,
    /// The CUDA release its PyPI wheel is built with: `libtorch_cpu.so` itself needs that CUDA's runtime and CUPTI.
    pub cuda: &'static str,
}

/// The `tch` releases the workspace accepts (there is no 0.25).
pub const RELEASES: &[Release] = &[
    Release { tch: "0.24", libtorch: "2.11.0", cuda: "13.0" },
    Release { tch: "0.26", libtorch: "2.13.0", cuda: "13.0" },
];

/// What goes into `.libtorch/lib`, and the wheel folder it comes from.
const LIBRARIES: &[&str] = &[
    "torch/lib/libtorch_cpu.so",
    "torch/lib/libc10.so",
    "torch/lib/libgomp.so.1",
    "nvidia/cu13/lib/libcudart.so.13",
    "nvidia/cu13/lib/libcupti.so.13",
];

/// Where it is put together, beside its place.
const BUILDING: &str = ".libtorch-building";

/// A libtorch that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its folder, with `include/` and `lib/`.
    pub folder: PathBuf,
    /// Its version, without a `+cpu` or `+cu130`.
    pub version: String,
    /// Whether it can use CUDA.
    pub cuda: bool,
}

impl Found {
    /// Looks into a folder; `None` if that is no libtorch.
    pub fn at(folder: &Path) -> Option<Self> {
        let version = version_of(folder)?;
        if !folder.join("lib/libtorch_cpu.so").is_file() || !folder.join("include").is_dir() {
            return None;
        }
        let cuda = folder.join("lib/libtorch_cuda.so").is_file();
        Some(Self { folder: folder.to_owned(), version, cuda })
    }
}

/// The folder `setup` fills.
pub fn own_folder(workspace: &Workspace) -> PathBuf {
    workspace.path(".libtorch")
}

/// The user's own `LIBTORCH`, if there is one (`.cargo/config.toml` sets the variable to [`own_folder`] otherwise).
pub fn given_folder(workspace: &Workspace) -> Option<PathBuf> {
    let given = PathBuf::from(std::env::var_os("LIBTORCH").filter(|value| !value.is_empty())?);
    let own = own_folder(workspace);
    (given != own && given.canonicalize().ok() != own.canonicalize().ok().or(Some(own))).then_some(given)
}

/// What the `tch` in Cargo.lock needs.
pub fn required(workspace: &Workspace) -> Result<Release> {
    let path = workspace.path("Cargo.lock");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let tch = locked_version(&text, "tch").context("Cargo.lock names no tch")?;
    let known = RELEASES.iter().find(|release| tch.starts_with(&format!("{}.", release.tch)));
    known.copied().with_context(|| {
        let known = RELEASES.iter().map(|release| release.tch).collect::<Vec<_>>().join(", ");
        format!("Cargo.lock holds tch {tch}, but xtask knows the libtorch of tch {known} only: add it to RELEASES in xtask/src/libtorch.rs")
    })
}

/// The libtorch that builds will use, if one of the right version is there: the user's own, else `.libtorch/`.
pub fn find(workspace: &Workspace) -> Result<Option<Found>> {
    let required = required(workspace)?.libtorch;
    let right = |folder: &Path| Found::at(folder).filter(|found| found.version == required);
    if let Some(given) = given_folder(workspace) {
        match Found::at(&given) {
            Some(found) if found.version == required => return Ok(Some(found)),
            Some(found) => println!(
                "LIBTORCH={} is libtorch {}, but Cargo.lock needs {required}: using .libtorch instead",
                given.display(),
                found.version
            ),
            None => println!("LIBTORCH={} holds no libtorch: using .libtorch instead", given.display()),
        }
    }
    Ok(right(&own_folder(workspace)))
}

/// The libtorch that builds will use; put into `.libtorch/` first if none is there.
pub fn ensure(workspace: &Workspace, offline: bool) -> Result<Found> {
    if let Some(found) = find(workspace)? {
        return Ok(found);
    }
    let _lock = lock::exclusive(&workspace.cache().join("libtorch.lock"))?;
    if let Some(found) = find(workspace)? {
        return Ok(found); // another process was faster
    }
    let release = required(workspace)?;
    if offline {
        return Err(manual(release, "it cannot be fetched with --offline").into());
    }
    if !cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))) {
        return Err(manual(release, "wheels are unpacked on Linux only").into());
    }
    let wheels = workspace.cache().join("wheels");
    download_wheels(release, &wheels)?;
    let found = unpack_wheels(release, &wheels, &own_folder(workspace))?;
    // The wheels are of no further use, and together larger than what was taken from them.
    fs::remove_dir_all(&wheels).with_context(|| format!("cannot remove {}", wheels.display()))?;
    Ok(found)
}

/// Makes `.libtorch` a link to a libtorch the user has.
pub fn adopt(workspace: &Workspace, folder: &Path) -> Result<Found> {
    let release = required(workspace)?;
    let folder = folder.canonicalize().with_context(|| format!("there is no {}", folder.display()))?;
    let found = Found::at(&folder).with_context(|| {
        format!(
            "{} is no libtorch: expected include/, lib/libtorch_cpu.so and build-version in it",
            folder.display()
        )
    })?;
    if found.version != release.libtorch {
        bail!(
            "{} is libtorch {}, but Cargo.lock needs {}",
            folder.display(),
            found.version,
            release.libtorch
        );
    }
    let own = own_folder(workspace);
    if own.canonicalize().ok().as_deref() != Some(&folder) {
        remove(&own)?;
        symlink(&folder, &own).with_context(|| format!("cannot link {}", own.display()))?;
    }
    Ok(found)
}

fn manual(release: Release, reason: &str) -> Stop {
    Stop::Manual(format!(
        "libtorch {} is missing and {reason}. Unpack one from pytorch.org and type `cargo xtask setup --libtorch DIR`",
        release.libtorch
    ))
}

fn download_wheels(release: Release, wheels: &Path) -> Result<()> {
    let mut pip = python::with_pip()?;
    pip.args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest"]).arg(wheels);
    pip.arg(format!("torch=={}", release.libtorch));
    for package in ["nvidia-cuda-runtime", "nvidia-cuda-cupti"] {
        pip.arg(format!("{package}=={}.*", release.cuda));
    }
    process::run(&mut pip).map_err(|error| {
        let hint = "pip could not fetch the wheels (the lines above say why)";
        error.context(manual(release, hint))
    })
}

/// Takes from the wheels in `wheels` what a build needs, and puts it at `target` in one step.
pub fn unpack_wheels(release: Release, wheels: &Path, target: &Path) -> Result<Found> {
    let parent = target.parent().context("a libtorch folder has a parent")?;
    // Always the same name (the lock allows one of us), so that what a killed process left is found and removed.
    remove(&parent.join(BUILDING))?;
    let building = tempfile::Builder::new().prefix(BUILDING).rand_bytes(0).tempdir_in(parent)?;
    let lib = building.path().join("lib");
    fs::create_dir(&lib)?;
    let mut missing: Vec<&str> = LIBRARIES.to_vec();
    for entry in fs::read_dir(wheels).with_context(|| format!("cannot list {}", wheels.display()))? {
        let wheel = entry?.path();
        if wheel.extension().is_some_and(|extension| extension == "whl") {
            unpack_wheel(&wheel, building.path(), &mut missing)
                .with_context(|| format!("cannot unpack {}; remove it and try again", wheel.display()))?;
        }
    }
    // The CPU-only half of the aarch64 wheels needs no CUDA.
    missing.retain(|name| !(cfg!(target_arch = "aarch64") && name.starts_with("nvidia/")));
    if !missing.is_empty() {
        bail!("the wheels of libtorch {} hold no {}", release.libtorch, missing.join(", "));
    }
    // The wheel's own libtorch.so would pull in the CUDA libraries.
    symlink("libtorch_cpu.so", lib.join("libtorch.so"))?;
    fs::write(building.path().join("build-version"), format!("{}\n", release.libtorch))?;

    remove(target)?;
    fs::rename(building.path(), target).with_context(|| format!("cannot create {}", target.display()))?;
    let _ = building.keep(); // it is `target` now
    fs::set_permissions(target, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Found::at(target).with_context(|| format!("{} was made but holds no libtorch", target.display()))
}

fn unpack_wheel(wheel: &Path, folder: &Path, missing: &mut Vec<&str>) -> Result<()> {
    let mut archive = ZipArchive::new(File::open(wheel)?)?;
    let name = wheel.file_name().unwrap_or_default().to_string_lossy();
    let mut progress = Progress::new(&format!("unpacking {name}"), Unit::Files, Some(archive.len() as u64));
    for index in 0..archive.len() {
        progress.advance(1);
        let mut entry = archive.by_index(index)?;
        let Some(path) = entry.enclosed_name().filter(|_| entry.is_file()) else { continue };
        let target = if let Ok(header) = path.strip_prefix("torch/include") {
            folder.join("include").join(header)
        } else if let Some(found) = missing.iter().position(|library| Path::new(library) == path) {
            missing.remove(found);
            folder.join("lib").join(path.file_name().unwrap_or_default())
        } else {
            continue;
        };
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        io::copy(&mut entry, &mut File::create(&target)?)?;
    }
    Ok(())
}

fn version_of(folder: &Path) -> Option<String> {
    let plain = |text: &str| text.trim().split('+').next().unwrap_or_default().to_owned();
    if let Ok(text) = fs::read_to_string(folder.join("build-version")) {
        return Some(plain(&text));
    }
    // The `torch` folder of an installed wheel has no build-version, but says it in Python.
    let text = fs::read_to_string(folder.join("version.py")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(plain(line.trim_matches(['\'', '"'])))
}

fn locked_version(lock: &str, package: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
    }
    let lock: Lock = toml::from_str(lock).ok()?;
    lock.package.into_iter().find(|locked| locked.name == package).map(|locked| locked.version)
}

/// Removes a folder, a file or a link (not what it points at); what is not there is fine.
fn remove(path: &Path) -> Result<()> {
    let removed = match path.symlink_metadata() {
        Err(_) => return Ok(()),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    removed.with_context(|| format!("cannot remove {}", path.display()))
}
