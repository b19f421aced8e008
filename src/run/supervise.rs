//! The one way a staged run is executed: start its program, own its output, wait, finalize. Whoever runs a run,
//! and wherever, ends here.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::compose::STEPS_PROGRAM;
use super::environment::{self, Caller};
use super::facts::Facts;
use super::guard::Guard;
use super::hook::{self, CannotStart};
use super::limits::{Exceeded, Limits};
use super::pump::{Cause, Event, Notice, OUTPUT_GRACE, Pump};
use super::session::{Session, Start};
use super::status::Status;
use super::stop;
use super::stop_flag::StopFlag;
use super::stopping::Members;
use super::{Run, RunError, command};

/// How to execute a run.
pub struct Supervise<'a> {
    /// Told what happens, on the supervising thread: a slow listener slows the program down.
    pub on: &'a mut dyn FnMut(Event<'_>),
    pub stop: Option<&'a StopFlag>,
    /// Stop the run after this time; the operation's own limit if not given.
    pub stop_after: Option<Duration>,
    /// True where this process has no other children: orphans of the run then become its children, so that
    /// they can be found and stopped whatever session they are in.
    pub adopt: bool,
    /// Give the program this process's standard input instead of nothing.
    pub stdin: bool,
    /// Refuse a run that was ever started ([`RunError::Taken`]): who asks has seen it staged, and somebody else may
    /// have been faster. Without it a run that has ended is run again.
    pub fresh: bool,
    pub caller: Caller,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// As in `proc/exit`: negative for the signal that ended it.
    pub code: i32,
    pub status: Status,
    /// The program could not be started, and why: `cannot run OP: REASON`.
    pub not_started: Option<String>,
    /// It was stopped because its time was up.
    pub time_up: bool,
    /// It was stopped because it went beyond a limit.
    pub exceeded: Option<Exceeded>,
    /// It was stopped because somebody asked for it.
    pub stopped: bool,
    /// What went wrong around the run without ending it.
    pub problems: Vec<String>,
}

impl Exit {
    /// The code that `gage run` exits with: the program's, 128 + the signal, 0 when its time was up.
    pub fn process_code(&self) -> u8 {
        if self.time_up {
            return 0;
        }
        let code = if self.code < 0 { 128 - self.code } else { self.code };
        u8::try_from(code).unwrap_or(1)
    }
}

/// Executes a staged run to its end. An error means that it was not started; everything later is in the [`Exit`].
pub fn supervise(run: &Run, how: &mut Supervise<'_>) -> Result<Exit, RunError> {
    let facts = Facts::read(run)?;
    if !run.meta("staged").exists() {
        return Err(RunError::NotStaged(run.id().to_string()));
    }
    if !run.dir().is_dir() {
        return Err(RunError::NoRunDir(run.dir()));
    }
    if how.adopt {
        // Refused by old kernels only: orphans are then found by their group and environment.
        how.adopt = nix::sys::prctl::set_child_subreaper(true).is_ok();
    }
    let mut session = Session::begin(
        run,
        facts,
        how.adopt,
        if how.fresh { Start::First } else { Start::Again },
    )?;
    let executed = execute(&mut session, how);
    let (code, cause, not_started) = match executed {
        Ok((code, cause)) => (code, cause, None),
        Err(CannotStart {
            reason, machine: true, ..
        }) => {
            let name = session.facts.name.clone();
            session.give_back();
            return Err(RunError::Short { name, reason });
        }
        Err(CannotStart { reason, code, .. }) => {
            session.log.line(format_args!("Cannot start run process: {reason}"));
            (code, None, Some(format!("cannot run {}: {reason}", session.facts.name)))
        }
    };
    let is_trial = run.meta("sys/batch.json").exists();
    if let Some(reason) = session.recorder.failed().filter(|_| is_trial && code == 0) {
        // A trial without its result would be done for nothing, and nobody would know.
        let (id, reason) = (run.id().to_string(), reason.to_string());
        session.abandon();
        return Err(RunError::Unrecorded { id, reason });
    }
    let time_up = cause == Some(Cause::TimeUp);
    let stopped = cause == Some(Cause::Asked) || (not_started.is_none() && session.lease.is_stopping());
    let exceeded = match cause {
        Some(Cause::Exceeded(excess)) => Some(excess.limit),
        _ => None,
    };
    let code = match exceeded {
        Some(limit) => limit.exit_code(),
        None if stopped || time_up => stopped_code(&session.facts, code, time_up),
        None => code,
    };
    // Before the exit code, so that nobody sees the one without the other.
    if let Some(Err(error)) = exceeded.map(|limit| limit.record(run)) {
        session.problems.push(error.to_string());
    }
    let problems = session.end(code, &how.caller);
    if how.adopt {
        reap_orphans();
    }
    Ok(Exit {
        code,
        status: Status::of_exit(code.into()),
        not_started,
        time_up,
        exceeded,
        stopped,
        problems,
    })
}

