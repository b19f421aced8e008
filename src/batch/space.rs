//! Between flags and points: the searched flags with their labels, as recorded in the journal, and the
//! optimizer's space made from them. Which flags are searched is decided in `dimensions`.

use gage_optimizers::space::SpaceError;
use gage_optimizers::{Dimension, Domain, Encoding, Point, Space, Value as PointValue};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::flags::search::{Distribution, Search};
use crate::flags::{FlagValues, Value};

/// The searched flags, in name order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SpaceSpec(pub Vec<DimensionSpec>);

/// One searched flag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DimensionSpec {
    /// The flag.
    pub name: String,
    #[serde(flatten)]
    pub kind: Kind,
    /// Value of the first trial.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub initial: Option<Value>,
}

/// The values that a searched flag takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Kind {
    Real {
        low: f64,
        high: f64,
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        log: bool,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        step: Option<f64>,
    },
    Int {
        low: i64,
        high: i64,
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        log: bool,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        step: Option<i64>,
    },
    /// Numbers, ascending.
    Ordinal { items: Vec<Value> },
    /// Any values; one given twice counts twice.
    Categorical { items: Vec<Value> },
}

impl Kind {
    /// A list of values to choose from: ordered if it is of ascending numbers.
    pub fn of_list(items: &[Value]) -> Kind {
        let numbers: Option<Vec<f64>> = items.iter().map(Value::as_f64).collect();
        let ascending = numbers.is_some_and(|n| {
            n.len() > 1 && n.iter().all(|v| v.is_finite()) && n.windows(2).all(|pair| pair[0] < pair[1])
        });
        let items = items.to_vec();
        if ascending {
            Kind::Ordinal { items }
        } else {
            Kind::Categorical { items }
        }
    }

    fn domain(&self) -> Domain {
        match self {
            Kind::Real { low, high, log, step } => Domain::Real {
                low: *low,
                high: *high,
                log: *log,
                step: *step,
            },
            Kind::Int { low, high, log, step } => Domain::Int {
                low: *low,
                high: *high,
                log: *log,
                step: step.unwrap_or(1),
            },
            Kind::Ordinal { items } => Domain::Ordinal {
                values: items.iter().filter_map(Value::as_f64).collect(),
            },
            Kind::Categorical { items } => Domain::Categorical { n: items.len() },
        }
    }

    /// What a run gets for a value of the domain.
    fn value(&self, value: PointValue) -> Value {
        match (self, value) {
            (Kind::Real { low, step, .. }, PointValue::Real(v)) => Value::Float(tidy(*low, *step, v)),
            (Kind::Int { .. }, PointValue::Int(v)) => Value::Int(v),
            (Kind::Ordinal { items } | Kind::Categorical { items }, PointValue::Choice(i)) => items[i].clone(),
            _ => unreachable!("a point is of its space"),
        }
    }

    /// The value of the domain that gives a run `value`; `None` if it lies outside.
    fn point_value(&self, value: &Value) -> Option<PointValue> {
        self.number_or_choice(value)
            .filter(|found| self.domain().contains(*found))
    }

    /// What `value` would be if the domain went on for ever; `None` if it is of another kind, or no choice.
    fn number_or_choice(&self, value: &Value) -> Option<PointValue> {
        Some(match self {
            Kind::Real { .. } => PointValue::Real(value.as_f64()?),
            Kind::Int { .. } => match value {
                Value::Int(v) => PointValue::Int(*v),
                Value::Float(v) if v.fract() == 0.0 && v.abs() < 9e15 => PointValue::Int(*v as i64),
                _ => return None,
            },
            Kind::Ordinal { items } => {
                let wanted = value.as_f64()?;
                PointValue::Choice(items.iter().position(|item| item.as_f64() == Some(wanted))?)
            }
            Kind::Categorical { items } => PointValue::Choice(items.iter().position(|item| item == value)?),
        })
    }
}

/// The decimal that a value of a stepped range means: 0.3 for `0 + 3 * 0.1`, which is a little more in binary.
fn tidy(low: f64, step: Option<f64>, value: f64) -> f64 {
    let search = Search {
        distribution: Distribution::Uniform,
        low: Value::Float(low),
        high: Value::Null,
        initial: None,
        step: step.map(Value::Float),
    };
    search.tidy(value)
}

