//! Whether an operation's flags make a run or a batch, and which optimizer proposes the trials.
//! Decides from what was given; makes nothing.

use gage_optimizers::registry;
use thiserror::Error;

use crate::flags::{FlagValues, Value};
use crate::project::{OpDef, OptimizerDef};

/// The name of the grid: every combination of lists.
pub const GRID: &str = "+";

/// What proposes the trials of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// `+`, a registered optimizer's name, or the name of an operation that proposes.
    pub name: String,
    /// Options as (name, text), those of the operations file first.
    pub options: Vec<(String, String)>,
}

/// Why no optimizer can be chosen.
#[derive(Debug, Error, PartialEq)]
pub enum ChooseError {
    #[error("--optimize and --optimizer cannot both be used")]
    Both,
    #[error("invalid optimizer flag {0}: no optimizer specified")]
    FlagWithoutOptimizer(String),
    #[error("invalid optimizer flag '{0}': expected NAME=VAL")]
    FlagForm(String),
    #[error("no default optimizer defined for {op}\nSpecify one of the following with '--optimizer': {names}")]
    NoDefault { op: String, names: String },
}

/// What the user said about optimizing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish<'a> {
    /// `--optimizer`.
    pub optimizer: Option<&'a str>,
    /// `--optimize`.
    pub optimize: bool,
    /// `--opt-flag`s.
    pub options: &'a [String],
}

/// The optimizer for these rows of flags; `None` for an ordinary run.
pub fn choose<'a>(
    op: &OpDef,
    wish: Wish<'_>,
    rows: impl Iterator<Item = &'a FlagValues> + Clone,
) -> Result<Option<Chosen>, ChooseError> {
    let name = match (wish.optimizer, wish.optimize) {
        (Some(_), true) => return Err(ChooseError::Both),
        (Some(name), false) => Some(match op.optimizers.iter().find(|o| o.name == name) {
            Some(declared) => declared.into(),
            None => Chosen::plain(name),
        }),
        (None, true) => Some(default_optimizer(op)?),
        (None, false) => implied(rows).map(Chosen::plain),
    };
    let Some(mut chosen) = name else {
        return match wish.options.first() {
            Some(option) => Err(ChooseError::FlagWithoutOptimizer(option.clone())),
            None => Ok(None),
        };
    };
    if wish.optimizer.is_none() && !wish.optimize && chosen.name == GRID && !wish.options.is_empty() {
        return Err(ChooseError::FlagWithoutOptimizer(wish.options[0].clone()));
    }
    for option in wish.options {
        let (name, value) = option
            .split_once('=')
            .ok_or_else(|| ChooseError::FlagForm(option.clone()))?;
        chosen.options.retain(|(n, _)| n != name);
        chosen.options.push((name.to_string(), value.to_string()));
    }
    Ok(Some(chosen))
}

/// What lists, search functions and several rows mean when no optimizer is named.
fn implied<'a>(rows: impl Iterator<Item = &'a FlagValues> + Clone) -> Option<&'static str> {
    let any = |test: fn(&Value) -> bool| rows.clone().any(|row| row.values().any(test));
    if any(|v| matches!(v, Value::Function(_))) {
        Some("random")
    } else if rows.clone().nth(1).is_some() || any(|v| matches!(v, Value::List(_))) {
        Some(GRID)
    } else {
        None
    }
}

fn default_optimizer(op: &OpDef) -> Result<Chosen, ChooseError> {
    match op.optimizers.as_slice() {
        [] => Ok(Chosen::plain(if registry::find("auto").is_some() {
            "auto"
        } else {
            "gp"
        })),
        [only] => Ok(only.into()),
        several => several
            .iter()
            .find(|o| o.default)
            .map(Chosen::from)
            .ok_or_else(|| ChooseError::NoDefault {
                op: op.name.clone(),
                names: several.iter().map(|o| o.name.as_str()).collect::<Vec<_>>().join(", "),
            }),
    }
}

impl Chosen {
    fn plain(name: &str) -> Chosen {
        let name = registry::find(name).map_or(name, |entry| entry.name);
        Chosen {
            name: name.to_string(),
            options: Vec::new(),
        }
    }

