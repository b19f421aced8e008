//! `gage batch`: batches looked at, gone on with, checked and changed while they run. One file for each of the
//! larger commands; what a batch is and does is the library's.

mod edit;
mod list;
mod replay;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::args::at_least_one;
use super::filters::FilterArgs;
use super::run::{self, RunArgs};
use super::{CommandResult, Context, Failure, choose};
use crate::batch::at_rest;
use crate::batch::request::Change;
use crate::batch::resume as study;
use crate::store::RunRow;

/// List, show, resume, replay and change batches
#[derive(Args)]
pub struct BatchArgs {
    #[command(subcommand)]
    command: BatchCommand,
}

#[derive(Subcommand)]
enum BatchCommand {
    List(list::BatchListArgs),
    Show(show::BatchShowArgs),
    Resume(ResumeArgs),
    Replay(replay::ReplayArgs),
    Set(edit::SetArgs),
    AddTrials(edit::AddArgs),
    Enqueue(edit::EnqueueArgs),
    Retry(edit::RetryArgs),
    Pause(edit::PauseArgs),
    Continue(edit::ContinueArgs),
}

/// Go on with a batch that did not come to its end
///
/// Finished trials are kept, trials that still run are waited for, and those that were lost are run again with the
/// same flags and seed. The same as 'gage run --resume'.
#[derive(Args, Default)]
struct ResumeArgs {
    /// Batch to go on with (default: the newest that is not finished)
    #[arg(value_name = "BATCH")]
    batch: Option<String>,

    /// Trials at a time from now on
    #[arg(short, long, value_name = "N", value_parser = at_least_one)]
    jobs: Option<u64>,

    /// Keep the batch run of a grid or random search
    #[arg(long)]
    keep_batch: bool,

    /// Go on in the background, also when the terminal is closed
    #[arg(short, long)]
    background: bool,

    /// Go on in the background, with the process id in this file while it runs
    #[arg(long, value_name = "PATH")]
    pidfile: Option<PathBuf>,

    /// Stop the batch after N minutes
    #[arg(long, value_name = "N")]
    stop_after: Option<f64>,

    /// Keep the trials' output off the terminal
    #[arg(short, long)]
    quiet: bool,
}

pub fn run(args: BatchArgs, context: &Context) -> CommandResult {
    match args.command {
        BatchCommand::List(args) => list::run(args, context),
        BatchCommand::Show(args) => show::run(args, context),
        BatchCommand::Resume(args) => resume(args, context),
        BatchCommand::Replay(args) => replay::run(args, context),
        BatchCommand::Set(args) => edit::set(args, context),
        BatchCommand::AddTrials(args) => edit::add_trials(args, context),
        BatchCommand::Enqueue(args) => edit::enqueue(args, context),
        BatchCommand::Retry(args) => edit::retry(args, context),
        BatchCommand::Pause(args) => edit::pause(args, context),
        BatchCommand::Continue(args) => edit::go_on(args, context),
    }
}

fn resume(mut args: ResumeArgs, context: &Context) -> CommandResult {
    if let Some(jobs) = args.jobs {
        let batch = match &args.batch {
            Some(word) => Some(chosen(context, Some(word), "gage batch resume")?.run),
            None => study::unfinished(context.runs_store()?.home()).into_iter().next(),
        };
        let unfinished = batch.filter(|batch| !study::is_finished(batch));
        if let Some(batch) = unfinished.filter(|batch| study::driver(batch).is_none()) {
            let jobs = usize::try_from(jobs).unwrap_or(usize::MAX);
            at_rest::ask(&batch, Change::Jobs(jobs))?;
            args.batch = Some(batch.id().to_string());
        }
    }
    run::run(args.into_run(), context)
}

impl ResumeArgs {
    fn into_run(self) -> RunArgs {
        RunArgs {
            resume: Some(self.batch.unwrap_or_default()),
            keep_batch: self.keep_batch,
            background: self.background,
            stop_after: self.stop_after,
            pidfile: self.pidfile,
            quiet: self.quiet,
            ..RunArgs::default()
        }
    }
}

/// The batch that `word` names, or the newest.
fn chosen(context: &Context, word: Option<&str>, command: &str) -> Result<RunRow, Failure> {
    if let Some(word) = word {
        let row = choose::one(context, &FilterArgs::default(), Some(word), command)?;
        return match study::is_batch(&row.run) {
            true => Ok(row),
            false => Err(Failure::new(format!(
                "run {} is not a batch\nTry 'gage batch list' for a list.",
                row.run.id()
            ))),
        };
    }
    let rows = choose::matching(context, &FilterArgs::default(), command)?;
    let mut batches = rows.into_iter().filter(|row| row.batch && study::is_batch(&row.run));
    batches.next().ok_or_else(none)
}

fn none() -> Failure {
    Failure::new(
        "there are no batches\nBatches of a grid or random search are deleted when they have completed; \
         '--keep-batch' keeps them.",
    )
}
