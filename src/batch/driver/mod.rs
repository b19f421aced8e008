//! Carries a study out: one loop over one channel, into which executor, optimizer and signals speak. Every event is
//! appended to the journal, shown, and given to the scheduler, whose wishes are carried out here. Decides nothing.

mod act;
mod begin;
mod close;
mod edits;
mod hear;
mod stop;
mod tell;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use thiserror::Error;

pub use self::begin::{drive, drive_again, go_on, stage, stage_again};
use self::stop::Stopping;
use super::disk::{Disk, Saved};
use super::event::{Ended, Event, Reason, Status};
use super::journal::{Journal, JournalError};
use super::plan::{Plan, PlanError, Proposes};
use super::power_cut::PowerCut;
use super::program::{Program, Said, Task};
use super::proposer::{Answer, Listed, Proposer};
use super::record::Record;
use super::report::Report;
use super::resume::ResumeError;
use super::scheduler::{Action, State};
use super::signals::{Watch, Why};
use super::trials::Making;
use crate::executor::{self, Executor};
use crate::run::{Facts, Hosted, Run, RunError, StopFlag, meta};

/// How long a trial may take to stop before it is killed.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a program without a supervisor may take.
const ORPHAN_PATIENCE: Duration = Duration::from_secs(5);
/// The last pause before a worker that cannot be started is given up; half of what is waited for in all.
const LAUNCH_PATIENCE: Duration = Duration::from_secs(2);
/// How long a disk may take before it is said what is waited for.
const DISK_PATIENCE: Duration = Duration::from_secs(2);
/// How often what nobody reports on is looked after.
const LOOK: Duration = Duration::from_millis(250);
/// Messages that may wait; beyond, whoever speaks waits.
const INBOX: usize = 256;

/// How a batch ended.
#[derive(Debug)]
pub struct Outcome {
    pub reason: Reason,
    /// The code that gage exits with.
    pub exit: u8,
    pub batch: Run,
    /// The batch run was deleted, as it is not to be kept.
    pub deleted: bool,
}

/// Why a batch cannot be carried out, or on.
#[derive(Debug, Error)]
pub enum DriveError {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("{error}\nTo go on with the batch, use 'gage run --resume {batch}'.")]
    Journal { error: JournalError, batch: String },
    /// Somebody has deleted it.
    #[error("batch {batch} is gone: {error}")]
    Gone { error: JournalError, batch: String },
    /// Somebody else was faster to take the batch.
    #[error(transparent)]
    Taken(Box<ResumeError>),
    /// What keeps any trial from being made or started: none of them has failed.
    #[error("{reason}\nNo trial has failed for this. To go on with the batch, use 'gage run --resume {batch}'.")]
    Machine { reason: String, batch: String },
    #[error("cannot start the optimizer: {0}")]
    Program(std::io::Error),
    #[error("cannot watch for signals: {0}")]
    Signals(std::io::Error),
    #[error("cannot make a run id: {0}")]
    Random(std::io::Error),
    #[error("unknown executor '{0}'")]
    Executor(String),
}

impl DriveError {
    fn journal(error: JournalError, batch: &Run) -> DriveError {
        let batch = batch.id().to_string();
        match &error {
            JournalError::Io { error: io, .. } if meta::is_missing(io) => DriveError::Gone { error, batch },
            _ => DriveError::Journal { error, batch },
        }
    }
}

/// What comes in.
enum Message {
    Executor(executor::Event),
    Program(Said),
    Answer(Answer),
    Disk(Saved),
    /// The stop flag was raised.
    Asked,
    /// Somebody asks for a change.
    Requests,
}

