//! What became of a run, decided from its files and the processes they name. A status never lies: `running` needs
//! somebody who lives.

use std::fmt;

use super::lease::Lease;
use super::{Run, meta, process};

/// Status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    Completed,
    Terminated,
    Error,
    Running,
    Staged,
    Pending,
    /// Not listed by default.
    Unknown,
}

impl Status {
    /// The word that lists and JSON use.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Completed => "completed",
            Status::Terminated => "terminated",
            Status::Error => "error",
            Status::Running => "running",
            Status::Staged => "staged",
            Status::Pending => "pending",
            Status::Unknown => "unknown",
        }
    }

    /// The status of a run that ended with this code (negative: the signal).
    pub fn of_exit(code: i64) -> Status {
        match code {
            0 => Status::Completed,
            ..0 => Status::Terminated,
            _ => Status::Error,
        }
    }

    /// True when nothing will change it but a restart.
    pub fn is_final(self) -> bool {
        matches!(self, Status::Completed | Status::Terminated | Status::Error)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The status of a run now. Reads as few files as possible: one, for a run that has ended.
pub fn of(run: &Run) -> Status {
    let decide = || {
        if let Some(code) = exit_code(run) {
            return Status::of_exit(code);
        }
        if run.meta("lock.remote").exists() {
            return Status::Running;
        }
        if let Some(pid) = meta::read_number(&run.meta("proc/lock")) {
            return if is_alive(run, pid) {
                Status::Running
            } else {
                Status::Terminated
            };
        }
        let lease = match run.meta("started").exists() {
            true => Lease::read(run),
            false => None,
        };
        match lease {
            Some(lease) if lease.is_held(run) => return Status::Running,
            // Its supervisor died between starting the program and writing the lock.
            Some(Lease { pid: Some(_), .. }) => return Status::Terminated,
            _ => {}
        }
        match () {
            // Its supervisor died between writing `stopped` and `proc/exit`.
            () if run.meta("stopped").exists() => Status::Terminated,
            () if run.meta("staged").exists() => Status::Staged,
            () if run.meta("initialized").exists() => Status::Pending,
            () => Status::Unknown,
        }
    };
    let status = decide();
    // It may have ended while we looked: the exit code is written before the lock is removed.
    match exit_code(run) {
        Some(code) if !status.is_final() || status == Status::Terminated => Status::of_exit(code),
        _ => status,
    }
}

/// The exit code of a run that has ended; negative: the signal that ended it.
pub fn exit_code(run: &Run) -> Option<i64> {
    meta::read_number(&run.meta("proc/exit"))
}

/// The remote that a run is running on, while it has no exit code.
pub fn remote(run: &Run) -> Option<String> {
    if exit_code(run).is_some() {
        return None;
    }
    meta::read_text(&run.meta("lock.remote")).ok().flatten()
}

fn is_alive(run: &Run, pid: i64) -> bool {
    match Lease::read(run) {
        Some(lease) => lease.is_held(run),
        // A run that was copied without its lease: the pid is all there is to go by.
        None => i32::try_from(pid).is_ok_and(|pid| process::is_alive(pid, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn run() -> (tempfile::TempDir, Run) {
        let home = tempfile::tempdir().unwrap();
        let run = Run::new(home.path(), "abc");
        fs::create_dir_all(run.meta("proc")).unwrap();
        (home, run)
    }

    #[test]
    fn the_first_that_applies() {
        let (_home, run) = run();
        let write = |name: &str, text: &str| fs::write(run.meta(name), text).unwrap();
        assert_eq!(of(&run), Status::Unknown);
        write("initialized", "1");
        assert_eq!(of(&run), Status::Pending);
        write("staged", "1");
        assert_eq!(of(&run), Status::Staged);
        write("proc/lock", &std::process::id().to_string());
        assert_eq!(of(&run), Status::Running, "no lease: the pid alone");
        write("proc/lock", &i32::MAX.to_string());
        assert_eq!(of(&run), Status::Terminated);
        write("lock.remote", "host1");
        assert_eq!((of(&run), remote(&run).as_deref()), (Status::Running, Some("host1")));
        for (code, status) in [
            ("0\n", Status::Completed),
            ("-15", Status::Terminated),
            ("3", Status::Error),
        ] {
            write("proc/exit", code);
            assert_eq!((of(&run), remote(&run)), (status, None));
        }
    }

    #[test]
    fn a_pid_that_was_used_again_is_not_running() {
        let (_home, run) = run();
        let me = std::process::id() as i32;
        fs::write(run.meta("proc/lock"), me.to_string()).unwrap();
        let mut lease = Lease {
            host: process::host().into(),
            machine: process::machine().into(),
            boot_id: process::boot_id().into(),
            pid: Some(me),
            pid_started: Some(1),
            supervisor: me,
            supervisor_started: Some(1),
            ..Lease::default()
        };
        let write = |lease: &Lease| fs::write(run.lease_file(), serde_json::to_string(lease).unwrap()).unwrap();
        write(&lease);
        assert_eq!(of(&run), Status::Terminated);
        lease.pid_started = process::Process::read(me).map(|p| p.started);
        write(&lease);
        assert_eq!(of(&run), Status::Running);
        lease.boot_id = "before the reboot".into();
        write(&lease);
        assert_eq!(of(&run), Status::Terminated);
    }
}
