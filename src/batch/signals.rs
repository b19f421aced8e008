//! Wakes the driver when its stop flag is raised. Does not decide what a stop means.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::run::StopFlag;

/// A thread that watches a stop flag for as long as this lives.
pub struct Watch {
    alive: Arc<AtomicBool>,
}

impl Watch {
    /// Calls `wake` when the flag is raised, until `wake` says that nobody listens any more.
    pub fn start(flag: &StopFlag, wake: impl Fn() -> bool + Send + 'static) -> io::Result<Watch> {
        let flag = flag.clone();
        let alive = Arc::new(AtomicBool::new(true));
        let watched = Arc::clone(&alive);
        std::thread::Builder::new()
            .name("stop".into())
            .stack_size(64 * 1024)
            .spawn(move || {
                while watched.load(Ordering::Relaxed) {
                    let mut fds = [PollFd::new(flag.as_fd(), PollFlags::POLLIN)];
                    if matches!(poll(&mut fds, PollTimeout::from(1000u16)), Ok(1..)) {
                        if !wake() {
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
