//! What happens in a study. One enum is the journal, the scheduler's input and what a resumed study is folded
//! from, so that the three cannot disagree. Must hold only what replaying needs; never how it is shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::space::SpaceSpec;
use crate::flags::FlagValues;
use crate::run::{Exceeded, Limits};

/// One thing that happened. Journals written by earlier versions must stay readable: add, never rename.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// First of a journal: what is searched, and by which rules.
    Opened(Box<Header>),
    /// A result of an earlier batch that the optimizer may learn from.
    Prior(Prior),
    /// The values of a trial, before anything of it exists.
    Proposed(Proposed),
    /// The optimizer has nothing more to propose.
    Exhausted {
        /// Number that was asked for.
        trial: u64,
        /// Why, for the log.
        reason: String,
    },
    /// The program of a trial runs.
    Started { trial: u64, attempt: u32, pid: Option<u32> },
    /// A trial came to its end, or could not begin.
    Ended(Ended),
    /// An attempt vanished without a result: nobody runs it, and its files say nothing of an end.
    Lost { trial: u64, attempt: u32 },
    /// A lost trial is to be run again, as another run with the same values and seed.
    Again { trial: u64, attempt: u32, run: String },
    /// A driver took over the study. What was in flight is looked for next.
    Resumed { pid: u32, host: String },
    /// After `Resumed`: an attempt in flight is still waiting to be started.
    Waiting { trial: u64, attempt: u32 },
    /// A change that a person made to the study after it was opened.
    Edited(Edited),
    /// Nothing more is to be started, and what runs is to be stopped.
    Stopping {
        /// Signal that asked for it, such as 2 or 15.
        signal: i32,
    },
    /// The driver is done with the study.
    Closed { reason: Reason },
}

/// What a journal begins with.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Header {
    /// `+`, the name of an optimizer, or an operation.
    pub optimizer: String,
    /// Options of the optimizer as given, defaults left out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Seed of every proposal.
    pub seed: u32,
    /// Every trial has this seed, too, instead of one of its own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub same_seed: bool,
    /// Column spec, with a leading `-` to maximise.
    pub objective: String,
    /// Flags of each row as given, lists and search functions in, as a command line would say them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<BTreeMap<String, String>>,
    /// For each row the flags that the user assigned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assigned: Vec<Vec<String>>,
    /// Number of trials that was asked for, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_trials: Option<u64>,
    /// What is searched; `None` where an outside program proposes, and for a grid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space: Option<SpaceSpec>,
    /// The batch run stays, whatever becomes of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep_batch: bool,
    /// Trials are staged, and started by others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stage_trials: bool,
    /// What each trial may use.
    #[serde(skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
    /// Number of trials and slots that the optimizer is told, which live edits do not change.
    pub rules: Rules,
}

impl Header {
    /// True where trials are proposed by a program of the project.
    pub fn is_program(&self) -> bool {
        self.optimizer != "+" && gage_optimizers::registry::find(&self.optimizer).is_none()
    }
}

/// What the scheduler goes by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Rules {
    /// Number of trials; `None` as many as the optimizer proposes.
    pub planned: Option<u64>,
    /// How many trials run at a time.
    pub slots: usize,
    /// Trials do not depend on results: all are proposed before the first starts.
    pub known: bool,
    /// Trial k may use only results of trials up to k - slots, whatever is finished.
    pub deterministic: bool,
    /// Start nothing more after the first trial that fails.
    pub fail_on_trial_error: bool,
    /// How often a lost trial is run before it counts as failed.
    pub attempts: u32,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            planned: None,
            slots: 1,
            known: false,
            deterministic: false,
            fail_on_trial_error: false,
            attempts: 3,
        }
    }
}

/// An observation of an earlier batch, frozen when the study was opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    /// Where it comes from.
    pub run: String,
    /// One value per dimension: a number, or the index of a choice.
    pub point: Vec<Json>,
    /// Objective, smaller is better; `None` if it failed.
    #[serde(with = "number")]
    pub objective: Option<f64>,
    /// How long it took.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seconds: Option<f64>,
}

/// A proposal, and all that is needed to compute it again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Proposed {
    /// Counts from 0.
    pub trial: u64,
    /// Id of the run to be made.
    pub run: String,
    /// Every flag of the run.
    pub values: FlagValues,
    /// Seed of the run.
    pub seed: u32,
    /// The point in the searched space, if an optimizer of ours proposed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub point: Option<Vec<Json>>,
    /// How many lines of this journal were known to the optimizer.
    pub seen: u64,
    /// Only results of trials below this number were used (`--deterministic`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon: Option<u64>,
    /// What the log said of the proposal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Given by a person while the study ran: it comes in addition to the planned ones.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    /// The request that gave it, so that it is carried out once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    pub trial: u64,
    pub attempt: u32,
    pub status: Status,
    /// Exit code, negative for a signal.
    pub exit: i32,
    /// What the program said of itself, smaller is better; possibly not finite.
    #[serde(with = "number", default)]
    pub objective: Option<f64>,
    /// From start to end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seconds: Option<f64>,
    /// Why it could not run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<String>,
    /// The limit that it went beyond: a failure of its own kind, with `status` error.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exceeded: Option<Exceeded>,
}

/// What became of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Completed,
    /// Exit code above 0, or it could not be started.
    Error,
    /// Ended by a signal.
    Terminated,
    /// Somebody else took or deleted it.
    Skipped,
    /// Made and staged; starting it is left to others.
    Staged,
}

/// A change and where it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edited {
    pub edit: Edit,
    /// The request that asked for it, so that it is carried out once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request: Option<String>,
}

impl Edited {
    /// A change that nobody asked for by a request.
    pub fn new(edit: Edit) -> Edited {
        Edited { edit, request: None }
    }
}

/// What can be changed after a study was opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edit {
    /// Another planned number of trials.
    Trials(u64),
    /// Another number of slots.
    Jobs(usize),
    /// Nothing is started until `Continue`, or until another driver takes over.
    Pause,
    Continue,
    /// Trials that came to no result are run again, each as another attempt.
    Retry(Vec<u64>),
}

/// Why a study came to an end, or to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The planned number is reached, or every point was tried.
    Done,
    /// `fail_on_trial_error`.
    TrialFailed,
    /// It was told to.
    Stopped,
}

/// Doubles in JSON, with NaN and infinities as texts.
mod number {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::flags::Value;

    pub fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map_or(Value::Null, Value::Float).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Text(text) => text.parse().ok(),
            value => value.as_f64(),
        })
    }
}