    /// True for the optimizers that search a space, as opposed to a grid or a program of the project.
    pub fn searches(&self) -> bool {
        registry::find(&self.name).is_some()
    }
}

impl From<&OptimizerDef> for Chosen {
    fn from(declared: &OptimizerDef) -> Self {
        let options = declared
            .flags
            .iter()
            .map(|(name, value)| (name.clone(), crate::flags::encode(value)));
        Chosen {
            options: options.collect(),
            ..Chosen::plain(&declared.algorithm)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pairs: &[(&str, Value)]) -> FlagValues {
        pairs.iter().map(|(n, v)| (n.to_string(), v.clone())).collect()
    }

    fn op(optimizers: &[(&str, &str, bool)]) -> OpDef {
        let optimizers = optimizers.iter().map(|(name, algorithm, default)| OptimizerDef {
            name: name.to_string(),
            algorithm: algorithm.to_string(),
            default: *default,
            flags: [("random-starts".to_string(), Value::Int(5))].into_iter().collect(),
        });
        OpDef {
            name: "train".into(),
            optimizers: optimizers.collect(),
            ..OpDef::default()
        }
    }

    fn chosen(op: &OpDef, wish: Wish<'_>, rows: &[FlagValues]) -> Option<String> {
        choose(op, wish, rows.iter()).unwrap().map(|c| c.name)
    }

    #[test]
    fn values_imply_the_kind_of_batch() {
        let function = row(&[
            ("lr", Value::Function("[0:1.0]".into())),
            ("n", Value::List(vec![Value::Int(1)])),
        ]);
        let list = row(&[("n", Value::List(vec![Value::Int(1)]))]);
        let plain = row(&[("n", Value::Int(1))]);
        let none = Wish::default();
        assert_eq!(chosen(&op(&[]), none, &[function]).as_deref(), Some("random"));
        assert_eq!(chosen(&op(&[]), none, &[list]).as_deref(), Some("+"));
        assert_eq!(
            chosen(&op(&[]), none, &[plain.clone(), plain.clone()]).as_deref(),
            Some("+")
        );
        assert_eq!(chosen(&op(&[]), none, &[plain]), None);
    }

    #[test]
    fn names_and_aliases_and_declared_ones() {
        let rows = [row(&[])];
        let named = |name| Wish {
            optimizer: Some(name),
            ..Wish::default()
        };
        let any = Wish {
            optimize: true,
            ..Wish::default()
        };
        assert_eq!(
            chosen(&op(&[]), named("skopt:random"), &rows).as_deref(),
            Some("random")
        );
        assert_eq!(
            chosen(&op(&[]), named("my-search"), &rows).as_deref(),
            Some("my-search")
        );
        assert_eq!(
            chosen(&op(&[("fast", "random", false)]), any, &rows).as_deref(),
            Some("random")
        );
        assert_eq!(
            chosen(&op(&[("a", "x", false), ("b", "y", true)]), any, &rows).as_deref(),
            Some("y")
        );
        let several = op(&[("a", "x", false), ("b", "y", false)]);
        assert_eq!(
            choose(&several, any, rows.iter()).unwrap_err().to_string(),
            "no default optimizer defined for train\nSpecify one of the following with '--optimizer': a, b"
        );
    }

    #[test]
    fn options_of_the_user_come_over_declared_ones() {
        let options = ["random-starts=9".to_string(), "xi=0.1".to_string()];
        let wish = Wish {
            optimizer: Some("fast"),
            options: &options,
            ..Wish::default()
        };
        let chosen = choose(&op(&[("fast", "random", false)]), wish, [].iter())
            .unwrap()
            .unwrap();
        assert_eq!(
            chosen.options,
            [("random-starts".into(), "9".into()), ("xi".into(), "0.1".into())]
        );
        let wish = Wish {
            options: &options,
            ..Wish::default()
        };
        assert_eq!(
            choose(&op(&[]), wish, [row(&[])].iter()).unwrap_err().to_string(),
            "invalid optimizer flag random-starts=9: no optimizer specified"
        );
    }
}
