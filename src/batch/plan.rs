//! From what the user asked for to a study that can be carried out. Everything that can be wrong with a batch is
//! found here, before any run is made. Makes nothing, asks nothing, starts nothing.

use std::collections::BTreeMap;

use gage_optimizers::options::{OptionError, OptionValue, Options};
use gage_optimizers::registry::{self, Entry};
use gage_optimizers::rng::{Purpose, stream};
use gage_optimizers::space::SpaceError;
use gage_optimizers::{Optimizer, Setup};
use thiserror::Error;

use super::dimensions;
use super::event::{Header, Rules};
use super::grid::Grid;
use super::objective::{Objective, ObjectiveError};
use super::space::SpaceSpec;
use crate::flags::{FlagValues, Resolved, Value, check, decode, encode, label};
use crate::project::OpDef;

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

/// Why a batch cannot be run. The texts are whole.
#[derive(Debug, Error, PartialEq)]
pub enum PlanError {
    #[error("flag {0} has no values to choose from")]
    NoValues(String),
    #[error(
        "flags for batch ({0}) do not contain any search dimensions\nTry specifying a range for one or more flags as NAME=[MIN:MAX]."
    )]
    NoDimensions(String),
    #[error("{0}")]
    Function(String),
    #[error(transparent)]
    Space(#[from] SpaceError),
    #[error("the grid has {0} points - use '--max-trials' to run some of them")]
    GridTooLarge(u64),
    #[error("the grid has more points than can be counted - use shorter lists")]
    TooManyCells,
    #[error("{0} trials are more than gage plans at a time ({most})", most = super::grid::MOST)]
    TooManyTrials(u64),
    #[error(
        "optimizer '{optimizer}' cannot search {rows} rows of a batch file at once\nUse a single row, or '--optimizer +' to run the grid of all rows."
    )]
    Rows { optimizer: String, rows: usize },
    #[error(
        "unsupported flag '{flag}'\nTry 'gage run {optimizer} --help-op' for a list of flags or use --force-flags to skip this check."
    )]
    UnknownOption { flag: String, optimizer: String },
    #[error("{0}")]
    Option(OptionError),
    #[error(transparent)]
    Objective(#[from] ObjectiveError),
    #[error(
        "cannot find operation {0}\nYou may need to include a model in the form MODEL:OPERATION. Try 'gage operations' for a list of available operations."
    )]
    UnknownOptimizer(String),
    #[error("operation '{0}' does not support --stage-trials")]
    CannotStageTrials(String),
    #[error("optimizer does not support {0}")]
    NotKnown(&'static str),
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
    let mut optimizer = plan.build_optimizer().expect("the options are checked")?;
    let trials = (0..count).map_while(|number| {
        let proposal = optimizer.ask(&[], number).ok()?;
        let Proposes::Search { spec, constants } = &plan.proposes else {
            return None;
        };
        Some(plan.complete(&spec.values(&proposal.point), constants))
    });
    let trials: Vec<FlagValues> = trials.collect();
    plan.planned = Some(trials.len() as u64);
    plan.proposes = Proposes::Listed(trials);
    Ok(plan)
}

