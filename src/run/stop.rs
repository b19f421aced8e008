//! Stopping a run: every process of it, politely first. One plan of signals, used by the supervisor of the run and,
//! when the supervisor is another process or gone, by `gage stop`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::lease::Lease;
use super::process::{self, Process};
use super::status::{self, Status};
use super::{Run, RunError, finalize, meta};

/// How long a run may take to stop before it is killed or given up.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// How long the run's process has to end its children itself.
const GRACE: Duration = Duration::from_secs(5);
/// How long a kill may take.
const KILL_WAIT: Duration = Duration::from_secs(5);

/// Whose processes are to be found.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    pub run_id: String,
    pub leader: i32,
    pub leader_started: Option<u64>,
    /// A process that orphans of the run become children of, if there is one.
    pub adopter: Option<i32>,
}

impl Members {
    /// The living processes of the run: its process group, the tree below it, those with the run in their
    /// environment (a session of their own does not hide them), and what the adopter took in since the start. An
    /// adopter that is a worker starts the next run while this one is still being stopped: that is not ours.
    pub(crate) fn find(&self) -> BTreeSet<(i32, u64)> {
        let all = process::all();
        let me = std::process::id() as i32;
        // A pid that was given to another process since leads to nobody of ours.
        let reused = |p: &Process| p.pid == self.leader && self.leader_started.is_some_and(|s| s != p.started);
        let tree = match all.iter().any(&reused) {
            true => BTreeSet::new(),
            false => process::tree(self.leader, &all),
        };
        let adopted = self.adopter.map(|pid| process::tree(pid, &all)).unwrap_or_default();
        let since = self.leader_started.unwrap_or(u64::MAX);
        let marker = format!("RUN_ID={}", self.run_id);
        let member = |p: &&Process| {
            p.is_alive()
                && p.pid != me
                && Some(p.pid) != self.adopter
                && p.pid > 1
                && !reused(p)
                && (tree.contains(&p.pid)
                    || (!tree.is_empty() && p.group == self.leader)
                    || (adopted.contains(&p.pid)
                        && p.started >= since
                        && !process::has_other_environment(p.pid, &marker))
                    || process::has_environment(p.pid, &marker))
        };
        all.iter().filter(member).map(|p| (p.pid, p.started)).collect()
    }
}

/// A stop under way. [`Stopping::step`] sends what is due and says when to call again.
pub(crate) struct Stopping {
    members: Members,
    /// Everyone seen so far: a process keeps being ours when its parent has gone.
    known: BTreeSet<(i32, u64)>,
    began: Instant,
    timeout: Duration,
    /// Kill what is left at the timeout.
    force: bool,
    asked_all: bool,
    killed: Option<Instant>,
}

/// What a step found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nobody is left.
    Done,
    /// Call again within this time.
    Wait(Duration),
    /// These did not stop in time.
    GaveUp(Vec<i32>),
}

impl Stopping {
    /// Sends `signal` to the run's process. The tree is walked beforehand, while it still hangs together.
    pub(crate) fn begin(members: Members, signal: Signal, timeout: Duration, force: bool) -> Stopping {
        let known = members.find();
        let leader = members.leader;
        let stopping = Stopping {
            members,
            known,
            began: Instant::now(),
            timeout,
            force,
            asked_all: false,
            killed: None,
        };
        if stopping.known.iter().any(|(pid, _)| *pid == leader) {
            send(leader, signal);
            // A stopped process (Ctrl-Z, SIGSTOP) must be let go to act on it.
            send(leader, Signal::SIGCONT);
        }
        stopping
    }

    /// Sends SIGKILL to everyone now.
    pub(crate) fn kill(&mut self) {
        self.refresh();
        for &(pid, _) in &self.known {
            send(pid, Signal::SIGKILL);
        }
        self.killed.get_or_insert_with(Instant::now);
    }

    pub(crate) fn step(&mut self) -> Step {
        self.refresh();
        if self.known.is_empty() {
            return Step::Done;
        }
        let pids = || self.known.iter().map(|p| p.0).collect();
        let poll = Duration::from_millis(10);
        if let Some(killed) = self.killed {
            // What a process forked while it was being killed.
            for &(pid, _) in &self.known {
                send(pid, Signal::SIGKILL);
            }
            return match killed.elapsed() > KILL_WAIT {
                true => Step::GaveUp(pids()),
                false => Step::Wait(poll),
            };
        }
        let elapsed = self.began.elapsed();
        let leader_gone = !self.known.iter().any(|(pid, _)| *pid == self.members.leader);
        if elapsed >= self.timeout {
            if !self.force {
                return Step::GaveUp(pids());
            }
            self.kill();
            return Step::Wait(poll);
        }
        if !self.asked_all && (leader_gone || elapsed >= GRACE.min(self.timeout)) {
            self.asked_all = true;
            for &(pid, _) in &self.known {
                send(pid, Signal::SIGTERM);
                send(pid, Signal::SIGCONT);
            }
        }
        // Looking through all processes costs a few milliseconds: often at first, seldom later.
        Step::Wait((elapsed / 8).clamp(poll, Duration::from_millis(250)))
    }

