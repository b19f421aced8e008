//! `gage exec RUN`: carries out one staged run to its end, without a terminal. What a background run, a Slurm job
//! and the like start.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::run::carry;
use super::{CommandResult, Context, Failure};
use crate::batch::resume;
use crate::launch::STARTED;
use crate::run::pidfile::Pidfile;
use crate::run::{self, Caller, Event, Run, StopFlag, Supervise, supervise};

/// Execute a staged run (used by gage itself)
#[derive(Args)]
pub struct ExecArgs {
    /// The run: its directory, or its id in the runs home
    run: PathBuf,

    /// Hold this process's id in a file until the run has ended
    #[arg(long, value_name = "PATH")]
    pidfile: Option<PathBuf>,

    /// Stop the run after this many minutes
    #[arg(long, value_name = "N")]
    stop_after: Option<f64>,

    /// Say on standard output that the run has started, or why it could not, then be silent
    #[arg(long)]
    announce: bool,

    /// Run it although it was started before
    #[arg(long)]
    again: bool,

    /// Delete the run when it has completed
    #[arg(long)]
    delete_on_success: bool,

    /// Keep the batch run of a grid or random search
    #[arg(long)]
    keep_batch: bool,
}

pub fn run(args: ExecArgs, context: &Context) -> CommandResult {
    // A session of its own: the terminal that started it may go away. Refused to one that leads a group already.
    let _ = nix::unistd::setsid();
    let mut start = Start {
        announce: args.announce,
        pidfile: None,
    };
    let done = begin(&args, context, &mut start);
    if let Err(failure) = &done
        && args.announce
    {
        start.say(&failure.message);
    }
    done
}

fn begin(args: &ExecArgs, context: &Context, start: &mut Start) -> CommandResult {
    let run = find(&args.run, context)?;
    start.pidfile = args.pidfile.as_deref().map(Pidfile::write).transpose()?;
    let limit = args.stop_after.filter(|m| m.is_finite() && *m > 0.0);
    let limit = limit.map(|minutes| Duration::from_secs_f64((minutes * 60.0).min(1e9)));
    if resume::is_batch(&run) {
        return carry::unwatched(&run, args.keep_batch, limit, &mut || start.done(&run));
    }
    let code = single(&run, args, limit, context, start)?;
    if code == 0 && args.delete_on_success {
        run::remove::delete(&run)?;
    }
    Ok(code)
}

/// A run with a program of its own.
fn single(run: &Run, args: &ExecArgs, limit: Option<Duration>, context: &Context, start: &mut Start) -> CommandResult {
    let stop = StopFlag::new()?;
    stop.raise_on(&[nix::libc::SIGHUP, nix::libc::SIGINT, nix::libc::SIGTERM])?;
    let exit = supervise(
        run,
        &mut Supervise {
            on: &mut |event| {
                if let Event::Started { .. } = event {
                    start.done(run);
                }
            },
            stop: Some(&stop),
            stop_after: limit,
            adopt: true,
            stdin: false,
            fresh: !args.again,
            caller: Caller {
                log_level: if context.debug { 10 } else { 20 },
                ..Caller::here()
            },
        },
    );
    let exit = exit.map_err(|e| Failure::with_code(e.to_string(), e.exit_code()))?;
    for problem in &exit.problems {
        super::eprint_line(&format!("WARNING: {problem}"));
    }
    if let Some(reason) = &exit.not_started {
        return Err(Failure::with_code(reason.clone(), exit.process_code()));
    }
    // A run without a program has not said so.
    start.done(run);
    Ok(match stop.signal() {
        Some(signal) => u8::try_from(128 + signal).unwrap_or(1),
        None => exit.process_code(),
    })
}

/// What is to be done once the run has started.
struct Start {
    announce: bool,
    pidfile: Option<Pidfile>,
}

impl Start {
    fn done(&mut self, run: &Run) {
        if let Some(pidfile) = &self.pidfile {
            pidfile.note(run);
        }
        self.say(STARTED);
    }

    /// Speaks to the process that waits for it, once. Nothing that follows can reach it.
    fn say(&mut self, text: &str) {
        if std::mem::take(&mut self.announce) {
            let _ = writeln!(std::io::stdout(), "{text}").and_then(|()| std::io::stdout().flush());
            if let Ok(nowhere) = File::options().write(true).open("/dev/null") {
                let _ = nix::unistd::dup2_stdout(&nowhere);
            }
        }
    }
}

fn find(path: &Path, context: &Context) -> Result<Run, Failure> {
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
