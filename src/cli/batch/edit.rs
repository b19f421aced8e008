//! `gage batch set`, `add-trials`, `enqueue`, `retry`, `pause` and `continue`: changes to a batch, whether it is
//! being carried out or not.

use clap::Args;

use super::{ResumeArgs, chosen, none};
use crate::batch::at_rest::{self, Changed};
use crate::batch::plan::{Plan, Proposes};
use crate::batch::request::{Change, Which};
use crate::batch::resume;
use crate::cli::args::at_least_one;
use crate::cli::filters::FilterArgs;
use crate::cli::{CommandResult, Context, Failure, choose, eprint_line, print, run};
use crate::flags::{Assignments, FlagValues, Value};
use crate::launch::{self, Wish};
use crate::report::listing;
use crate::store::RunRow;

/// Change how many trials a batch runs, and how many at a time
///
/// Works on a batch that is running, from the next trial on, and on one that is not, for when it is resumed. With
/// --deterministic the trials that may run at a time stay limited by the number the batch was started with.
#[derive(Args)]
pub struct SetArgs {
    /// Batch to change (default: the one that is running)
    #[arg(value_name = "BATCH")]
    batch: Option<String>,

    /// Trials at a time
    #[arg(short, long, value_name = "N", value_parser = at_least_one)]
    jobs: Option<u64>,

    /// Number of trials in all
    #[arg(short, long, visible_alias = "trials", value_name = "N", value_parser = at_least_one)]
    max_trials: Option<u64>,
}

/// Run more trials than planned
///
/// A batch that nobody is running is gone on with at once, unless --later is given.
#[derive(Args)]
pub struct AddArgs {
    /// How many more
    #[arg(value_name = "N", value_parser = at_least_one)]
    count: u64,

    /// Batch to change (default: the one that is running, or the newest)
    #[arg(value_name = "BATCH")]
    batch: Option<String>,

    /// Only note it; 'gage batch resume' runs them
    #[arg(long)]
    later: bool,

    /// Keep the trials' output off the terminal
    #[arg(short, long)]
    quiet: bool,
}

/// Add a trial with flags of your own
///
/// It comes in addition to the planned trials and takes the next free slot; the optimizer learns from it. Flags that
/// are not given have the batch's value, and those that are searched the operation's default.
#[derive(Args)]
pub struct EnqueueArgs {
    /// Batch to change (default: the one that is running), then NAME=VALUE flags
    #[arg(value_name = "BATCH | FLAG=VAL", required = true)]
    words: Vec<String>,

    /// Accept flags that the operation does not define, or values outside of its bounds
    #[arg(short, long)]
    force_flags: bool,
}

/// Run trials again that came to no result
///
/// Each is run again as another attempt of the same trial, with the same flags and seed. A batch that nobody is
/// running is gone on with at once, unless --later is given.
#[derive(Args)]
pub struct RetryArgs {
    /// Batch to change (default: the one that is running, or the newest)
    #[arg(value_name = "BATCH")]
    batch: Option<String>,

    /// All that failed
    #[arg(long)]
    failed: bool,

    /// All that were terminated
    #[arg(long)]
    terminated: bool,

    /// The trial with this number; may be repeated
    #[arg(long = "trial", value_name = "N", value_parser = at_least_one)]
    trials: Vec<u64>,

    /// Only note it; 'gage batch resume' runs them
    #[arg(long)]
    later: bool,

    /// Keep the trials' output off the terminal
    #[arg(short, long)]
    quiet: bool,
}

/// Start no more trials of a running batch until it is continued
#[derive(Args)]
pub struct PauseArgs {
    /// Batch to pause (default: the one that is running)
    #[arg(value_name = "BATCH")]
    batch: Option<String>,
}

/// Go on with a batch that was paused
#[derive(Args)]
pub struct ContinueArgs {
    /// Batch to continue (default: the one that is running)
    #[arg(value_name = "BATCH")]
    batch: Option<String>,
}

pub fn set(args: SetArgs, context: &Context) -> CommandResult {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let changes = [
        args.jobs.map(|jobs| Change::Jobs(number(jobs))),
        args.max_trials.map(Change::Trials),
    ];
    if changes.iter().all(Option::is_none) {
        return Err(Failure::usage("missing one of: --jobs, --max-trials", "gage batch set"));
    }
    let row = running(context, args.batch.as_deref(), "gage batch set")?;
    for change in changes.into_iter().flatten() {
        tell(&row, at_rest::ask(&row.run, change)?);
    }
    Ok(0)
}

pub fn pause(args: PauseArgs, context: &Context) -> CommandResult {
    let row = running(context, args.batch.as_deref(), "gage batch pause")?;
    tell(&row, at_rest::ask(&row.run, Change::Pause)?);
    Ok(0)
}

pub fn go_on(args: ContinueArgs, context: &Context) -> CommandResult {
    let row = running(context, args.batch.as_deref(), "gage batch continue")?;
    tell(&row, at_rest::ask(&row.run, Change::Continue)?);
    Ok(0)
}

pub fn add_trials(args: AddArgs, context: &Context) -> CommandResult {
    let row = running_or_newest(context, args.batch.as_deref(), "gage batch add-trials")?;
    let changed = at_rest::ask(&row.run, Change::MoreTrials(args.count))?;
    carry_on(&row, changed, args.later, args.quiet, context)
}

