//! Wakes the driver when its stop flag is raised or when somebody leaves a request in the batch run's meta
//! directory. Does not decide what either means.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::request;
use crate::run::StopFlag;

/// Why the driver is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Stop,
    Request,
}

/// A thread that watches a stop flag and a directory for as long as this lives.
pub struct Watch {
    alive: Arc<AtomicBool>,
}

impl Watch {
    /// Calls `wake` when the flag is raised or a request arrives in `dir`, if there is one, until `wake` says that nobody listens any
    /// more. Where the system cannot watch directories, or not one more, requests wait for the driver's own look.
    pub fn start(
        flag: &StopFlag,
        dir: Option<&Path>,
        wake: impl Fn(Why) -> bool + Send + 'static,
    ) -> io::Result<Watch> {
        let flag = flag.clone();
        let arrivals = dir.and_then(arrivals);
        let alive = Arc::new(AtomicBool::new(true));
        let watched = Arc::clone(&alive);
        std::thread::Builder::new()
            .name("stop".into())
            .stack_size(64 * 1024)
            .spawn(move || {
                while watched.load(Ordering::Relaxed) {
                    let mut fds = vec![PollFd::new(flag.as_fd(), PollFlags::POLLIN)];
                    fds.extend(arrivals.as_ref().map(|a| PollFd::new(a.as_fd(), PollFlags::POLLIN)));
                    if !matches!(poll(&mut fds, PollTimeout::from(1000u16)), Ok(1..)) {
                        continue;
                    }
                    let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
                    if ready.get(1) == Some(&true) && arrivals.as_ref().is_some_and(arrived) && !wake(Why::Request) {
                        return;
                    }
                    if ready[0] {
                        if !wake(Why::Stop) {
                            return;
                        }
                        // Until the driver has looked, the flag stays readable.
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
            })?;
        Ok(Watch { alive })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.alive.store(false, Ordering::Relaxed);
    }
}

fn arrivals(dir: &Path) -> Option<Inotify> {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
    inotify.add_watch(dir, AddWatchFlags::IN_MOVED_TO).ok()?;
    Some(inotify)
}

/// Reads what has arrived; true if a request is among it, or if it is not known.
fn arrived(inotify: &Inotify) -> bool {
    let Ok(events) = inotify.read_events() else { return true };
    let named = |name: &std::ffi::OsStr| request::is_asked(&name.to_string_lossy());
    events.iter().any(|event| event.name.as_deref().is_none_or(named))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::batch::request::{Change, Request};
    use crate::run::Run;

    #[test]
    fn a_request_and_a_stop_wake() {
        let home = tempfile::tempdir().unwrap();
        let batch = Run::new(home.path(), "abc");
        std::fs::create_dir_all(batch.meta("")).unwrap();
        let flag = StopFlag::new().unwrap();
        let (to, woken) = channel();
        let _watch = Watch::start(&flag, Some(&batch.meta("")), move |why| to.send(why).is_ok()).unwrap();
        let soon = || woken.recv_timeout(Duration::from_secs(30)).unwrap();
        Request::new(Change::Pause).unwrap().send(&batch).unwrap();
        assert_eq!(soon(), Why::Request);
        flag.stop();
        assert_eq!(soon(), Why::Stop);
    }
}
