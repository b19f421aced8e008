//! What is searched: named dimensions with their domains, and points in them.
//! Must not know how values are written by users: categories are indices here, the caller keeps the labels.

use thiserror::Error;

/// The set of values one dimension can take. All bounds are inclusive.
#[derive(Debug, Clone, PartialEq)]
pub enum Domain {
    /// Real numbers in `[low, high]`; with `step`, only `low + k * step`. `log` needs `low > 0` and no `step`.
    Real {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
        /// Search the logarithm.
        log: bool,
        /// Distance between neighbouring values, if not continuous.
        step: Option<f64>,
    },
    /// Integers `low + k * step` in `[low, high]`. `log` needs `low > 0` and `step == 1`.
    Int {
        /// Smallest value.
        low: i64,
        /// Largest value.
        high: i64,
        /// Search the logarithm.
        log: bool,
        /// Distance between neighbouring values, at least 1.
        step: i64,
    },
    /// Numbers with an order that matters, strictly ascending, such as `[16, 32, 64]`. A value is an index.
    Ordinal {
        /// The numbers.
        values: Vec<f64>,
    },
    /// `n` unordered choices (a boolean has two). A value is an index.
    Categorical {
        /// How many choices.
        n: usize,
    },
}

/// When a dimension exists: only while `parent` (an earlier dimension) has one of `choices`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Index of the dimension that decides.
    pub parent: usize,
    /// Choices of the parent for which this dimension is active.
    pub choices: Vec<usize>,
}

/// One searched parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// The name users see in logs.
    pub name: String,
    /// Which values it takes.
    pub domain: Domain,
    /// The value to try in the first trial.
    pub initial: Option<Value>,
    /// When it is active; always, if `None`.
    pub condition: Option<Condition>,
}

/// A value of one dimension, of the kind its [`Domain`] says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// Of a [`Domain::Real`].
    Real(f64),
    /// Of a [`Domain::Int`].
    Int(i64),
    /// Index into a [`Domain::Ordinal`] or [`Domain::Categorical`].
    Choice(usize),
}

/// One value per dimension, in the order of the space; `None` where the dimension is inactive.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Point(pub Vec<Option<Value>>);

/// Dimensions in a fixed order, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    dimensions: Vec<Dimension>,
}

/// Why a list of dimensions is not a space.
#[derive(Debug, Error, PartialEq)]
#[error("dimension '{name}': {reason}")]
pub struct SpaceError {
    /// The dimension at fault.
    pub name: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Dimension {
    /// A dimension that is always active and has no value to try first.
    pub fn new(name: impl Into<String>, domain: Domain) -> Self {
        Dimension {
            name: name.into(),
            domain,
            initial: None,
            condition: None,
        }
    }
}

impl Domain {
    /// True if `value` is of the right kind and within bounds and on the lattice.
    pub fn contains(&self, value: Value) -> bool {
        match (self, value) {
            (Domain::Real { low, high, step, .. }, Value::Real(v)) => {
                (*low..=*high).contains(&v)
                    && step.is_none_or(|step| {
                        let k = ((v - low) / step).round();
                        (low + k * step - v).abs() <= 1e-9 * step
                    })
            }
            (Domain::Int { low, high, step, .. }, Value::Int(v)) => {
                (*low..=*high).contains(&v) && (v.wrapping_sub(*low) as u64).is_multiple_of(*step as u64)
            }
            (Domain::Ordinal { values }, Value::Choice(i)) => i < values.len(),
            (Domain::Categorical { n }, Value::Choice(i)) => i < *n,
            _ => false,
        }
    }

    /// How many values there are, `None` if continuous.
    pub fn cardinality(&self) -> Option<u64> {
        match self {
            Domain::Real { step: None, .. } => None,
            Domain::Real {
                low,
                high,
                step: Some(step),
                ..
            } => Some(((high - low) / step + 1e-9) as u64 + 1),
            Domain::Int { low, high, step, .. } => (high.wrapping_sub(*low) as u64 / *step as u64).checked_add(1),
            Domain::Ordinal { values } => Some(values.len() as u64),
            Domain::Categorical { n } => Some(*n as u64),
        }
    }

    fn fault(&self) -> Option<&'static str> {
        match self {
            Domain::Real { low, high, log, step } => {
                if !(low.is_finite() && high.is_finite() && (high - low).is_finite()) {
                    Some("bounds must be finite")
                } else if low >= high {
                    Some("the lower bound has to be less than the upper bound")
                } else if *log && (*low <= 0.0 || step.is_some()) {
                    Some("a logarithmic dimension needs bounds greater than 0 and no step")
                } else if step.is_some_and(|s| !(s.is_finite() && s > 0.0 && (high - low) / s < 9e15)) {
                    Some("the step must be a number greater than 0")
                } else {
                    None
                }
            }
            Domain::Int { low, high, log, step } => {
                if low > high {
                    Some("the lower bound has to be less than the upper bound")
                } else if *log && (*low <= 0 || *step != 1) {
                    Some("a logarithmic dimension needs bounds greater than 0 and no step")
                } else if *step < 1 {
                    Some("the step must be an integer greater than 0")
                } else {
                    None
                }
            }
            Domain::Ordinal { values } => {
                if values.is_empty() {
                    Some("there are no values to choose from")
                } else if !values.iter().all(|v| v.is_finite()) || values.windows(2).any(|w| w[0] >= w[1]) {
                    Some("the values of an ordered list must be finite and ascending")
                } else {
                    None
                }
            }
            Domain::Categorical { n } => (*n == 0).then_some("there are no values to choose from"),
        }
    }
}

