//! Waiting for a program: its output, its end, a wish to stop it, the lease, all from one thread and one `poll`.
//! Used for the run itself and for its hooks.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::clock;
use super::guard::Guard;
use super::lease::Held;
use super::limits::{Exceeded, Excess};
use super::output::{Output, Stream};
use super::pace::{Look, Pace};
use super::recorder::Recorder;
use super::stop_flag::{Asked, StopFlag};
use super::stopping::{Members, Step, Stopping, TIMEOUT};
use crate::scalars::Scalar;

/// How long output stays open after the program has ended, for children that keep it.
pub(crate) const OUTPUT_GRACE: Duration = Duration::from_secs(5);
const BUFFER: usize = 64 * 1024;

/// What watches over a program while it runs.
pub(crate) struct Pump<'a> {
    pub output: &'a mut Output,
    pub lease: Option<&'a mut Held>,
    pub stop: Option<&'a StopFlag>,
    /// When to stop it of our own accord.
    pub deadline: Option<Instant>,
    /// What it may use, and what it has used.
    pub limits: Guard,
    pub stop_signal: Signal,
    pub members: Members,
    pub recorder: Option<&'a mut Recorder>,
    /// Told what happens.
    pub on: &'a mut dyn FnMut(Event<'_>),
    /// How long output stays open after the end.
    pub grace: Duration,
}

