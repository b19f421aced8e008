//! The one way a staged run is executed: start its program, own its output, wait, finalize. Whoever runs a run,
//! and wherever, ends here.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::environment::{self, Caller};
use super::error::During;
use super::facts::Facts;
use super::hook::{self, CannotStart};
use super::lease::Held;
use super::log::Log;
use super::output::{Output, Stream};
use super::process::Process;
use super::pump::{Cause, Notice, OUTPUT_GRACE, Pump};
use super::status::Status;
use super::stop::{self, Members};
use super::stop_flag::StopFlag;
use super::{Run, RunError, clock, command, finalize, meta};
use crate::scalars::Scalar;

/// What happens while a run is executed.
#[derive(Debug)]
pub enum Event<'a> {
    /// The program exists; its pid is in `proc/lock`.
    Started { pid: i32 },
    /// Bytes it wrote, as they come.
    Output { stream: Stream, bytes: &'a [u8] },
    /// A scalar it printed.
    Scalar(&'a Scalar),
    /// Something the user should know.
    Notice(Notice<'a>),
}

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
    let mut lease = Held::claim(run, how.adopt)?;
    let output = begin(run);
    let mut output = match output {
        Ok(output) => output,
        Err(error) => {
            lease.release();
            return Err(error);
        }
    };
    let mut log = Log::open(&run.meta("log/runner"));
    let mut problems = Vec::new();
    let started = run.meta("started");
    if let Err(error) = meta::write(&started, clock::timestamp().to_string().as_bytes()).during("write", &started) {
        lease.release();
        return Err(error);
    }
    log.line("Writing meta started");
    let executed = execute(run, &facts, how, &mut lease, &mut output, &mut log, &mut problems);
    let mut exit = Exit {
        code: 0,
        status: Status::Completed,
        not_started: None,
        time_up: false,
        stopped: false,
        problems: Vec::new(),
    };
    match executed {
        Ok((code, cause)) => {
            exit.code = code;
            exit.time_up = cause == Some(Cause::TimeUp);
            exit.stopped = cause == Some(Cause::Asked) || lease.is_stopping();
        }
        Err(CannotStart { reason, code }) => {
            exit.code = code;
            log.line(format_args!("Cannot start run process: {reason}"));
            exit.not_started = Some(format!("cannot run {}: {reason}", facts.op_name()));
        }
    }
    if exit.stopped || exit.time_up {
        exit.code = stopped_code(&facts, exit.code, exit.time_up);
    }
    exit.status = Status::of_exit(exit.code.into());
    let lease = finalize::record_exit(run, exit.code, Some(lease), &mut log, &mut problems);
    output.seal();
    if let Some(finalizer) = &facts.opdef.exec.finalize {
        let env = environment::of_run(run, &facts, &how.caller);
        if let Err(error) = hook::run(run, hook::FINALIZE, Some(finalizer), &env, "", &mut log, None) {
            problems.push(error.to_string());
        }
    }
    finalize::record_files(run, &facts, &mut log, &mut problems);
    match lease {
        Some(lease) => lease.release(),
        None => drop(fs::remove_file(run.lease_file())),
    }
    if how.adopt {
        reap_orphans();
    }
    exit.problems = problems;
    Ok(exit)
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

/// Makes way for a new start: what the last one left that would belie this one.
fn begin(run: &Run) -> Result<Output, RunError> {
    if run.meta("started").exists() {
        for name in ["proc/exit", "proc/lock", "stopped", "summary.json"] {
            let path = run.meta(name);
            match fs::remove_file(&path) {
                Err(error) if !meta::is_missing(&error) => return Err(error).during("remove", &path),
                _ => {}
            }
        }
        let scalars = run.meta("scalars");
        match fs::remove_dir_all(&scalars) {
            Err(error) if !meta::is_missing(&error) => return Err(error).during("remove", &scalars),
            _ => {}
        }
    }
    let dir = run.meta("output");
    Output::create(&dir, "40_run").during("write", &dir.join("40_run"))
}

fn execute(
    run: &Run,
    facts: &Facts,
    how: &mut Supervise<'_>,
    lease: &mut Held,
    output: &mut Output,
    log: &mut Log,
    problems: &mut Vec<String>,
) -> Result<(i32, Option<Cause>), CannotStart> {
    let Some((command, words)) = facts.command.as_ref().and_then(|c| Some((c, command::argv(c)?))) else {
        return Ok((0, None));
    };
    log.line(format_args!("Starting run process: {}", hook::shown(command)));
    let env = environment::of_run(run, facts, &how.caller);
    let stdin = if how.stdin { Stdio::inherit() } else { Stdio::null() };
    let mut child = hook::start(run, &words, &env, stdin)?;
    let began = Instant::now();
    let pid = child.id() as i32;
    lease.set_process(pid);
    let lock = run.meta("proc/lock");
    if let Err(error) = meta::write(&lock, pid.to_string().as_bytes()).during("write", &lock) {
        problems.push(error.to_string());
    }
    log.line("Writing meta proc/lock");
    log.flush();
    (how.on)(Event::Started { pid });
    let minutes = facts.opdef.stop_after.filter(|m| m.is_finite() && *m > 0.0);
    let limit = how
        .stop_after
        .or_else(|| minutes.map(|m| Duration::from_secs_f64((m * 60.0).min(1e9))));
    let listener = std::cell::RefCell::new(&mut *how.on);
    let mut notices = Vec::new();
    let pump = Pump {
        output,
        lease: Some(lease),
        stop: how.stop,
        deadline: limit.map(|limit| began + limit),
        stop_signal: stop::stop_signal(facts.opdef.stop_signal.as_deref()),
        members: Members {
            run_id: run.id().to_string(),
            leader: pid,
            leader_started: Process::read(pid).map(|p| p.started),
            adopter: how.adopt.then(|| std::process::id() as i32),
        },
        on_output: &mut |stream, bytes| (listener.borrow_mut())(Event::Output { stream, bytes }),
        on_notice: &mut |notice| {
            match notice {
                Notice::OutputLost(reason) => notices.push(format!("cannot write the run's output: {reason}")),
                Notice::OutputClosed => log.line(format_args!(
                    "Output was still open {} seconds after the run process ended: closed",
                    OUTPUT_GRACE.as_secs()
                )),
                Notice::TimeUp => log.line("Stopping run process: its time is up"),
                Notice::Stopping => log.line("Stopping run process: asked to"),
                Notice::Unkillable(left) => notices.push(format!("cannot kill processes {left:?}")),
            }
            log.flush();
            (listener.borrow_mut())(Event::Notice(notice));
        },
        grace: OUTPUT_GRACE,
    };
    let ended = pump.run(&mut child);
    problems.append(&mut notices);
    match ended {
        Ok(ended) => Ok((hook::exit_code(ended.status), ended.cause)),
        Err(error) => {
            // Nothing can be known of it any more: it must not go on unseen.
            problems.push(format!(
                "cannot wait for the run process: {}",
                super::error::reason(&error)
            ));
            let _ = child.kill();
            Ok((child.wait().map_or(-9, hook::exit_code), None))
        }
    }
}

/// Takes away the zombies of orphans that became children of this process.
fn reap_orphans() {
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive) {}
}