/// Whatever code a program gives when it is stopped, the run was not completed: it counts as ended by the signal,
/// unless the operation says that stopping is its way to end.
fn stopped_code(facts: &Facts, code: i32, time_up: bool) -> i32 {
    match code {
        _ if facts.opdef.stoppable && !time_up => 0,
        ..0 => code,
        _ => -(stop::stop_signal(facts.opdef.stop_signal.as_deref()) as i32),
    }
}

fn execute(session: &mut Session, how: &mut Supervise<'_>) -> Result<(i32, Option<Cause>), CannotStart> {
    let run = session.run.clone();
    let facts = &session.facts;
    let placed = facts
        .command
        .as_ref()
        .map(|command| command::placed(command, &run, facts));
    let Some((command, mut words)) = placed.and_then(|c| command::argv(&c).map(|words| (c, words))) else {
        return Ok((0, None));
    };
    if !facts.opdef.steps.is_empty() && words == STEPS_PROGRAM {
        // Whatever `gage` is on the run's PATH, its steps are run by the program that runs it.
        words[0] = own_program()?;
    }
    session
        .log
        .line(format_args!("Starting run process: {}", hook::shown(&command)));
    let env = environment::of_run(&run, &session.facts, &how.caller);
    let stdin = if how.stdin { Stdio::inherit() } else { Stdio::null() };
    let mut child = hook::start(&run, &words, &env, stdin)?;
    let began = Instant::now();
    let pid = child.id() as i32;
    session.set_process(pid);
    (how.on)(Event::Started { pid });
    let leader_started = session.lease.lease().pid_started;

    let opdef = &session.facts.opdef;
    let minutes = opdef.stop_after.filter(|m| m.is_finite() && *m > 0.0);
    let limit = how
        .stop_after
        .or_else(|| minutes.map(|m| Duration::from_secs_f64((m * 60.0).min(1e9))));
    let limits = Limits::of(&run).unwrap_or_else(|problem| {
        session.problems.push(problem);
        Limits::default()
    });
    let adopter = how.adopt.then(|| std::process::id() as i32);
    let (log, on) = (&mut session.log, &mut *how.on);
    let mut notices = Vec::new();
    let pump = Pump {
        output: &mut session.output,
        lease: Some(&mut session.lease),
        stop: how.stop,
        deadline: limit.map(|limit| began + limit),
        limits: Guard::new(&limits, began, pid, adopter),
        stop_signal: stop::stop_signal(opdef.stop_signal.as_deref()),
        members: Members {
            run_id: run.id().to_string(),
            leader: pid,
            leader_started,
            adopter,
            hosted: false,
        },
        recorder: Some(&mut session.recorder),
        on: &mut |event| {
            if let Event::Notice(notice) = &event {
                match notice {
                    Notice::OutputLost(reason) => notices.push(format!("cannot write the run's output: {reason}")),
                    Notice::OutputClosed => log.line(format_args!(
                        "Output was still open {} seconds after the run process ended: closed",
                        OUTPUT_GRACE.as_secs()
                    )),
                    Notice::TimeUp => log.line("Stopping run process: its time is up"),
                    Notice::Exceeded(excess) => log.line(format_args!("Stopping run process: {excess}")),
                    Notice::Stopping => log.line("Stopping run process: asked to"),
                    Notice::Unkillable(left) => notices.push(format!("cannot kill processes {left:?}")),
                }
                log.flush();
            }
            on(event);
        },
        grace: OUTPUT_GRACE,
    };
    let ended = pump.run(&mut child);
    session.problems.append(&mut notices);
    match ended {
        Ok(ended) => Ok((hook::exit_code(ended.status), ended.cause)),
        Err(error) => {
            // Nothing can be known of it any more: it must not go on unseen.
            let reason = super::error::reason(&error);
            session
                .problems
                .push(format!("cannot wait for the run process: {reason}"));
            let _ = child.kill();
            Ok((child.wait().map_or(-9, hook::exit_code), None))
        }
    }
}

/// Where the running gage is.
fn own_program() -> Result<String, CannotStart> {
    let cannot = |reason: String| CannotStart {
        reason: format!("cannot find the gage program: {reason}"),
        code: 126,
        machine: false,
    };
    let path = std::env::current_exe().map_err(|error| cannot(super::error::reason(&error)))?;
    path.into_os_string()
        .into_string()
        .map_err(|path| cannot(format!("{} is not UTF-8", path.display())))
}

/// Takes away the zombies of orphans that became children of this process.
fn reap_orphans() {
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive) {}
}
