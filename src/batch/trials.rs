//! The runs of a study: the batch run itself, its proto, and one run for each trial. Makes and reads them; when
//! that is done is decided by the driver.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::event::{Ended, Event, Proposed, Status};
use super::journal::{self, Journal, JournalError};
use super::objective::Objective;
use super::plan::Plan;
use crate::flags::FlagValues;
use crate::run::{self, Dependency, Exceeded, Limits, Run, RunError, RunSpec, Staging, meta, status};

/// Where the proto's source code is kept, below the batch run's meta directory.
pub const SOURCE: &str = "proto/source";

/// Gives the run of a trial with these flags and this seed everything but its id.
pub type Compose<'a> = Box<dyn FnMut(&FlagValues, u32) -> RunSpec + 'a>;

/// Finds what a trial with these flags requires.
pub type Resolve<'a> = Box<dyn FnMut(&FlagValues) -> Result<Required, String> + 'a>;

/// What a trial requires, found.
#[derive(Debug, Clone, Default)]
pub struct Required {
    pub dependencies: Vec<Dependency>,
    /// Lines that tell of it, each with its end.
    pub text: String,
}

/// What the runs of a batch are made from.
pub struct Making<'a> {
    /// The runs home.
    pub home: PathBuf,
    /// The `gage` program, to be started as a worker.
    pub gage: PathBuf,
    pub compose: Compose<'a>,
    pub resolve: Resolve<'a>,
    /// What each trial is staged from.
    pub staging: Staging<'a>,
    /// The batch run. For a program that proposes, with its command.
    pub batch: RunSpec,
    /// What a program that proposes is staged from.
    pub batch_staging: Option<Staging<'a>>,
    /// The run that is never started: the flags as given, lists and functions in.
    pub proto: RunSpec,
    /// What each trial may use.
    pub limits: Limits,
    /// Keep the batch run whatever becomes of it.
    pub keep_batch: bool,
}

/// What a run says became of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// There is no such run.
    Missing,
    /// It waits to be staged, or to be started.
    Waiting {
        staged: bool,
    },
    Running,
    Ended(Box<Ended>),
    /// Nobody runs it, and it has no exit code.
    Lost,
    /// Its files are there and cannot be read, and why.
    Unreadable(String),
}

impl Making<'_> {
    /// Makes the run of a trial and links it to its batch. One that exists already is left as it is.
    pub fn make(&mut self, batch: &Run, proposed: &Proposed, id: &str) -> Result<Run, RunError> {
        let run = Run::new(&self.home, id);
        if !run.meta("").exists() {
            clear_half_made(&run);
            let mut spec = (self.compose)(&proposed.values, proposed.seed);
            spec.id = Some(id.to_string());
            spec.attrs.insert("random_seed".into(), json!(proposed.seed));
            spec.attrs.insert("batch".into(), json!(batch.id()));
            spec.attrs.insert("trial".into(), json!(proposed.trial + 1));
            self.limits.write_to(&mut spec);
            run::create(&self.home, &spec)?;
        }
        // Only a convenience for people: without it nothing is lost.
        let _ = symlink(PathBuf::from("..").join(id), batch.dir().join(id));
        Ok(run)
    }

    /// Stages the run of a trial with these flags, giving lines and warnings for the user.
    pub fn stage(&mut self, run: &Run, values: &FlagValues) -> Result<(String, Vec<String>), RunError> {
        if run.dir().exists() {
            // Left by a driver that died while it staged the run. What cannot be removed will be in the way.
            let _ = std::fs::remove_dir_all(run.dir());
            for name in ["log/files", "log/patched", "manifest"] {
                let _ = std::fs::remove_file(run.meta(name));
            }
            let _ = std::fs::remove_dir_all(run.meta("output"));
        }
        let required = (self.resolve)(values);
        let (required, unmet) = match required {
            Ok(required) => (required, None),
            Err(reason) => (Required::default(), Some(reason)),
        };
        let staging = Staging {
            dependencies: &required.dependencies,
            resolved: &required.text,
            unmet: unmet.as_deref(),
            source: self.staging.source,
            caller: self.staging.caller.clone(),
            stop: self.staging.stop,
        };
        let warnings = run::stage(run, &staging)?;
        Ok((required.text, warnings))
    }
}