pub fn retry(args: RetryArgs, context: &Context) -> CommandResult {
    let which = Which {
        failed: args.failed,
        terminated: args.terminated,
        trials: args.trials.iter().map(|n| n - 1).collect(),
    };
    if which == Which::default() {
        return Err(Failure::usage(
            "missing one of: --failed, --terminated, --trial",
            "gage batch retry",
        ));
    }
    let row = running_or_newest(context, args.batch.as_deref(), "gage batch retry")?;
    let changed = at_rest::ask(&row.run, Change::Retry(which))?;
    carry_on(&row, changed, args.later, args.quiet, context)
}

pub fn enqueue(args: EnqueueArgs, context: &Context) -> CommandResult {
    let is_batch = |word: &String| !word.contains('=') && !word.starts_with('@');
    let word = args.words.first().filter(|word| is_batch(word));
    let given = Assignments::parse(&args.words[usize::from(word.is_some())..])?;
    let row = running(context, word.map(String::as_str), "gage batch enqueue")?;
    let plan = resume::read(&row.run)?.plan;
    let values = values(&plan, &given, args.force_flags, context)?;
    tell(&row, at_rest::ask(&row.run, Change::Enqueue(values))?);
    Ok(0)
}

/// Every flag of a trial from those that were given.
fn values(plan: &Plan, given: &Assignments, force: bool, context: &Context) -> Result<FlagValues, Failure> {
    let fixed: FlagValues = match &plan.proposes {
        Proposes::Search { constants, .. } => constants.clone(),
        _ => plan.spec.rows[0].values.clone(),
    };
    let searched = |value: &Value| matches!(value, Value::List(_) | Value::Function(_));
    let fixed = fixed.into_iter().filter(|(_, value)| !searched(value)).collect();
    let op = plan.spec.opdef.clone();
    let name = op.name.clone();
    let prepared = launch::prepare(op, given, Wish::default(), &fixed, force, &context.cwd)?;
    for warning in &prepared.warnings {
        eprint_line(&format!("WARNING: {warning}"));
    }
    let [row] = prepared.rows.as_slice() else {
        return Err(Failure::new(
            "one trial can be enqueued at a time - give a file with one row",
        ));
    };
    if let Some((flag, value)) = row.values.iter().find(|(_, value)| searched(value)) {
        let text = crate::flags::encode(value);
        return Err(Failure::new(format!(
            "flag {flag} has to have one value, not '{text}' - enqueue one trial at a time"
        )));
    }
    let wanted = plan.spec.rows.iter().flat_map(|row| row.values.keys());
    if let Some(missing) = wanted.into_iter().find(|flag| !row.values.contains_key(*flag)) {
        return Err(Failure::new(format!(
            "missing a value for flag {missing}, which {name} has no default for\nGive it as {missing}=VALUE."
        )));
    }
    Ok(row.values.clone())
}

/// Says what came of a change, and how it comes into effect.
fn tell(row: &RunRow, changed: Changed) {
    print(&format!("{}\n", changed.said));
    if !changed.driven && !resume::is_finished(&row.run) {
        eprint_line(&format!(
            "Nobody is carrying it out. To go on with it, use 'gage batch resume {}'.",
            row.run.short_id()
        ));
    }
}

/// Says what came of a change, and goes on with the batch if nobody does.
fn carry_on(row: &RunRow, changed: Changed, later: bool, quiet: bool, context: &Context) -> CommandResult {
    if changed.driven || later || resume::is_finished(&row.run) {
        tell(row, changed);
        return Ok(0);
    }
    print(&format!("{}\n", changed.said));
    let resume = ResumeArgs {
        batch: Some(row.run.id().to_string()),
        quiet,
        ..ResumeArgs::default()
    };
    run::run(resume.into_run(), context)
}

/// The batch that `word` names, else the one that is running, else the newest that did not come to its end.
fn running(context: &Context, word: Option<&str>, command: &str) -> Result<RunRow, Failure> {
    if word.is_some() {
        return chosen(context, word, command);
    }
    let rows = batches(context, command)?;
    if let Some(row) = only_running(&rows, context, command)? {
        return Ok(row);
    }
    let unfinished = rows.into_iter().find(|row| !resume::is_finished(&row.run));
    unfinished.ok_or_else(|| Failure::new("no batch is running\nTry 'gage batch list' for a list."))
}

/// The batch that `word` names, else the one that is running, else the newest.
fn running_or_newest(context: &Context, word: Option<&str>, command: &str) -> Result<RunRow, Failure> {
    if word.is_some() {
        return chosen(context, word, command);
    }
    let rows = batches(context, command)?;
    match only_running(&rows, context, command)? {
        Some(row) => Ok(row),
        None => rows.into_iter().next().ok_or_else(none),
    }
}

fn batches(context: &Context, command: &str) -> Result<Vec<RunRow>, Failure> {
    let mut rows = choose::matching(context, &FilterArgs::default(), command)?;
    rows.retain(|row| row.batch && resume::is_batch(&row.run));
    Ok(rows)
}

fn only_running(rows: &[RunRow], context: &Context, command: &str) -> Result<Option<RunRow>, Failure> {
    let running: Vec<&RunRow> = rows.iter().filter(|row| resume::driver(&row.run).is_some()).collect();
    match running.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some((*one).clone())),
        many => Err(Failure::new(format!(
            "several batches are running:\n{}Name one, as in '{command} {}'.",
            listing::preview(many.iter().copied(), &context.here()),
            many[0].run.short_id()
        ))),
    }
}
