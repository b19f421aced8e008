//! `--background` and `--pidfile`: the run is made and staged here, and goes on in a process of its own.

use std::path::PathBuf;

use super::{RunArgs, single};
use crate::cli::{CommandResult, Context, Failure, eprint_line};
use crate::launch::{Background, BackgroundError};
use crate::run::pidfile::Claim;
use crate::run::{self, Run};

/// A run that is about to go on in the background. Its pidfile is ours before anything of it is made.
pub struct Detached {
    pidfile: Claim,
    /// As the user wrote it.
    shown: PathBuf,
    how: Background,
}

impl RunArgs {
    /// True for `--background` and `--pidfile`.
    pub fn in_background(&self) -> bool {
        self.background || self.pidfile.is_some()
    }

    /// The id for a new run, where it is to be known before the run is made: a pidfile is named after it.
    pub fn new_id(&self) -> Result<Option<String>, Failure> {
        match &self.run_id {
            None if self.in_background() => Ok(Some(run::id::new()?)),
            given => Ok(given.clone()),
        }
    }
}

/// Claims the pidfile if the run `id` is to go on in the background.
pub fn wanted(args: &RunArgs, id: Option<&str>, context: &Context) -> Result<Option<Detached>, Failure> {
    if !args.in_background() {
        return Ok(None);
    }
    let id = id.unwrap_or_default();
    let named = |name: &str| std::env::temp_dir().join(format!("gage-{name}.pid"));
    let (shown, pidfile) = match &args.pidfile {
        Some(path) => (path.clone(), Claim::new(&context.cwd.join(path))?),
        None => {
            let short = named(run::id::short(id));
            match Claim::new(&short) {
                Ok(claim) => (short, claim),
                // Left there by somebody else: ids that begin alike are rare.
                Err(_) => (named(id), Claim::new(&named(id))?),
            }
        }
    };
    Ok(Some(Detached {
        pidfile,
        shown,
        how: Background {
            gage: std::env::current_exe()?,
            stop_after: args.stop_after,
            delete_on_success: false,
            again: false,
            keep_batch: args.keep_batch,
            debug: context.debug,
        },
    }))
}

impl Detached {
    /// Starts a staged run, shown as `name`.
    pub fn start(self, run: &Run, name: &str) -> CommandResult {
        self.how.start(run, self.pidfile).map_err(|error| match error {
            BackgroundError::NotStarted { ref message, code } => Failure::with_code(message.clone(), code),
            error => Failure::from(error),
        })?;
        let (id, pidfile) = (run.id(), self.shown.display());
        eprint_line(&format!("{name} started in background as {id} (pidfile {pidfile})"));
        Ok(0)
    }

    /// The same for a run that goes when it has completed.
    pub fn delete_on_success(mut self, delete: bool) -> Detached {
        self.how.delete_on_success = delete;
        self
    }
}

/// Starts a staged run here, or in the background. A `fresh` one must not have been started by anybody else.
pub fn or_here(detached: Option<Detached>, run: &Run, name: &str, fresh: bool, args: &RunArgs) -> CommandResult {
    match detached {
        Some(mut detached) => {
            detached.how.again = !fresh;
            detached.start(run, name)
        }
        None => single::foreground(run, fresh, args),
    }
}