/// Removes what a driver left that died while it made the run. Only who was given the id makes a run of it.
fn clear_half_made(run: &Run) {
    let _ = std::fs::remove_dir_all(run.home().join(format!(".{}.meta", run.id())));
    let _ = std::fs::remove_file(run.project_file());
    let _ = std::fs::remove_dir_all(run.user_dir());
}

/// What became of an attempt, from the files of its run.
///
/// A file that cannot be opened, as there are too many open ones, must not be taken for one that is not there: the
/// trial would be run a second time. So that a run has not ended is believed only when it is found twice, with
/// everything readable in between.
pub fn fate(run: &Run, trial: u64, attempt: u32, objective: &Objective) -> Fate {
    let mut before = None;
    loop {
        let fate = fate_at_sight(run, trial, attempt, objective);
        if matches!(fate, Fate::Running | Fate::Ended(_) | Fate::Unreadable(_)) || before.as_ref() == Some(&fate) {
            return fate;
        }
        let files = [run.meta("proc/exit"), run.meta("proc/lock"), run.lease_file()];
        if let Some(reason) = files.iter().find_map(|path| unreadable(path)) {
            return Fate::Unreadable(reason);
        }
        before = Some(fate);
    }
}

/// Why a file that may be there cannot be read.
fn unreadable(path: &Path) -> Option<String> {
    let error = std::fs::File::open(path)
        .err()
        .filter(|error| !meta::is_missing(error))?;
    Some(format!("cannot read {}: {}", path.display(), run::reason(&error)))
}

fn fate_at_sight(run: &Run, trial: u64, attempt: u32, objective: &Objective) -> Fate {
    match status::of(run) {
        run::Status::Running => Fate::Running,
        run::Status::Pending => Fate::Waiting { staged: false },
        // Whoever started it died before its program could be recorded.
        run::Status::Staged if run.meta("started").exists() => Fate::Lost,
        run::Status::Staged => Fate::Waiting { staged: true },
        run::Status::Unknown if run.meta("").exists() => Fate::Waiting { staged: false },
        run::Status::Unknown => Fate::Missing,
        run::Status::Completed | run::Status::Terminated | run::Status::Error => match status::exit_code(run) {
            Some(exit) => match result(run, trial, attempt, exit as i32, objective) {
                Ok(ended) => Fate::Ended(Box::new(ended)),
                Err(reason) => Fate::Unreadable(reason),
            },
            None => Fate::Lost,
        },
    }
}

fn result(run: &Run, trial: u64, attempt: u32, exit: i32, objective: &Objective) -> Result<Ended, String> {
    let time = |name| meta::read_number(&run.meta(name));
    let seconds = match (time("started"), time("stopped")) {
        (Some(started), Some(stopped)) => Some((stopped - started) as f64 / 1e6),
        _ => None,
    };
    let status = match exit {
        0 => Status::Completed,
        1.. => Status::Error,
        _ => Status::Terminated,
    };
    Ok(Ended {
        trial,
        attempt,
        status,
        exit,
        objective: match status {
            Status::Error => None,
            _ => objective_of(run, objective)?,
        },
        seconds,
        message: None,
        exceeded: Exceeded::of_exit(run, exit.into()),
    })
}