impl Space {
    /// Checks bounds, steps, initial values and conditions.
    pub fn new(dimensions: Vec<Dimension>) -> Result<Space, SpaceError> {
        for (i, d) in dimensions.iter().enumerate() {
            let fault = d.domain.fault().or_else(|| {
                if d.initial.is_some_and(|v| !d.domain.contains(v)) {
                    return Some("initial value is out of range");
                }
                let c = d.condition.as_ref()?;
                let choices = match dimensions.get(c.parent).map(|p| &p.domain) {
                    Some(Domain::Categorical { n }) if c.parent < i => *n,
                    Some(Domain::Ordinal { values }) if c.parent < i => values.len(),
                    _ => return Some("a condition must name an earlier choice"),
                };
                c.choices
                    .iter()
                    .any(|x| *x >= choices)
                    .then_some("a condition must name existing choices")
            });
            if let Some(reason) = fault {
                return Err(SpaceError {
                    name: d.name.clone(),
                    reason,
                });
            }
        }
        Ok(Space { dimensions })
    }

    /// The dimensions, in order.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// Number of dimensions.
    pub fn len(&self) -> usize {
        self.dimensions.len()
    }

    /// True if nothing is searched.
    pub fn is_empty(&self) -> bool {
        self.dimensions.is_empty()
    }

    /// True if dimension `i` exists, given the values of the earlier ones.
    pub fn is_active(&self, i: usize, earlier: &[Option<Value>]) -> bool {
        match &self.dimensions[i].condition {
            None => true,
            Some(c) => matches!(earlier[c.parent], Some(Value::Choice(k)) if c.choices.contains(&k)),
        }
    }

    /// True if every active dimension has a value of its domain and no inactive one has any.
    pub fn contains(&self, point: &Point) -> bool {
        point.0.len() == self.len()
            && self.dimensions.iter().enumerate().all(|(i, d)| match point.0[i] {
                Some(v) => self.is_active(i, &point.0) && d.domain.contains(v),
                None => !self.is_active(i, &point.0),
            })
    }

    /// How many points there are, ignoring conditions; `None` if infinitely (or too) many.
    pub fn cardinality(&self) -> Option<u64> {
        self.dimensions
            .iter()
            .try_fold(1u64, |n, d| n.checked_mul(d.domain.cardinality()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_cannot_be_searched() {
        let real = |low, high, log, step| Dimension::new("x", Domain::Real { low, high, log, step });
        for d in [
            real(1.0, 1.0, false, None),
            real(0.0, 1.0, true, None),
            real(0.0, f64::INFINITY, false, None),
            real(0.0, 1.0, false, Some(0.0)),
            Dimension::new("x", Domain::Ordinal { values: vec![2.0, 1.0] }),
            Dimension::new("x", Domain::Categorical { n: 0 }),
            Dimension {
                initial: Some(Value::Int(9)),
                ..Dimension::new(
                    "x",
                    Domain::Int {
                        low: 1,
                        high: 8,
                        log: false,
                        step: 1,
                    },
                )
            },
        ] {
            assert!(Space::new(vec![d.clone()]).is_err(), "{d:?}");
        }
    }

    #[test]
    fn inactive_dimensions_are_absent() {
        let momentum = Dimension {
            condition: Some(Condition {
                parent: 0,
                choices: vec![1],
            }),
            ..Dimension::new(
                "momentum",
                Domain::Real {
                    low: 0.0,
                    high: 1.0,
                    log: false,
                    step: None,
                },
            )
        };
        let space = Space::new(vec![Dimension::new("opt", Domain::Categorical { n: 2 }), momentum]).unwrap();
        assert!(space.contains(&Point(vec![Some(Value::Choice(0)), None])));
        assert!(space.contains(&Point(vec![Some(Value::Choice(1)), Some(Value::Real(0.9))])));
        assert!(!space.contains(&Point(vec![Some(Value::Choice(0)), Some(Value::Real(0.9))])));
        assert!(!space.contains(&Point(vec![Some(Value::Choice(1)), None])));
    }

    #[test]
    fn lattices_are_counted_and_kept_to() {
        let stepped = Domain::Real {
            low: 0.0,
            high: 1.0,
            log: false,
            step: Some(0.1),
        };
        assert_eq!(stepped.cardinality(), Some(11));
        assert!(stepped.contains(Value::Real(0.30000000000000004)));
        assert!(!stepped.contains(Value::Real(0.35)));
        let wide = Domain::Int {
            low: i64::MIN,
            high: i64::MAX,
            log: false,
            step: 1,
        };
        assert_eq!(wide.cardinality(), None);
        assert!(wide.contains(Value::Int(-1)));
    }
}
