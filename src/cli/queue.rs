//! `gage queue`: starts staged runs, oldest first, and waits for more.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use nix::libc::{SIGHUP, SIGINT, SIGTERM};

use super::filters::FilterArgs;
use super::{CommandResult, Context, Failure, args, eprint_line};
use crate::queue::{self, Options};
use crate::report::terminal::watching;
use crate::run::{self, Facts, Hosted, Run, StopFlag};

/// Start staged runs, oldest first, and wait for more
#[derive(Args)]
pub struct QueueArgs {
    /// Start what is staged, then end
    #[arg(long)]
    once: bool,

    /// Runs at a time
    #[arg(short, long, value_name = "N", default_value = "1", value_parser = args::at_least_one)]
    jobs: u64,

    /// Start nothing while other runs are running
    #[arg(long)]
    wait_for_running: bool,

    /// Look for staged runs at least every N seconds
    #[arg(long, value_name = "N", default_value = "10", value_parser = seconds)]
    poll_interval: f64,

    /// Take only runs with these GPUs or none, which then get them
    #[arg(long, value_name = "LIST")]
    gpus: Option<String>,

    /// Keep the runs' output off the terminal
    #[arg(short, long)]
    quiet: bool,

    /// Keep the queue's own run when it ends
    #[arg(long)]
    keep_run: bool,

    /// Be the program of a queue run, and take the settings from it
    #[arg(long, hide = true)]
    of_run: bool,

    #[command(flatten)]
    filters: FilterArgs,
}

const COMMAND: &str = "gage queue";

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("'{text}' is not a number"))?;
    if seconds.is_finite() && seconds > 0.0 && seconds < 1e6 {
        return Ok(seconds);
    }
    Err(format!("{text} is not in the range 0<x<1000000"))
}

pub fn run(args: QueueArgs, context: &Context) -> CommandResult {
    let stop = StopFlag::new()?;
    stop.raise_on(&[SIGINT, SIGTERM, SIGHUP])?;
    let gage = std::env::current_exe()?;
    if args.of_run {
        return of_run(&gage, args.quiet, &stop);
    }
    let options = Options {
        home: context.runs_store()?.home().to_path_buf(),
        gage,
        filter: args.filters.filter(COMMAND)?,
        jobs: usize::try_from(args.jobs).unwrap_or(usize::MAX),
        once: args.once,
        wait_for_running: args.wait_for_running,
        interval: Duration::from_secs_f64(args.poll_interval),
        gpus: args.gpus,
    };
    let run = run::create(&options.home, &queue::spec(&options))?;
    let mut hosted = Hosted::begin(&run)?;
    let served = serve(&options, args.quiet, &stop, &run, Some(&mut hosted));
    let exit = hosted.end(i32::from(served.is_err()));
    for problem in &exit.problems {
        eprint_line(&format!("WARNING: {problem}"));
    }
    let code = served?;
    if exit.code == 0 && !args.keep_run {
        run::remove::delete(&run)?;
        eprint_line(&format!(
            "Deleting interim run {} ('queue' is configured for deletion on success)",
            run.id()
        ));
    }
    Ok(code)
}

/// The program of a run of the operation `queue`, whose supervisor does the rest.
fn of_run(gage: &Path, quiet: bool, stop: &StopFlag) -> CommandResult {
    let dir = std::env::var_os("RUN_DIR").map(PathBuf::from);
    let own = dir.as_deref().and_then(Run::at);
    let own = own.ok_or_else(|| Failure::new("--of-run is for the program of a queue run: RUN_DIR names none"))?;
    let options = Options::of_flags(&Facts::read(&own)?.flags, own.home(), gage)?;
    serve(&options, quiet, stop, &own, None)
}

fn serve(options: &Options, quiet: bool, stop: &StopFlag, own: &Run, hosted: Option<&mut Hosted>) -> CommandResult {
    let outcome = queue::serve(options, &mut *watching(quiet), stop, own.id(), hosted)?;
    Ok(match stop.signal() {
        Some(signal) if outcome.stopped => u8::try_from(128 + signal).unwrap_or(1),
        _ => u8::from(outcome.refused > 0),
    })
}
