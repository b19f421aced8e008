//! A batch as those see it who look from outside: how far it is, what its trials came to, who carries it out.
//! Reads the journal and, for what was in flight when a driver died, the runs themselves. Changes nothing.

use super::event::{Ended, Event, Header, Status as Outcome};
use super::journal::{self, JournalError};
use super::objective::Objective;
use super::record::{Record, TrialRecord};
use super::resume::{self, ResumeError};
use super::scheduler::State;
use super::trials::{self, Fate};
use crate::flags::FlagValues;
use crate::run::{Exceeded, Run, Status, status};

/// A batch at one moment.
#[derive(Debug)]
pub struct Overview {
    pub batch: Run,
    pub status: Status,
    /// Process id and host of whoever carries it out.
    pub driver: Option<(i64, String)>,
    pub header: Header,
    pub objective: Objective,
    pub record: Record,
    /// By number; only those that were proposed.
    pub trials: Vec<Trial>,
    /// Everything of the journal that is not about a single trial, with its time in microseconds since the epoch.
    pub turns: Vec<(u64, Event)>,
    /// The end of the study was reached, and nothing was asked for since.
    pub finished: bool,
}

/// Where a trial stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has its values and waits for a free slot.
    Waiting,
    Running,
    /// It was being run when its driver died, and its program did not come to an end.
    Lost,
    Ended(Outcome),
}

/// One trial.
#[derive(Debug)]
pub struct Trial {
    /// From 0.
    pub number: u64,
    /// The run of the attempt at hand.
    pub run: String,
    /// From 0.
    pub attempt: u32,
    pub standing: Standing,
    pub exit: Option<i32>,
    /// The limit that it went beyond.
    pub exceeded: Option<Exceeded>,
    /// What the program said, with its own sign; possibly not finite.
    pub value: Option<f64>,
    pub seconds: Option<f64>,
    pub values: FlagValues,
    pub seed: u32,
    pub by_hand: bool,
}

impl Standing {
    /// The word that lists and JSON use.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Waiting => "waiting",
            Standing::Running => "running",
            Standing::Lost => "lost",
            Standing::Ended(Outcome::Completed) => "completed",
            Standing::Ended(Outcome::Error) => "error",
            Standing::Ended(Outcome::Terminated) => "terminated",
            Standing::Ended(Outcome::Skipped) => "skipped",
            Standing::Ended(Outcome::Staged) => "staged",
        }
    }
}

impl Overview {
    /// Reads a batch.
    pub fn read(batch: &Run) -> Result<Overview, ResumeError> {
        if !resume::is_batch(batch) {
            return Err(ResumeError::NoBatch(batch.id().to_string()));
        }
        // Who lives is asked first: a driver that ends meanwhile has written its journal to the end.
        let driver = resume::driver(batch);
        let (events, times) = journal::read_timed(&batch.meta(journal::FILE))?;
        let Some(Event::Opened(header)) = events.first() else {
            return Err(ResumeError::Empty(batch.id().to_string()));
        };
        let objective = Objective::parse(&header.objective).map_err(|error| JournalError::Damaged {
            path: batch.meta(journal::FILE),
            line: 1,
            reason: error.to_string(),
        })?;
        let record = Record::of(&events);
        let finished = resume::is_at_its_end(&events);
        let alive = driver.is_some();
        let trials = record
            .trials()
            .map(|(number, trial)| of_record(batch, &record, number, trial, &objective, alive))
            .collect();
        Ok(Overview {
            status: status::of(batch),
            driver,
            header: (**header).clone(),
            trials,
            turns: turns(&events, &times),
            finished,
            objective,
            record,
            batch: batch.clone(),
        })
    }

    /// True while nothing is started until it is continued.
    pub fn is_paused(&self) -> bool {
        self.driver.is_some() && self.record.scheduler.is_paused()
    }

    /// Trials that stand so.
    pub fn count(&self, is: impl Fn(Standing) -> bool) -> u64 {
        self.trials.iter().filter(|trial| is(trial.standing)).count() as u64
    }

    /// Trials that came to an end.
    pub fn ended(&self) -> u64 {
        self.count(|standing| matches!(standing, Standing::Ended(_)))
    }

    /// The completed trial with the best value, the earliest of equals.
    pub fn best(&self) -> Option<&Trial> {
        let completed = self
            .trials
            .iter()
            .filter(|trial| trial.standing == Standing::Ended(Outcome::Completed));
        let valued = completed.filter_map(|trial| Some((trial, trial.value.filter(|v| v.is_finite())?)));
        valued
            .min_by(|a, b| self.objective.signed(a.1).total_cmp(&self.objective.signed(b.1)))
            .map(|(trial, _)| trial)
    }
}

fn of_record(
    batch: &Run,
    record: &Record,
    number: u64,
    trial: &TrialRecord,
    objective: &Objective,
    driver_lives: bool,
) -> Trial {
    let mut ended: Option<Ended> = trial.ended.clone();
    let standing = match record.scheduler.state(number) {
        Some(State::Done(Outcome::Staged)) => {
            // Others start it; what came of it is known by its run alone.
            let run = Run::new(batch.home(), trial.run.as_str());
            match trials::fate(&run, number, trial.attempt, objective) {
                Fate::Running => Standing::Running,
                Fate::Lost => Standing::Ended(Outcome::Terminated),
                Fate::Missing | Fate::Waiting { .. } | Fate::Unreadable(_) => Standing::Ended(Outcome::Staged),
                Fate::Ended(found) => Standing::Ended(ended.insert(*found).status),
            }
        }
        Some(State::Done(status)) => Standing::Ended(status),
        Some(State::Live { .. } | State::Unknown) if driver_lives => Standing::Running,
        Some(State::Live { .. } | State::Unknown) => {
            let run = Run::new(batch.home(), trial.run.as_str());
            match trials::fate(&run, number, trial.attempt, objective) {
                Fate::Running => Standing::Running,
                Fate::Lost => Standing::Lost,
                Fate::Missing | Fate::Waiting { .. } | Fate::Unreadable(_) => Standing::Waiting,
                Fate::Ended(found) => Standing::Ended(ended.insert(*found).status),
            }
        }
        Some(State::Asked | State::Ready | State::Renewing) | None => Standing::Waiting,
    };
    let ended = ended.filter(|_| matches!(standing, Standing::Ended(_)));
    Trial {
        number,
        run: trial.run.clone(),
        attempt: trial.attempt,
        standing,
        exit: ended.as_ref().map(|e| e.exit),
        exceeded: ended.as_ref().and_then(|e| e.exceeded),
        value: ended.as_ref().and_then(|e| e.objective).map(|v| objective.signed(v)),
        seconds: ended.as_ref().and_then(|e| e.seconds),
        values: trial.proposed.values.clone(),
        seed: trial.proposed.seed,
        by_hand: trial.proposed.by_hand,
    }
}

fn turns(events: &[Event], times: &[u64]) -> Vec<(u64, Event)> {
    let timed = times.iter().zip(events);
    let turns = timed.filter(|(_, event)| match event {
        Event::Resumed { .. } | Event::Edited(_) | Event::Stopping { .. } | Event::Closed { .. } => true,
        Event::Proposed(proposed) => proposed.by_hand,
        _ => false,
    });
    turns.map(|(at, event)| (*at, event.clone())).collect()
}