/// A study being carried out.
struct Driver<'a, 'm> {
    plan: &'a Plan,
    making: &'a mut Making<'m>,
    report: &'a mut dyn Report,
    stop: &'a StopFlag,
    batch: Run,
    hosted: Hosted,
    journal: Journal,
    record: Record,
    proposer: Proposer,
    executor: Box<dyn Executor>,
    inbox: Receiver<Message>,
    disk: Disk,
    /// Ends that are not known to be on the disk, with the lines of the journal that they need there.
    unsaved: VecDeque<(u64, Ended)>,
    /// Ends with the driver.
    _watch: Watch,
    /// What the beginning of the study asks for.
    wishes: Vec<Action>,
    /// What has happened and is not in the journal yet.
    events: VecDeque<Event>,
    /// Trial and attempt of each run in flight.
    flying: BTreeMap<String, (u64, u32)>,
    /// Runs in flight that no worker of ours supervises.
    adopted: BTreeSet<u64>,
    /// Trials whose programs are being stopped, as their supervisors are gone.
    orphans: BTreeSet<u64>,
    /// Stops of runs that no worker of ours supervises.
    aside: Vec<JoinHandle<()>>,
    /// What went wrong around a run.
    problems: BTreeMap<String, String>,
    not_finite: usize,
    told_unsaved: bool,
    told_of_disk: bool,
    /// The machine was started again since an earlier driver was at work.
    cut: Option<PowerCut>,
    stopping: Option<Stopping>,
    finished: Option<Reason>,
    /// Why the study cannot go on, for the exit code.
    failed: bool,
    looked: Instant,
    /// When requests are looked for at the latest.
    requests_at: Instant,
}

impl<'a, 'm> Driver<'a, 'm> {
    #[expect(clippy::too_many_arguments, reason = "the two callers above give each of them once")]
    fn new(
        plan: &'a Plan,
        making: &'a mut Making<'m>,
        report: &'a mut dyn Report,
        stop: &'a StopFlag,
        batch: &Run,
        hosted: Hosted,
        journal: Journal,
        record: Record,
    ) -> Result<Driver<'a, 'm>, DriveError> {
        let (to, inbox) = sync_channel(INBOX);
        let proposer = proposer(plan, making, batch, &to)?;
        let entry = executor::find("local").ok_or_else(|| DriveError::Executor("local".into()))?;
        let wake = to.clone();
        let wake = move |why| {
            let message = match why {
                Why::Stop => Message::Asked,
                Why::Request => Message::Requests,
            };
            wake.send(message).is_ok()
        };
        let watch = Watch::start(stop, Some(&batch.meta("")), wake).map_err(DriveError::Signals)?;
        let saved = to.clone();
        let disk = Disk::start(&making.home, move |result| drop(saved.send(Message::Disk(result))));
        let disk = disk.map_err(|source| RunError::File {
            doing: "read",
            path: making.home.clone(),
            source,
        })?;
        let executor = (entry.make)(executor::Setup {
            gage: making.gage.clone(),
            // When nobody listens any more, nothing is lost: the runs are the record.
            listener: Box::new(move |event| drop(to.send(Message::Executor(event)))),
        });
        Ok(Driver {
            plan,
            making,
            report,
            stop,
            batch: batch.clone(),
            hosted,
            journal,
            record,
            proposer,
            executor,
            inbox,
            disk,
            unsaved: VecDeque::new(),
            _watch: watch,
            wishes: Vec::new(),
            events: VecDeque::new(),
            flying: BTreeMap::new(),
            adopted: BTreeSet::new(),
            orphans: BTreeSet::new(),
            aside: Vec::new(),
            problems: BTreeMap::new(),
            not_finite: 0,
            told_unsaved: false,
            told_of_disk: false,
            cut: None,
            stopping: None,
            finished: None,
            failed: false,
            looked: Instant::now(),
            requests_at: Instant::now(),
        })
    }

