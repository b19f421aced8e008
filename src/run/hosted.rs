//! A run whose program is this process: a batch, a steps run, a notebook's function. The same files and the same
//! end as any run, without a process of its own.

use super::environment::Caller;
use super::error::During;
use super::facts::Facts;
use super::output::Stream;
use super::session::{Session, Start};
use super::status::Status;
use super::{Exit, Run, RunError, clock, stage};
use crate::scalars::Scalar;

/// A run that this process executes itself. Dropped without [`Hosted::end`], as by a panic, it counts as one whose
/// process has gone once this process has.
pub struct Hosted {
    session: Session,
    caller: Caller,
    on_scalar: Box<dyn FnMut(&Scalar) + Send>,
}

impl Hosted {
    /// Starts a run here; stages it, with no files, if it is not staged. `proc/lock` is this process.
    pub fn begin(run: &Run) -> Result<Hosted, RunError> {
        Hosted::start(run, Start::Again)
    }

    /// Goes on with a run whose process is gone, or that was stopped: its start and output are kept.
    pub fn go_on(run: &Run) -> Result<Hosted, RunError> {
        Hosted::start(run, Start::GoOn)
    }

    fn start(run: &Run, start: Start) -> Result<Hosted, RunError> {
        let facts = Facts::read(run)?;
        if !run.meta("staged").exists() {
            stage::nothing(run)?;
        }
        let dir = run.dir();
        if !dir.is_dir() {
            return Err(RunError::NoRunDir(dir));
        }
        let mut session = Session::begin(run, facts, false, start)?;
        session.log.line("Starting run in this process");
        session.set_process(std::process::id() as i32);
        Ok(Hosted {
            session,
            caller: Caller::here(),
            on_scalar: Box::new(|_| {}),
        })
    }

    /// The run.
    pub fn run(&self) -> &Run {
        &self.session.run
    }

    /// Tells `listener` every scalar that is printed.
    pub fn on_scalar(&mut self, listener: impl FnMut(&Scalar) + Send + 'static) {
        self.on_scalar = Box::new(listener);
    }

    /// Records output.
    pub fn output(&mut self, stream: Stream, bytes: &[u8]) {
        let Session {
            output,
            recorder,
            problems,
            ..
        } = &mut self.session;
        problems.extend(output.push(stream, bytes, clock::now_ms()).map(lost));
        problems.extend(recorder.push(stream, bytes, &mut self.on_scalar).map(lost));
        self.tick();
    }

    /// To be called at least every few seconds: shows that the run goes on, and what was kept back.
    pub fn tick(&mut self) {
        let session = &mut self.session;
        session.lease.touch_if_due();
        session.problems.extend(session.output.tick(clock::now_ms()).map(lost));
        session.problems.extend(session.recorder.tick().map(lost));
    }

    /// True when somebody asked for the run to be stopped with `gage stop`.
    pub fn is_stopping(&self) -> bool {
        self.session.lease.is_stopping()
    }

    /// Ends the run with an exit code (negative: a signal) and finalizes it.
    pub fn end(mut self, code: i32) -> Exit {
        let session = &mut self.session;
        let stopped = session.lease.is_stopping();
        let code = match code {
            0.. if stopped && session.facts.opdef.stoppable => 0,
            0.. if stopped => -15,
            code => code,
        };
        session
            .problems
            .extend(session.recorder.finish(&mut self.on_scalar).map(lost));
        session.problems.extend(session.output.finish().map(lost));
        super::finalize::seal_extra(&session.run);
        Exit {
            code,
            status: Status::of_exit(code.into()),
            not_started: None,
            time_up: false,
            exceeded: None,
            stopped,
            problems: self.session.end(code, &self.caller),
        }
    }
}

fn lost(reason: String) -> String {
    format!("cannot write the run's output: {reason}")
}

/// Stages a run that gets no files, such as a batch.
pub fn stage_nothing(run: &Run) -> Result<(), RunError> {
    stage::nothing(run)
}

/// Stores the proto run of a batch: the meta files of a run that is never started, in a new directory `dir`.
pub fn create_proto(dir: &std::path::Path, spec: &super::RunSpec) -> Result<(), RunError> {
    std::fs::create_dir(dir).during("make directory", dir)?;
    let id = super::id::new().during("make a random id for", dir)?;
    super::create::init(dir, &id, spec)
}
