//! What the log of a batch says. Only the texts; when they are said is the driver's.

use std::time::Duration;

use super::event::{Edit, Ended, Status};
use super::report::Level;
use super::trials::Fate;
use crate::executor::Stop;
use crate::flags::{FlagValues, label};
use crate::run::Exceeded;

pub const STOPPING: &str = "Stopping batch (pending trials can be started as needed)";
pub const TRIAL_FAILED: &str = "Stopping batch because a trial failed (pending trials can be started as needed)";
pub const SAVING: &str = "Waiting until all results are on the disk";
pub const DELETED: &str = "its run was deleted";

/// The time given with `--stop-after` is over.
pub fn time_up(time: Duration) -> String {
    let (pid, minutes) = (std::process::id(), time.as_secs_f64() / 60.0);
    format!("Stopping process early (pid {pid}) - {minutes:?} minute(s) elapsed")
}

/// What an earlier driver has left.
#[derive(Debug, Default)]
pub struct Left {
    pub finished: u64,
    /// Still running, and waited for.
    pub adopted: u64,
    /// Gone without a result, and run again.
    pub lost: u64,
    /// Yet to come, where that is known.
    pub left: Option<u64>,
}

/// A batch is gone on with.
pub fn resuming(id: &str, found: &Left) -> String {
    let Left {
        finished,
        adopted,
        lost,
        ..
    } = found;
    let left = found.left.map(|left| format!(", {left} left")).unwrap_or_default();
    format!("Resuming batch {id}: {finished} finished, {adopted} adopted, {lost} lost{left}")
}

/// A change that somebody asked for.
pub fn edited(edit: &Edit) -> String {
    match edit {
        Edit::Trials(1) => "Changing the batch to 1 trial".to_string(),
        Edit::Trials(count) => format!("Changing the batch to {count} trials"),
        Edit::Jobs(1) => "Running 1 trial at a time".to_string(),
        Edit::Jobs(jobs) => format!("Running {jobs} trials at a time"),
        Edit::Pause => "Pausing batch (running trials come to their end)".to_string(),
        Edit::Continue => "Continuing batch".to_string(),
        Edit::Retry(trials) => {
            let numbers: Vec<String> = trials.iter().map(|trial| (trial + 1).to_string()).collect();
            let word = if numbers.len() == 1 { "trial" } else { "trials" };
            format!("Running {word} {} again", numbers.join(", "))
        }
    }
}

/// A trial that somebody gave.
pub fn enqueued(trial: u64, values: &FlagValues) -> String {
    format!("Enqueued trial {} ({})", trial + 1, label::description(values))
}

/// A change that cannot be made.
pub fn refused(why: &str) -> String {
    let first = why.lines().next().unwrap_or_default();
    format!("Ignoring a request: {first}")
}

/// A trial is about to start.
pub fn begin(id: &str, op: &str, values: &FlagValues, stage: bool) -> String {
    let verb = if stage { "Staging" } else { "Running" };
    format!("{verb} trial {id}: {op} ({})", label::description(values))
}

/// The run that a line of the log says to have begun.
pub fn begun(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("[gage] Running trial ")?;
    rest.split_once(':').map(|(id, _)| id)
}

/// A trial came to its end; nothing is said of those that completed without a problem.
pub fn end(id: &str, ended: &Ended, problem: Option<&str>) -> Option<(Level, String)> {
    match ended.status {
        Status::Error => {
            let beyond = ended.exceeded.map(|limit| match limit {
                Exceeded::Timeout => "it ran longer than its time limit",
                Exceeded::Memory => "it used more memory than its limit",
            });
            let message = ended.message.as_deref().or(problem).or(beyond);
            let exit = ended.exit;
            Some((
                Level::Error,
                match message {
                    Some(message) => format!("Trial {id} exited with an error: ({exit}) {message}"),
                    None => format!("Trial {id} exited with an error ({exit}) - see log for details"),
                },
            ))
        }
        Status::Terminated => Some((Level::Warning, format!("Trial {id} was terminated"))),
        Status::Completed => problem.map(|problem| (Level::Warning, format!("Trial {id}: {problem}"))),
        Status::Skipped | Status::Staged => None,
    }
}

/// Nobody runs it, and it has not said how it ended.
pub fn lost(id: &str) -> String {
    format!("Trial {id} was lost with the process that ran it - it is run again")
}

/// The machine stopped before its end could be saved.
pub fn doubted(id: &str) -> String {
    format!(
        "Trial {id} ended as the machine stopped, and not all of it may be on the disk - it is deleted and run again"
    )
}

pub fn skipping(id: &str, status: &str) -> String {
    format!("Skipping {id} because its status is '{status}' (expected 'pending')")
}

/// The status of a trial that somebody else has taken.
pub fn status_word(fate: &Fate) -> Option<&'static str> {
    match fate {
        Fate::Running => Some("running"),
        Fate::Lost => Some("terminated"),
        Fate::Ended(ended) => Some(match ended.status {
            Status::Error => "error",
            Status::Terminated => "terminated",
            _ => "completed",
        }),
        Fate::Missing | Fate::Waiting { .. } | Fate::Unreadable(_) => None,
    }
}

pub fn stop(pid: u32, how: Stop) -> (Level, String) {
    match how {
        Stop::Gently => (Level::Info, format!("Stopping trial (proc {pid})")),
        Stop::AtOnce => (Level::Warning, format!("Forcefully terminating trial (proc {pid})")),
    }
}

pub fn all_failed(count: u64) -> String {
    match count {
        1 => "The only trial failed".to_string(),
        _ => format!("All {count} trials failed"),
    }
}

pub fn not_finite(count: usize) -> String {
    format!("Ignoring {count} trial(s) with a non-finite objective")
}

/// The text of an error as a log line begins it.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_the_log_knows_which_trial_begins() {
        let line = |stage| format!("INFO: [gage] {}", begin("0a1b", "m:op", &FlagValues::new(), stage));
        assert_eq!(begun(&line(false)), Some("0a1b"));
        assert_eq!(begun(&line(true)), None);
        assert_eq!(begun("INFO: [gage] Stopping batch"), None);
    }
}
