//! A plan as the first line of a journal, and back. What is rebuilt from a header depends on nothing else, so that
//! a study can be gone on with and replayed.

use std::collections::BTreeMap;

use gage_optimizers::registry;
use gage_optimizers::{Optimizer, Setup};

use super::super::event::{Header, Rules};
use super::{BatchSpec, Plan, PlanError, Proposes, plan};
use crate::flags::{FlagValues, Resolved, Value, decode, encode};
use crate::project::OpDef;

impl Plan {
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
            limits: self.spec.limits,
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
            limits: header.limits,
        })
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
