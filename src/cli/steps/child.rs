//! The process of the step at hand: started, waited for, and asked to stop when this process is.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::{CommandResult, Failure, reason};

/// The process of the step at hand, and what signals to this process mean to it.
pub struct Child {
    pid: Arc<AtomicI32>,
    /// The signal that asked for the end.
    asked: Arc<AtomicI32>,
}

impl Child {
    /// From now on signals are passed on to the step instead of ending this process.
    pub fn watched() -> Result<Child, Failure> {
        let child = Child {
            pid: Arc::new(AtomicI32::new(0)),
            asked: Arc::new(AtomicI32::new(0)),
        };
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        let (pid, asked) = (Arc::clone(&child.pid), Arc::clone(&child.asked));
        let pass_on = move || {
            for signal in signals.forever() {
                if asked.swap(signal, Ordering::SeqCst) == 0 {
                    stop(pid.load(Ordering::SeqCst));
                }
            }
        };
        std::thread::Builder::new().name("signals".into()).spawn(pass_on)?;
        Ok(child)
    }

    pub fn asked(&self) -> Option<i32> {
        Some(self.asked.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
    }

    /// Runs a step's process to its end. When this process was asked to end, it ends with it, by that signal.
    pub fn run(&self, mut command: Command) -> CommandResult {
        if let Some(signal) = self.asked() {
            die_of(signal);
        }
        let mut child = command.spawn().map_err(|error| {
            let program = command.get_program().to_string_lossy().into_owned();
            Failure::new(format!("cannot start {program}: {}", reason(&error)))
        })?;
        let pid = i32::try_from(child.id()).unwrap_or_default();
        self.pid.store(pid, Ordering::SeqCst);
        if self.asked().is_some() {
            // It may have been asked before it was known whom to tell.
            stop(pid);
        }
        let status = child.wait()?;
        self.pid.store(0, Ordering::SeqCst);
        if let Some(signal) = self.asked() {
            die_of(signal);
        }
        Ok(code(status))
    }
}

fn stop(pid: i32) {
    if pid > 0 {
        // Gone in the meantime is what is wanted.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(1)
}

/// Ends this process the way the signal would have.
fn die_of(signal: i32) -> ! {
    // Returns only for signals that end nothing.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    std::process::exit(128 + signal)
}
