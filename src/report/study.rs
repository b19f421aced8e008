//! A batch for people and programs: `gage batch show` and `gage batch list`. Receives an overview; reads nothing.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::json::{FORMAT, Number};
use super::{Cell, Column, Paint, Screen, Table, number, time};
use crate::batch::event::{Edit, Event, Reason, Status as Outcome};
use crate::batch::overview::{Overview, Standing, Trial};
use crate::flags::{FlagValues, Value, label};

/// Trials shown unless all are asked for.
pub const PAGE: usize = 20;

/// One line for each batch, newest first.
pub fn list(batches: &[(usize, String, Overview)], screen: &Screen) -> String {
    let mut table = Table::new(vec![
        Column::default(),
        Column::default().gives_way(12),
        Column::default(),
        Column::default(),
        Column::default().gives_way(10),
    ]);
    for (position, operation, overview) in batches {
        table.push(vec![
            Cell::painted(format!("[{position}:{}]", overview.batch.short_id()), Paint::Dim),
            Cell::new(operation.as_str()),
            status(overview),
            Cell::new(progress(overview)),
            Cell::new(best(overview).unwrap_or_default()),
        ]);
    }
    table.render(screen)
}

fn status(overview: &Overview) -> Cell {
    let word = match overview.is_paused() {
        true => "paused",
        false => overview.status.as_str(),
    };
    Cell::painted(word, Paint::of_status(overview.status.as_str()))
}

/// `12 of 20 trials, 4 running, 1 failed`.
pub fn progress(overview: &Overview) -> String {
    let ended = overview.ended();
    let planned = overview.record.scheduler.planned();
    let mut text = match planned {
        Some(1) => format!("{ended} of 1 trial"),
        Some(planned) => format!("{ended} of {planned} trials"),
        None if ended == 1 => "1 trial".to_string(),
        None => format!("{ended} trials"),
    };
    for (word, count) in counts(overview) {
        if word != "completed" && count > 0 {
            text.push_str(&format!(", {count} {}", if word == "error" { "failed" } else { word }));
        }
    }
    text
}

/// The same with the best trial so far, for a line of its own.
pub fn standing(overview: &Overview) -> String {
    let mut text = progress(overview);
    if let Some(best) = best(overview) {
        text.push_str(&format!(", {best}"));
    }
    text
}

/// `loss 0.25 in trial 7`.
fn best(overview: &Overview) -> Option<String> {
    let best = overview.best()?;
    let value = number::short(best.value?);
    Some(format!(
        "best {} {value} in trial {}",
        overview.objective.column(),
        best.number + 1
    ))
}

