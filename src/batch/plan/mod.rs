//! From what the user asked for to a study that can be carried out. Everything that can be wrong with a batch is
//! found here, before any run is made. Makes nothing, asks nothing, starts nothing.

mod beyond;
mod error;
mod header;
#[cfg(test)]
mod tests;

pub use error::PlanError;
use gage_optimizers::Optimizer;
use gage_optimizers::options::{OptionError, OptionValue, Options};
use gage_optimizers::registry::{self, Entry};
use gage_optimizers::rng::{Purpose, stream};
pub use header::build;

use super::dimensions;
use super::event::Header;
use super::grid::Grid;
use super::objective::Objective;
use super::space::SpaceSpec;
use crate::flags::{FlagValues, Resolved, Value, check, encode, label};
use crate::project::OpDef;
use crate::run::Limits;

/// Number of trials of a search that is not told how many.
pub const DEFAULT_TRIALS: u64 = 20;

/// What a batch is planned from.
#[derive(Debug, Clone, Default)]
pub struct BatchSpec {
    pub opdef: OpDef,
    /// One for each row of the batch files, at least one: merged and checked, lists and search functions in.
    pub rows: Vec<Resolved>,
    /// `+`, a registered optimizer's name, or the name of the operation in `program`.
    pub optimizer: String,
    /// Options as (name, text); of one given twice the last counts.
    pub options: Vec<(String, String)>,
    /// An operation of the project that proposes the trials.
    pub program: Option<OpDef>,
    /// Column spec, with a leading `-` to maximise; the operation's, or `loss`, if not given.
    pub objective: Option<String>,
    pub max_trials: Option<u64>,
    /// Seed of the batch.
    pub seed: u32,
    /// The user gave the seed: every trial gets it, too. Otherwise each trial has one of its own.
    pub same_seed: bool,
    pub jobs: usize,
    pub deterministic: bool,
    pub fail_on_trial_error: bool,
    /// Trials are staged, not started.
    pub stage_trials: bool,
    /// What each trial may use.
    pub limits: Limits,
}

/// A batch that can be run.
#[derive(Debug, Clone)]
pub struct Plan {
    pub spec: BatchSpec,
    /// Name of the optimizer as shown: `+`, `gp`, ...
    pub optimizer: String,
    pub objective: Objective,
    /// All options of the optimizer, defaults included, as text.
    pub options: Vec<(String, String)>,
    /// Number of trials, if it is known.
    pub planned: Option<u64>,
    pub proposes: Proposes,
}

/// Where the trials come from.
#[derive(Debug, Clone)]
pub enum Proposes {
    /// These, in this order.
    Listed(Vec<FlagValues>),
    /// An optimizer of ours, one after another.
    Search { spec: SpaceSpec, constants: FlagValues },
    /// A program.
    Program(Box<OpDef>),
}

/// Checks everything and lists the trials that do not depend on results.
pub fn plan(spec: &BatchSpec) -> Result<Plan, PlanError> {
    let objective = match spec.objective.as_deref().or(spec.opdef.objective.as_deref()) {
        Some(text) => Objective::parse(text)?,
        None => Objective::default(),
    };
    let limit = spec.max_trials.or(spec.opdef.default_max_trials);
    let mut plan = Plan {
        spec: spec.clone(),
        optimizer: spec.optimizer.clone(),
        objective,
        options: Vec::new(),
        planned: limit,
        proposes: Proposes::Listed(Vec::new()),
    };
    if let Some(program) = &spec.program {
        plan.planned = spec
            .max_trials
            .or(program.default_max_trials)
            .or(spec.opdef.default_max_trials);
        plan.options.clone_from(&spec.options);
        plan.proposes = Proposes::Program(Box::new(program.clone()));
        if spec.stage_trials && !program.can_stage_trials {
            return Err(PlanError::CannotStageTrials(program.name.clone()));
        }
        return Ok(plan);
    }
    if spec.optimizer == "+" {
        if let Some((flag, _)) = spec.options.first() {
            return Err(PlanError::UnknownOption {
                flag: flag.clone(),
                optimizer: "+".into(),
            });
        }
        let trials = grid_trials(spec, limit)?;
        plan.planned = Some(trials.len() as u64);
        plan.proposes = Proposes::Listed(trials);
        return Ok(plan);
    }
    let entry = registry::find(&spec.optimizer).ok_or_else(|| PlanError::UnknownOptimizer(spec.optimizer.clone()))?;
    plan.optimizer = entry.name.to_string();
    plan.options = checked_options(entry, &spec.options)?;
    let count = limit.unwrap_or(DEFAULT_TRIALS);
    plan.planned = Some(count);
    let [row] = spec.rows.as_slice() else {
        return Err(PlanError::Rows {
            optimizer: entry.name.to_string(),
            rows: spec.rows.len(),
        });
    };
    let (space, constants) = dimensions::searched(&row.values)?;
    if entry.sequential {
        if spec.stage_trials {
            return Err(PlanError::CannotStageTrials(entry.name.to_string()));
        }
        plan.proposes = Proposes::Search { spec: space, constants };
        return Ok(plan);
    }
    if count > super::grid::MOST {
        return Err(PlanError::TooManyTrials(count));
    }
    plan.proposes = Proposes::Search { spec: space, constants };
    let trials = plan.sampled(0..count)?;
    plan.planned = Some(trials.len() as u64);
    plan.proposes = Proposes::Listed(trials);
    Ok(plan)
}

