//! How a command ends when it does not simply succeed.
use std::{fmt, process::ExitCode};

/// An ending with an exit code of its own; every other error is exit code 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The command line asks for something that does not exist (exit code 2).
    Usage(String),
    /// A person has to act first: place data, install a package (exit code 3).
    Manual(String),
    /// A spawned command failed; its exit code becomes ours.
    Child {
        /// The command line that was spawned.
        command: String,
        /// Its exit code; 1 where a signal ended it.
        code: u8,
    },
}

impl Stop {
    fn code(&self) -> u8 {
        match self {
            Stop::Usage(_) => 2,
            Stop::Manual(_) => 3,
            Stop::Child { code, .. } => *code,
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Usage(message) | Stop::Manual(message) => f.write_str(message),
            Stop::Child { command, code } => write!(f, "`{command}` ended with exit code {code}"),
        }
    }
}

impl std::error::Error for Stop {}

/// The exit code of an error: that of the [`Stop`] in its chain, else 1.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    error.chain().find_map(|cause| cause.downcast_ref::<Stop>()).map_or(1, Stop::code)
}

/// Prints the error with its causes and returns its exit code.
pub fn report_failure(error: &anyhow::Error) -> ExitCode {
    eprintln!("xtask: {error:#}");
    ExitCode::from(exit_code(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn the_code_survives_added_context() {
        let stop = |stop: Stop| exit_code(&Err::<(), _>(stop).context("while testing").unwrap_err());
        assert_eq!(stop(Stop::Usage("no such recipe".into())), 2);
        assert_eq!(stop(Stop::Manual("place the files".into())), 3);
        assert_eq!(stop(Stop::Child { command: "auscult".into(), code: 42 }), 42);
        assert_eq!(exit_code(&anyhow::anyhow!("anything else")), 1);
    }
}
