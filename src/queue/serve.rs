//! The queue at work: one loop over one channel. Looks for staged runs, gives them to workers, says what became of
//! them.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::child::{self, Exec};
use super::staged::{self, Looker};
use super::{Options, QueueError};
use crate::batch::report::{Level, Report};
use crate::batch::signals::Watch;
use crate::executor::{self, Executor, local::Local};
use crate::run::limits;
use crate::run::{self, Hosted, Run, Status, StopFlag, Stream, clock, status};

/// First time between looks of an idle queue; it doubles up to the longest.
const SHORTEST: Duration = Duration::from_millis(500);
/// The queue's own lease is touched at least so often.
const TICK: Duration = Duration::from_secs(5);

/// What a queue has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Runs that were started.
    pub started: u64,
    /// Runs that could not be started.
    pub refused: u64,
    /// Runs were stopped because the queue was.
    pub stopped: bool,
}

pub(super) enum Message {
    Executor(executor::Event),
    /// What an exec had to say if it failed.
    Exec(usize, Option<String>),
    /// The stop flag was raised.
    Asked,
}

/// A run at hand.
pub(super) struct Flying {
    pub(super) run: Run,
    /// In the order of starts, from 0.
    pub(super) number: u64,
    pub(super) started: bool,
    pub(super) exec: Option<Exec>,
    pub(super) problem: Option<String>,
}

pub(super) struct Queue<'a> {
    options: &'a Options,
    pub(super) report: &'a mut dyn Report,
    pub(super) stop: &'a StopFlag,
    /// The queue's own run, where it is not the program of one.
    hosted: Option<&'a mut Hosted>,
    own: &'a str,
    pub(super) workers: Local,
    env: Vec<(String, String)>,
    to: Sender<Message>,
    inbox: Receiver<Message>,
    looker: Looker,
    waiting: VecDeque<Run>,
    /// By slot.
    pub(super) flying: Vec<Option<Flying>>,
    tried: u64,
    pub(super) outcome: Outcome,
    pub(super) stopping: bool,
    pub(super) killed: bool,
    /// Time between looks.
    pause: Duration,
    next_look: Instant,
    /// What an idle queue has said last.
    idle: Option<String>,
    /// Nothing is left that could be started.
    empty: bool,
}

/// Serves a runs home until it is told to stop or, with `once`, until nothing staged is left. `own` is the id of the run
/// that the queue is; `hosted`, where this process executes it.
pub fn serve(
    options: &Options,
    report: &mut dyn Report,
    stop: &StopFlag,
    own: &str,
    hosted: Option<&mut Hosted>,
) -> Result<Outcome, QueueError> {
    let (to, inbox) = channel();
    let wake = to.clone();
    let _watch = Watch::start(stop, None, move |_| wake.send(Message::Asked).is_ok()).map_err(QueueError::Signals)?;
    let env: Vec<(String, String)> = options
        .gpus
        .iter()
        .map(|gpus| ("CUDA_VISIBLE_DEVICES".to_string(), gpus.clone()))
        .collect();
    let events = to.clone();
    let listener = Box::new(move |event| drop(events.send(Message::Executor(event))));
    let jobs = options.jobs.max(1);
    report.opened(None, None, jobs);
    let mut queue = Queue {
        options,
        report,
        stop,
        hosted,
        own,
        workers: Local::new(options.gage.clone(), listener).with_env(env.clone()),
        env,
        to,
        inbox,
        looker: Looker::new(),
        waiting: VecDeque::new(),
        flying: (0..jobs).map(|_| None).collect(),
        tried: 0,
        outcome: Outcome::default(),
        stopping: false,
        killed: false,
        pause: SHORTEST,
        next_look: Instant::now(),
        idle: None,
        empty: false,
    };
    let served = queue.run();
    queue.say("Stopping queue");
    queue.report.closed();
    let outcome = queue.outcome;
    served.map(|()| outcome)
}

