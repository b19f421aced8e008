//! Counting and numbering the points of a finite space, and remembering which were evaluated, so that none is
//! proposed twice while others are left. Conditions count: an inactive dimension multiplies nothing.

use std::collections::HashSet;

use crate::history::Observation;
use crate::rng::Stream;
use crate::space::{Domain, Point, Space, Value};

/// The number of distinct points; `None` if infinitely (or more than 2^64) many.
pub fn count(space: &Space) -> Option<u64> {
    (0..space.len())
        .filter(|d| space.dimensions()[*d].condition.is_none())
        .try_fold(1u64, |n, d| n.checked_mul(below(space, d)?))
}

/// Point `k` of [`count`]`(space)`, in an order of its own.
pub fn nth(space: &Space, mut k: u64) -> Point {
    let mut values = vec![None; space.len()];
    for d in 0..space.len() {
        if space.dimensions()[d].condition.is_none() {
            let n = below(space, d).expect("only finite spaces are numbered");
            fill(space, d, k % n, &mut values);
            k /= n;
        }
    }
    Point(values)
}

/// How many ways there are to choose dimension `d` and all that depends on it.
fn below(space: &Space, d: usize) -> Option<u64> {
    let n = space.dimensions()[d].domain.cardinality()?;
    if children(space, d).next().is_none() {
        return Some(n);
    }
    (0..n).try_fold(0u64, |sum, choice| sum.checked_add(under(space, d, choice as usize)?))
}

/// How many ways there are to choose what depends on dimension `d` having `choice`.
fn under(space: &Space, d: usize, choice: usize) -> Option<u64> {
    active(space, d, choice).try_fold(1u64, |n, c| n.checked_mul(below(space, c)?))
}

fn children(space: &Space, d: usize) -> impl Iterator<Item = usize> {
    (d + 1..space.len()).filter(move |c| {
        let condition = space.dimensions()[*c].condition.as_ref();
        condition.is_some_and(|condition| condition.parent == d)
    })
}

fn active(space: &Space, d: usize, choice: usize) -> impl Iterator<Item = usize> {
    children(space, d).filter(move |c| {
        let condition = space.dimensions()[*c].condition.as_ref();
        condition.is_some_and(|condition| condition.choices.contains(&choice))
    })
}

fn fill(space: &Space, d: usize, mut k: u64, values: &mut [Option<Value>]) {
    let known = "only finite spaces are numbered";
    let domain = &space.dimensions()[d].domain;
    if children(space, d).next().is_none() {
        values[d] = Some(cell(domain, k));
        return;
    }
    for choice in 0.. {
        let n = under(space, d, choice).expect(known);
        if k >= n {
            k -= n;
            continue;
        }
        values[d] = Some(Value::Choice(choice));
        for c in active(space, d, choice) {
            let n = below(space, c).expect(known);
            fill(space, c, k % n, values);
            k /= n;
        }
        return;
    }
}

/// Value `k` of a finite domain, counted from its lower end.
pub fn cell(domain: &Domain, k: u64) -> Value {
    match *domain {
        Domain::Real { low, high, step, .. } => {
            Value::Real((low + k as f64 * step.expect("a finite domain has steps")).min(high))
        }
        Domain::Int { low, step, .. } => Value::Int(low.wrapping_add((k as i64).wrapping_mul(step))),
        Domain::Ordinal { .. } | Domain::Categorical { .. } => Value::Choice(k as usize),
    }
}

/// The points that were evaluated or are running.
#[derive(Debug, Clone, Default)]
pub struct Seen(HashSet<Vec<u64>>);

impl Seen {
    /// Those of `history` that lie in `space`, however they ended.
    pub fn new(space: &Space, history: &[Observation]) -> Seen {
        let inside = history.iter().filter(|o| space.contains(&o.point));
        Seen(inside.map(|o| key(space, &o.point)).collect())
    }

    /// True if `point`, of `space`, is among them.
    pub fn contains(&self, space: &Space, point: &Point) -> bool {
        self.0.contains(&key(space, point))
    }