    fn refresh(&mut self) {
        let found = self.members.find();
        self.known
            .retain(|&(pid, started)| process::is_alive(pid, Some(started)));
        self.known.extend(found);
    }
}

fn send(pid: i32, signal: Signal) {
    // Gone in the meantime is what is wanted.
    let _ = kill(Pid::from_raw(pid), signal);
}

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
    let Some(leader) = meta::read_number(&run.meta("proc/lock")).and_then(|pid| i32::try_from(pid).ok()) else {
        return Ok(Stopped::NotRunning);
    };
    if status::of(run) != Status::Running {
        return Ok(Stopped::NotRunning);
    }
    let lease = Lease::read(run);
    if let Some(lease) = lease.as_ref().filter(|l| !l.is_local()) {
        return Err(RunError::OtherHost {
            id: run.id().to_string(),
            host: lease.host.clone(),
        });
    }
    // Without it the end would look like the program's own.
    let _ = Lease::mark_stopping(run);
    let members = Members {
        run_id: run.id().to_string(),
        leader,
        leader_started: lease.as_ref().and_then(|l| l.pid_started),
        adopter: lease.as_ref().filter(|l| l.adopts).map(|l| l.supervisor),
    };
    let opdef = super::facts::Facts::read(run).map(|f| f.opdef).unwrap_or_default();
    let signal = stop_signal(opdef.stop_signal.as_deref());
    let mut stopping = Stopping::begin(members, signal, timeout, force);
    loop {
        if run.meta("proc/exit").exists() {
            // Its supervisor is done with it, and may be about to start another run.
            stopping.members.adopter = None;
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
    if !run.meta("proc/exit").exists() {
        finalize::orphan(run, -(signal as i32))?;
    }
    Ok(Stopped::Stopped)
}

/// Ends what is left of a run whose supervisor died: its program, if that was recorded, and every process that has
/// the run in its environment. Kills what does not end in time. The run is not finalized.
pub fn end_leftovers(run: &Run, timeout: Duration) {
    let lease = Lease::read(run).filter(Lease::is_local);
    let members = Members {
        run_id: run.id().to_string(),
        // Otherwise of no process, and of no process group.
        leader: lease.as_ref().and_then(|l| l.pid).unwrap_or(-1),
        leader_started: lease.as_ref().and_then(|l| l.pid_started),
        adopter: None,
    };
    let mut stopping = Stopping::begin(members, Signal::SIGTERM, timeout, true);
    while let Step::Wait(time) = stopping.step() {
        std::thread::sleep(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    #[test]
    fn signals_are_named_with_or_without_sig() {
        assert_eq!(stop_signal(None), Signal::SIGTERM);
        assert_eq!(stop_signal(Some("int")), Signal::SIGINT);
        assert_eq!(stop_signal(Some("SIGUSR1")), Signal::SIGUSR1);
        assert_eq!(stop_signal(Some("nonsense")), Signal::SIGTERM);
    }

    fn run_to_end(stopping: &mut Stopping, child: &mut std::process::Child) -> Step {
        loop {
            // The zombie is the parent's to take away.
            let _ = child.try_wait();
            match stopping.step() {
                Step::Wait(time) => std::thread::sleep(time),
                end => return end,
            }
        }
    }

    /// A shell that starts `script`, in a group of its own, once it has printed a line.
    fn start(script: &str, id: &str) -> (std::process::Child, Members) {
        use std::io::{BufRead, BufReader};
        let mut child = Command::new("sh")
            .args(["-c", script])
            .env("RUN_ID", id)
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let members = Members {
            run_id: id.into(),
            leader: child.id() as i32,
            leader_started: Process::read(child.id() as i32).map(|p| p.started),
            adopter: None,
        };
        (child, members)
    }

    #[test]
    fn a_session_of_its_own_is_no_hiding_place() {
        let (mut child, members) = start("(setsid sleep 100 & echo up); sleep 100", "stop-test-session");
        let all = members.find();
        assert!(all.len() >= 2, "{all:?}");
        let mut stopping = Stopping::begin(members.clone(), Signal::SIGTERM, TIMEOUT, false);
        assert_eq!(run_to_end(&mut stopping, &mut child), Step::Done);
        assert!(members.find().is_empty());
    }

    #[test]
    fn who_ignores_the_signal_is_killed_only_by_force() {
        let (mut child, members) = start(
            "trap '' TERM; echo up; while :; do sleep 0.05; done",
            "stop-test-ignore",
        );
        let short = Duration::from_millis(100);
        let mut stopping = Stopping::begin(members.clone(), Signal::SIGTERM, short, false);
        let Step::GaveUp(left) = run_to_end(&mut stopping, &mut child) else {
            panic!("it ignores the signal");
        };
        assert!(left.contains(&(child.id() as i32)));
        let mut stopping = Stopping::begin(members, Signal::SIGTERM, short, true);
        assert_eq!(run_to_end(&mut stopping, &mut child), Step::Done);
        child.wait().unwrap();
    }

    #[test]
    fn a_pid_that_was_used_again_is_nobody_of_ours() {
        let members = Members {
            run_id: "stop-test-nobody".into(),
            leader: 1,
            leader_started: Some(u64::MAX),
            adopter: None,
        };
        assert!(members.find().is_empty());
    }
}
