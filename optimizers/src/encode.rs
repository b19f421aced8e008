//! Points of a space as rows of numbers for models: one number per dimension, and back.
//! Must not know any model: kernels and trees decide what a category's index or an absent value means.
//!
//! Notation: `u`, the coordinate of a value. Numbers: in [0, 1], affine or log-affine. A number with finitely many
//! values owns a cell of [0, 1] per value and its coordinate is the cell's centre, so that all values have equal
//! mass (log integers: equal mass per ratio) and both ends can be reached. Categories: the index. Absent (inactive)
//! values: NaN. Values outside of the bounds (from earlier studies) get coordinates outside of [0, 1].

use crate::space::{Domain, Point, Space, Value};

/// What the coordinate of a dimension means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Axis {
    /// A number; any coordinate in [0, 1] is a value.
    Continuous,
    /// A number with this many values; coordinates are cell centres (equal cells, but for log integers).
    Lattice(u64),
    /// An unordered choice of that many; the coordinate is its index.
    Category(usize),
}

/// The coordinates of a space.
#[derive(Debug, Clone)]
pub struct Encoding {
    domains: Vec<Domain>,
    axes: Vec<Axis>,
}

impl Encoding {
    /// The encoding of `space`.
    pub fn new(space: &Space) -> Self {
        let domains: Vec<Domain> = space.dimensions().iter().map(|d| d.domain.clone()).collect();
        let axes = domains
            .iter()
            .map(|d| match d {
                Domain::Categorical { n } => Axis::Category(*n),
                _ => match d.cardinality() {
                    // Cells of a lattice this fine cannot be told apart in a double's 53 bits.
                    Some(n) if n < 1 << 50 => Axis::Lattice(n),
                    _ => Axis::Continuous,
                },
            })
            .collect();
        Encoding { domains, axes }
    }

    /// One axis per dimension, in the order of the space.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Number of coordinates: one per dimension.
    pub fn width(&self) -> usize {
        self.axes.len()
    }

    /// The coordinates of a point; NaN where the point has no value.
    pub fn row(&self, point: &Point) -> Vec<f64> {
        (0..self.width())
            .map(|i| {
                let value = point.0.get(i).copied().flatten();
                value.map_or(f64::NAN, |v| self.coordinate(i, v))
            })
            .collect()
    }

    /// The coordinate of a value of dimension `i`; NaN if the value is not of the dimension's kind.
    pub fn coordinate(&self, i: usize, value: Value) -> f64 {
        match (&self.domains[i], value) {
            (
                Domain::Real {
                    low, high, log: true, ..
                },
                Value::Real(v),
            ) => {
                let (a, b) = (libm::log(*low), libm::log(*high));
                (libm::log(v.max(f64::MIN_POSITIVE)) - a) / (b - a)
            }
            (
                Domain::Real {
                    low, high, step: None, ..
                },
                Value::Real(v),
            ) => (v - low) / (high - low),
            (
                Domain::Real {
                    low, step: Some(step), ..
                },
                Value::Real(v),
            ) => self.centre(i, libm::round((v - low) / step)),
            (
                Domain::Int {
                    low, high, log: true, ..
                },
                Value::Int(v),
            ) => {
                let (a, b) = log_edges(*low, *high);
                (libm::log((v as f64).max(0.5)) - a) / (b - a)
            }
            (Domain::Int { low, step, .. }, Value::Int(v)) => self.centre(i, (v as f64 - *low as f64) / *step as f64),
            (Domain::Ordinal { .. }, Value::Choice(k)) => self.centre(i, k as f64),
            (Domain::Categorical { .. }, Value::Choice(k)) => k as f64,
            _ => f64::NAN,
        }
    }

    /// The value of dimension `i` whose coordinate is nearest to `u`; always within the domain.
    pub fn value(&self, i: usize, u: f64) -> Value {
        let u = if u.is_nan() { 0.5 } else { u };
        let cell = |n: u64| (libm::floor(u * n as f64).max(0.0) as u64).min(n - 1);
        match &self.domains[i] {
            Domain::Real {
                low, high, log: true, ..
            } => {
                let (a, b) = (libm::log(*low), libm::log(*high));
                // The ends themselves, not what is left of them after a logarithm and back.
                let v = if u <= 0.0 {
                    *low
                } else if u >= 1.0 {
                    *high
                } else {
                    libm::exp(a + u * (b - a))
                };
                Value::Real(v.clamp(*low, *high))
            }
            Domain::Real {
                low, high, step: None, ..
            } => {
                let v = if u >= 1.0 { *high } else { low + u * (high - low) };
                Value::Real(v.clamp(*low, *high))
            }
            Domain::Real {
                low,
                high,
                step: Some(step),
                ..
            } => Value::Real((low + cell(self.count(i)) as f64 * step).min(*high)),
            Domain::Int {
                low, high, log: true, ..
            } => {
                let (a, b) = log_edges(*low, *high);
                let v = libm::floor(libm::exp(a + u * (b - a)) + 0.5);
                Value::Int((v as i64).clamp(*low, *high))
            }
            Domain::Int { low, high, step, .. } => match self.axes[i] {
                Axis::Lattice(n) => Value::Int(low.wrapping_add((cell(n) as i64).wrapping_mul(*step))),
                _ => {
                    let k = libm::round(u * (*high as f64 - *low as f64) / *step as f64) as i128;
                    let v = (*low as i128 + k * *step as i128).clamp(*low as i128, *high as i128);
                    Value::Int((v - (v - *low as i128) % *step as i128) as i64)
                }
            },
            Domain::Ordinal { .. } => Value::Choice(cell(self.count(i)) as usize),
            Domain::Categorical { n } => Value::Choice((libm::round(u).max(0.0) as usize).min(n - 1)),
        }
    }

