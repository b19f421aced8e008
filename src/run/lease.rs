//! The lease `RUNS/ID.lease`: who runs a run, so that a status can be decided without asking anyone, and so that
//! a run is started by one supervisor only. Exists only while the run is supervised.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::error::During;
use super::process::{self, Process};
use super::{Run, RunError, meta};

/// How often a supervisor touches its lease.
pub const TOUCH_EVERY: Duration = Duration::from_secs(10);
/// Age at which a lease of another host counts as given up.
pub const STALE_AFTER: Duration = Duration::from_secs(60);

/// Content of a lease.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Lease {
    pub host: String,
    pub boot_id: String,
    /// The run's process; `None` while it is about to be started.
    pub pid: Option<i32>,
    /// Its start time, see [`Process::started`].
    pub pid_started: Option<u64>,
    /// The supervising process.
    pub supervisor: i32,
    pub supervisor_started: Option<u64>,
    /// True when orphans of the run become children of the supervisor.
    pub adopts: bool,
    /// Set by who asks for the run to be stopped: its end then counts as terminated whatever its exit code.
    pub stopping: bool,
}

impl Lease {
    /// The lease of a run; `None` if there is none or it holds nothing readable (it is being made).
    pub fn read(run: &Run) -> Option<Lease> {
        serde_json::from_slice(&fs::read(run.lease_file()).ok()?).ok()
    }

    /// True when this machine, in this start of it, holds the lease.
    pub fn is_local(&self) -> bool {
        self.host == process::host() && self.boot_id == process::boot_id()
    }

    /// True when the supervisor lives. Only of a local lease.
    pub fn supervisor_is_alive(&self) -> bool {
        process::is_alive(self.supervisor, self.supervisor_started)
    }

    /// True when the run's process lives. Only of a local lease.
    pub fn process_is_alive(&self) -> bool {
        self.pid.is_some_and(|pid| process::is_alive(pid, self.pid_started))
    }

    /// True while somebody runs the run, here or, as far as the lease was touched lately, on another host.
    pub fn is_held(&self, run: &Run) -> bool {
        if self.host == process::host() {
            return self.boot_id == process::boot_id() && (self.supervisor_is_alive() || self.process_is_alive());
        }
        let touched = fs::metadata(run.lease_file()).and_then(|m| m.modified());
        touched.is_ok_and(|at| age(at, run.home()) < STALE_AFTER)
    }

    /// Notes in the lease that somebody asked for the stop. Nothing happens to a run without a lease.
    pub fn mark_stopping(run: &Run) -> io::Result<()> {
        let Some(mut lease) = Lease::read(run) else {
            return Ok(());
        };
        lease.stopping = true;
        let file = OpenOptions::new().write(true).open(run.lease_file())?;
        file.write_all_at(&text(&lease), 0)
    }
}

/// Every lease has the same length (host names are at most 64 bytes): written in place over an earlier one, no
/// reader sees the end of both.
const LENGTH: usize = 400;

fn text(lease: &Lease) -> Vec<u8> {
    let mut text = serde_json::to_vec(lease).expect("a lease can be written");
    text.resize(text.len().max(LENGTH - 1), b' ');
    text.push(b'\n');
    text
}

/// How long ago, by the clock of the file system that `dir` is on.
fn age(at: SystemTime, dir: &Path) -> Duration {
    let probe = tempfile::Builder::new().prefix(".clock").tempfile_in(dir);
    let now = probe
        .and_then(|file| file.as_file().metadata()?.modified())
        .unwrap_or_else(|_| SystemTime::now());
    now.duration_since(at).unwrap_or_default()
}

/// A lease held by this process, from before the run's process is started until it is finalized.
pub struct Held {
    file: Flock<File>,
    path: PathBuf,
    lease: Lease,
    touched: std::time::Instant,
}

