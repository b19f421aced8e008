//! `gage watch`: the output of a run from its beginning, then as it comes, until the run ends.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;

use super::filters::FilterArgs;
use super::{CommandResult, Context, Failure, choose, eprint_line, print_bytes};
use crate::report::time;
use crate::run::status::{self, Status};
use crate::run::{Run, meta};
use crate::store::RunRow;

/// Show the output of a running run as it comes
#[derive(Args)]
pub struct WatchArgs {
    /// Run to watch (default: the newest that is running)
    #[arg(value_name = "RUN")]
    run: Option<String>,

    /// Watch the run with this process, or with the process named in a pidfile
    #[arg(short, long, value_name = "PID|FILE")]
    pid: Option<String>,

    #[command(flatten)]
    filters: FilterArgs,
}

const COMMAND: &str = "gage watch";
/// How often new output is looked for.
const EVERY: Duration = Duration::from_millis(50);
/// A run that ended this recently is still shown, in microseconds.
const JUST_ENDED: i64 = 10_000_000;

pub fn run(args: WatchArgs, context: &Context) -> CommandResult {
    let row = match &args.pid {
        Some(_) if args.run.is_some() || args.filters.any() => {
            return Err(Failure::new("--pid may not be used with other options"));
        }
        Some(pid) => by_pid(pid, context)?,
        None if args.run.is_some() => choose::one(context, &args.filters, args.run.as_deref(), COMMAND)?,
        None => newest(choose::matching(context, &args.filters, COMMAND)?)?,
    };
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupted))?;
    watch(&row.run, &interrupted)
}

/// The newest run that is running, else one that has only just ended.
fn newest(rows: Vec<RunRow>) -> Result<RunRow, Failure> {
    let just_ended = |row: &RunRow| row.stopped.is_some_and(|stopped| time::now() - stopped < JUST_ENDED);
    let at = rows
        .iter()
        .position(|row| row.status == Status::Running)
        .or_else(|| rows.iter().position(just_ended));
    match at {
        Some(at) => Ok(rows.into_iter().nth(at).expect("the position was found in it")),
        None => Err(Failure::new(
            "nothing to watch\nYou can view the output of a specific run using 'gage watch RUN'.",
        )),
    }
}

/// The run whose program or whose gage has this pid.
fn by_pid(text: &str, context: &Context) -> Result<RunRow, Failure> {
    let pid = match text.trim().parse::<i64>() {
        Ok(pid) => pid,
        Err(_) => from_file(text, &context.cwd)?,
    };
    let rows = choose::matching(context, &FilterArgs::default(), COMMAND)?;
    rows.into_iter()
        .find(|row| {
            let run = &row.run;
            let supervisor = || crate::run::lease::Lease::read(run).is_some_and(|l| i64::from(l.supervisor) == pid);
            meta::read_number(&run.meta("proc/lock")) == Some(pid) || supervisor()
        })
        .ok_or_else(|| Failure::new(format!("cannot find run for pid {pid}")))
}

fn from_file(name: &str, cwd: &Path) -> Result<i64, Failure> {
    match std::fs::read_to_string(cwd.join(name)) {
        Ok(text) => text
            .trim()
            .parse()
            .map_err(|_| Failure::new(format!("pidfile {name} does not contain a valid pid"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Failure::new(format!("{name} does not exist")))
        }
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Err(Failure::new(format!("pidfile {name} does not contain a valid pid")))
        }
        Err(error) => Err(Failure::new(format!("cannot read {name}: {}", super::reason(&error)))),
    }
}

fn watch(run: &Run, interrupted: &AtomicBool) -> CommandResult {
    eprint_line(&format!("Watching run {}", run.id()));
    let mut output = None;
    loop {
        // The status first: what is printed before the end is there when the run has ended.
        let status = status::of(run);
        copy_new(run, &mut output)?;
        if status != Status::Running {
            eprint_line(&format!("Run {} stopped with a status of '{status}'", run.id()));
            return Ok(0);
        }
        if interrupted.load(Ordering::Relaxed) {
            eprint_line("");
            let still = match status::of(run) {
                Status::Running => " (still running)",
                _ => "",
            };
            eprint_line(&format!("Stopped watching {}{still}", run.id()));
            return Ok(0);
        }
        std::thread::sleep(EVERY);
    }
}

/// Prints what was added to the output since the last call.
fn copy_new(run: &Run, output: &mut Option<File>) -> Result<(), Failure> {
    if output.is_none() {
        // A run that has not started has no output yet.
        *output = File::open(run.meta("output/40_run")).ok();
    }
    let Some(file) = output else { return Ok(()) };
    let mut buffer = [0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        print_bytes(&buffer[..read]);
    }
}
