//! How a batch comes to be carried out: made anew, staged for later, started again in place, or gone on with where
//! an earlier driver left it. What is done from there on is the loop's.

use std::time::{Duration, Instant};

use super::super::event::{Event, Header};
use super::super::journal::{self, Journal};
use super::super::plan::Plan;
use super::super::power_cut::PowerCut;
use super::super::record::Record;
use super::super::report::{Level, Report};
use super::super::trials::{self, Making};
use super::super::{prior, request, resume};
use super::{DriveError, Driver, Outcome};
use crate::run::lease::{Held, Lease};
use crate::run::{self, Hosted, Run, RunError, StopFlag};

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
    let driver = begun.inspect_err(|error| {
        // Nothing half-made is left behind, unless somebody else has taken it; the error at hand is the one to report.
        if !matches!(error, DriveError::Run(RunError::Running(_) | RunError::Taken(_))) {
            let _ = run::remove::delete_permanently(&batch);
        }
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
        let (priors, warning) = prior::of(plan, making)?;
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
    let hosted = host(batch, is_new(journal::read_last(&path).map_err(failed)?.as_slice())).map_err(|error| {
        let other = matches!(error, RunError::Running(_)).then(|| resume::refusal(batch));
        other
            .flatten()
            .map_or(DriveError::Run(error), |refusal| DriveError::Taken(Box::new(refusal)))
    })?;
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

/// True for a journal that has only its beginning, from its events or from the last one alone.
fn is_new(events: &[Event]) -> bool {
    matches!(events.last(), None | Some(Event::Opened(_) | Event::Prior(_)))
}