fn counts(overview: &Overview) -> [(&'static str, u64); 8] {
    use Standing::{Ended, Lost, Running, Waiting};
    let all = [
        Ended(Outcome::Completed),
        Ended(Outcome::Error),
        Ended(Outcome::Terminated),
        Ended(Outcome::Skipped),
        Ended(Outcome::Staged),
        Running,
        Lost,
        Waiting,
    ];
    all.map(|standing| (standing.as_str(), overview.count(|s| s == standing)))
}

/// Everything about a batch as `name: value` lines and a table of its trials.
pub fn text(operation: &str, overview: &Overview, all: bool, screen: &Screen) -> String {
    let mut out = String::new();
    let mut field = |name: &str, value: &str| {
        Paint::Dim.write(&mut out, &format!("{name}:"), screen);
        if !value.is_empty() {
            out.push(' ');
            out.push_str(&value.replace('\n', "\\n"));
        }
        out.push('\n');
    };
    let header = &overview.header;
    field("id", overview.batch.id());
    field("operation", operation);
    let driver = overview.driver.as_ref();
    let driver = driver.map(|(pid, host)| format!(" (process {pid} on {host})"));
    field(
        "status",
        &format!("{}{}", status(overview).text(), driver.unwrap_or_default()),
    );
    field("optimizer", &header.optimizer);
    for (name, value) in &header.options {
        field(&format!("  {name}"), value);
    }
    if !header.rules.known || header.optimizer != "+" {
        let goal = if overview.objective.maximize() {
            "maximize"
        } else {
            "minimize"
        };
        field("objective", &format!("{goal} {}", overview.objective.column()));
    }
    field("seed", &header.seed.to_string());
    let jobs = overview.record.scheduler.rules().slots;
    field("jobs", &jobs.to_string());
    if header.rules.deterministic {
        field(
            "deterministic",
            &format!("trial k uses results up to k - {}", header.rules.slots),
        );
    }
    field("progress", &progress(overview));
    if let Some(reason) = &overview.record.exhausted {
        field("exhausted", reason);
    }
    field(
        "best",
        &best(overview).map_or_else(String::new, |text| text.replacen("best ", "", 1)),
    );
    if !overview.turns.is_empty() {
        field("turns", "");
        for (at, event) in &overview.turns {
            let at = i64::try_from(*at).map(time::local).unwrap_or_default();
            out.push_str(&format!("  {at}  {}\n", turn(event)));
        }
    }
    let mut heading = String::new();
    Paint::Dim.write(&mut heading, "trials:", screen);
    out.push_str(&format!("{heading}\n"));
    out.push_str(&trials(overview, all, screen));
    out
}

/// What a turn of a batch means, for people.
fn turn(event: &Event) -> String {
    match event {
        Event::Resumed { pid, host } => format!("resumed by process {pid} on {host}"),
        Event::Edited(edited) => match &edited.edit {
            Edit::Trials(count) => format!("{count} trials planned"),
            Edit::Jobs(jobs) => format!("{jobs} at a time"),
            Edit::Pause => "paused".to_string(),
            Edit::Continue => "continued".to_string(),
            Edit::Retry(trials) => format!("to be run again: {}", numbers(trials)),
        },
        Event::Stopping { signal } => format!("stopped (signal {signal})"),
        Event::Closed { reason: Reason::Done } => "came to its end".to_string(),
        Event::Closed {
            reason: Reason::TrialFailed,
        } => "ended as a trial failed".to_string(),
        Event::Closed {
            reason: Reason::Stopped,
        } => "came to rest".to_string(),
        Event::Proposed(proposed) => format!(
            "trial {} enqueued: {}",
            proposed.trial + 1,
            label::description(&proposed.values)
        ),
        _ => String::new(),
    }
}

/// `trial 3`, `trials 3, 5`.
fn numbers(trials: &[u64]) -> String {
    let all: Vec<String> = trials.iter().map(|n| (n + 1).to_string()).collect();
    format!("{} {}", if all.len() == 1 { "trial" } else { "trials" }, all.join(", "))
}

fn trials(overview: &Overview, all: bool, screen: &Screen) -> String {
    let varied = varied(&overview.trials);
    let left_out = match all {
        true => 0,
        false => overview.trials.len().saturating_sub(PAGE),
    };
    let mut table = Table::new(vec![
        Column::default().right(),
        Column::default(),
        Column::default(),
        Column::default(),
        Column::default(),
        Column::default().gives_way(10),
        Column::default(),
    ]);
    for trial in &overview.trials[left_out..] {
        let word = trial.standing.as_str();
        let values: FlagValues = trial
            .values
            .iter()
            .filter(|(name, _)| varied.contains(name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut notes = Vec::new();
        if trial.attempt > 0 {
            notes.push(format!("attempt {}", trial.attempt + 1));
        }
        if trial.by_hand {
            notes.push("enqueued".to_string());
        }
        table.push(vec![
            Cell::new((trial.number + 1).to_string()),
            Cell::painted(crate::run::id::short(&trial.run), Paint::Dim),
            Cell::painted(
                match trial.exceeded {
                    Some(limit) => format!("{word} ({})", limit.as_str()),
                    None => word.to_string(),
                },
                Paint::of_status(word),
            ),
            Cell::new(trial.value.map(number::short).unwrap_or_default()),
            Cell::new(trial.seconds.map(|s| time::span((s * 1e6) as i64)).unwrap_or_default()),
            Cell::new(label::label(&values)),
            Cell::new(notes.join(", ")),
        ]);
    }
    table.indented(2).render(screen)
}

/// Flags that differ between trials; all of a single one.
fn varied(trials: &[Trial]) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let Some(first) = trials.first() else { return names };
    for trial in trials {
        let both = trial.values.keys().chain(first.values.keys());
        names.extend(
            both.filter(|name| trials.len() == 1 || trial.values.get(*name) != first.values.get(*name))
                .map(String::as_str),
        );
    }
    names
}

/// The batch as JSON, without its trials and turns for `list`.
pub fn json(operation: &str, overview: &Overview, whole: bool) -> Json {
    let header = &overview.header;
    let rules = overview.record.scheduler.rules();
    let counted: serde_json::Map<String, Json> = counts(overview)
        .into_iter()
        .map(|(word, n)| (word.into(), n.into()))
        .collect();
    let mut map = json!({
        "format": FORMAT,
        "id": overview.batch.id(),
        "operation": operation,
        "status": overview.status.as_str(),
        "paused": overview.is_paused(),
        "finished": overview.finished,
        "driver": overview.driver.as_ref().map(|(pid, host)| json!({ "pid": pid, "host": host })),
        "optimizer": header.optimizer,
        "options": header.options,
        "objective": header.objective,
        "seed": header.seed,
        "jobs": rules.slots,
        "deterministic": header.rules.deterministic,
        "planned": overview.record.scheduler.planned(),
        "ended": overview.ended(),
        "counts": counted,
        "exhausted": overview.record.exhausted,
        "best": overview.best().map(trial),
    });
    if whole {
        map["turns"] = overview
            .turns
            .iter()
            .map(|(at, event)| {
                let at = i64::try_from(*at).ok().and_then(time::rfc3339);
                json!({ "time": at, "event": event })
            })
            .collect();
        map["trials"] = overview.trials.iter().map(trial).collect();
    }
    map
}

fn trial(trial: &Trial) -> Json {
    let values: serde_json::Map<String, Json> = trial
        .values
        .iter()
        .map(|(name, value): (&String, &Value)| (name.clone(), value.to_json()))
        .collect();
    json!({
        "number": trial.number + 1,
        "run": trial.run,
        "attempt": trial.attempt + 1,
        "status": trial.standing.as_str(),
        "exit_status": trial.exit,
        "exceeded": trial.exceeded.map(|limit| limit.as_str()),
        "objective": trial.value.map(|v| serde_json::to_value(Number(v)).unwrap_or_default()),
        "seconds": trial.seconds,
        "flags": values,
        "seed": trial.seed,
        "enqueued": trial.by_hand,
    })
}
