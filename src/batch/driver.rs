//! Carries a study out: one loop over one channel, into which executor, optimizer and signals speak. Every event is
//! appended to the journal, shown, and given to the scheduler, whose wishes are carried out here. Decides nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::event::{Ended, Event, Proposed, Reason, Status};
use super::journal::{self, Journal, JournalError};
use super::plan::{Plan, PlanError, Proposes};
use super::program::{Program, Said, Task};
use super::proposer::{Answer, Nothing, Proposer, Question, Values};
use super::record::Record;
use super::report::{Level, Report};
use super::scheduler::{Action, State};
use super::signals::Watch;
use super::trials::{self, Fate, Making};
use super::{history, narration};
use crate::executor::{self, Executor, Stop};
use crate::flags::{FlagValues, Value, check};
use crate::run::{self, Asked, Facts, Hosted, Run, RunError, StopFlag, Stream};

/// How long a trial may take to stop before it is killed.
const PATIENCE: Duration = Duration::from_secs(30);
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
    #[error("cannot start the optimizer: {0}")]
    Program(std::io::Error),
    #[error("cannot watch for signals: {0}")]
    Signals(std::io::Error),
    #[error("cannot make a run id: {0}")]
    Random(std::io::Error),
    #[error("unknown executor '{0}'")]
    Executor(String),
}

/// What comes in.
enum Message {
    Executor(executor::Event),
    Program(Said),
    Answer(Answer),
    /// The stop flag was raised.
    Asked,
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
    /// Ends with the driver.
    _watch: Watch,
    /// What has happened and is not in the journal yet.
    events: VecDeque<Event>,
    /// Trial and attempt of each run in flight.
    flying: BTreeMap<String, (u64, u32)>,
    /// Runs in flight that no worker of ours supervises.
    adopted: BTreeSet<u64>,
    /// What went wrong around a run.
    problems: BTreeMap<String, String>,
    not_finite: usize,
    stopping: Option<Stopping>,
    finished: Option<Reason>,
    /// Why the study cannot go on, for the exit code.
    failed: bool,
    looked: Instant,
}

struct Stopping {
    since: Instant,
    killed: bool,
}

/// Carries out a new batch, to its end.
pub fn drive(
    plan: &Plan,
    making: &mut Making<'_>,
    report: &mut dyn Report,
    stop: &StopFlag,
) -> Result<Outcome, DriveError> {
    let batch = trials::make_batch(making)?;
    let journal = Journal::create(&batch.meta(journal::FILE)).map_err(|error| DriveError::Journal {
        error,
        batch: batch.id().to_string(),
    })?;
    let mut driver = Driver::new(plan, making, report, stop, batch, journal, Record::default())?;
    let header = plan.header();
    driver.events.push_back(Event::Opened(Box::new(header)));
    let (priors, warning) = super::prior::of(plan, driver.making)?;
    if let Some(warning) = warning {
        driver.log(Level::Warning, &warning);
    }
    driver.events.extend(priors.into_iter().map(Event::Prior));
    driver.run()
}

/// Goes on with a batch whose driver is gone. `record` is what its journal adds up to.
pub fn go_on(
    plan: &Plan,
    making: &mut Making<'_>,
    report: &mut dyn Report,
    stop: &StopFlag,
    batch: Run,
    journal: Journal,
    events: &[Event],
) -> Result<Outcome, DriveError> {
    let record = Record::of(events);
    let mut driver = Driver::new(plan, making, report, stop, batch, journal, record)?;
    for event in events {
        driver.proposer.learn(event);
    }
    driver.not_finite = driver.record.not_finite();
    for (number, trial) in driver.record.trials() {
        if let Some(ended) = &trial.ended {
            let value = ended.objective.map(|v| driver.plan.objective.signed(v));
            driver.report.earlier(number, value, ended.status != Status::Completed);
        }
    }
    driver.events.push_back(Event::Resumed {
        pid: std::process::id(),
        host: run::process::host().to_string(),
    });
    driver.run()
}

