//! `gage stop`: stops running runs and says which processes would not go.

use std::time::Duration;

use clap::Args;

use super::filters::FilterArgs;
use super::{CommandResult, Context, Failure, changing, choose, eprint_line, print};
use crate::report::prompt::Default::No;
use crate::run::meta;
use crate::run::status::Status;
use crate::run::stop::{self, Stopped};
use crate::store::RunRow;

/// Stop running runs
#[derive(Args)]
pub struct StopArgs {
    /// Runs to stop (default: all that are running and match the filters)
    #[arg(value_name = "RUN")]
    runs: Vec<String>,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    /// Seconds to wait for processes to stop
    #[arg(long, value_name = "N", default_value = "30", value_parser = seconds)]
    timeout: u64,

    /// Kill what has not stopped by then
    #[arg(long)]
    force: bool,

    /// Do not wait for a remote run to stop
    #[arg(short, long)]
    no_wait: bool,

    #[command(flatten)]
    filters: FilterArgs,
}

const COMMAND: &str = "gage stop";

fn seconds(text: &str) -> Result<u64, String> {
    super::args::number_from(text, 0, None)
}

pub fn run(args: StopArgs, context: &Context) -> CommandResult {
    let rows = choose::matching(context, &args.filters, COMMAND)?;
    let rows = choose::named(rows, &args.runs, context, COMMAND)?;
    let (running, others): (Vec<RunRow>, Vec<RunRow>) = rows.into_iter().partition(|row| row.status == Status::Running);
    if !args.runs.is_empty() {
        for row in &others {
            print(&format!("Run {} is not running\n", row.run.id()));
        }
    }
    if running.is_empty() {
        if args.runs.is_empty() {
            print("Nothing to stop.\n");
        }
        return Ok(0);
    }
    let heading = "You are about to stop the following runs:";
    let question = format!("Stop {} run(s)", running.len());
    changing::confirmed(context, &running, args.yes, heading, &question, No)?;
    stop_all(&running, &args)
}

fn stop_all(running: &[RunRow], args: &StopArgs) -> Result<u8, Failure> {
    let timeout = Duration::from_secs(args.timeout);
    let mut left = Vec::new();
    let mut failed = false;
    for row in running {
        let id = row.run.id();
        if let Some(remote) = &row.remote {
            eprint_line(&format!("gage: run {id} is running on {remote}: stop it there"));
            failed = true;
            continue;
        }
        let pid = meta::read_number(&row.run.meta("proc/lock"));
        eprint_line(&match pid {
            Some(pid) => format!("Stopping {id} (pid {pid})"),
            None => format!("Stopping {id}"),
        });
        match stop::stop(&row.run, timeout, args.force) {
            Ok(Stopped::Stopped) => {}
            // It ended by itself between the list and now: what was wanted.
            Ok(Stopped::NotRunning) => {}
            Ok(Stopped::Left(pids)) => left.extend(pids),
            Err(error) => {
                eprint_line(&format!("gage: {error}"));
                failed = true;
            }
        }
    }
    if !left.is_empty() {
        left.sort_unstable();
        left.dedup();
        let pids: Vec<String> = left.iter().map(i32::to_string).collect();
        print(&format!(
            "The following processes did not stop as expected: {}\n",
            pids.join(", ")
        ));
    }
    Ok(u8::from(failed || !left.is_empty()))
}