/// That a run says nothing of the objective is believed only when its scalars can be read.
fn objective_of(run: &Run, objective: &Objective) -> Result<Option<f64>, String> {
    if let Some(value) = objective.of_run(run) {
        return Ok(Some(value));
    }
    let scalars = run.meta("scalars");
    let files = std::fs::read_dir(&scalars).into_iter().flatten().flatten();
    let files = files.map(|entry| entry.path());
    let places = [scalars.clone(), run.dir()];
    match places.into_iter().chain(files).find_map(|path| unreadable(&path)) {
        Some(reason) => Err(reason),
        None => Ok(objective.of_run(run)),
    }
}

/// A trial that could not be made or started.
pub fn failed(trial: u64, attempt: u32, exit: i32, message: String) -> Ended {
    Ended {
        trial,
        attempt,
        status: Status::Error,
        exit,
        objective: None,
        seconds: None,
        message: Some(message),
        exceeded: None,
    }
}

/// A trial that is none of ours any more.
pub fn gone(trial: u64, attempt: u32, status: Status) -> Ended {
    Ended {
        trial,
        attempt,
        status,
        exit: 0,
        objective: None,
        seconds: None,
        message: None,
        exceeded: None,
    }
}

/// What the batch run is made of, the study's facts included.
pub fn batch_spec(plan: &Plan, making: &Making<'_>) -> RunSpec {
    let mut spec = making.batch.clone();
    spec.attrs.insert("random_seed".into(), json!(plan.spec.seed));
    spec.attrs.insert("objective".into(), json!(plan.objective.to_string()));
    if let Some(planned) = plan.planned {
        spec.attrs.insert("max_trials".into(), json!(planned));
    }
    spec
}

/// Makes the batch run with its proto and a journal that begins with `first`. It appears whole or not at all: a
/// batch that exists can be gone on with.
pub fn make_batch(plan: &Plan, making: &Making<'_>, first: &[Event]) -> Result<Run, RunError> {
    let batch = run::create_with(&making.home, &batch_spec(plan, making), |dir| {
        run::create_proto(&dir.join("proto"), &making.proto)?;
        making.staging.source.keep(&dir.join(SOURCE))?;
        Journal::begin(&dir.join(journal::FILE), first)
            .map(drop)
            .map_err(unmade)
    })?;
    stage_batch(&batch, making).inspect_err(|_| {
        // Nothing half-made is left behind; the error at hand is the one to report.
        let _ = run::remove::delete_permanently(&batch);
    })?;
    Ok(batch)
}

fn unmade(error: JournalError) -> RunError {
    match error {
        JournalError::Io { action, path, error } => RunError::File {
            doing: action,
            path,
            source: error,
        },
        JournalError::Damaged { path, .. } | JournalError::Version { path, .. } => RunError::Corrupt {
            path,
            reason: "it should have been new".into(),
        },
    }
}

/// Stages a batch whose program proposes, if that has not been done.
pub fn stage_batch(batch: &Run, making: &Making<'_>) -> Result<(), RunError> {
    match &making.batch_staging {
        Some(staging) if !batch.meta("staged").exists() => run::stage(batch, staging).map(drop),
        _ => Ok(()),
    }
}

/// Puts another proto in the place of a batch's, with its own source code or with the project's.
pub fn renew_proto(making: &Making<'_>, batch: &Run, new_source: bool) -> Result<(), RunError> {
    let (proto, old) = (batch.meta("proto"), batch.meta("proto.old"));
    let failed = |source| RunError::File {
        doing: "replace",
        path: proto.clone(),
        source,
    };
    // Left by one who died here.
    let _ = std::fs::remove_dir_all(&old);
    std::fs::rename(&proto, &old).map_err(failed)?;
    run::create_proto(&proto, &making.proto)?;
    if new_source {
        making.staging.source.keep(&batch.meta(SOURCE))?;
    } else {
        std::fs::rename(old.join("source"), batch.meta(SOURCE)).map_err(failed)?;
    }
    std::fs::remove_dir_all(&old).map_err(failed)
}

/// A random run id.
pub fn new_id() -> io::Result<String> {
    run::id::new()
}