fn grid_trials(spec: &BatchSpec, limit: Option<u64>) -> Result<Vec<FlagValues>, PlanError> {
    let rows: Vec<FlagValues> = spec.rows.iter().map(|row| row.values.clone()).collect();
    let grid = Grid::new(&rows, spec.seed)?;
    Ok(beyond::cells(spec, &grid, grid.chosen(limit)?))
}

/// Every option with its value as text.
fn checked_options(entry: &Entry, given: &[(String, String)]) -> Result<Vec<(String, String)>, PlanError> {
    let pairs = given.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let options = Options::parse(entry.options, pairs).map_err(|error| match error {
        OptionError::Unknown(flag) => PlanError::UnknownOption {
            flag,
            optimizer: entry.name.to_string(),
        },
        other => PlanError::Option(other),
    })?;
    let text = |value: &OptionValue| match value {
        OptionValue::Int(v) => v.to_string(),
        OptionValue::Number(v) => encode(&Value::Float(*v)),
        OptionValue::Text(v) => v.clone(),
    };
    Ok(options
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect())
}

impl Plan {
    /// The trials, where they are known beforehand.
    pub fn trials(&self) -> Option<&[FlagValues]> {
        match &self.proposes {
            Proposes::Listed(trials) => Some(trials),
            _ => None,
        }
    }

    /// The trials, for an option (`printing trials`, ...) that needs to know them.
    pub fn trials_for(&self, what: &'static str) -> Result<&[FlagValues], PlanError> {
        self.trials().ok_or(PlanError::NotKnown(what))
    }

    /// Name of the batch run: `train+`, `train+gp`.
    pub fn batch_name(&self) -> String {
        let optimizer = if self.optimizer == "+" { "" } else { &self.optimizer };
        format!("{}+{optimizer}", self.spec.opdef.name)
    }

    /// Label of the batch run, if the user gave none.
    pub fn default_label(&self) -> String {
        let values = self
            .options
            .iter()
            .map(|(name, text)| (name.clone(), crate::flags::scalar::plain(text)));
        label::label(&values.collect())
    }

    /// True if the batch run stays when it has completed without being asked for.
    pub fn keeps_batch(&self) -> bool {
        match &self.proposes {
            Proposes::Program(program) => !program.delete_on_success,
            _ => !matches!(self.optimizer.as_str(), "+" | "random"),
        }
    }

    /// The seed of a trial, whatever the number of trials.
    pub fn trial_seed(&self, trial: u64) -> u32 {
        if self.spec.same_seed {
            return self.spec.seed;
        }
        // Keyed apart from every draw that proposes.
        let key = u64::from(self.spec.seed) | 1 << 32;
        stream(key, trial, Purpose::Sample).bits() as u32
    }

    /// The optimizer that proposes; `None` where none of ours does.
    pub fn build_optimizer(&self) -> Option<Result<Box<dyn Optimizer>, PlanError>> {
        let Proposes::Search { spec, .. } = &self.proposes else {
            return None;
        };
        Some(build(&self.header_for(spec)))
    }

    fn header_for(&self, spec: &SpaceSpec) -> Header {
        Header {
            space: Some(spec.clone()),
            ..self.header()
        }
    }

    /// The flags of a trial from those searched and the constants.
    pub fn complete(&self, searched: &FlagValues, constants: &FlagValues) -> FlagValues {
        let mut values = constants.clone();
        values.extend(searched.iter().map(|(name, value)| (name.clone(), value.clone())));
        check::add_choice_flags(&self.spec.opdef.flags, &self.spec.rows[0].user, &mut values);
        values
    }
}
