//! `gage exec RUN`: supervises one staged run to its end, without a terminal. What a background run, a Slurm job
//! and the like start.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{CommandResult, Context, Failure};
use crate::run::{Caller, Run, StopFlag, Supervise, supervise};

/// Execute a staged run (used by gage itself)
#[derive(Args)]
pub struct ExecArgs {
    /// The run: its directory, or its id in the runs home
    run: PathBuf,

    /// Remove this file when the run has ended
    #[arg(long, value_name = "PATH")]
    pidfile: Option<PathBuf>,

    /// Stop the run after this many minutes
    #[arg(long, value_name = "N")]
    stop_after: Option<f64>,
}

pub fn run(args: ExecArgs, context: &Context) -> CommandResult {
    let run = find(&args.run, context)?;
    // A session of its own: the terminal that started it may go away. Refused to one that leads a group already.
    let _ = nix::unistd::setsid();
    let stop = StopFlag::new()?;
    stop.raise_on(&[nix::libc::SIGINT, nix::libc::SIGTERM])?;
    let minutes = args.stop_after.filter(|m| m.is_finite() && *m > 0.0);
    let exit = supervise(
        &run,
        &mut Supervise {
            on: &mut |_| {},
            stop: Some(&stop),
            stop_after: minutes.map(|m| Duration::from_secs_f64((m * 60.0).min(1e9))),
            adopt: true,
            stdin: false,
            fresh: true,
            caller: Caller {
                log_level: if context.debug { 10 } else { 20 },
                ..Caller::here()
            },
        },
    );
    if let Some(pidfile) = &args.pidfile {
        // Whoever waits for it to go away may have taken it away already.
        let _ = std::fs::remove_file(pidfile);
    }
    let exit = exit.map_err(|e| Failure::with_code(e.to_string(), e.exit_code()))?;
    for problem in exit.not_started.iter().chain(&exit.problems) {
        super::eprint_line(&format!("WARNING: {problem}"));
    }
    Ok(match stop.signal() {
        Some(signal) => u8::try_from(128 + signal).unwrap_or(1),
        None => exit.process_code(),
    })
}

fn find(path: &std::path::Path, context: &Context) -> Result<Run, Failure> {
    let text = path.to_string_lossy();
    let home = match text.contains('/') {
        true => context.cwd.join(path).parent().map(PathBuf::from).unwrap_or_default(),
        false => context.runs_home(None)?,
    };
    let id = path
        .file_name()
        .map(|n| n.to_string_lossy().replace('-', ""))
        .unwrap_or_default();
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let runs = [Run::new(&home, name), Run::new(&home, id)];
    let found = runs.into_iter().find(|r| r.meta("").is_dir());
    found.ok_or_else(|| Failure::new(format!("run {text} does not exist")))
}
