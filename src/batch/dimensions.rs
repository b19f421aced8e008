//! Which flags are searched, and over what: from values with lists and search functions to a space and the
//! constants beside it.

use super::plan::PlanError;
use super::space::{DimensionSpec, Kind, SpaceSpec};
use crate::flags::search::{self, Distribution, Search};
use crate::flags::{FlagValues, Value, label};

/// The searched flags of `values`, and the others.
pub fn split(values: &FlagValues) -> Result<(SpaceSpec, FlagValues), PlanError> {
    let mut dimensions = Vec::new();
    let mut constants = FlagValues::new();
    for (name, value) in values {
        match value {
            Value::List(items) if items.is_empty() => return Err(PlanError::NoValues(name.clone())),
            Value::List(items) => dimensions.push(DimensionSpec {
                name: name.clone(),
                kind: Kind::of_list(items),
                initial: None,
            }),
            Value::Function(text) => dimensions.push(of_function(name, text)?),
            _ => {
                constants.insert(name.clone(), value.clone());
            }
        }
    }
    Ok((SpaceSpec(dimensions), constants))
}

/// As `split`, where at least one flag must be searched.
pub fn searched(values: &FlagValues) -> Result<(SpaceSpec, FlagValues), PlanError> {
    let (spec, constants) = split(values)?;
    if spec.0.is_empty() {
        return Err(PlanError::NoDimensions(label::description(values)));
    }
    spec.space()?;
    Ok((spec, constants))
}

/// The dimension of a search function.
pub fn of_function(name: &str, text: &str) -> Result<DimensionSpec, PlanError> {
    let search = search::parse(text).map_err(|error| PlanError::Function(error.for_flag(name, text)))?;
    Ok(DimensionSpec {
        name: name.to_string(),
        kind: kind(&search),
        initial: search.initial,
    })
}

fn kind(search: &Search) -> Kind {
    let log = search.distribution == Distribution::LogUniform;
    match (&search.low, &search.high) {
        (Value::Int(low), Value::Int(high)) => Kind::Int {
            low: *low,
            high: *high,
            log,
            step: match &search.step {
                Some(Value::Int(step)) if *step > 1 => Some(*step),
                _ => None,
            },
        },
        (Value::Float(low), Value::Float(high)) => Kind::Real {
            low: *low,
            high: *high,
            log,
            step: search.step.as_ref().and_then(Value::as_f64),
        },
        (low, high) => Kind::Categorical {
            items: vec![low.clone(), high.clone()],
        },
    }
}