impl SpaceSpec {
    /// The space that optimizers see.
    pub fn space(&self) -> Result<Space, SpaceError> {
        let dimensions = self.0.iter().map(|d| Dimension {
            initial: d.initial.as_ref().and_then(|v| d.kind.point_value(v)),
            ..Dimension::new(&d.name, d.kind.domain())
        });
        Space::new(dimensions.collect())
    }

    /// The searched flags' values at `point`.
    pub fn values(&self, point: &Point) -> FlagValues {
        let named = self.0.iter().zip(&point.0);
        named
            .filter_map(|(d, v)| Some((d.name.clone(), d.kind.value((*v)?))))
            .collect()
    }

    /// The point of a run with those flags; `None` if one is missing or lies outside.
    pub fn point(&self, flags: &FlagValues) -> Option<Point> {
        let values = self.0.iter().map(|d| d.kind.point_value(flags.get(&d.name)?).map(Some));
        values.collect::<Option<Vec<_>>>().map(Point)
    }

    /// The point of an earlier run with those flags, which may lie outside of the bounds. A flag that the run did not
    /// have yet is taken to have been at its default; `None` if it has none, or a value is of another kind.
    pub fn earlier_point(&self, flags: &FlagValues, default: impl Fn(&str) -> Option<Value>) -> Option<Point> {
        let value = |d: &DimensionSpec| {
            let given = flags.get(&d.name).cloned().or_else(|| default(&d.name))?;
            d.kind.number_or_choice(&given).map(Some)
        };
        self.0.iter().map(value).collect::<Option<Vec<_>>>().map(Point)
    }
}

/// A point as numbers, choices being indices and what is inactive null.
pub fn point_to_json(point: &Point) -> Vec<Json> {
    point
        .0
        .iter()
        .map(|v| match v {
            None => Json::Null,
            Some(PointValue::Real(v)) => Json::from(*v),
            Some(PointValue::Int(v)) => Json::from(*v),
            Some(PointValue::Choice(i)) => Json::from(*i),
        })
        .collect()
}

/// Back from numbers; `None` if they are not a point of the space.
pub fn point_from_json(space: &Space, numbers: &[Json]) -> Option<Point> {
    values_from_json(space, numbers).filter(|point| space.contains(point))
}

/// How far outside of its bounds a number of an earlier run may lie, in widths of the range.
const FAR: f64 = 1.0;

/// As [`point_from_json`], for a run of an earlier study: a number may lie outside of its bounds, but only so far that a
/// model of what is inside can make something of it.
pub fn earlier_from_json(space: &Space, numbers: &[Json]) -> Option<Point> {
    let point = values_from_json(space, numbers)?;
    let row = Encoding::new(space).row(&point);
    let mut dimensions = space.dimensions().iter().zip(&point.0).zip(row);
    let near = dimensions.all(|((d, value), u)| match d.domain {
        Domain::Real { .. } | Domain::Int { .. } => (-FAR..=1.0 + FAR).contains(&u),
        Domain::Ordinal { .. } | Domain::Categorical { .. } => value.is_some_and(|v| d.domain.contains(v)),
    });
    near.then_some(point)
}

fn values_from_json(space: &Space, numbers: &[Json]) -> Option<Point> {
    if numbers.len() != space.len() {
        return None;
    }
    let values = space.dimensions().iter().zip(numbers).map(|(d, number)| {
        if number.is_null() {
            return Some(None);
        }
        Some(Some(match d.domain {
            Domain::Real { .. } => PointValue::Real(number.as_f64()?),
            Domain::Int { .. } => PointValue::Int(number.as_i64()?),
            Domain::Ordinal { .. } | Domain::Categorical { .. } => PointValue::Choice(number.as_u64()? as usize),
        }))
    });
    values.collect::<Option<Vec<_>>>().map(Point)
}

#[cfg(test)]
mod tests {
    use gage_optimizers::random::sample;
    use gage_optimizers::rng::{Purpose, stream};

    use super::*;

