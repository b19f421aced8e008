//! `gage watch`: the output of a run from its beginning, then as it comes, until the run ends.

mod batch;
mod output;

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use self::batch::Watched;
use self::output::Output;
use super::filters::FilterArgs;
use super::{CommandResult, Context, Failure, choose, eprint_line, print_bytes};
use crate::batch::resume;
use crate::report::time;
use crate::run::status::{self, Status};
use crate::run::{Run, children, meta, pidfile};
use crate::store::RunRow;

/// Show the output of a run from its beginning, then as it comes
///
/// Ends when the run ends. Ctrl-C ends the watch and leaves the run alone. A batch is shown with the output of its
/// trials and, on a terminal, how far it is.
#[derive(Args)]
pub struct WatchArgs {
    /// Run to watch (default: the newest that is running, or that has just ended in the background)
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
/// How long a run that has not started may take to.
const ABOUT_TO_START: Duration = Duration::from_secs(5);
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

/// The newest run that is running, or the batch or steps run it belongs to; else one that was started in the
/// background and has only just ended.
fn newest(rows: Vec<RunRow>) -> Result<RunRow, Failure> {
    let just_ended = |row: &RunRow| row.stopped.is_some_and(|stopped| time::now() - stopped < JUST_ENDED);
    let position = |id: &str| {
        rows.iter()
            .position(|row| row.run.id() == id && row.status == Status::Running)
    };
    let mut at = rows.iter().position(|row| row.status == Status::Running);
    while let Some(parent) = at.and_then(|at| position(&children::parent(&rows[at].run)?)) {
        at = Some(parent);
    }
    let at = at.or_else(|| {
        rows.iter()
            .position(|row| just_ended(row) && pidfile::in_background(&row.run))
    });
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
        .filter(|row| row.status == Status::Running)
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

/// What is shown of a run.
enum Shown {
    Output(Output),
    Batch(Box<Watched>),
}

impl Shown {
    fn of(run: &Run) -> Shown {
        match resume::is_batch(run) {
            true => Shown::Batch(Box::new(Watched::new(run))),
            false => Shown::Output(Output::new(run)),
        }
    }

    /// Shows what is new.
    fn show(&mut self) -> std::io::Result<()> {
        match self {
            Shown::Batch(watched) => watched.show(),
            Shown::Output(output) => loop {
                match output.next()? {
                    [] => return Ok(()),
                    piece => print_bytes(piece),
                }
            },
        }
    }

    /// Nothing more is shown. With `last` it is said how far a batch has come.
    fn end(&mut self, last: bool) {
        if let Shown::Batch(watched) = self {
            watched.end();
            if last {
                eprint_line(&watched.standing());
            }
        }
    }

    /// The status of a run that was deleted while it was watched.
    fn gone(&self, run: &Run) -> Option<Status> {
        let deleted = Run::deleted(run.home(), run.id());
        match self {
            // A batch that has completed goes unless it is kept.
            Shown::Batch(watched) if watched.is_done() => Some(Status::Completed),
            _ if deleted.meta("").is_dir() => Some(status::of(&deleted)),
            _ => None,
        }
    }
}

fn watch(run: &Run, interrupted: &AtomicBool) -> CommandResult {
    eprint_line(&format!("Watching run {}", run.id()));
    wait_for_start(run, interrupted);
    let mut shown = Shown::of(run);
    loop {
        // The status first: what is printed before the end is there when the run has ended.
        let status = status::of(run);
        shown.show()?;
        let stopped = |status: Status| format!("Run {} stopped with a status of '{status}'", run.id());
        if status != Status::Running {
            shown.end(true);
            eprint_line(&match status {
                Status::Pending | Status::Staged => format!("Run {} is {status}: it has not been started", run.id()),
                Status::Unknown => match shown.gone(run) {
                    Some(status) => stopped(status),
                    None => format!("Run {} was deleted", run.id()),
                },
                status => stopped(status),
            });
            return Ok(0);
        }
        if interrupted.load(Ordering::Relaxed) {
            shown.end(false);
            eprint_line("");
            let still = match status::of(run) {
                Status::Running => " (still running)",
                _ => "",
            };
            eprint_line(&format!("Stopped watching {}{still}", run.id()));
            return Ok(0);
        }
        if nobody_reads() {
            shown.end(false);
            return Ok(0);
        }
        std::thread::sleep(EVERY);
    }
}

/// True when whoever read standard output has gone, as in `gage watch | head`: nothing would tell us before the next
/// output.
fn nobody_reads() -> bool {
    let out = std::io::stdout();
    let mut fds = [PollFd::new(out.as_fd(), PollFlags::empty())];
    let asked = poll(&mut fds, PollTimeout::ZERO);
    asked.is_ok()
        && fds[0]
            .revents()
            .is_some_and(|events| events.contains(PollFlags::POLLERR))
}

/// A run that is about to start is waited for, for a while.
fn wait_for_start(run: &Run, interrupted: &AtomicBool) {
    let began = Instant::now();
    let waits = || matches!(status::of(run), Status::Pending | Status::Staged);
    while waits() && began.elapsed() < ABOUT_TO_START && !interrupted.load(Ordering::Relaxed) {
        std::thread::sleep(EVERY);
    }
}
