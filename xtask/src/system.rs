//! What has to come from the system's packages.
use std::process::Command;

use anyhow::Result;

use crate::process;

/// A system package, and how to see that it is there.
#[derive(Debug)]
pub struct SystemPackage {
    /// What it is called in the table of `setup`.
    pub name: &'static str,
    /// Its name for `apt-get install`.
    pub apt: &'static str,
    /// Why it is wanted.
    pub purpose: &'static str,
    /// Whether anything fails without it.
    pub required: bool,
    probe: fn() -> Option<String>,
}

/// All of them.
pub const PACKAGES: &[SystemPackage] = &[SystemPackage {
    name: "C++ compiler",
    apt: "g++",
    purpose: "torch-sys compiles its bridge to libtorch with it",
    required: true,
    probe: cxx_version,
}];

/// What looks at reports; only `report --check` needs it.
pub const BROWSER: SystemPackage = SystemPackage {
    name: "Chromium",
    apt: "chromium",
    purpose: "opens reports to see that they are fit to be seen",
    required: false,
    probe: || process::find_program("chromium").map(|_| "found".to_owned()),
};

/// How an installation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installed {
    /// The package is there now.
    Yes,
    /// There is no apt-get, or no right to use it without asking for a password.
    NotAllowed,
    /// apt-get ran and failed.
    Failed,
}

/// The processor, as the system names it.
pub fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| "unknown processor".into(), |(_, name)| name.trim().to_owned())
}

impl SystemPackage {
    /// The version that is there, or "found" where it does not say; `None` if it is missing.
    pub fn version(&self) -> Option<String> {
        (self.probe)()
    }

    /// The line a person types to get it.
    pub fn remedy(&self) -> String {
        format!("sudo apt-get install -y {}", self.apt)
    }

    /// Installs it where that needs no password.
    pub fn install(&self) -> Result<Installed> {
        let Some(apt) = apt_get() else { return Ok(Installed::NotAllowed) };
        let install =
            || process::run(apt().args(["install", "-y", "--no-install-recommends", self.apt])).is_ok();
        // A fresh container has no package lists, so the first failure may only mean that.
        let installed = install() || (process::run(apt().arg("update")).is_ok() && install());
        Ok(if installed && self.version().is_some() { Installed::Yes } else { Installed::Failed })
    }
}

fn apt_get() -> Option<fn() -> Command> {
    fn as_root() -> Command {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    }
    fn by_sudo() -> Command {
        let mut command = Command::new("sudo");
        command.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        command
    }
    process::find_program("apt-get")?;
    let root = process::capture(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0");
    if root {
        Some(as_root)
    } else {
        process::succeeds(Command::new("sudo").args(["-n", "true"])).then_some(by_sudo)
    }
}

fn cxx_version() -> Option<String> {
    let chosen = std::env::var("CXX").ok();
    let names = chosen.as_deref().into_iter().chain(["c++", "g++", "clang++"]);
    names.filter(|name| process::find_program(name).is_some()).find_map(|name| {
        let text = process::capture(Command::new(name).arg("--version")).ok()?;
        text.lines().next().map(str::to_owned)
    })
}
