//! What a request means for a study: the event that goes to the journal, or why it is refused. Pure, so that a
//! driver, a command that finds no driver, and the simulation decide alike.

use super::event::{Edit, Edited, Event, Proposed, Status};
use super::plan::Plan;
use super::record::Record;
use super::request::{Answer, Change, Request, Which};
use super::scheduler::State;

/// More slots than any machine has use for.
const MOST_JOBS: usize = 100_000;

/// Where a request is decided.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub plan: &'a Plan,
    pub record: &'a Record,
    /// Id of the batch run, for texts.
    pub batch: &'a str,
    /// Somebody carries the batch out.
    pub driven: bool,
    /// Lines of the journal.
    pub lines: u64,
}

/// What comes of a request: at most one event, so that it happens whole or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    pub event: Option<Event>,
    /// To be given once the event has happened.
    pub answer: Answer,
}

impl Decided {
    fn event(event: Event, said: String) -> Decided {
        Decided {
            event: Some(event),
            answer: Answer::Done(said),
        }
    }

    fn nothing(said: String) -> Decided {
        Decided {
            event: None,
            answer: Answer::Done(said),
        }
    }

    fn refused(why: String) -> Decided {
        Decided {
            event: None,
            answer: Answer::Refused(why),
        }
    }
}

/// Decides a request. `run` is the id that a new trial's run gets.
pub fn decide(request: &Request, place: Place<'_>, run: &str) -> Decided {
    if place.record.requests.contains(&request.id) {
        return Decided::nothing("Done".into());
    }
    if !place.driven && place.lines <= 1 + place.record.priors.len() as u64 {
        return Decided::refused(format!(
            "batch {0} has not begun\nTo start it, use 'gage run --start {0}'.",
            place.batch
        ));
    }
    let edited = |edit| {
        Event::Edited(Edited {
            edit,
            request: Some(request.id.clone()),
        })
    };
    let scheduler = &place.record.scheduler;
    let batch = place.batch;
    match &request.change {
        Change::Trials(count) => trials(*count, place, edited),
        Change::MoreTrials(more) => match scheduler.planned() {
            Some(planned) => trials(planned.saturating_add(*more), place, edited),
            None => Decided::refused(format!(
                "batch {batch} runs as many trials as its optimizer proposes - use 'gage batch set --max-trials N'"
            )),
        },
        Change::Jobs(jobs) if *jobs == scheduler.rules().slots => Decided::nothing(format!(
            "Batch {batch} already runs {} at a time",
            trials_text(*jobs as u64)
        )),
        Change::Jobs(_) if is_over(place) => over(batch),
        Change::Jobs(jobs) if *jobs > MOST_JOBS => Decided::refused(format!(
            "batch {batch} cannot run {jobs} trials at a time - {MOST_JOBS} are the most"
        )),
        Change::Jobs(jobs) => {
            let lag = scheduler.lag();
            let bound = match scheduler.rules().deterministic && *jobs > lag {
                true => format!(
                    " - with --deterministic no more than {lag}, as each proposal waits for the results of all but the last {lag}"
                ),
                false => String::new(),
            };
            let said = format!("Batch {batch} runs {} at a time{bound}", trials_text(*jobs as u64));
            Decided::event(edited(Edit::Jobs(*jobs)), said)
        }
        Change::Pause | Change::Continue if !place.driven => Decided::refused(match is_over(place) {
            true => format!("batch {batch} has come to its end"),
            false => {
                format!("batch {batch} is not being carried out\nTo go on with it, use 'gage batch resume {batch}'.")
            }
        }),
        Change::Pause if scheduler.is_paused() => Decided::nothing(format!("Batch {batch} is paused already")),
        Change::Pause => Decided::event(
            edited(Edit::Pause),
            format!("Batch {batch} is paused: running trials come to their end, no others are started"),
        ),
        Change::Continue if !scheduler.is_paused() => Decided::nothing(format!("Batch {batch} is not paused")),
        Change::Continue => Decided::event(edited(Edit::Continue), format!("Batch {batch} goes on")),
        Change::Enqueue(values) => {
            let trial = scheduler.len();
            let proposed = Proposed {
                trial,
                run: run.to_string(),
                values: values.clone(),
                seed: place.plan.trial_seed(trial),
                seen: place.lines,
                by_hand: true,
                request: Some(request.id.clone()),
                ..Proposed::default()
            };
            Decided::event(
                Event::Proposed(proposed),
                format!("Enqueued as trial {} of batch {batch}", trial + 1),
            )
        }
        Change::Retry(which) => retry(which, place, edited),
    }
}

