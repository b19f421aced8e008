//! Where proposals come from while a study runs: a list, a search on a thread of its own, or a program. Answers
//! come back as messages, so that nobody waits for a model to be fitted.

use std::sync::mpsc::{Receiver, Sender, channel};

use gage_optimizers::{AskError, Proposal};

use super::event::{Event, Header};
use super::history::Searcher;
use super::plan::{Plan, PlanError, Proposes};
use super::program::Program;
use super::record::Record;
use crate::flags::FlagValues;
use crate::run::reason;

/// A question, as the scheduler asks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    pub trial: u64,
    pub horizon: Option<u64>,
    /// Lines of the journal at the time of asking.
    pub seen: u64,
}

/// Its answer.
#[derive(Debug)]
pub struct Answer {
    pub question: Question,
    pub proposed: Result<Values, Nothing>,
}

/// What a trial gets.
#[derive(Debug)]
pub enum Values {
    /// Every flag of it.
    All(FlagValues),
    /// A point of the search.
    Point(Proposal),
}

/// Why there is no proposal.
#[derive(Debug)]
pub enum Nothing {
    /// There are no more.
    Exhausted(String),
    /// Asking failed; the study cannot go on.
    Failed(String),
}

/// A source of proposals.
pub enum Proposer {
    Listed(Listed),
    Searching(Thread),
    Program(Program),
}

/// Trials that are known beforehand, one after another.
#[derive(Debug, Default)]
pub struct Listed {
    /// How many were proposed.
    next: usize,
    /// Those after the planned ones, as far as they were needed.
    beyond: Vec<FlagValues>,
}

impl Listed {
    /// Notes a proposal.
    pub fn learn(&mut self, event: &Event) {
        if let Event::Proposed(proposed) = event {
            self.next += usize::from(!proposed.by_hand);
        }
    }

    /// The next trial of the plan's list.
    pub fn next(&mut self, plan: &Plan) -> Option<FlagValues> {
        let Proposes::Listed(listed) = &plan.proposes else {
            return None;
        };
        if let Some(values) = listed.get(self.next) {
            return Some(values.clone());
        }
        let index = self.next - listed.len();
        if index >= self.beyond.len() {
            // What is wrong with the list was found when it was planned.
            self.beyond = plan.beyond(2 * index as u64 + 16).unwrap_or_default();
        }
        self.beyond.get(index).cloned()
    }
}

/// A search on a thread.
pub struct Thread {
    to: Sender<Work>,
}

enum Work {
    Learn(Event),
    Ask(Question),
}

impl Proposer {
    /// A search that answers through `reply`.
    pub fn search(header: &Header, reply: impl Fn(Answer) + Send + 'static) -> Result<Proposer, PlanError> {
        let searcher = Searcher::new(header)?;
        let (to, work) = channel();
        std::thread::Builder::new()
            .name("optimizer".into())
            .spawn(move || search(searcher, &work, reply))
            .map_err(|error| PlanError::NoThread(reason(&error)))?;
        Ok(Proposer::Searching(Thread { to }))
    }

    /// Tells what happened, before any later question.
    pub fn learn(&mut self, event: &Event) {
        match self {
            Proposer::Listed(listed) => listed.learn(event),
            Proposer::Searching(thread) => {
                if matches!(
                    event,
                    Event::Prior(_) | Event::Proposed(_) | Event::Ended(_) | Event::Again { .. }
                ) {
                    // A thread that has ended has said why.
                    let _ = thread.to.send(Work::Learn(event.clone()));
                }
            }
            Proposer::Program(program) => program.learn(event),
        }
    }

    /// Tells everything that happened before.
    pub fn catch_up(&mut self, events: &[Event]) {
        let mut record = Record::default();
        if let Proposer::Program(program) = self {
            let whole = Record::of(events);
            program.skip(whole.own);
            for event in events {
                record.apply(event);
                let event = record.settled(event.clone());
                // It gets one result of each trial: the last.
                let taken_back = matches!(&event, Event::Ended(ended)
                    if whole.trial(ended.trial).is_none_or(|t| t.ended.as_ref() != Some(ended)));
                if !taken_back {
                    program.learn(&event);
                }
            }
            return;
        }
        for event in events {
            record.apply(event);
            self.learn(&record.settled(event.clone()));
        }
    }

    /// Asks for a trial. `Some` is the answer; otherwise it comes as a message.
    pub fn ask(&mut self, question: Question, plan: &Plan) -> Option<Answer> {
        match self {
            Proposer::Listed(listed) => {
                let values = listed.next(plan);
                let none = || Nothing::Exhausted("there are no more trials in the list".into());
                Some(Answer {
                    question,
                    proposed: values.map(Values::All).ok_or_else(none),
                })
            }
            Proposer::Searching(thread) => {
                let lost = thread.to.send(Work::Ask(question)).is_err();
                lost.then(|| Answer {
                    question,
                    proposed: Err(Nothing::Failed("the optimizer has ended".into())),
                })
            }
            Proposer::Program(program) => {
                program.ask(question);
                None
            }
        }
    }
}

fn search(mut searcher: Searcher, work: &Receiver<Work>, reply: impl Fn(Answer)) {
    while let Ok(work) = work.recv() {
        match work {
            Work::Learn(event) => searcher.learn(&event),
            Work::Ask(question) => {
                // A panic is a defect, but the trials that run are not to be lost to it.
                let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    searcher.ask(question.trial, question.horizon)
                }));
                let proposed = match asked {
                    Ok(Ok(proposal)) => Ok(Values::Point(proposal)),
                    Ok(Err(error @ AskError::Exhausted)) => Err(Nothing::Exhausted(error.to_string())),
                    Err(_) => Err(Nothing::Failed("the optimizer failed".into())),
                };
                let failed = matches!(proposed, Err(Nothing::Failed(_)));
                reply(Answer { question, proposed });
                if failed {
                    return;
                }
            }
        }
    }
}