    fn run(mut self) -> Result<Outcome, DriveError> {
        let objective = (!matches!(self.plan.proposes, Proposes::Listed(_))).then_some(&self.plan.objective);
        let planned = self.record.scheduler.planned().or(self.plan.planned);
        let slots = self.record.scheduler.rules().slots;
        self.report.opened(planned, objective, slots);
        let reason = self.until_finished();
        self.report.closed();
        if let Proposer::Program(program) = &mut self.proposer {
            program.end();
        }
        match reason {
            Ok(reason) => self.close(reason),
            Err(error) => {
                self.give_up(&error);
                Err(error)
            }
        }
    }

    fn until_finished(&mut self) -> Result<Reason, DriveError> {
        for action in std::mem::take(&mut self.wishes) {
            self.act(action)?;
        }
        loop {
            while let Some(event) = self.events.pop_front() {
                self.happen(event)?;
            }
            if self.finished.is_some() || self.requests_at <= Instant::now() {
                self.take_requests()?;
                if !self.events.is_empty() {
                    continue;
                }
            }
            let in_a_hurry = self.stopping.as_ref().is_some_and(|stopping| stopping.killed);
            if let Some(reason) = self.finished.filter(|_| self.unsaved.is_empty() || in_a_hurry) {
                return Ok(reason);
            }
            match self.inbox.recv_timeout(self.next_look()) {
                Ok(message) => self.hear(message)?,
                Err(_) if self.finished.is_some() => self.tell_of_disk(),
                // Someone always holds the other end; a closed channel would mean that nothing can happen any more.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => self.look_after()?,
            }
        }
    }

    /// Without anyone to look after, seldom: only the lease has to be kept fresh.
    fn next_look(&self) -> Duration {
        if self.finished.is_some() {
            DISK_PATIENCE
        } else if self.adopted.is_empty() && self.stopping.is_none() {
            Duration::from_secs(5)
        } else {
            LOOK.saturating_sub(self.looked.elapsed())
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), DriveError> {
        if !self.record.scheduler.fits(&event) {
            return Ok(());
        }
        // When everybody is told to stop at once, as by a shutdown, a trial may end before the driver has looked up.
        if matches!(&event, Event::Ended(ended) if ended.status == Status::Terminated)
            && let Some(stopping) = self.stopping_now()
        {
            self.happen(stopping)?;
        }
        let appended = self.journal.append(&event);
        appended.map_err(|error| DriveError::journal(error, &self.batch))?;
        let actions = self.record.apply(&event);
        if let Event::Lost { trial, .. } = &event
            && let Some(State::Done(_)) = self.record.scheduler.state(*trial)
        {
            let id = self.record.trial(*trial).map(|t| t.run.clone());
            self.bury(&id.unwrap_or_default());
        }
        let was_end = matches!(event, Event::Ended(_));
        let event = self.record.settled(event);
        self.proposer.learn(&event);
        // The end of a trial that is run again, as it was stopped with an earlier driver, is nobody's news.
        if !was_end || matches!(event, Event::Ended(_)) {
            self.tell(&event);
        }
        self.make_known(&event)?;
        for action in actions {
            self.act(action)?;
        }
        Ok(())
    }
}

/// The source of proposals that a plan asks for.
fn proposer(plan: &Plan, making: &Making<'_>, batch: &Run, to: &SyncSender<Message>) -> Result<Proposer, DriveError> {
    Ok(match &plan.proposes {
        Proposes::Listed(_) => Proposer::Listed(Listed::default()),
        Proposes::Search { .. } => {
            let to = to.clone();
            Proposer::search(&plan.header(), move |answer| drop(to.send(Message::Answer(answer))))?
        }
        Proposes::Program(_) => {
            let facts = Facts::read(batch)?;
            let task = Task {
                max_trials: plan.planned,
                objective: &plan.objective,
                seed: plan.spec.seed,
                caller: making.staging.caller.clone(),
            };
            let to = to.clone();
            let listener = move |said| drop(to.send(Message::Program(said)));
            Proposer::Program(Program::start(batch, &facts, &task, listener).map_err(DriveError::Program)?)
        }
    })
}
