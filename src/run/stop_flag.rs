//! Asking a supervisor to stop its run, from a signal handler or another thread, so that it wakes at once.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    Nothing,
    /// Stop as `gage stop` would.
    Stop,
    /// Kill at once: it was asked a second time.
    Kill,
}

/// Shared between who asks and who supervises. Clones are the same flag.
#[derive(Debug, Clone)]
pub struct StopFlag {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    reader: UnixStream,
    writer: UnixStream,
    times: AtomicUsize,
    signal: Arc<AtomicUsize>,
    idle: Arc<AtomicBool>,
    patient: AtomicBool,
    /// The time that was given, once it is over.
    time_up: OnceLock<Duration>,
}

impl StopFlag {
    pub fn new() -> io::Result<StopFlag> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        let shared = Shared {
            reader,
            writer,
            times: AtomicUsize::new(0),
            signal: Arc::new(AtomicUsize::new(0)),
            idle: Arc::new(AtomicBool::new(false)),
            patient: AtomicBool::new(false),
            time_up: OnceLock::new(),
        };
        Ok(StopFlag {
            shared: Arc::new(shared),
        })
    }

    /// Raised by these signals to this process from now on, which then no longer end it. SIGHUP stays ignored where
    /// it is, as below `nohup`.
    pub fn raise_on(&self, signals: &[i32]) -> io::Result<()> {
        for &signal in signals {
            if signal == nix::libc::SIGHUP && is_ignored(signal) {
                continue;
            }
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&self.shared.idle))?;
            // The number is set before the byte is sent: handlers of a signal run in the order they were added.
            signal_hook::flag::register_usize(signal, Arc::clone(&self.shared.signal), signal as usize)?;
            signal_hook::low_level::pipe::register(signal, self.shared.writer.try_clone()?)?;
        }
        Ok(())
    }

    /// While nothing is at hand that could be stopped, the signals end the process as they always do.
    pub fn set_idle(&self, idle: bool) {
        self.shared.idle.store(idle, Ordering::SeqCst);
    }

    /// From now on, asking again is no reason to kill: whoever stops us asks everyone below, more than once.
    pub fn be_patient(&self) {
        self.shared.patient.store(true, Ordering::Relaxed);
    }

    /// Asks for a stop; asked again, for a kill.
    pub fn stop(&self) {
        self.send(1);
    }

    /// Raised after this time, unless somebody asks before.
    pub fn raise_after(&self, time: Duration) -> io::Result<()> {
        let flag = self.clone();
        std::thread::Builder::new()
            .name("time".into())
            .stack_size(64 * 1024)
            .spawn(move || {
                std::thread::sleep(time);
                // Looked at without reading: the byte of a signal must wake its reader.
                if flag.shared.times.load(Ordering::Relaxed) == 0 {
                    let _ = flag.shared.time_up.set(time);
                    flag.stop();
                }
            })?;
        Ok(())
    }

    /// The time of [`StopFlag::raise_after`], if that is why it was raised.
    pub fn time_up(&self) -> Option<Duration> {
        self.shared.time_up.get().copied()
    }

    /// Asks for a kill at once.
    pub fn kill(&self) {
        self.send(2);
    }

    fn send(&self, times: usize) {
        // A full pipe has been asked often enough.
        let _ = (&self.shared.writer).write(&[0, 0][..times]);
    }

    /// What was asked so far.
    pub fn asked(&self) -> Asked {
        let mut buffer = [0; 64];
        while let Ok(n @ 1..) = (&self.shared.reader).read(&mut buffer) {
            self.shared.times.fetch_add(n, Ordering::Relaxed);
        }
        match self.shared.times.load(Ordering::Relaxed) {
            0 => Asked::Nothing,
            1 => Asked::Stop,
            _ if self.shared.patient.load(Ordering::Relaxed) => Asked::Stop,
            _ => Asked::Kill,
        }
    }

    /// The signal that asked, if one did.
    pub fn signal(&self) -> Option<i32> {
        match self.shared.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => i32::try_from(signal).ok(),
        }
    }

    /// Forgets what was asked, for the next run.
    pub fn reset(&self) {
        self.asked();
        self.shared.times.store(0, Ordering::Relaxed);
        self.shared.signal.store(0, Ordering::Relaxed);
    }
}

impl AsFd for StopFlag {
    /// Readable when something was asked.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.reader.as_fd()
    }
}

/// True for a signal that this process was started to ignore.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_twice_is_a_kill() {
        let flag = StopFlag::new().unwrap();
        assert_eq!(flag.asked(), Asked::Nothing);
        flag.clone().stop();
        assert_eq!(flag.asked(), Asked::Stop);
        assert_eq!(flag.asked(), Asked::Stop);
        flag.stop();
        assert_eq!(flag.asked(), Asked::Kill);
        flag.reset();
        assert_eq!(flag.asked(), Asked::Nothing);
        flag.kill();
        assert_eq!((flag.asked(), flag.signal()), (Asked::Kill, None));
    }

    #[test]
    fn a_signal_asks() {
        let flag = StopFlag::new().unwrap();
        flag.raise_on(&[nix::libc::SIGUSR2]).unwrap();
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGUSR2).unwrap();
        assert_eq!(flag.asked(), Asked::Stop);
        assert_eq!(flag.signal(), Some(nix::libc::SIGUSR2));
    }
    #[test]
    fn time_asks_once() {
        let flag = StopFlag::new().unwrap();
        let time = Duration::from_millis(1);
        flag.raise_after(time).unwrap();
        while flag.asked() == Asked::Nothing {
            std::thread::sleep(time);
        }
        assert_eq!((flag.asked(), flag.time_up()), (Asked::Stop, Some(time)));
    }
}
