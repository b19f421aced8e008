//! A run that goes on without the process that started it: `gage exec` in a session of its own, which says whether
//! the run has started. Only starts it; making the run, and what becomes of it, are others' business.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use thiserror::Error;

use crate::run::pidfile::Claim;
use crate::run::process::DETACHED;
use crate::run::{Run, reason};

/// What the process in the background is told besides the run.
#[derive(Debug, Default)]
pub struct Background {
    /// The `gage` program.
    pub gage: PathBuf,
    /// Minutes after which it stops the run.
    pub stop_after: Option<f64>,
    /// The run may have been started before.
    pub again: bool,
    /// Delete the run when it has completed.
    pub delete_on_success: bool,
    /// Keep the batch run of a grid or random search.
    pub keep_batch: bool,
    pub debug: bool,
}

/// What `gage exec --announce` says when the run has started. Anything else is why it has not.
pub const STARTED: &str = "started";

/// Why nothing goes on in the background.
#[derive(Debug, Error)]
pub enum BackgroundError {
    #[error("cannot start {} in the background: {}", gage.display(), reason(error))]
    Spawn { gage: PathBuf, error: std::io::Error },
    /// What the process said, and the code it exited with.
    #[error("{message}")]
    NotStarted { message: String, code: u8 },
}

impl Background {
    /// Starts the process for a staged run and waits until the run has started or has failed to. The pidfile is
    /// that process's from then on.
    pub fn start(&self, run: &Run, pidfile: Claim) -> Result<(), BackgroundError> {
        let failed = |error| BackgroundError::Spawn {
            gage: self.gage.clone(),
            error,
        };
        let mut command = Command::new(&self.gage);
        if self.debug {
            command.arg("--debug");
        }
        command.arg("exec").arg(run.dir()).arg("--announce");
        command.arg("--pidfile").arg(pidfile.path());
        if let Some(minutes) = self.stop_after {
            command.arg(format!("--stop-after={minutes}"));
        }
        for (wanted, option) in [
            (self.again, "--again"),
            (self.delete_on_success, "--delete-on-success"),
            (self.keep_batch, "--keep-batch"),
        ] {
            if wanted {
                command.arg(option);
            }
        }
        // Started by a program of another run it would be taken for a process of that run, which goes with it.
        command.env(DETACHED.0, DETACHED.1);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(failed)?;
        let mut said = String::new();
        let read = child.stdout.take().expect("it was asked for").read_to_string(&mut said);
        let said = said.trim();
        if read.is_ok() && said == STARTED {
            pidfile.hand_over();
            return Ok(());
        }
        let status = child.wait().map_err(failed)?;
        Err(BackgroundError::NotStarted {
            message: match said {
                "" => format!("the process in the background ended before the run had started ({status})"),
                said => said.to_string(),
            },
            code: status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .unwrap_or(1)
                .max(1),
        })
    }
}