fn trials(count: u64, place: Place<'_>, edited: impl FnOnce(Edit) -> Event) -> Decided {
    let Place {
        plan, record, batch, ..
    } = place;
    let scheduler = &record.scheduler;
    let planned = scheduler.planned();
    if planned == Some(count) {
        return Decided::nothing(format!("Batch {batch} already has {}", trials_text(count)));
    }
    if let Some(reason) = &record.exhausted {
        return Decided::refused(format!("batch {batch} cannot have more trials: {reason}"));
    }
    let proposed = scheduler.len();
    if count < proposed {
        return Decided::refused(format!(
            "batch {batch} cannot have {}: {proposed} are proposed already",
            trials_text(count)
        ));
    }
    let by_hand = proposed.saturating_sub(record.own);
    if let Some(most) = plan.most().map(|most| most + by_hand).filter(|most| count > *most) {
        return Decided::refused(format!(
            "batch {batch} cannot have {}: its grid has {} points, and {by_hand} were enqueued",
            trials_text(count),
            most - by_hand
        ));
    }
    Decided::event(
        edited(Edit::Trials(count)),
        format!("Batch {batch} has {}", trials_text(count)),
    )
}

fn retry(which: &Which, place: Place<'_>, edited: impl FnOnce(Edit) -> Event) -> Decided {
    let Place { record, batch, .. } = place;
    let state = |number| record.scheduler.state(number);
    for number in &which.trials {
        let why = match state(*number) {
            Some(State::Done(Status::Error | Status::Terminated)) => continue,
            None => format!("batch {batch} has no trial {}", number + 1),
            Some(State::Done(Status::Completed)) => format!("trial {} of batch {batch} has completed", number + 1),
            Some(State::Done(_)) => format!("trial {} of batch {batch} is not run by this batch", number + 1),
            Some(_) => format!("trial {} of batch {batch} has not come to its end", number + 1),
        };
        return Decided::refused(why);
    }
    let numbers = record
        .trials()
        .map(|(number, _)| number)
        .filter(|number| match state(*number) {
            Some(State::Done(Status::Error)) => which.failed || which.trials.contains(number),
            Some(State::Done(Status::Terminated)) => which.terminated || which.trials.contains(number),
            _ => false,
        });
    let numbers: Vec<u64> = numbers.collect();
    match numbers.as_slice() {
        [] => Decided::nothing(format!("Batch {batch} has no such trials")),
        [one] => {
            let said = format!("Trial {} of batch {batch} is run again", one + 1);
            Decided::event(edited(Edit::Retry(numbers)), said)
        }
        many => {
            let said = format!("{} of batch {batch} are run again", trials_text(many.len() as u64));
            Decided::event(edited(Edit::Retry(numbers)), said)
        }
    }
}

/// Nothing is left to be run, and nobody is at it.
fn is_over(place: Place<'_>) -> bool {
    !place.driven && place.record.closed == Some(super::event::Reason::Done) && place.record.scheduler.is_finished()
}

fn over(batch: &str) -> Decided {
    Decided::refused(format!(
        "batch {batch} has come to its end\nTo run more trials, use 'gage batch add-trials N {batch}'."
    ))
}

fn trials_text(count: u64) -> String {
    match count {
        1 => "1 trial".to_string(),
        _ => format!("{count} trials"),
    }
}
