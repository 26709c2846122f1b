//! How a task ends when it does not succeed.

use std::fmt::Display;
use std::process::ExitCode;

/// Why a task stopped, and with it the exit code.
#[derive(Debug)]
pub enum Failure {
    /// It was called wrongly: one line on stderr, exit code 2.
    Usage(String),
    /// What was asked for did not succeed: the reason on stderr, exit code 1.
    Failed(String),
    /// It failed and has said so already, or another program's exit code is handed on.
    Told(u8),
}

impl Failure {
    pub fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    pub fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    /// The task failed and its output says why.
    pub fn told() -> Self {
        Self::Told(1)
    }

    /// Says the reason and gives the exit code.
    pub fn report(self) -> ExitCode {
        match self {
            Self::Usage(text) => {
                eprintln!("xtask: {text}");
                ExitCode::from(2)
            }
            Self::Failed(text) => {
                eprintln!("xtask: {text}");
                ExitCode::FAILURE
            }
            Self::Told(code) => ExitCode::from(code),
        }
    }
}

/// Says at which file or command an error happened.
pub trait Context<T> {
    fn context(self, what: impl Display) -> Result<T, Failure>;
}

impl<T, E: Display> Context<T> for Result<T, E> {
    fn context(self, what: impl Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::Failed(format!("{what}: {error}")))
    }
}
