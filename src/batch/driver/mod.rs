//! Carries a study out: one loop over one channel, into which executor, optimizer and signals speak. Every event is
//! appended to the journal, shown, and given to the scheduler, whose wishes are carried out here. Decides nothing.

mod act;
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

use self::stop::Stopping;
use super::disk::{Disk, Saved};
use super::event::{Ended, Event, Header, Reason, Status};
use super::journal::{self, Journal, JournalError};
use super::plan::{Plan, PlanError, Proposes};
use super::power_cut::PowerCut;
use super::program::{Program, Said, Task};
use super::proposer::{Answer, Listed, Proposer};
use super::record::Record;
use super::report::{Level, Report};
use super::request;
use super::resume;
use super::scheduler::{Action, State};
use super::signals::{Watch, Why};
use super::trials::{self, Making};
use crate::executor::{self, Executor};
use crate::run::lease::{Held, Lease};
use crate::run::{self, Facts, Hosted, Run, RunError, StopFlag};

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
        DriveError::Journal { error, batch }
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

/// Carries out a new batch, to its end.
pub fn drive(
    plan: &Plan,
    making: &mut Making<'_>,
    report: &mut dyn Report,
    stop: &StopFlag,
) -> Result<Outcome, DriveError> {
    let first = First::of(plan, making)?;
    let batch = trials::make_batch(plan, making, &first.events)?;
    let begun = Hosted::begin(&batch).map_err(DriveError::from).and_then(|hosted| {
        let journal = Journal::open(&batch.meta(journal::FILE));
        let (journal, _) = journal.map_err(|error| DriveError::journal(error, &batch))?;
        begin(plan, making, report, stop, &batch, hosted, journal, first)
    });
    let driver = begun.inspect_err(|_| {
        // Nothing half-made is left behind; the error at hand is the one to report.
        let _ = run::remove::delete_permanently(&batch);
    })?;
    driver.run()
}

/// Makes a batch without carrying it out. [`drive_again`] does, when the time has come.
pub fn stage(plan: &Plan, making: &mut Making<'_>) -> Result<Run, DriveError> {
    let batch = trials::make_batch(plan, making, &[opened(plan, making)])?;
    if let Err(error) = run::stage_nothing(&batch) {
        let _ = run::remove::delete_permanently(&batch);
        return Err(error.into());
    }
    Ok(batch)
}

/// Carries out a batch that exists from its beginning: new trials, a new journal. Earlier trials and journals stay.
/// With `new_source` the trials get what `making` is staged from, else the source code that the batch has kept.
pub fn drive_again(
    plan: &Plan,
    making: &mut Making<'_>,
    report: &mut dyn Report,
    stop: &StopFlag,
    batch: &Run,
    new_source: bool,
) -> Result<Outcome, DriveError> {
    stage_again(plan, making, batch, new_source)?;
    go_on(plan, making, report, stop, batch)
}

/// Makes a batch that exists ready to be carried out from its beginning, as [`drive_again`] does.
pub fn stage_again(plan: &Plan, making: &Making<'_>, batch: &Run, new_source: bool) -> Result<(), DriveError> {
    run::restart::prepare(batch, &trials::batch_spec(plan, making), making.batch_staging.as_ref())?;
    // Nobody else is to start it meanwhile.
    let lease = Held::claim(batch, false)?;
    request::forget_all(batch);
    let renewed = trials::renew_proto(making, batch, new_source).map_err(DriveError::from);
    let renewed = renewed.and_then(|()| {
        Journal::begin_again(&batch.meta(journal::FILE), &[opened(plan, making)])
            .map(drop)
            .map_err(|error| DriveError::journal(error, batch))
    });
    lease.release();
    renewed
}

fn opened(plan: &Plan, making: &Making<'_>) -> Event {
    Event::Opened(Box::new(Header {
        keep_batch: making.keep_batch,
        ..plan.header()
    }))
}

