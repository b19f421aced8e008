//! Changes to a batch that nobody carries out: whoever asks takes the batch's lease for a moment and appends to the
//! journal as its driver would. Starts nothing.

use std::time::{Duration, Instant};

use thiserror::Error;

use super::edits::{self, Place};
use super::event::Event;
use super::journal::{self, Journal, JournalError};
use super::record::Record;
use super::request::{self, Answer, Change, Request};
use super::resume::{self, ResumeError};
use super::trials;
use crate::run::lease::Moment;
use crate::run::{Run, RunError};

/// How long a driver may take to answer: it may be on another host, where it looks every few seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a change was not made.
#[derive(Debug, Error)]
pub enum AskError {
    #[error("{0}")]
    Refused(String),
    #[error("batch {0} did not answer within 30 seconds - nothing was changed")]
    NoAnswer(String),
    #[error("batch {id} took the change up but did not answer\nTry 'gage batch show {id}' to see what came of it.")]
    HalfAnswered { id: String },
    #[error("batch {0} has completed and was deleted")]
    Deleted(String),
    #[error("cannot ask batch {id}: {error}")]
    Io { id: String, error: std::io::Error },
    #[error(transparent)]
    Resume(#[from] ResumeError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub said: String,
    /// Somebody carries the batch out and acts on it.
    pub driven: bool,
}

/// Asks for a change of a batch: of whoever carries it out, else of its journal.
pub fn ask(batch: &Run, change: Change) -> Result<Changed, AskError> {
    let io = |error| AskError::Io {
        id: batch.id().to_string(),
        error,
    };
    let request = Request::new(change).map_err(io)?;
    match request.send(batch) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(AskError::Deleted(batch.id().to_string()));
        }
        sent => sent.map_err(io)?,
    }
    let asked = wait(batch, &request);
    if asked.is_err() {
        // Whatever went wrong here must not happen later behind the back of whoever asked.
        request.take_back(batch);
    }
    asked
}

fn wait(batch: &Run, request: &Request) -> Result<Changed, AskError> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(2);
    let mut driven = true;
    loop {
        let waits = request.waits(batch);
        if let Some(answer) = request.answered(batch) {
            return match answer {
                Answer::Done(said) => Ok(Changed { said, driven }),
                Answer::Refused(why) => Err(AskError::Refused(why)),
            };
        }
        if !waits {
            return without_answer(batch, request, driven);
        }
        if !batch.meta(journal::FILE).exists() {
            return Err(AskError::Deleted(batch.id().to_string()));
        }
        if resume::driver(batch).is_none() && settle(batch)? {
            driven = false;
            continue;
        }
        if began.elapsed() > PATIENCE {
            if request.take_back(batch) {
                return Err(AskError::NoAnswer(batch.id().to_string()));
            }
            if began.elapsed() > 2 * PATIENCE {
                return Err(AskError::HalfAnswered {
                    id: batch.id().to_string(),
                });
            }
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// The request is gone: with its batch, or its answer was cleared away by the next driver.
fn without_answer(batch: &Run, request: &Request, driven: bool) -> Result<Changed, AskError> {
    let id = batch.id().to_string();
    let path = batch.meta(journal::FILE);
    if !path.exists() {
        return Err(AskError::Deleted(id));
    }
    match Record::of(&journal::read(&path)?).requests.contains(&request.id) {
        true => Ok(Changed {
            said: "Done".into(),
            driven,
        }),
        false => Err(AskError::HalfAnswered { id }),
    }
}

/// Carries out what was asked of a batch that nobody carries out. False if somebody does.
pub fn settle(batch: &Run) -> Result<bool, AskError> {
    let _moment = match Moment::claim(batch) {
        Ok(moment) => moment,
        Err(RunError::Running(_)) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    settle_all(batch).map(|()| true)
}

fn settle_all(batch: &Run) -> Result<(), AskError> {
    let study = resume::read(batch)?;
    let (mut journal, events) = Journal::open(&batch.meta(journal::FILE))?;
    let mut record = Record::of(&events);
    for request in request::waiting(batch) {
        if !request.take_up(batch) {
            continue;
        }
        let place = Place {
            plan: &study.plan,
            record: &record,
            batch: batch.id(),
            driven: false,
            lines: journal.lines(),
        };
        let run = trials::new_id().map_err(|error| AskError::Io {
            id: batch.id().to_string(),
            error,
        })?;
        let decided = edits::decide(&request, place, &run);
        if let Some(event) = &decided.event {
            append(&mut journal, &mut record, event)?;
        }
        request.answer(batch, &decided.answer);
    }
    Ok(())
}

fn append(journal: &mut Journal, record: &mut Record, event: &Event) -> Result<(), JournalError> {
    journal.append(event)?;
    // What is answered stays, whatever happens to the machine.
    let _ = journal.sync();
    record.apply(event);
    Ok(())
}
