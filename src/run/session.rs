//! A run being executed, from taking its lease to finalizing it, whatever its program is: a process of its own
//! (`supervise`) or this process (`Hosted`).

use std::fs;
use std::time::Duration;

use super::environment::Caller;
use super::error::During;
use super::facts::Facts;
use super::lease::Held;
use super::limits::Exceeded;
use super::log::Log;
use super::output::Output;
use super::recorder::Recorder;
use super::{Run, RunError, clock, environment, finalize, hook, meta, pidfile, stop};

/// How long a program that nobody supervises may take to end.
const LEFTOVER_PATIENCE: Duration = Duration::from_secs(5);

/// What is held while a run is executed.
pub(crate) struct Session {
    pub run: Run,
    pub facts: Facts,
    pub lease: Held,
    pub output: Output,
    pub recorder: Recorder,
    pub log: Log,
    /// What went wrong around the run without ending it.
    pub problems: Vec<String>,
}

/// What becomes of an earlier start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// There must be none.
    First,
    /// It gives way to this one.
    Again,
    /// Its start and its output are kept, and gone on with.
    GoOn,
}

impl Session {
    /// Takes a staged run: nobody else can start it until it ends.
    pub(crate) fn begin(run: &Run, facts: Facts, adopts: bool, start: Start) -> Result<Session, RunError> {
        if run.meta("lock.remote").exists() && !run.meta("proc/exit").exists() {
            return Err(RunError::Running(run.id().to_string()));
        }
        let lease = Held::claim(run, adopts)?;
        let way = match start {
            Start::First => check_first(run, &lease),
            Start::Again | Start::GoOn => Ok(()),
        };
        let opened = way.and_then(|()| make_way(run)).and_then(|()| {
            let started = run.meta("started");
            let dir = run.meta("output");
            if start == Start::GoOn && started.exists() {
                return Output::append(&dir, "40_run").during("write", &dir.join("40_run"));
            }
            let output = Output::create(&dir, "40_run").during("write", &dir.join("40_run"))?;
            meta::write(&started, clock::timestamp().to_string().as_bytes()).during("write", &started)?;
            // Whoever took it over, as we were stopped for too long, is about to start it.
            match lease.is_ours() {
                true => Ok(output),
                false => Err(RunError::Taken(run.id().to_string())),
            }
        });
        let output = match opened {
            Ok(output) => output,
            Err(error) => {
                lease.release();
                return Err(error);
            }
        };
        let (recorder, warnings) = Recorder::new(run, &facts);
        let mut log = Log::open(&run.meta("log/runner"));
        for warning in warnings {
            log.line(format_args!("WARNING: {warning}"));
        }
        log.line("Writing meta started");
        Ok(Session {
            run: run.clone(),
            facts,
            lease,
            output,
            recorder,
            log,
            problems: Vec::new(),
        })
    }

    /// Records the run's process.
    pub(crate) fn set_process(&mut self, pid: i32) {
        self.lease.set_process(pid);
        let lock = self.run.meta("proc/lock");
        if let Err(error) = meta::write(&lock, pid.to_string().as_bytes()).during("write", &lock) {
            self.problems.push(error.to_string());
        }
        self.log.line("Writing meta proc/lock");
        self.log.flush();
    }

    /// Leaves the run as if it had not been begun, to be started later.
    pub(crate) fn give_back(mut self) {
        self.log
            .line("Not started: the machine is short of processes, files or memory");
        self.log.flush();
        // What stays says that it was begun and lost.
        let _ = fs::remove_file(self.run.meta("started"));
        self.lease.release();
    }

    /// Leaves a run that ended without an end: it counts as lost with what it said.
    pub(crate) fn abandon(mut self) {
        self.log
            .line("Not finalized: what the program printed could not be recorded");
        self.log.flush();
        self.output.seal();
        self.lease.release();
    }

    /// Finalizes the run. Gives what went wrong on the way.
    pub(crate) fn end(mut self, code: i32, caller: &Caller) -> Vec<String> {
        if let Err(problem) = self.recorder.store_attributes(&self.run) {
            self.problems.push(problem);
        }
        let (run, problems) = (&self.run, &mut self.problems);
        let lease = finalize::record_exit(run, code, Some(self.lease), &mut self.log, problems);
        self.output.seal();
        if let Some(finalizer) = &self.facts.opdef.exec.finalize {
            let env = environment::of_run(run, &self.facts, caller);
            if let Err(error) = hook::run(
                run,
                hook::FINALIZE,
                Some(finalizer),
                &self.facts,
                &env,
                "",
                &mut self.log,
                None,
            ) {
                problems.push(error.to_string());
            }
        }
        finalize::record_files(run, &self.facts, &mut self.log, problems);
        match lease {
            Some(lease) => lease.release(),
            None => drop(fs::remove_file(run.lease_file())),
        }
        self.problems
    }
}

/// Refuses a run that somebody has started since it was seen staged. Who died before it noted its program anywhere
/// does not count, unless the program is found.
fn check_first(run: &Run, lease: &Held) -> Result<(), RunError> {
    if !run.meta("started").exists() {
        return Ok(());
    }
    let recorded = ["proc/exit", "proc/lock", "stopped"];
    if recorded.iter().any(|name| run.meta(name).exists()) {
        return Err(RunError::Taken(run.id().to_string()));
    }
    let program = lease.orphan().or_else(|| stop::leftover(run));
    if let Some(pid) = program {
        stop::end_leftovers(run, LEFTOVER_PATIENCE);
        // What its supervisor was about to write when it died. From now on the run is one whose process has gone.
        let lock = run.meta("proc/lock");
        meta::write(&lock, pid.to_string().as_bytes()).during("write", &lock)?;
        return Err(RunError::Taken(run.id().to_string()));
    }
    Ok(())
}

/// Removes what an earlier start left that would belie this one.
fn make_way(run: &Run) -> Result<(), RunError> {
    if !run.meta("started").exists() {
        return Ok(());
    }
    for name in ["proc/exit", "proc/lock", "stopped", "summary.json", Exceeded::FILE] {
        let path = run.meta(name);
        match fs::remove_file(&path) {
            Err(error) if !meta::is_missing(&error) => return Err(error).during("remove", &path),
            _ => {}
        }
    }
    pidfile::forget(run).during("remove", &run.meta("sys"))?;
    let scalars = run.meta("scalars");
    match fs::remove_dir_all(&scalars) {
        Err(error) if !meta::is_missing(&error) => Err(error).during("remove", &scalars),
        _ => Ok(()),
    }
}