    fn spec() -> SpaceSpec {
        let dimension = |name: &str, kind| DimensionSpec {
            name: name.into(),
            kind,
            initial: None,
        };
        SpaceSpec(vec![
            dimension("act", Kind::of_list(&["relu".into(), "tanh".into(), Value::Null])),
            dimension(
                "bs",
                Kind::of_list(&[Value::Int(16), Value::Int(32), Value::Float(64.0)]),
            ),
            dimension(
                "lr",
                Kind::Real {
                    low: 1e-5,
                    high: 1.0,
                    log: true,
                    step: None,
                },
            ),
            dimension(
                "n",
                Kind::Int {
                    low: 1,
                    high: 9,
                    log: false,
                    step: Some(2),
                },
            ),
        ])
    }

    #[test]
    fn flags_points_and_numbers_are_the_same_thing() {
        let spec = spec();
        let space = spec.space().unwrap();
        for number in 0..200 {
            let point = sample(&space, &mut stream(1, number, Purpose::Sample));
            let flags = spec.values(&point);
            assert_eq!(spec.point(&flags).as_ref(), Some(&point));
            let text = serde_json::to_string(&point_to_json(&point)).unwrap();
            let numbers: Vec<Json> = serde_json::from_str(&text).unwrap();
            assert_eq!(point_from_json(&space, &numbers), Some(point));
        }
    }

    #[test]
    fn lists_of_ascending_numbers_are_ordered() {
        let spec = spec();
        assert!(matches!(&spec.0[1].kind, Kind::Ordinal { .. }));
        for items in [
            vec![Value::Int(32), Value::Int(16)],
            vec![Value::Int(1), Value::Int(1)],
            vec![Value::Bool(false), Value::Bool(true)],
            vec![Value::Int(1), Value::Float(f64::INFINITY)],
            vec![Value::Int(1)],
        ] {
            assert!(matches!(Kind::of_list(&items), Kind::Categorical { .. }), "{items:?}");
        }
    }

    #[test]
    fn flags_outside_are_no_points() {
        let spec = spec();
        let mut flags = spec.values(&sample(&spec.space().unwrap(), &mut stream(1, 0, Purpose::Sample)));
        assert!(spec.point(&flags).is_some());
        for (name, value) in [
            ("n", Value::Int(2)),
            ("n", Value::Int(11)),
            ("lr", Value::Float(2.0)),
            ("lr", Value::Float(f64::NAN)),
            ("act", "gelu".into()),
            ("bs", Value::Int(48)),
        ] {
            let before = flags.insert(name.into(), value).unwrap();
            assert_eq!(spec.point(&flags), None, "{name}");
            flags.insert(name.into(), before);
        }
        flags.remove("n");
        assert_eq!(spec.point(&flags), None);
    }

    #[test]
    fn earlier_runs_may_lie_outside_but_not_far() {
        let spec = spec();
        let space = spec.space().unwrap();
        let flags = |lr: f64, n: i64| -> FlagValues {
            let named = [("act", "tanh".into()), ("lr", Value::Float(lr)), ("n", Value::Int(n))];
            named.into_iter().map(|(name, v)| (name.to_string(), v)).collect()
        };
        let sixteen = |name: &str| (name == "bs").then_some(Value::Int(16));
        let taken = |flags: &FlagValues| {
            let point = spec.earlier_point(flags, sixteen)?;
            earlier_from_json(&space, &point_to_json(&point))
        };
        // Five decades each way, and four steps of two.
        for (lr, n, used) in [
            (0.1, 3, true),
            (1e-9, 3, true),
            (1e-11, 3, false),
            (9e4, 3, true),
            (2e5, 3, false),
            (0.0, 3, false),
            (-1.0, 3, false),
            (f64::NAN, 3, false),
            (0.1, 12, true),
            (0.1, 40, false),
        ] {
            assert_eq!(taken(&flags(lr, n)).is_some(), used, "lr={lr} n={n}");
        }
        let mut other = flags(0.1, 3);
        assert_eq!(
            taken(&other).unwrap().0[1],
            Some(PointValue::Choice(0)),
            "bs at its default"
        );
        assert_eq!(spec.earlier_point(&other, |_| None), None, "no default");
        other.insert("act".into(), "gelu".into());
        assert_eq!(taken(&other), None, "not among the choices");
    }

    #[test]
    fn a_space_is_read_back_from_its_json() {
        let text = serde_json::to_string(&spec()).unwrap();
        assert_eq!(serde_json::from_str::<SpaceSpec>(&text).unwrap(), spec());
    }
}