impl<'a, 'm> Driver<'a, 'm> {
    fn new(
        plan: &'a Plan,
        making: &'a mut Making<'m>,
        report: &'a mut dyn Report,
        stop: &'a StopFlag,
        batch: Run,
        journal: Journal,
        record: Record,
    ) -> Result<Driver<'a, 'm>, DriveError> {
        let (to, inbox) = sync_channel(INBOX);
        let proposer = proposer(plan, making, &batch, &to)?;
        let hosted = Hosted::begin(&batch)?;
        let entry = executor::find("local").ok_or_else(|| DriveError::Executor("local".into()))?;
        let wake = to.clone();
        let watch = Watch::start(stop, move || wake.send(Message::Asked).is_ok()).map_err(DriveError::Signals)?;
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
            batch,
            hosted,
            journal,
            record,
            proposer,
            executor,
            inbox,
            _watch: watch,
            events: VecDeque::new(),
            flying: BTreeMap::new(),
            adopted: BTreeSet::new(),
            problems: BTreeMap::new(),
            not_finite: 0,
            stopping: None,
            finished: None,
            failed: false,
            looked: Instant::now(),
        })
    }

    fn run(mut self) -> Result<Outcome, DriveError> {
        let objective = (!matches!(self.plan.proposes, Proposes::Listed(_))).then_some(&self.plan.objective);
        self.report
            .opened(self.plan.planned, objective, self.plan.spec.jobs.max(1));
        let reason = self.until_finished();
        self.report.closed();
        if let Proposer::Program(program) = &mut self.proposer {
            program.end();
        }
        let reason = reason?;
        self.close(reason)
    }

    fn until_finished(&mut self) -> Result<Reason, DriveError> {
        loop {
            while let Some(event) = self.events.pop_front() {
                self.happen(event)?;
            }
            if let Some(reason) = self.finished {
                return Ok(reason);
            }
            match self.inbox.recv_timeout(self.next_look()) {
                Ok(message) => self.hear(message),
                // Someone always holds the other end; a closed channel would mean that nothing can happen any more.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => self.look_after(),
            }
        }
    }

    /// Without anyone to look after, seldom: only the lease has to be kept fresh.
    fn next_look(&self) -> Duration {
        if self.adopted.is_empty() && self.stopping.is_none() {
            Duration::from_secs(5)
        } else {
            LOOK.saturating_sub(self.looked.elapsed())
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), DriveError> {
        if !self.record.scheduler.fits(&event) {
            return Ok(());
        }
        if let Err(error) = self.journal.append(&event) {
            let batch = self.batch.id().to_string();
            return Err(DriveError::Journal { error, batch });
        }
        let actions = self.record.apply(&event);
        let event = self.settled(event);
        self.proposer.learn(&event);
        self.tell(&event);
        for action in actions {
            self.act(action)?;
        }
        Ok(())
    }

    /// An attempt lost once too often is the end of its trial.
    fn settled(&self, event: Event) -> Event {
        if let Event::Lost { trial, .. } = &event
            && let Some(ended) = self.record.trial(*trial).and_then(|t| t.ended.clone())
        {
            return Event::Ended(ended);
        }
        event
    }

    fn log(&mut self, level: Level, text: &str) {
        self.report.log(level, text);
        for line in text.lines() {
            let line = format!("{}: [gage] {line}\n", level.word());
            self.hosted.output(Stream::Err, line.as_bytes());
        }
    }

    /// Shows what happened.
    fn tell(&mut self, event: &Event) {
        match event {
            Event::Proposed(proposed) => {
                let not_finite = self.record.not_finite();
                if not_finite > self.not_finite && matches!(self.proposer, Proposer::Searching(_)) {
                    self.not_finite = not_finite;
                    self.log(Level::Warning, &narration::not_finite(not_finite));
                }
                for note in &proposed.notes {
                    self.log(Level::Info, note);
                }
            }
            Event::Started { trial, .. } => self.report.started(*trial),
            Event::Ended(ended) => self.tell_end(ended),
            Event::Lost { trial, .. } => {
                if let Some(id) = self.record.trial(*trial).map(|t| t.run.clone()) {
                    self.log(Level::Warning, &narration::lost(&id));
                }
            }
            Event::Exhausted { reason, .. } if matches!(self.proposer, Proposer::Searching(_)) && !self.failed => {
                self.log(Level::Info, reason);
            }
            Event::Stopping { .. } => self.log(Level::Info, narration::STOPPING),
            Event::Edited(_) => self.report.planned(self.record.scheduler.planned()),
            _ => {}
        }
    }

    fn tell_end(&mut self, ended: &Ended) {
        let value = ended.objective.map(|v| self.plan.objective.signed(v));
        self.report.ended(ended.trial, value, ended.status == Status::Error);
        let Some(id) = self.record.trial(ended.trial).map(|t| t.run.clone()) else {
            return;
        };
        let problem = self.problems.remove(&id);
        if let Some((level, text)) = narration::end(&id, ended, problem.as_deref()) {
            self.log(level, &text);
        }
    }

    fn act(&mut self, action: Action) -> Result<(), DriveError> {
        match action {
            Action::Ask { trial, horizon } => {
                let question = Question {
                    trial,
                    horizon,
                    seen: self.journal.lines(),
                };
                if let Some(answer) = self.proposer.ask(question) {
                    self.answered(answer)?;
                }
            }
            Action::Launch { trial, attempt, slot } => {
                if let Some(event) = self.launch(trial, attempt, slot) {
                    self.events.push_back(event);
                }
            }
            Action::Stop { trial, .. } => self.stop_trial(trial, Stop::Gently),
            Action::Renew { trial, attempt } => {
                let waiting = self.record.trial(trial).map(|t| t.run.clone()).filter(|id| {
                    let fate = self.fate(id, trial, attempt - 1);
                    matches!(fate, Fate::Waiting { .. })
                });
                let run = match waiting {
                    Some(id) => id,
                    None => trials::new_id().map_err(DriveError::Random)?,
                };
                self.events.push_back(Event::Again { trial, attempt, run });
            }
            Action::Look { trial, attempt } => {
                let id = self.record.trial(trial).map(|t| t.run.clone()).unwrap_or_default();
                let event = self.found(&id, trial, attempt);
                self.events
                    .push_back(event.unwrap_or(Event::Waiting { trial, attempt }));
            }
            Action::Finish(reason) => self.finished = Some(reason),
        }
        Ok(())
    }

    fn answered(&mut self, answer: Answer) -> Result<(), DriveError> {
        let Question { trial, horizon, seen } = answer.question;
        let (values, point, notes) = match answer.proposed {
            Ok(Values::All(values)) => (self.completed(values), None, Vec::new()),
            Ok(Values::Point(proposal)) => {
                let Proposes::Search { spec, constants } = &self.plan.proposes else {
                    unreachable!("only a search proposes points");
                };
                let values = self.plan.complete(&spec.values(&proposal.point), constants);
                let notes = history::log_lines(&proposal, &self.plan.objective.tag());
                (values, Some(history::numbers(&proposal)), notes)
            }
            Err(Nothing::Exhausted(reason)) => {
                let reason = narration::sentence(&reason);
                self.events.push_back(Event::Exhausted { trial, reason });
                return Ok(());
            }
            Err(Nothing::Failed(reason)) => {
                self.failed = true;
                self.log(Level::Error, &narration::sentence(&reason));
                self.events.push_back(Event::Exhausted { trial, reason });
                return Ok(());
            }
        };
        let proposed = Proposed {
            trial,
            run: trials::new_id().map_err(DriveError::Random)?,
            values,
            seed: self.plan.trial_seed(trial),
            point,
            seen,
            horizon,
            notes,
            by_hand: false,
        };
        self.happen(Event::Proposed(proposed.clone()))?;
        // Trials known beforehand all exist before the first one starts.
        if matches!(self.plan.proposes, Proposes::Listed(_))
            && let Err(error) = self.making.make(&self.batch, &proposed, &proposed.run)
        {
            self.events
                .push_back(Event::Ended(trials::failed(trial, 0, 1, error.to_string())));
        }
        Ok(())
    }

    /// What a program proposes may leave flags out.
    fn completed(&self, given: FlagValues) -> FlagValues {
        let Proposes::Program(_) = &self.plan.proposes else {
            return given;
        };
        let row = &self.plan.spec.rows[0];
        let fixed = row
            .values
            .iter()
            .filter(|(_, v)| !matches!(v, Value::List(_) | Value::Function(_)));
        let mut values: FlagValues = fixed.map(|(n, v)| (n.clone(), v.clone())).collect();
        values.extend(given);
        check::add_choice_flags(&self.plan.spec.opdef.flags, &row.user, &mut values);
        values
    }

    /// Starts an attempt; gives an event if that is already its end.
    fn launch(&mut self, trial: u64, attempt: u32, slot: usize) -> Option<Event> {
        let record = self.record.trial(trial)?;
        let (id, proposed) = (record.run.clone(), record.proposed.clone());
        let failed = |exit, message: String| Some(Event::Ended(trials::failed(trial, attempt, exit, message)));
        let run = match self.making.make(&self.batch, &proposed, &id) {
            Ok(run) => run,
            Err(error) => return failed(1, error.to_string()),
        };
        let staged = match self.fate(&id, trial, attempt) {
            Fate::Waiting { staged } => staged,
            other => return self.not_waiting(&id, trial, attempt, other),
        };
        let op = &self.plan.spec.opdef.name;
        let text = narration::begin(&id, op, &proposed.values, self.plan.spec.stage_trials);
        self.log(Level::Info, &text);
        if !staged {
            match self.making.stage(&run) {
                Ok(warnings) => warnings.iter().for_each(|w| self.log(Level::Warning, w)),
                Err(error) => return failed(i32::from(error.exit_code()), error.to_string()),
            }
        }
        if self.plan.spec.stage_trials {
            return Some(Event::Ended(trials::gone(trial, attempt, Status::Staged)));
        }
        self.flying.insert(id, (trial, attempt));
        if let Err(error) = self.executor.launch(slot, &run) {
            self.flying.remove(run.id());
            return failed(126, error.to_string());
        }
        None
    }

    /// Somebody else has started it. What came of it counts; what is still to come does, if it is our own from
    /// before this driver.
    fn not_waiting(&mut self, id: &str, trial: u64, attempt: u32, fate: Fate) -> Option<Event> {
        let resumed = self.record.resumed;
        if let Some(status) = narration::status_word(&fate) {
            self.log(Level::Info, &narration::skipping(id, status));
        }
        match fate {
            Fate::Running if !resumed => Some(Event::Ended(trials::gone(trial, attempt, Status::Skipped))),
            fate => self.event_of(id, trial, attempt, fate),
        }
    }

    fn fate(&self, id: &str, trial: u64, attempt: u32) -> Fate {
        trials::fate(&Run::new(&self.making.home, id), trial, attempt, &self.plan.objective)
    }

    /// What became of an attempt; `None` while it waits.
    fn found(&mut self, id: &str, trial: u64, attempt: u32) -> Option<Event> {
        let fate = self.fate(id, trial, attempt);
        self.event_of(id, trial, attempt, fate)
    }

    fn event_of(&mut self, id: &str, trial: u64, attempt: u32, fate: Fate) -> Option<Event> {
        match fate {
            Fate::Waiting { .. } => None,
            Fate::Missing if self.flying.contains_key(id) => Some(Event::Ended(trials::failed(
                trial,
                attempt,
                1,
                narration::DELETED.into(),
            ))),
            Fate::Missing => None,
            Fate::Running => {
                self.flying.insert(id.to_string(), (trial, attempt));
                self.adopted.insert(trial);
                let lock = Run::new(&self.making.home, id).meta("proc/lock");
                let pid = run::meta::read_number(&lock).and_then(|pid| u32::try_from(pid).ok());
                Some(Event::Started { trial, attempt, pid })
            }
            Fate::Ended(ended) => {
                self.land(id, trial);
                Some(Event::Ended(*ended))
            }
            Fate::Lost => {
                self.land(id, trial);
                Some(Event::Lost { trial, attempt })
            }
        }
    }

    fn land(&mut self, id: &str, trial: u64) {
        self.flying.remove(id);
        self.adopted.remove(&trial);
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Executor(event) => self.hear_executor(event),
            Message::Answer(answer) | Message::Program(Said::Answer(answer)) => {
                if let Err(error) = self.answered(answer) {
                    self.failed = true;
                    self.log(Level::Error, &error.to_string());
                    self.events.push_back(Event::Stopping { signal: 15 });
                }
            }
            Message::Program(Said::Printed(stream, bytes)) => {
                self.report.said(stream, &bytes);
                self.hosted.output(stream, &bytes);
            }
            Message::Asked => self.asked(),
        }
        if self.looked.elapsed() > LOOK {
            self.look_after();
        }
    }

    fn hear_executor(&mut self, event: executor::Event) {
        use executor::Event::{Exited, Failed, Gone, Output, Problem, Started};
        let (Started { run, .. }
        | Output { run, .. }
        | Problem { run, .. }
        | Exited { run }
        | Failed { run, .. }
        | Gone { run }) = &event;
        let Some(&(trial, attempt)) = self.flying.get(run) else {
            return;
        };
        let id = run.clone();
        match event {
            Started { pid, .. } => self.events.push_back(Event::Started { trial, attempt, pid }),
            Output { stream, bytes, .. } => self.report.output(trial, stream, &bytes),
            Problem { message, .. } => {
                self.problems.insert(id, message);
            }
            Failed { message, .. } => {
                let event = match self.fate(&id, trial, attempt) {
                    Fate::Waiting { .. } => Some(Event::Ended(trials::failed(trial, attempt, 1, message))),
                    fate => self.not_waiting(&id, trial, attempt, fate),
                };
                self.events.extend(event);
            }
            Exited { .. } | Gone { .. } => {
                let event = match self.found(&id, trial, attempt) {
                    // The worker ended before it came to start the run.
                    None => {
                        self.land(&id, trial);
                        Some(Event::Lost { trial, attempt })
                    }
                    event => event,
                };
                self.events.extend(event);
            }
        }
    }

    fn asked(&mut self) {
        match self.stop.asked() {
            Asked::Nothing => {}
            Asked::Stop if self.stopping.is_some() => {}
            Asked::Stop => {
                self.begin_stopping();
                let signal = self.stop.signal().unwrap_or(15);
                self.events.push_back(Event::Stopping { signal });
            }
            Asked::Kill => {
                if self.stopping.is_none() {
                    let signal = self.stop.signal().unwrap_or(15);
                    self.begin_stopping();
                    self.events.push_back(Event::Stopping { signal });
                }
                self.kill_all();
            }
        }
    }

    fn begin_stopping(&mut self) {
        self.stopping = Some(Stopping {
            since: Instant::now(),
            killed: false,
        });
        if let Proposer::Program(program) = &mut self.proposer {
            program.stop();
        }
    }

    fn stop_trial(&mut self, trial: u64, how: Stop) {
        let Some(record) = self.record.trial(trial) else { return };
        let (id, pid) = (record.run.clone(), record.pid);
        if let Some(pid) = pid {
            let (level, text) = narration::stop(pid, how);
            self.log(level, &text);
        }
        let run = Run::new(&self.making.home, &id);
        if self.adopted.contains(&trial) {
            // Its supervisor is not ours to talk to. What comes of it is seen in its files.
            let force = how == Stop::AtOnce;
            let timeout = if force { Duration::ZERO } else { PATIENCE };
            std::thread::spawn(move || drop(run::stop::stop(&run, timeout, force)));
        } else {
            self.executor.stop(&run, how);
        }
    }

    fn kill_all(&mut self) {
        match &mut self.stopping {
            Some(stopping) if !stopping.killed => stopping.killed = true,
            _ => return,
        }
        let scheduler = &self.record.scheduler;
        let live = self.record.trials().map(|(number, _)| number);
        let live: Vec<u64> = live
            .filter(|n| matches!(scheduler.state(*n), Some(State::Live { .. })))
            .collect();
        for trial in live {
            self.stop_trial(trial, Stop::AtOnce);
        }
    }

    /// What nobody reports on: adopted runs, stops that take too long, our own lease.
    fn look_after(&mut self) {
        self.looked = Instant::now();
        self.hosted.tick();
        if self.hosted.is_stopping() && self.stopping.is_none() {
            self.stop.stop();
        }
        if self
            .stopping
            .as_ref()
            .is_some_and(|s| !s.killed && s.since.elapsed() > PATIENCE)
        {
            self.kill_all();
        }
        let adopted = self
            .flying
            .iter()
            .filter(|(_, (trial, _))| self.adopted.contains(trial));
        let adopted: Vec<(String, u64, u32)> = adopted.map(|(id, (t, a))| (id.clone(), *t, *a)).collect();
        for (id, trial, attempt) in adopted {
            let event = self.found(&id, trial, attempt);
            self.events.extend(event);
        }
    }

    fn close(mut self, reason: Reason) -> Result<Outcome, DriveError> {
        let counts = self.record.scheduler.counts();
        let exit = match reason {
            Reason::Stopped => -self.stop.signal().unwrap_or(15),
            Reason::TrialFailed => {
                self.log(Level::Error, narration::TRIAL_FAILED);
                1
            }
            Reason::Done if counts.completed + counts.skipped + counts.staged == 0 && counts.done() > 0 => {
                self.log(Level::Error, &narration::all_failed(counts.done()));
                1
            }
            Reason::Done => i32::from(self.failed),
        };
        if let Err(error) = self.journal.append(&Event::Closed { reason }) {
            // What it would say can be seen from the other events.
            self.log(Level::Warning, &error.to_string());
        }
        drop(self.executor);
        let ended = self.hosted.end(exit);
        for problem in &ended.problems {
            self.report.log(Level::Warning, problem);
        }
        let mut deleted = false;
        if ended.code == 0 && !self.making.keep_batch && !self.plan.keeps_batch() {
            match run::remove::delete_permanently(&self.batch) {
                Ok(()) => deleted = true,
                Err(error) => self.report.log(Level::Warning, &error.to_string()),
            }
        }
        let code = if exit < 0 { 128 - exit } else { exit };
        Ok(Outcome {
            reason,
            exit: u8::try_from(code).unwrap_or(1),
            batch: self.batch,
            deleted,
        })
    }
}

/// The source of proposals that a plan asks for.
fn proposer(plan: &Plan, making: &Making<'_>, batch: &Run, to: &SyncSender<Message>) -> Result<Proposer, DriveError> {
    Ok(match &plan.proposes {
        Proposes::Listed(trials) => Proposer::Listed(trials.clone()),
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
