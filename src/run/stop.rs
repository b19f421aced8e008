//! Stopping a run from outside, as `gage stop` does, and seeing to what it leaves: the runs it has started, and its
//! end when nobody else can record it. Which signals are sent is `stopping`'s.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::lease::Lease;
use super::status::{self, Status};
pub use super::stopping::TIMEOUT;
use super::stopping::{GRACE, KILL_WAIT, Members, Step, Stopping};
use super::{Run, RunError, children, finalize, meta};

/// The signal an operation wants to be stopped with: `INT`, `SIGINT`; SIGTERM if it does not say.
pub fn stop_signal(name: Option<&str>) -> Signal {
    let name = name.unwrap_or("TERM").trim().to_ascii_uppercase();
    let name = if name.starts_with("SIG") {
        name
    } else {
        format!("SIG{name}")
    };
    name.parse().unwrap_or(Signal::SIGTERM)
}

/// How a stop ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// It was not running.
    NotRunning,
    /// Every process has ended and the run is finalized.
    Stopped,
    /// These processes (sorted) did not stop as expected.
    Left(Vec<i32>),
}

/// Stops a run of this host, as `gage stop` does: waits up to `timeout`, kills then only with `force`. A run whose
/// supervisor is gone too is finalized here.
pub fn stop(run: &Run, timeout: Duration, force: bool) -> Result<Stopped, RunError> {
    let Some(leader) = leader(run) else {
        return Ok(Stopped::NotRunning);
    };
    let lease = Lease::read(run);
    if let Some(lease) = lease.as_ref().filter(|l| !l.is_local()) {
        return Err(RunError::OtherHost {
            id: run.id().to_string(),
            host: lease.host.clone(),
        });
    }
    // Without it the end would look like the program's own.
    let _ = Lease::mark_stopping(run);
    let hosted = lease.as_ref().is_some_and(|l| l.pid == Some(l.supervisor));
    let members = Members {
        run_id: run.id().to_string(),
        leader,
        leader_started: lease.as_ref().and_then(|l| l.pid_started),
        adopter: lease.as_ref().filter(|l| l.adopts).map(|l| l.supervisor),
        hosted,
    };
    let opdef = super::facts::Facts::read(run).map(|f| f.opdef).unwrap_or_default();
    let signal = match hosted {
        true => Signal::SIGTERM,
        false => stop_signal(opdef.stop_signal.as_deref()),
    };
    let patience = match hosted && timeout >= TIMEOUT {
        // It waits as long itself before it kills.
        true => timeout + KILL_WAIT,
        false => timeout,
    };
    let mut stopping = Stopping::begin(members, signal, patience, force);
    loop {
        if run.meta("proc/exit").exists() {
            // Its supervisor is done with it, and may be about to start another run.
            stopping.leave_adopter();
        }
        match stopping.step() {
            Step::Done => break,
            Step::Wait(time) => std::thread::sleep(time),
            Step::GaveUp(left) => return Ok(Stopped::Left(left)),
        }
    }
    let deadline = Instant::now() + GRACE;
    while status::of(run) == Status::Running && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    // What it has started ends with it, also when it could not see to that itself.
    let mut left = Vec::new();
    for child in children::unfinished(run) {
        match stop(&child, timeout, force)? {
            Stopped::Left(pids) => left.extend(pids),
            Stopped::NotRunning => conclude(&child, Signal::SIGTERM)?,
            Stopped::Stopped => {}
        }
    }
    if !left.is_empty() {
        left.sort_unstable();
        return Ok(Stopped::Left(left));
    }
    conclude(run, signal)?;
    Ok(Stopped::Stopped)
}

/// The pid of a running run's process; waits a moment for one that is just being started.
fn leader(run: &Run) -> Option<i32> {
    let deadline = Instant::now() + GRACE;
    while status::of(run) == Status::Running {
        let pid = meta::read_number(&run.meta("proc/lock")).and_then(|pid| i32::try_from(pid).ok());
        if pid.is_some() || Instant::now() > deadline {
            return pid;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// Records the end of a run that has been stopped and whose supervisor is gone. One that lives does it itself,
/// however long it takes.
fn conclude(run: &Run, signal: Signal) -> Result<(), RunError> {
    match finalize::orphan(run, -(signal as i32)) {
        Err(RunError::Running(_)) => Ok(()),
        other => other,
    }
}

/// Ends what is left of a run whose supervisor died: its program, if that was recorded, and every process that has
/// the run in its environment. Kills what does not end in time. The run is not finalized.
pub fn end_leftovers(run: &Run, timeout: Duration) {
    let mut stopping = Stopping::begin(leftovers(run), Signal::SIGTERM, timeout, true);
    while let Step::Wait(time) = stopping.step() {
        std::thread::sleep(time);
    }
}

/// A process of a run whose supervisor died, if one is left.
pub(crate) fn leftover(run: &Run) -> Option<i32> {
    leftovers(run).find().first().map(|(pid, _)| *pid)
}

fn leftovers(run: &Run) -> Members {
    let lease = Lease::read(run).filter(Lease::is_local);
    Members {
        run_id: run.id().to_string(),
        // Otherwise of no process, and of no process group.
        leader: lease.as_ref().and_then(|l| l.pid).unwrap_or(-1),
        leader_started: lease.as_ref().and_then(|l| l.pid_started),
        adopter: None,
        hosted: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_named_with_or_without_sig() {
        assert_eq!(stop_signal(None), Signal::SIGTERM);
        assert_eq!(stop_signal(Some("int")), Signal::SIGINT);
        assert_eq!(stop_signal(Some("SIGUSR1")), Signal::SIGUSR1);
        assert_eq!(stop_signal(Some("nonsense")), Signal::SIGTERM);
    }
}