fn grid_trials(spec: &BatchSpec, limit: Option<u64>) -> Result<Vec<FlagValues>, PlanError> {
    let rows: Vec<FlagValues> = spec.rows.iter().map(|row| row.values.clone()).collect();
    let grid = Grid::new(&rows, spec.seed)?;
    let chosen = grid.chosen(limit)?;
    Ok(chosen
        .into_iter()
        .map(|index| {
            let mut values = grid.cell(index);
            let row = &spec.rows[grid.row(index)];
            check::add_choice_flags(&spec.opdef.flags, &row.user, &mut values);
            values
        })
        .collect())
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

    /// What the journal begins with.
    pub fn header(&self) -> Header {
        Header {
            optimizer: self.optimizer.clone(),
            options: self.spec.options.iter().cloned().collect(),
            seed: self.spec.seed,
            same_seed: self.spec.same_seed,
            objective: self.objective.to_string(),
            rows: self.spec.rows.iter().map(|row| as_text(&row.values)).collect(),
            assigned: self
                .spec
                .rows
                .iter()
                .map(|row| row.user.keys().cloned().collect())
                .collect(),
            max_trials: self.spec.max_trials,
            space: match &self.proposes {
                Proposes::Search { spec, .. } => Some(spec.clone()),
                _ => None,
            },
            keep_batch: false,
            stage_trials: self.spec.stage_trials,
            rules: Rules {
                planned: self.planned,
                slots: self.spec.jobs.max(1),
                known: matches!(self.proposes, Proposes::Listed(_)),
                deterministic: self.spec.deterministic,
                fail_on_trial_error: self.spec.fail_on_trial_error,
                ..Rules::default()
            },
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

    /// The plan that a journal's header was written for, with the definitions recorded beside it.
    pub fn of_header(header: &Header, opdef: OpDef, program: Option<OpDef>) -> Result<Plan, PlanError> {
        let rows = header.rows.iter().zip(&header.assigned).map(|(texts, assigned)| {
            let values = of_text(texts);
            let user = values.iter().filter(|(name, _)| assigned.contains(name));
            Resolved {
                user: user.map(|(name, value)| (name.clone(), value.clone())).collect(),
                values,
                warnings: Vec::new(),
            }
        });
        plan(&BatchSpec {
            opdef,
            rows: rows.collect(),
            optimizer: header.optimizer.clone(),
            options: header.options.clone().into_iter().collect(),
            program,
            objective: Some(header.objective.clone()),
            max_trials: header.max_trials,
            seed: header.seed,
            same_seed: header.same_seed,
            jobs: header.rules.slots,
            deterministic: header.rules.deterministic,
            fail_on_trial_error: header.rules.fail_on_trial_error,
            stage_trials: header.stage_trials,
        })
    }

    /// The flags of a trial from those searched and the constants.
    pub fn complete(&self, searched: &FlagValues, constants: &FlagValues) -> FlagValues {
        let mut values = constants.clone();
        values.extend(searched.iter().map(|(name, value)| (name.clone(), value.clone())));
        check::add_choice_flags(&self.spec.opdef.flags, &self.spec.rows[0].user, &mut values);
        values
    }
}

/// Values as a command line says them.
fn as_text(values: &FlagValues) -> BTreeMap<String, String> {
    values
        .iter()
        .map(|(name, value)| (name.clone(), encode(value)))
        .collect()
}

fn of_text(texts: &BTreeMap<String, String>) -> FlagValues {
    let decoded = texts.iter().map(|(name, text)| {
        let value = decode(text, None).map_or_else(|_| Value::Text(text.clone()), |decoded| decoded.value);
        (name.clone(), value)
    });
    decoded.collect()
}

/// The optimizer of a study that searches a space. It depends on the journal's header alone, so that a study can
/// be resumed and replayed.
pub fn build(header: &Header) -> Result<Box<dyn Optimizer>, PlanError> {
    let entry =
        registry::find(&header.optimizer).ok_or_else(|| PlanError::UnknownOptimizer(header.optimizer.clone()))?;
    let setup = Setup {
        space: header.space.clone().unwrap_or_default().space()?,
        seed: u64::from(header.seed),
        budget: header.rules.planned,
        slots: header.rules.slots,
    };
    let options = header.options.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    entry.build(setup, options).map_err(PlanError::Option)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pairs: &[(&str, &str)]) -> Resolved {
        let decoded = pairs.iter().map(|(name, text)| {
            let value = crate::flags::decode(text, None).unwrap().value;
            (name.to_string(), value)
        });
        let values: FlagValues = decoded.collect();
        Resolved {
            user: values.clone(),
            values,
            warnings: Vec::new(),
        }
    }

    fn spec(optimizer: &str, flags: &[(&str, &str)]) -> BatchSpec {
        BatchSpec {
            opdef: OpDef {
                name: "op".into(),
                ..OpDef::default()
            },
            rows: vec![row(flags)],
            optimizer: optimizer.into(),
            seed: 1,
            jobs: 1,
            ..BatchSpec::default()
        }
    }

    fn with_trials(mut spec: BatchSpec, n: u64) -> BatchSpec {
        spec.max_trials = Some(n);
        spec
    }

    #[test]
    fn a_random_search_is_the_same_again_and_grows() {
        let flags = [("x", "uniform[-5:10.0]"), ("y", "[0:15]"), ("z", "[a,b]"), ("c", "7")];
        let trials = |n| {
            plan(&with_trials(spec("random", &flags), n))
                .unwrap()
                .trials()
                .unwrap()
                .to_vec()
        };
        assert_eq!(trials(5), trials(5));
        assert_eq!(trials(9)[..5], trials(5));
        for trial in trials(200) {
            let x = trial["x"].as_f64().unwrap();
            assert!((-5.0..=10.0).contains(&x));
            assert!(matches!(trial["y"], Value::Int(0..=15)));
            assert_eq!(trial["c"], Value::Int(7));
        }
        let mut other = with_trials(spec("random", &flags), 5);
        other.seed = 2;
        assert_ne!(plan(&other).unwrap().trials().unwrap(), trials(5));
        assert_eq!(plan(&spec("random", &flags)).unwrap().planned, Some(20));
    }

    #[test]
    fn initial_values_are_tried_first() {
        let plan = plan(&spec("random", &[("x", "[0:1000:7]"), ("y", "[0:1000]")])).unwrap();
        let trials = plan.trials().unwrap();
        assert_eq!(trials[0]["x"], Value::Int(7));
        assert_ne!(trials[1]["x"], Value::Int(7));
    }

    #[test]
    fn stepped_values_are_the_decimals_they_mean() {
        let plan = plan(&with_trials(spec("random", &[("x", "[0:1.0:step=0.1]")]), 50)).unwrap();
        for trial in plan.trials().unwrap() {
            assert!(encode(&trial["x"]).len() == 3, "{}", encode(&trial["x"]));
        }
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_is_made() {
        let limit = with_trials(spec("gp", &[("x", "[0:1.0]")]), 3);
        for (case, text) in [
            (spec("+", &[("x", "[]")]), "flag x has no values to choose from"),
            (spec("gp", &[("x", "[]")]), "flag x has no values to choose from"),
            (
                spec("random", &[("x", "floop[1:2]")]),
                "unknown function 'floop' used for flag x",
            ),
            (
                spec("+", &[("x", "floop[1:2]")]),
                "unknown function 'floop' used for flag x",
            ),
            (
                spec("random", &[("x", "uniform[2:1]")]),
                "invalid function args in 'x=uniform[2:1]': the lower bound 2 has to be less than the upper bound 1",
            ),
            (
                spec("random", &[("x", "1.0"), ("y", "2"), ("z", "a")]),
                "flags for batch (x=1.0, y=2, z=a) do not contain any search dimensions\n\
                 Try specifying a range for one or more flags as NAME=[MIN:MAX].",
            ),
            (
                BatchSpec {
                    options: vec![("x".into(), "1".into())],
                    ..limit.clone()
                },
                "unsupported flag 'x'\nTry 'gage run gp --help-op' for a list of flags or use --force-flags to skip this check.",
            ),
            (
                BatchSpec {
                    options: vec![("random-starts".into(), "-1".into())],
                    ..limit.clone()
                },
                "invalid value -1 for random-starts: out of range (less than min 0)",
            ),
            (
                BatchSpec {
                    stage_trials: true,
                    ..limit.clone()
                },
                "operation 'gp' does not support --stage-trials",
            ),
        ] {
            assert_eq!(plan(&case).unwrap_err().to_string(), text);
        }
        let mut rows = limit.clone();
        rows.rows.push(row(&[("x", "1")]));
        assert!(
            plan(&rows)
                .unwrap_err()
                .to_string()
                .starts_with("optimizer 'gp' cannot search 2 rows")
        );
        let planned = plan(&limit).unwrap();
        assert_eq!(
            planned.trials_for("printing trials").unwrap_err().to_string(),
            "optimizer does not support printing trials"
        );
    }

    #[test]
    fn previews_say_what_is_about_to_happen() {
        let text = |spec: &BatchSpec| super::super::preview::text(&plan(spec).unwrap(), "run");
        assert_eq!(
            text(&spec("+", &[("lr", "[0.1,0.2]"), ("bs", "[1,2]")])),
            "You are about to run op as a batch (4 trials)\n  bs: [1, 2]\n  lr: [0.1, 0.2]\n"
        );
        assert_eq!(
            text(&with_trials(spec("random", &[("x", "[0:1]")]), 1)),
            "You are about to run op with random search (1 trial)\n  x: [0:1]\n"
        );
        let mut gp = spec("gp", &[("x", "[0:1]")]);
        gp.objective = Some("-acc".into());
        assert!(
            text(&gp).starts_with("You are about to run op with gp optimizer (20 trials, maximize acc)\n  x:"),
            "{}",
            text(&gp)
        );
        assert!(text(&gp).contains("\nOptimizer flags:\n  acq-func: gp_hedge\n  kappa: 1.96\n"));
    }

    #[test]
    fn a_study_is_built_from_its_header_alone() {
        let planned = plan(&with_trials(
            spec("gp", &[("x", "[0:9]"), ("y", "loguniform[1e-5:1]")]),
            4,
        ))
        .unwrap();
        let text = serde_json::to_string(&planned.header()).unwrap();
        let header: Header = serde_json::from_str(&text).unwrap();
        let again = Plan::of_header(&header, planned.spec.opdef.clone(), None).unwrap();
        assert_eq!(again.header(), header);
        let ask = |header: &Header| build(header).unwrap().ask(&[], 0).unwrap().point;
        assert_eq!(ask(&header), ask(&planned.header()));
        assert_eq!(planned.batch_name(), "op+gp");
        assert!(planned.keeps_batch());
    }
}
