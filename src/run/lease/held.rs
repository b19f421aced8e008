//! Taking a lease, showing that its holder lives, giving it back. Of all who try to take one, one succeeds; a lease
//! whose holder is gone is set aside first, and that, too, is done by one.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::aside::{is_still, set_aside};
use super::{Found, Lease, TOUCH_EVERY, line, making};
use crate::run::error::During;
use crate::run::process::Process;
use crate::run::{Run, RunError, id};

/// A lease held by this process, from before the run's process is started until it is finalized.
pub struct Held {
    pub(super) file: File,
    path: PathBuf,
    lease: Lease,
    touched: Instant,
    /// The process of the last holder that died, if it came to start one.
    orphan: Option<i32>,
}

impl Held {
    /// Takes the lease of a run. Fails with [`RunError::Running`] when somebody holds it. Where only a lease of
    /// another host stands in the way, and its last touch is long ago, it is watched for one and a half times its
    /// period (15 seconds) before it is taken over: clocks may have jumped, a holder that lives touches it again.
    pub fn claim(run: &Run, adopts: bool) -> Result<Held, RunError> {
        let path = run.lease_file();
        let lease = Lease {
            adopts,
            token: id::new().during("make a random id for", &path)?[..16].to_string(),
            every: TOUCH_EVERY.as_millis() as u64,
            ..Lease::of_this_process()
        };
        let running = || RunError::Running(run.id().to_string());
        let mut orphan = None;
        for _ in 0..100 {
            match making::make(&path, &line::text(&lease)) {
                Ok(file) => {
                    return Ok(Held {
                        file,
                        path,
                        lease,
                        touched: Instant::now(),
                        orphan,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).during("write", &path),
            }
            let Some(found) = Found::read(run) else { continue };
            let gone = match found.known() {
                Some(held) => !held,
                None => !found.is_fresh(run) && is_still(&path, &found),
            };
            if !gone {
                return Err(running());
            }
            set_aside(run, &found)?;
            orphan = found.lease.and_then(|lease| lease.pid);
        }
        Err(running())
    }

    /// Records the run's process.
    pub fn set_process(&mut self, pid: i32) {
        self.lease.pid = Some(pid);
        // At once: should this process die now, it is known that the run has started.
        let _ = line::write_rest(&self.file, &self.lease);
        self.lease.pid_started = Process::read(pid).map(|p| p.started);
        // A lease that cannot be written still has its supervisor.
        let _ = line::write_rest(&self.file, &self.lease);
    }

    /// The process that the last holder started, if it died without giving the lease back.
    pub(crate) fn orphan(&self) -> Option<i32> {
        self.orphan
    }

    /// The lease as it was last written here.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Shows that the supervisor lives; to be called at least every [`TOUCH_EVERY`].
    pub fn touch_if_due(&mut self) {
        if self.touched.elapsed() >= TOUCH_EVERY {
            self.touched = Instant::now();
            self.lease.beat += 1;
            if line::write_beat(&self.file, self.lease.beat).is_err() {
                // A full disk takes no writes on some file systems. A lease that was removed needs no touch.
                let _ = self.file.set_modified(SystemTime::now());
            }
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

    /// False when the lease was taken over: this process did not touch it for so long (it was stopped, its machine
    /// slept) that it counted as gone.
    pub fn is_ours(&self) -> bool {
        let ours = self.file.metadata().map(|m| (m.dev(), m.ino()));
        let there = fs::metadata(&self.path).map(|m| (m.dev(), m.ino()));
        matches!((ours, there), (Ok(ours), Ok(there)) if ours == there)
    }

    /// Overwrites the lease with `content` and moves it to `path`: on a full disk this needs no new space.
    pub(crate) fn become_file(self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.file.write_all_at(content, 0)?;
        self.file.set_len(content.len() as u64)?;
        fs::rename(&self.path, path)
    }

    /// Ends the lease.
    pub fn release(self) {
        if self.is_ours() {
            // On a file system that refuses, it counts as given up when this process has ended.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::run::process;

    fn run() -> (tempfile::TempDir, Run) {
        let home = tempfile::tempdir().unwrap();
        let run = Run::new(home.path(), "abc");
        (home, run)
    }

    fn write(run: &Run, lease: &Lease) {
        fs::write(run.lease_file(), line::text(lease)).unwrap();
    }

    fn touched(run: &Run, ago: Duration) {
        let file = File::options().write(true).open(run.lease_file()).unwrap();
        file.set_modified(SystemTime::now() - ago).unwrap();
    }

    #[test]
    fn a_run_is_claimed_by_one_only() {
        let (_home, run) = run();
        let mut held = Held::claim(&run, false).unwrap();
        assert!(matches!(Held::claim(&run, false), Err(RunError::Running(_))));
        held.set_process(std::process::id() as i32);
        let lease = Lease::read(&run).unwrap();
        assert_eq!(&lease, held.lease());
        assert!(lease.is_local() && lease.process_is_alive() && lease.is_held(&run) && held.is_ours());
        held.release();
        assert_eq!(Lease::read(&run), None);
        Held::claim(&run, false).unwrap().release();
    }

    #[test]
    fn a_lease_whose_processes_are_gone_is_taken_over() {
        let (home, run) = run();
        let held = Held::claim(&run, false).unwrap();
        let mut stale = held.lease().clone();
        drop(held);
        let me = std::process::id() as i32;
        stale.supervisor_started = Some(1);
        stale.pid = Some(me);
        stale.pid_started = Some(1);
        write(&run, &stale);
        assert!(!stale.is_held(&run), "a pid that was used again");
        let held = Held::claim(&run, false).unwrap();
        assert_eq!(Lease::read(&run).unwrap().pid, None);
        assert_eq!(
            fs::read_dir(home.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
        drop(held);
        stale.pid_started = Process::read(me).map(|p| p.started);
        write(&run, &stale);
        assert!(
            matches!(Held::claim(&run, false), Err(RunError::Running(_))),
            "its process lives on"
        );
    }

    #[test]
    fn of_many_who_take_a_stale_lease_over_one_has_it() {
        let (home, run) = run();
        let stale = Lease {
            host: process::host().into(),
            machine: process::machine().into(),
            boot_id: "another".into(),
            ..Lease::default()
        };
        for round in 0..20 {
            let lease = Lease {
                token: format!("{round}"),
                ..stale.clone()
            };
            write(&run, &lease);
            if round % 2 == 0 {
                // Someone died while setting it aside.
                fs::write(home.path().join(format!(".abc.lease.{round}")), line::text(&stale)).unwrap();
            }
            let holders = AtomicUsize::new(0);
            let claimed: Vec<Held> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8)
                    .map(|_| {
                        scope.spawn(|| {
                            let held = Held::claim(&run, false).ok();
                            holders.fetch_add(usize::from(held.is_some()), Ordering::Relaxed);
                            held
                        })
                    })
                    .collect();
                threads.into_iter().filter_map(|t| t.join().unwrap()).collect()
            });
            assert_eq!(holders.into_inner(), 1);
            claimed.into_iter().for_each(Held::release);
            assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_lease_of_another_host_counts_while_it_is_touched() {
        let (_home, run) = run();
        let lease = Lease {
            host: "elsewhere".into(),
            ..Lease::default()
        };
        write(&run, &lease);
        assert!(lease.is_held(&run));
        touched(&run, Duration::from_secs(61));
        assert!(!lease.is_held(&run));
        // The clock was put back by an hour since the last touch.
        let file = File::options().write(true).open(run.lease_file()).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(3600))
            .unwrap();
        assert!(!lease.is_held(&run));
        let rebooted = Lease {
            host: process::host().into(),
            machine: process::machine().into(),
            boot_id: "another".into(),
            supervisor: std::process::id() as i32,
            ..Lease::default()
        };
        assert!(!rebooted.is_held(&run));
        let namesake = Lease {
            machine: "another with the same name".into(),
            ..rebooted
        };
        write(&run, &namesake);
        assert!(namesake.is_held(&run));
    }

    #[test]
    fn a_jump_of_the_clock_takes_no_lease_away() {
        let (_home, run) = run();
        let lease = |beat| Lease {
            beat,
            host: "elsewhere".into(),
            token: "theirs".into(),
            every: 200,
            ..Lease::default()
        };
        // To every clock its last touch is an hour ago; but it is touched again and again.
        let over = std::sync::atomic::AtomicBool::new(false);
        write(&run, &lease(0));
        touched(&run, Duration::from_secs(3600));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for beat in 1.. {
                    let file = File::options().write(true).open(run.lease_file()).unwrap();
                    line::write_beat(&file, beat).unwrap();
                    file.set_modified(SystemTime::now() - Duration::from_secs(3600))
                        .unwrap();
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
            let claimed = Held::claim(&run, false);
            over.store(true, Ordering::Relaxed);
            assert!(matches!(claimed, Err(RunError::Running(_))));
        });
        // When it is not, it is given up.
        let held = Held::claim(&run, false).unwrap();
        assert_eq!(Lease::read(&run).as_ref(), Some(held.lease()));
    }

    #[test]
    fn a_holder_that_lives_moves_its_lease() {
        let (_home, run) = run();
        let mut held = Held::claim(&run, false).unwrap();
        assert!(held.touch_in() > TOUCH_EVERY / 2);
        held.touch_if_due();
        let before = Found::read(&run).unwrap();
        assert_eq!(before.lease.as_ref().unwrap().beat, 0, "not due yet");
        touched(&run, Duration::from_secs(3600));
        held.touched = Instant::now() - TOUCH_EVERY;
        Lease::mark_stopping(&run).unwrap();
        held.touch_if_due();
        let after = Found::read(&run).unwrap();
        let lease = after.lease.clone().unwrap();
        assert_eq!((lease.beat, lease.stopping), (1, true));
        assert!(after.is_fresh(&run), "the file's time is that of the write");
        assert!(held.touch_in() > TOUCH_EVERY / 2);
    }

    #[test]
    fn who_lost_its_lease_does_not_remove_another_ones() {
        let (_home, run) = run();
        let held = Held::claim(&run, false).unwrap();
        fs::remove_file(run.lease_file()).unwrap();
        let other = Held::claim(&run, false).unwrap();
        assert!(!held.is_ours() && other.is_ours());
        held.release();
        assert!(run.lease_file().exists());
        other.release();
    }

    #[test]
    fn asking_for_a_stop_reaches_the_supervisor() {
        let (_home, run) = run();
        let mut held = Held::claim(&run, true).unwrap();
        held.set_process(1);
        assert!(!held.is_stopping());
        Lease::mark_stopping(&run).unwrap();
        held.set_process(2);
        assert!(held.is_stopping());
        assert!(Lease::read(&run).unwrap().adopts);
        held.release();
        Lease::mark_stopping(&run).unwrap();
    }
}