/// What happens while a run is executed.
#[derive(Debug)]
pub enum Event<'a> {
    /// The program exists; its pid is in `proc/lock`.
    Started { pid: i32 },
    /// Bytes it wrote, as they come.
    Output { stream: Stream, bytes: &'a [u8] },
    /// A scalar it printed.
    Scalar(&'a Scalar),
    /// Something the user should know, once each.
    Notice(Notice<'a>),
}

/// Something worth saying while a program runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Notice<'a> {
    /// Output cannot be recorded any more, and why.
    OutputLost(&'a str),
    /// The time given with `--stop-after` is over.
    TimeUp,
    /// It went beyond one of the run's limits, and is stopped.
    Exceeded(&'a Excess),
    /// The program was asked to stop.
    Stopping,
    /// Children of the program kept its output open; it was closed.
    OutputClosed,
    /// These processes outlived SIGKILL.
    Unkillable(&'a [i32]),
}

/// Why a program was stopped by us.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cause {
    Asked,
    TimeUp,
    Exceeded(Excess),
}

/// How a program ended.
pub(crate) struct Ended {
    pub status: ExitStatus,
    pub cause: Option<Cause>,
}

impl Pump<'_> {
    /// Runs until the program has ended and its output is closed.
    pub(crate) fn run(mut self, child: &mut Child) -> io::Result<Ended> {
        let mut out = child.stdout.take();
        let mut err = child.stderr.take();
        let watch = Watch::of(child);
        let mut buffer = vec![0; BUFFER];
        let mut gone: Option<Instant> = None;
        let mut stopping: Option<Stopping> = None;
        let mut step_at: Option<Instant> = None;
        let mut cause = None;
        let mut pace = Pace::default();
        loop {
            let now = Instant::now();
            // After the end there is nobody to be disturbed.
            let look = if gone.is_some() { Look::Wait } else { pace.look(now) };
            let rests = matches!(look, Look::Rest(_));
            let pipes = Pipes {
                out: out.as_ref().filter(|_| !rests).map(AsFd::as_fd),
                err: err.as_ref().map(AsFd::as_fd),
            };
            let mut ready = self.wait(now, look, &pipes, watch.fd(gone.is_none()), gone, step_at, &watch)?;
            // What was left alone came before what woke us.
            ready.out |= rests && ready.err && is_readable(&out);
            if ready.out {
                let bytes = self.read(&mut out, Stream::Out, &mut buffer);
                pace.read(bytes, Instant::now());
            }
            if ready.err {
                self.read(&mut err, Stream::Err, &mut buffer);
            }
            if look == Look::Glance && !ready.out {
                pace.nothing(now);
            }
            if self.output.due_in(0).is_some() {
                let problem = self.output.tick(clock::now_ms());
                self.say_lost(problem);
            }
            if let Some(recorder) = &mut self.recorder {
                let problem = recorder.tick();
                self.say_lost(problem);
            }
            if let Some(lease) = &mut self.lease {
                lease.touch_if_due();
            }
            if gone.is_none() && watch.has_ended(ready.watch, child)? {
                gone = Some(Instant::now());
            }
            let asked = self.stop.map_or(Asked::Nothing, StopFlag::asked);
            if stopping.is_none()
                && let Some(why) = self.why_stop(asked, gone.is_none())
            {
                (self.on)(Event::Notice(match &why {
                    Cause::Asked => Notice::Stopping,
                    Cause::TimeUp => Notice::TimeUp,
                    Cause::Exceeded(excess) => Notice::Exceeded(excess),
                }));
                let mut begun = Stopping::begin(self.members.clone(), self.stop_signal, TIMEOUT, true);
                if matches!(&why, Cause::Exceeded(excess) if excess.limit == Exceeded::Memory) {
                    // What it would do to end in good order may take the memory that is left.
                    begun.kill();
                }
                cause = Some(why);
                stopping = Some(begun);
                step_at = Some(Instant::now());
            }
            if let Some(stop) = &mut stopping {
                if asked == Asked::Kill {
                    stop.kill();
                }
                if asked == Asked::Kill || step_at.is_some_and(|at| Instant::now() >= at) || ready.watch {
                    match stop.step() {
                        Step::Wait(time) => step_at = Some(Instant::now() + time),
                        Step::Done => step_at = None,
                        Step::GaveUp(left) => {
                            (self.on)(Event::Notice(Notice::Unkillable(&left)));
                            step_at = None;
                            gone.get_or_insert_with(Instant::now);
                        }
                    }
                }
            }
            let closed = out.is_none() && err.is_none();
            if let Some(at) = gone
                && step_at.is_none()
            {
                let late = at.elapsed() >= self.grace;
                if late && !closed {
                    (self.on)(Event::Notice(Notice::OutputClosed));
                }
                if closed || late {
                    break;
                }
            }
        }
        let problem = self.output.finish();
        self.say_lost(problem);
        if let Some(recorder) = &mut self.recorder {
            let on = &mut self.on;
            let problem = recorder.finish(&mut |s| on(Event::Scalar(s)));
            self.say_lost(problem);
        }
        Ok(Ended {
            status: child.wait()?,
            cause,
        })
    }

    /// Why a program is to be stopped now, if it is. One that has ended is stopped only when somebody asks.
    fn why_stop(&mut self, asked: Asked, runs: bool) -> Option<Cause> {
        if asked > Asked::Nothing {
            return Some(Cause::Asked);
        }
        if !runs {
            return None;
        }
        if self.deadline.is_some_and(|at| Instant::now() >= at) {
            return Some(Cause::TimeUp);
        }
        self.limits.excess().map(Cause::Exceeded)
    }

    #[expect(clippy::too_many_arguments, reason = "the places that can wake the loop, each once")]
    fn wait(
        &self,
        now: Instant,
        look: Look,
        pipes: &Pipes<'_>,
        ended: Option<BorrowedFd<'_>>,
        gone: Option<Instant>,
        step_at: Option<Instant>,
        watch: &Watch,
    ) -> io::Result<Ready> {
        let places = [pipes.out, pipes.err, ended, self.stop.map(AsFd::as_fd)];
        let mut fds: Vec<PollFd<'_>> = places
            .iter()
            .flatten()
            .map(|fd| PollFd::new(*fd, PollFlags::POLLIN))
            .collect();

        let until = |at: Instant| at.saturating_duration_since(now);
        let mut timeout = Duration::from_secs(3600);
        let due = self.output.due_in(clock::now_ms()).map(Duration::from_millis);
        let limits = [
            self.lease.as_ref().map(|l| l.touch_in()),
            due,
            self.recorder.as_ref().and_then(|r| r.due_in()),
            step_at.map(until),
            self.deadline.filter(|_| gone.is_none()).map(until),
            self.limits.due().filter(|_| gone.is_none()).map(until),
            gone.map(|at| (at + self.grace).saturating_duration_since(now)),
            match look {
                Look::Wait => None,
                Look::Glance => Some(Duration::ZERO),
                Look::Rest(at) => Some(until(at)),
            },
            (watch.pidfd.is_none() && gone.is_none()).then_some(Duration::from_millis(20)),
        ];
        for limit in limits.into_iter().flatten() {
            timeout = timeout.min(limit);
        }
        // Rounded up: a poll that wakes just before its time would spin.
        let ms = u32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(u32::MAX);
        match poll(&mut fds, PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut woken = fds.iter().map(|fd| fd.any().unwrap_or(false));
        let mut is_ready = |place: usize| places[place].is_some() && woken.next().unwrap_or(false);
        Ok(Ready {
            out: is_ready(0),
            err: is_ready(1),
            watch: is_ready(2),
        })
    }

    /// Reads once, so that neither stream starves the other, and says how much. The end of a stream drops it.
    fn read<R: Read>(&mut self, from: &mut Option<R>, stream: Stream, buffer: &mut [u8]) -> usize {
        let Some(pipe) = from else { return 0 };
        match pipe.read(buffer) {
            Ok(0) => *from = None,
            Ok(n) => {
                let problem = self.output.push(stream, &buffer[..n], clock::now_ms());
                self.say_lost(problem);
                (self.on)(Event::Output {
                    stream,
                    bytes: &buffer[..n],
                });
                if let Some(recorder) = &mut self.recorder {
                    let on = &mut self.on;
                    let problem = recorder.push(stream, &buffer[..n], &mut |s| on(Event::Scalar(s)));
                    self.say_lost(problem);
                }
                return n;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => *from = None,
        }
        0
    }

    fn say_lost(&mut self, problem: Option<String>) {
        if let Some(problem) = problem {
            (self.on)(Event::Notice(Notice::OutputLost(&problem)));
        }
    }
}

/// The output that is waited for.
struct Pipes<'a> {
    out: Option<BorrowedFd<'a>>,
    err: Option<BorrowedFd<'a>>,
}

/// True when reading would not wait.
fn is_readable(pipe: &Option<impl AsFd>) -> bool {
    pipe.as_ref().is_some_and(|pipe| {
        let mut fds = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
        matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1..))
    })
}

struct Ready {
    out: bool,
    err: bool,
    watch: bool,
}

/// Notices the end of a process without taking its pid away: that stays ours until every signal is sent.
struct Watch {
    pidfd: Option<OwnedFd>,
}

impl Watch {
    fn of(child: &Child) -> Watch {
        let pid = rustix::process::Pid::from_child(child);
        Watch {
            // Kernels before 5.3 have none; the process is then looked at every 20 ms.
            pidfd: rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok(),
        }
    }

    fn fd(&self, wanted: bool) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().filter(|_| wanted).map(AsFd::as_fd)
    }

    fn has_ended(&self, ready: bool, child: &mut Child) -> io::Result<bool> {
        match self.pidfd {
            Some(_) => Ok(ready),
            None => Ok(child.try_wait()?.is_some()),
        }
    }
}