/// What a journal begins with. It is there as soon as the journal is: a study that was opened without its prior
/// results would propose something else.
struct First {
    events: Vec<Event>,
    warning: Option<String>,
}

impl First {
    fn of(plan: &Plan, making: &Making<'_>) -> Result<First, DriveError> {
        let (priors, warning) = super::prior::of(plan, making)?;
        let mut events = vec![opened(plan, making)];
        events.extend(priors.into_iter().map(Event::Prior));
        Ok(First { events, warning })
    }
}

/// A driver at the beginning of a study.
#[expect(clippy::too_many_arguments, reason = "the two callers above give each of them once")]
fn begin<'a, 'm>(
    plan: &'a Plan,
    making: &'a mut Making<'m>,
    report: &'a mut dyn Report,
    stop: &'a StopFlag,
    batch: &Run,
    hosted: Hosted,
    journal: Journal,
    first: First,
) -> Result<Driver<'a, 'm>, DriveError> {
    let mut driver = Driver::new(plan, making, report, stop, batch, hosted, journal, Record::default())?;
    if let Some(warning) = first.warning {
        driver.log(Level::Warning, &warning);
    }
    for event in first.events {
        let actions = driver.record.apply(&event);
        driver.wishes.extend(actions);
        driver.proposer.learn(&event);
    }
    // The batch itself is to survive from its first trial on.
    driver.disk.save(0);
    Ok(driver)
}

/// Carries out a staged batch, or goes on with one whose driver is gone: folds its journal, then asks the runs what
/// became of them.
pub fn go_on(
    plan: &Plan,
    making: &mut Making<'_>,
    report: &mut dyn Report,
    stop: &StopFlag,
    batch: &Run,
) -> Result<Outcome, DriveError> {
    trials::stage_batch(batch, making)?;
    let cut = PowerCut::of(batch);
    let path = batch.meta(journal::FILE);
    let failed = |error| DriveError::journal(error, batch);
    let hosted = host(batch, is_new(&journal::read(&path).map_err(failed)?))?;
    request::forget_answers(batch);
    // Whoever holds the lease writes the journal, so it is only now that it stays what it is.
    let (mut journal, events) = Journal::open(&path).map_err(failed)?;
    let record = Record::of(&events);
    making.keep_batch |= record.header.keep_batch;
    if is_new(&events) {
        // A staged batch learns from what there is when it is started.
        let first = match record.priors.is_empty() {
            true => First::of(plan, making)?,
            false => First { events, warning: None },
        };
        if first.events.len() > 1 {
            journal = Journal::begin_again(&path, &first.events).map_err(failed)?;
        }
        return begin(plan, making, report, stop, batch, hosted, journal, first)?.run();
    }
    let mut driver = Driver::new(plan, making, report, stop, batch, hosted, journal, record)?;
    driver.proposer.catch_up(&events);
    driver.not_finite = driver.record.not_finite;
    driver.cut = cut;
    driver.tell_earlier();
    for id in resume::given_up(&events) {
        driver.bury(&id);
    }
    driver.events.push_back(Event::Resumed {
        pid: std::process::id(),
        host: run::process::host().to_string(),
    });
    driver.run()
}

/// True for the journal of a study that has not begun.
/// Takes the batch run. Somebody who changes its journal while nobody carries it out has it for a moment only.
fn host(batch: &Run, new: bool) -> Result<Hosted, RunError> {
    let began = Instant::now();
    loop {
        let hosted = if new {
            Hosted::begin(batch)
        } else {
            Hosted::go_on(batch)
        };
        match hosted {
            Err(RunError::Running(_))
                if began.elapsed() < resume::MOMENT && Lease::read(batch).is_none_or(|lease| lease.pid.is_none()) =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

fn is_new(events: &[Event]) -> bool {
    events.iter().all(|e| matches!(e, Event::Opened(_) | Event::Prior(_)))
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
        let event = self.record.settled(event);
        self.proposer.learn(&event);
        self.tell(&event);
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
