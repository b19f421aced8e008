//! `gage stop`: stops running runs and says which processes would not go.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;

use super::filters::FilterArgs;
use super::{CommandResult, Context, changing, choose, eprint_line, print};
use crate::report::prompt::Default::No;
use crate::run::status::{self, Status};
use crate::run::stop::{self, Stopped};
use crate::run::{Run, children, meta};
use crate::store::RunRow;

/// Stop running runs
///
/// Every process of a run is asked to end, also one in a session of its own; a batch or steps run stops what it has
/// started. Processes that do not end in time are named, with exit code 1.
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
/// How many runs are stopped side by side: each is looked for among all processes.
const AT_A_TIME: usize = 16;

fn seconds(text: &str) -> Result<u64, String> {
    super::args::number_from(text, 0, None)
}

pub fn run(args: StopArgs, context: &Context) -> CommandResult {
    let all = choose::matching(context, &args.filters, COMMAND)?;
    let is_running = |row: &RunRow| row.status == Status::Running;
    let mut running: Vec<RunRow> = all.iter().filter(|row| is_running(row)).cloned().collect();
    if !args.runs.is_empty() {
        let named = choose::named(all, &args.runs, context, COMMAND)?;
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        for row in &named {
            wanted.insert(row.run.id().to_string());
            if !is_running(row) {
                print(&format!("Run {} is not running\n", row.run.id()));
                // What it has started may have outlived it.
                let left = children::running(&row.run);
                wanted.extend(left.iter().map(|run| run.id().to_string()));
            }
        }
        running.retain(|row| wanted.contains(row.run.id()));
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
    let mut outcome = Outcome::default();
    // Who starts runs comes first: it would start the next one when the one at hand is stopped.
    let (first, led) = by_parent(&running);
    for runs in [first, led] {
        for some in runs.chunks(AT_A_TIME) {
            outcome.stop(some, &args);
        }
    }
    Ok(outcome.code())
}

/// The runs that no other one among them has started, and the others.
fn by_parent(rows: &[RunRow]) -> (Vec<&Run>, Vec<&Run>) {
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.run.id()).collect();
    let is_led = |run: &&Run| children::parent(run).is_some_and(|parent| ids.contains(parent.as_str()));
    let (led, first) = rows.iter().map(|row| &row.run).partition(is_led);
    (first, led)
}

#[derive(Default)]
struct Outcome {
    /// Processes that did not stop.
    left: Vec<i32>,
    failed: bool,
}

impl Outcome {
    /// Stops the runs side by side, so that one that takes its time does not hold up the others.
    fn stop(&mut self, runs: &[&Run], args: &StopArgs) {
        let timeout = Duration::from_secs(args.timeout);
        let mut stopping = Vec::new();
        for run in runs {
            let id = run.id();
            if status::of(run) != Status::Running {
                continue;
            }
            if let Some(remote) = status::remote(run) {
                eprint_line(&format!("gage: run {id} is running on {remote}: stop it there"));
                self.failed = true;
                continue;
            }
            eprint_line(&match meta::read_number(&run.meta("proc/lock")) {
                Some(pid) => format!("Stopping {id} (pid {pid})"),
                None => format!("Stopping {id}"),
            });
            let (run, force) = ((*run).clone(), args.force);
            stopping.push(std::thread::spawn(move || stop::stop(&run, timeout, force)));
        }
        for thread in stopping {
            match thread.join().expect("stopping does not panic") {
                // It may have ended by itself between the list and now: what was wanted.
                Ok(Stopped::Stopped | Stopped::NotRunning) => {}
                Ok(Stopped::Left(pids)) => self.left.extend(pids),
                Err(error) => {
                    eprint_line(&format!("gage: {error}"));
                    self.failed = true;
                }
            }
        }
    }

    /// Says what is left, and gives the exit code.
    fn code(mut self) -> u8 {
        self.left.sort_unstable();
        self.left.dedup();
        if !self.left.is_empty() {
            let pids: Vec<String> = self.left.iter().map(i32::to_string).collect();
            print(&format!(
                "The following processes did not stop as expected: {}\n",
                pids.join(", ")
            ));
        }
        u8::from(self.failed || !self.left.is_empty())
    }
}