impl Held {
    /// Takes the lease of a run. Fails with [`RunError::Running`] when somebody holds it.
    pub fn claim(run: &Run, adopts: bool) -> Result<Held, RunError> {
        let path = run.lease_file();
        let supervisor = std::process::id() as i32;
        let lease = Lease {
            host: process::host().to_string(),
            boot_id: process::boot_id().to_string(),
            supervisor,
            supervisor_started: own_start(),
            adopts,
            ..Lease::default()
        };
        for _ in 0..100 {
            let (file, is_new) = match open(&path, true) {
                Ok(file) => (file, true),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match open(&path, false) {
                    Ok(file) => (file, false),
                    Err(error) if meta::is_missing(&error) => continue,
                    Err(error) => return Err(error).during("open", &path),
                },
                Err(error) => return Err(error).during("write", &path),
            };
            let running = || RunError::Running(run.id().to_string());
            let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((_, nix::errno::Errno::EWOULDBLOCK)) => return Err(running()),
                Err((_, errno)) => return Err(io::Error::from(errno)).during("lock", &path),
            };
            if !is_new {
                // It may have been removed, and made anew, between opening and locking.
                let same = fs::metadata(&path).is_ok_and(|m| file.metadata().is_ok_and(|f| f.ino() == m.ino()));
                if !same {
                    continue;
                }
                if Lease::read(run).is_some_and(|old| old.is_held(run)) {
                    return Err(running());
                }
                file.set_len(0).during("write", &path)?;
            }
            file.write_all_at(&text(&lease), 0).during("write", &path)?;
            return Ok(Held {
                file,
                path,
                lease,
                touched: std::time::Instant::now(),
            });
        }
        Err(RunError::Running(run.id().to_string()))
    }

    /// Records the run's process.
    pub fn set_process(&mut self, pid: i32) {
        self.lease.pid = Some(pid);
        self.lease.pid_started = Process::read(pid).map(|p| p.started);
        // A lease that cannot be written is still locked and has its supervisor.
        let _ = self.file.write_all_at(&text(&self.lease), 0);
    }

    /// The lease as it was last written here.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Shows that the supervisor lives; to be called at least every [`TOUCH_EVERY`].
    pub fn touch_if_due(&mut self) {
        if self.touched.elapsed() >= TOUCH_EVERY {
            self.touched = std::time::Instant::now();
            // A lease that was removed with its run needs no touch.
            let _ = self.file.set_times(FileTimes::new().set_modified(SystemTime::now()));
        }
    }

    /// When [`Held::touch_if_due`] is next needed.
    pub fn touch_in(&self) -> Duration {
        TOUCH_EVERY.saturating_sub(self.touched.elapsed())
    }

    /// True when somebody asked for the run to be stopped.
    pub fn is_stopping(&self) -> bool {
        let mut buffer = [0; 1024];
        let read = self.file.read_at(&mut buffer, 0).unwrap_or(0);
        serde_json::from_slice::<Lease>(&buffer[..read]).is_ok_and(|lease| lease.stopping)
    }

    /// Overwrites the lease with `content` and moves it to `path`: on a full disk this needs no new space.
    pub(crate) fn become_file(self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.file.write_all_at(content, 0)?;
        self.file.set_len(content.len() as u64)?;
        fs::rename(&self.path, path)
    }

    /// Ends the lease.
    pub fn release(self) {
        // Gone with its run, or on a file system that refuses: the lock ends with the file handle all the same.
        let _ = fs::remove_file(&self.path);
    }
}

fn open(path: &Path, new: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(new)
        .mode(0o664)
        .open(path)
}

fn own_start() -> Option<u64> {
    static START: std::sync::OnceLock<Option<u64>> = std::sync::OnceLock::new();
    *START.get_or_init(|| Process::read(std::process::id() as i32).map(|p| p.started))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> (tempfile::TempDir, Run) {
        let home = tempfile::tempdir().unwrap();
        let run = Run::new(home.path(), "abc");
        (home, run)
    }

    #[test]
    fn a_run_is_claimed_by_one_only() {
        let (_home, run) = run();
        let mut held = Held::claim(&run, false).unwrap();
        assert!(matches!(Held::claim(&run, false), Err(RunError::Running(_))));
        held.set_process(std::process::id() as i32);
        let lease = Lease::read(&run).unwrap();
        assert_eq!(&lease, held.lease());
        assert!(lease.is_local() && lease.process_is_alive() && lease.is_held(&run));
        held.release();
        assert_eq!(Lease::read(&run), None);
        Held::claim(&run, false).unwrap().release();
    }

    #[test]
    fn a_lease_whose_processes_are_gone_is_taken_over() {
        let (_home, run) = run();
        let held = Held::claim(&run, false).unwrap();
        let mut stale = held.lease().clone();
        drop(held);
        let me = std::process::id() as i32;
        stale.supervisor_started = Some(1);
        stale.pid = Some(me);
        stale.pid_started = Some(1);
        fs::write(run.lease_file(), text(&stale)).unwrap();
        assert!(!stale.is_held(&run), "a pid that was used again");
        let held = Held::claim(&run, false).unwrap();
        assert_eq!(Lease::read(&run).unwrap().pid, None);
        drop(held);
        stale.pid_started = Process::read(me).map(|p| p.started);
        fs::write(run.lease_file(), text(&stale)).unwrap();
        assert!(
            matches!(Held::claim(&run, false), Err(RunError::Running(_))),
            "its process lives on"
        );
    }

    #[test]
    fn a_lease_of_another_host_counts_while_it_is_touched() {
        let (_home, run) = run();
        let lease = Lease {
            host: "elsewhere".into(),
            ..Lease::default()
        };
        fs::write(run.lease_file(), text(&lease)).unwrap();
        assert!(lease.is_held(&run));
        let file = File::options().write(true).open(run.lease_file()).unwrap();
        file.set_times(FileTimes::new().set_modified(SystemTime::now() - Duration::from_secs(61)))
            .unwrap();
        assert!(!lease.is_held(&run));
        let rebooted = Lease {
            host: process::host().into(),
            boot_id: "another".into(),
            supervisor: std::process::id() as i32,
            ..Lease::default()
        };
        assert!(!rebooted.is_held(&run));
    }

    #[test]
    fn asking_for_a_stop_reaches_the_supervisor() {
        let (_home, run) = run();
        let mut held = Held::claim(&run, true).unwrap();
        held.set_process(1);
        assert!(!held.is_stopping());
        Lease::mark_stopping(&run).unwrap();
        assert!(held.is_stopping());
        assert!(Lease::read(&run).unwrap().adopts);
        held.release();
        Lease::mark_stopping(&run).unwrap();
    }
}