    /// Adds `point`; false if it was there.
    pub fn insert(&mut self, space: &Space, point: &Point) -> bool {
        self.0.insert(key(space, point))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if nothing was evaluated.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if a finite space has no other point.
    pub fn exhausts(&self, space: &Space) -> bool {
        count(space).is_some_and(|n| self.0.len() as u64 >= n)
    }

    /// A point of a finite space that is not among them, uniform but for runs of seen ones; `None` if there is none
    /// or the space is not finite.
    pub fn other(&self, space: &Space, rng: &mut Stream) -> Option<Point> {
        let n = count(space)?;
        let start = rng.below(n);
        let steps = n.min(self.0.len() as u64 + 1);
        (0..steps)
            .map(|i| nth(space, ((u128::from(start) + u128::from(i)) % u128::from(n)) as u64))
            .find(|p| !self.contains(space, p))
    }
}

/// What [`Seen`] says of `point`, of `space`, for one question: comparing costs much less than remembering all of them.
pub fn is_among(space: &Space, history: &[Observation], point: &Point) -> bool {
    let same = |other: &Point| (0..space.len()).all(|i| part(space, other, i) == part(space, point, i));
    history.iter().any(|o| same(&o.point) && space.contains(&o.point))
}

/// Equal for points that a trial cannot tell apart: lattice values by their position, other reals by their bits.
fn key(space: &Space, point: &Point) -> Vec<u64> {
    (0..point.0.len()).map(|i| part(space, point, i)).collect()
}

/// What dimension `i` adds to the key.
fn part(space: &Space, point: &Point, i: usize) -> u64 {
    match (point.0.get(i).copied().flatten(), &space.dimensions()[i].domain) {
        (None, _) => u64::MAX,
        (Some(Value::Real(v)), Domain::Real { low, step: Some(s), .. }) => ((v - low) / s).round() as u64,
        // Adding zero makes one key of the two zeros.
        (Some(Value::Real(v)), _) => (v + 0.0).to_bits(),
        (Some(Value::Int(v)), _) => v as u64,
        (Some(Value::Choice(k)), _) => k as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Outcome;
    use crate::rng::{Purpose, stream};
    use crate::space::{Condition, Dimension};

    /// kind in {0, 1, 2}; depth (1..=3) if kind = 1; width (4 steps) if kind in {1, 2}; free boolean.
    fn conditional() -> Space {
        let on = |choices: Vec<usize>| Some(Condition { parent: 0, choices });
        let depth = Domain::Int {
            low: 1,
            high: 3,
            log: false,
            step: 1,
        };
        let width = Domain::Real {
            low: 0.0,
            high: 0.3,
            log: false,
            step: Some(0.1),
        };
        Space::new(vec![
            Dimension::new("kind", Domain::Categorical { n: 3 }),
            Dimension {
                condition: on(vec![1]),
                ..Dimension::new("depth", depth)
            },
            Dimension {
                condition: on(vec![1, 2]),
                ..Dimension::new("width", width)
            },
            Dimension::new("flag", Domain::Categorical { n: 2 }),
        ])
        .unwrap()
    }

    #[test]
    fn every_point_has_one_number() {
        let space = conditional();
        assert_eq!(count(&space), Some((1 + 12 + 4) * 2));
        let mut seen = Seen::default();
        for k in 0..34 {
            let p = nth(&space, k);
            assert!(space.contains(&p), "{p:?}");
            assert!(seen.insert(&space, &p), "{p:?} twice");
        }
        assert!(seen.exhausts(&space));
        assert_eq!(seen.other(&space, &mut stream(0, 0, Purpose::Sample)), None);
    }

    #[test]
    fn what_is_left_is_found() {
        let space = conditional();
        let all: Vec<_> = (0..34).map(|k| nth(&space, k)).collect();
        for left in [0, 13, 33] {
            let others = all.iter().enumerate().filter(|(k, _)| *k != left);
            let history: Vec<_> = others
                .map(|(k, p)| Observation::new(k as u64, p.clone(), Some(Outcome::Failed)))
                .collect();
            let seen = Seen::new(&space, &history);
            assert!(!seen.exhausts(&space));
            assert!(
                all.iter()
                    .all(|p| is_among(&space, &history, p) == seen.contains(&space, p))
            );
            let got = seen.other(&space, &mut stream(3, 9, Purpose::Sample));
            assert_eq!(got.as_ref(), Some(&all[left]));
        }
    }

    #[test]
    fn a_real_dimension_makes_a_space_infinite() {
        let real = Domain::Real {
            low: 0.0,
            high: 1.0,
            log: false,
            step: None,
        };
        let space = Space::new(vec![Dimension::new("x", real)]).unwrap();
        assert_eq!(count(&space), None);
        assert!(!Seen::default().exhausts(&space));
    }
}
