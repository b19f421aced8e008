//! The signals that stop a run, and whom they reach: every process of it, politely first. One plan, used by the
//! supervisor of the run and, when the supervisor is another process or gone, by `stop`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::process::{self, Process};

/// How long a run may take to stop before it is killed or given up.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// How long the run's process has to end its children itself.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// How long a kill may take.
pub(crate) const KILL_WAIT: Duration = Duration::from_secs(5);

/// Whose processes are to be found.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    pub run_id: String,
    pub leader: i32,
    pub leader_started: Option<u64>,
    /// A process that orphans of the run become children of, if there is one.
    pub adopter: Option<i32>,
    /// The run's process is a gage that executes the run itself, such as a batch: it stops what it has started, and
    /// its process group may be that of the shell that it was started from.
    pub hosted: bool,
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
                    || (!self.hosted && !tree.is_empty() && p.group == self.leader)
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

    /// From now on the adopter's children are no longer the run's.
    pub(crate) fn leave_adopter(&mut self) {
        self.members.adopter = None;
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
        // A gage that is asked twice kills.
        let asks_all = leader_gone || !self.members.hosted;
        if !self.asked_all && asks_all && (leader_gone || elapsed >= GRACE.min(self.timeout)) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

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
            hosted: false,
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
            hosted: false,
        };
        assert!(members.find().is_empty());
    }
}