    /// The point of a row of coordinates; conditions of `space` decide which values are there.
    pub fn point(&self, space: &Space, row: &[f64]) -> Point {
        let mut values = Vec::with_capacity(row.len());
        for (i, u) in row.iter().enumerate() {
            let v = self.value(i, *u);
            values.push(space.is_active(i, &values).then_some(v));
        }
        Point(values)
    }

    /// Moves coordinate `u` of dimension `i` to that of the nearest value, so that models see what is proposed.
    pub fn snap(&self, i: usize, u: f64) -> f64 {
        match self.axes[i] {
            Axis::Continuous => u.clamp(0.0, 1.0),
            _ => self.coordinate(i, self.value(i, u)),
        }
    }

    /// A coordinate of dimension `i` from a uniform number in [0, 1): the same for categories as for numbers.
    pub fn from_uniform(&self, i: usize, uniform: f64) -> f64 {
        match self.axes[i] {
            Axis::Category(n) => libm::floor(uniform * n as f64).clamp(0.0, n as f64 - 1.0),
            Axis::Lattice(_) => self.snap(i, uniform),
            Axis::Continuous => uniform,
        }
    }

    fn count(&self, i: usize) -> u64 {
        match self.axes[i] {
            Axis::Lattice(n) => n,
            Axis::Category(n) => n as u64,
            Axis::Continuous => self.domains[i].cardinality().unwrap_or(1 << 53),
        }
    }

    fn centre(&self, i: usize, k: f64) -> f64 {
        match self.axes[i] {
            Axis::Lattice(n) => (k + 0.5) / n as f64,
            _ => k / (self.count(i) - 1).max(1) as f64,
        }
    }
}

/// Each integer owns [k - 1/2, k + 1/2) on the logarithmic scale.
fn log_edges(low: i64, high: i64) -> (f64, f64) {
    (libm::log(low as f64 - 0.5), libm::log(high as f64 + 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Condition, Dimension};
    use proptest::prelude::*;

    fn space() -> Space {
        let real = |low, high, log, step| Domain::Real { low, high, log, step };
        let int = |low, high, log, step| Domain::Int { low, high, log, step };
        let domains = vec![
            real(-5.0, 10.0, false, None),
            real(1e-5, 1.0, true, None),
            real(0.0, 1.0, false, Some(0.1)),
            int(1, 8, false, 1),
            int(1, 100, true, 1),
            int(-3, 20, false, 5),
            int(i64::MIN, i64::MAX, false, 1),
            int(4, 4, false, 1),
            int(0, i64::MAX, false, 1 << 40),
            Domain::Ordinal {
                values: vec![16.0, 32.0, 64.0],
            },
            Domain::Categorical { n: 3 },
        ];
        let named = |(i, d)| Dimension::new(format!("x{i}"), d);
        Space::new(domains.into_iter().enumerate().map(named).collect()).unwrap()
    }

    proptest! {
        #[test]
        fn every_row_is_a_point_and_lattice_values_come_back(row in prop::collection::vec(-0.2f64..1.2, 11)) {
            let (space, e) = (space(), Encoding::new(&space()));
            let row: Vec<f64> = row.iter().enumerate().map(|(i, u)| e.from_uniform(i, *u)).collect();
            let point = e.point(&space, &row);
            prop_assert!(space.contains(&point), "{:?}", point);
            let again = e.point(&space, &e.row(&point));
            for i in (2..11).filter(|i| *i != 6) {
                prop_assert_eq!(point.0[i], again.0[i]);
            }
            for (i, u) in row.iter().enumerate() {
                let u = e.snap(i, *u);
                prop_assert!((e.snap(i, u) - u).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn ends_can_be_reached_and_cells_have_equal_mass() {
        let (space, e) = (space(), Encoding::new(&space()));
        let ends: Vec<_> = [0.0, 1.0].map(|u| e.point(&space, &[u; 11])).into();
        assert_eq!(
            ends[0].0[..6],
            [-5.0, 1e-5, 0.0]
                .map(Value::Real)
                .into_iter()
                .chain([1, 1, -3].map(Value::Int))
                .map(Some)
                .collect::<Vec<_>>()
        );
        assert_eq!(
            ends[1].0[..6],
            [10.0, 1.0, 1.0]
                .map(Value::Real)
                .into_iter()
                .chain([8, 100, 17].map(Value::Int))
                .map(Some)
                .collect::<Vec<_>>()
        );
        let mut hits = [0; 8];
        for k in 0..800 {
            let Value::Int(v) = e.value(3, (k as f64 + 0.5) / 800.0) else {
                panic!()
            };
            hits[v as usize - 1] += 1;
        }
        assert_eq!(hits, [100; 8]);
    }

    #[test]
    fn values_out_of_range_extrapolate_and_absent_ones_are_nan() {
        let e = Encoding::new(&space());
        assert_eq!(e.coordinate(0, Value::Real(25.0)), 2.0);
        assert!((e.coordinate(1, Value::Real(1e-10)) + 1.0).abs() < 1e-12);
        assert_eq!(e.coordinate(3, Value::Int(16)), 15.5 / 8.0);
        assert!(e.coordinate(3, Value::Real(1.0)).is_nan());
        let conditional = Dimension {
            condition: Some(Condition {
                parent: 0,
                choices: vec![1],
            }),
            ..Dimension::new("b", Domain::Categorical { n: 2 })
        };
        let space = Space::new(vec![Dimension::new("a", Domain::Categorical { n: 2 }), conditional]).unwrap();
        let e = Encoding::new(&space);
        let point = e.point(&space, &[0.0, 1.0]);
        assert_eq!(point, Point(vec![Some(Value::Choice(0)), None]));
        assert!(e.row(&point)[1].is_nan());
    }
}