impl Queue<'_> {
    fn run(&mut self) -> Result<(), QueueError> {
        self.say("Starting queue");
        if self.options.once {
            self.say("Processing staged runs");
        }
        loop {
            self.asked();
            self.fill()?;
            let busy = self.flying.iter().any(Option::is_some);
            if !busy && (self.stopping || self.options.once && self.empty) {
                return Ok(());
            }
            let until_look = self.next_look.saturating_duration_since(Instant::now());
            let wait = match self.free_slot() {
                Some(_) if !self.stopping => until_look.min(TICK),
                _ => TICK,
            };
            match self.inbox.recv_timeout(wait) {
                Ok(message) => self.hear(message),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if let Some(hosted) = &mut self.hosted {
                hosted.tick();
            }
        }
    }

    /// A log line, on the terminal and in the queue's own output.
    pub(super) fn log(&mut self, level: Level, text: &str) {
        self.report.log(level, text);
        let Some(hosted) = &mut self.hosted else { return };
        for line in text.lines() {
            let line = format!("{}: [gage] {line}\n", level.word());
            hosted.output(Stream::Err, line.as_bytes());
        }
    }

    pub(super) fn say(&mut self, text: &str) {
        let time = clock::local_time(clock::now_us());
        self.log(Level::Info, &format!("{time} {text}"));
    }

    /// Says once per idle period what is waited for.
    fn say_idle(&mut self, text: String) {
        if self.idle.as_ref() != Some(&text) {
            self.say(&text);
            self.idle = Some(text);
        }
    }

    fn free_slot(&self) -> Option<usize> {
        self.flying.iter().position(Option::is_none)
    }

    fn is_mine(&self, id: &str) -> bool {
        id == self.own || self.flying.iter().flatten().any(|f| f.run.id() == id)
    }

    /// Gives free slots what waits, after looking for more if it is time.
    fn fill(&mut self) -> Result<(), QueueError> {
        while let Some(slot) = self.free_slot().filter(|_| !self.stopping) {
            if self.waiting.is_empty() && !self.look()? {
                return Ok(());
            }
            if self.options.wait_for_running && !self.others_are_done()? {
                return Ok(());
            }
            if let Some(run) = self.waiting.pop_front() {
                self.launch(slot, run);
            }
        }
        Ok(())
    }

    /// True if there is something to start.
    fn look(&mut self) -> Result<bool, QueueError> {
        if Instant::now() < self.next_look {
            return Ok(false);
        }
        let mine: Vec<String> = self.flying.iter().flatten().map(|f| f.run.id().to_string()).collect();
        let looked = self.looker.look(self.options, |id| mine.iter().any(|mine| mine == id));
        let looked = looked.map_err(|source| self.home(source))?;
        self.waiting = looked.candidates.into();
        self.empty = self.waiting.is_empty() && !looked.unsettled;
        if self.waiting.is_empty() {
            // The longer nothing comes, the seldomer it is looked for.
            self.pause = match looked.unsettled {
                true => SHORTEST,
                false => (self.pause * 2).min(self.options.interval),
            };
            self.next_look = Instant::now() + self.pause.min(self.options.interval);
            if self.flying.iter().all(Option::is_none) && !looked.unsettled && !self.options.once {
                self.say_idle("Waiting for staged runs".into());
            }
            return Ok(false);
        }
        self.pause = SHORTEST;
        Ok(true)
    }

    fn home(&self, source: std::io::Error) -> QueueError {
        let home = self.options.home.clone();
        QueueError::Home { home, source }
    }

    /// `wait-for-running`: says what is waited for.
    fn others_are_done(&mut self) -> Result<bool, QueueError> {
        let Some(first) = self.waiting.front().map(|run| run.id().to_string()) else {
            return Ok(false);
        };
        if Instant::now() < self.next_look {
            return Ok(false);
        }
        let others = staged::others(self.options, |id| self.is_mine(id)).map_err(|source| self.home(source))?;
        if others.is_empty() {
            return Ok(true);
        }
        let others = others.join(", ");
        self.say_idle(format!(
            "Found staged run {first} (waiting for runs to finish: {others})"
        ));
        self.next_look = Instant::now() + self.options.interval.min(Duration::from_secs(1));
        // What is waited for may be started by another queue meanwhile.
        self.waiting.clear();
        Ok(false)
    }

    fn launch(&mut self, slot: usize, run: Run) {
        // It may have been started since it was looked for. Whoever comes to the same moment later loses by the lease.
        if status::of(&run) != Status::Staged {
            return;
        }
        if let Err(error) = self.looker.clear(&run) {
            return self.refuse(&run, &error.to_string());
        }
        let number = self.tried;
        self.tried += 1;
        let exec = if child::is_needed(&run) {
            let to = self.to.clone();
            let ended = move |said| drop(to.send(Message::Exec(slot, said)));
            match Exec::start(&self.options.gage, &run, &self.env, ended) {
                Ok(exec) => {
                    self.say_started(&run);
                    self.report.started(number);
                    Some(exec)
                }
                Err(error) => return self.refuse(&run, &run::reason(&error)),
            }
        } else {
            if let Err(error) = self.workers.launch(slot, &run) {
                return self.refuse(&run, &error.to_string());
            }
            None
        };
        self.flying[slot] = Some(Flying {
            run,
            number,
            started: exec.is_some(),
            exec,
            problem: None,
        });
    }

    pub(super) fn say_started(&mut self, run: &Run) {
        self.idle = None;
        self.outcome.started += 1;
        self.say(&format!("Starting staged run {}", run.id()));
    }

    /// A run that cannot be started may be able to be later: a disk was full, a directory not mounted.
    pub(super) fn refuse(&mut self, run: &Run, why: &str) {
        self.outcome.refused += 1;
        let again = self.looker.refuse(run, self.options.once);
        let again = again.map(|pause| format!(" - it is tried again in {}", limits::seconds(pause.as_secs_f64())));
        let text = format!(
            "Cannot start staged run {}: {why}{}",
            run.id(),
            again.unwrap_or_default()
        );
        self.log(Level::Error, &text);
    }
}
