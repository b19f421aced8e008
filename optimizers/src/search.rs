//! Looks for the point where a score is highest: a pool of random points, then steps from the best of them and from
//! good evaluated points to better neighbours. For scores without a gradient, over any kind of space.
//! Must not know what the score means.
//!
//! The scheme of SMAC (Hutter, Hoos and Leyton-Brown 2011, section 4.3), with steps of many sizes.

use crate::encode::{Axis, Encoding};
use crate::lattice::{Seen, count, nth};
use crate::rng::Stream;
use crate::space::{Condition, Point, Space, Value};

/// Finite spaces of up to this many points are searched completely.
const WHOLE: u64 = 2048;
/// Random points.
const POOL: usize = 768;
/// How many of the pool's best are improved.
const FROM_POOL: usize = 5;
/// Neighbours looked at in a step.
const NEIGHBOURS: usize = 24;
/// Largest number of steps from one start.
const STEPS: usize = 24;

/// Searches one space.
#[derive(Debug, Clone)]
pub struct Search {
    space: Space,
    encoding: Encoding,
}

/// A row and its score.
type Scored = (Vec<f64>, f64);

impl Search {
    /// For points of `space`.
    pub fn new(space: &Space) -> Search {
        Search {
            space: space.clone(),
            encoding: Encoding::new(space),
        }
    }

    /// The space searched.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The encoding of the rows that are scored.
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// The best point found that is not among `seen`; `None` if only seen ones were found. `starts` are rows whose
    /// neighbourhoods are worth a look. Ties go to the first found.
    pub fn maximise(
        &self,
        score: impl Fn(&[f64]) -> f64,
        starts: &[&[f64]],
        seen: &Seen,
        rng: &mut Stream,
    ) -> Option<Point> {
        let mut found: Vec<Scored> = match count(&self.space) {
            Some(n) if n <= WHOLE => (0..n)
                .map(|k| self.encoding.row(&nth(&self.space, k)))
                .map(|row| self.scored(row, &score))
                .collect(),
            _ => self.climb(&score, starts, rng),
        };
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        let point = |(row, _): &Scored| self.encoding.point(&self.space, row);
        found.iter().map(point).find(|p| !seen.contains(&self.space, p))
    }

    fn climb(&self, score: &impl Fn(&[f64]) -> f64, starts: &[&[f64]], rng: &mut Stream) -> Vec<Scored> {
        let mut found: Vec<Scored> = (0..POOL).map(|_| self.scored(self.random(rng), score)).collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut from: Vec<Scored> = found[..FROM_POOL].to_vec();
        from.extend(starts.iter().map(|row| self.scored(self.snapped(row, rng), score)));
        for mut here in from {
            for _ in 0..STEPS {
                let around: Vec<Scored> = (0..NEIGHBOURS)
                    .map(|_| self.scored(self.neighbour(&here.0, rng), score))
                    .collect();
                let best = around.iter().max_by(|a, b| a.1.total_cmp(&b.1));
                let better = best.filter(|b| b.1 > here.1).cloned();
                found.extend(around);
                match better {
                    Some(b) => here = b,
                    None => break,
                }
            }
        }
        found
    }

    fn scored(&self, row: Vec<f64>, score: &impl Fn(&[f64]) -> f64) -> Scored {
        let s = score(&row);
        (row, if s.is_nan() { f64::NEG_INFINITY } else { s })
    }

    /// A uniform row.
    pub fn random(&self, rng: &mut Stream) -> Vec<f64> {
        let row: Vec<f64> = (0..self.encoding.width())
            .map(|i| self.encoding.from_uniform(i, rng.unit()))
            .collect();
        self.masked(row, rng)
    }

    /// A row near `row`: one coordinate moved, or one in a few of them.
    fn neighbour(&self, row: &[f64], rng: &mut Stream) -> Vec<f64> {
        let mut new = row.to_vec();
        // Steps from the whole range down to a thousandth of it.
        let size = 0.5 * libm::pow(10.0, -2.5 * rng.unit());
        let share = if rng.unit() < 0.5 { 0.0 } else { rng.unit() };
        let one = rng.below(row.len() as u64) as usize;
        for (i, u) in new.iter_mut().enumerate() {
            if (i == one || rng.unit() < share) && !u.is_nan() {
                *u = self.moved(i, *u, size, rng);
            }
        }
        self.masked(new, rng)
    }

    fn moved(&self, i: usize, u: f64, size: f64, rng: &mut Stream) -> f64 {
        match self.encoding.axes()[i] {
            Axis::Category(n) if n > 1 => {
                let other = rng.below(n as u64 - 1);
                (if other as f64 >= u { other + 1 } else { other }) as f64
            }
            Axis::Category(_) => u,
            axis => {
                let step = size * rng.normal();
                // Reflected at the ends, so that the ends themselves do not collect what overshoots.
                let to = reflect(u + step);
                let snapped = self.encoding.snap(i, to);
                match axis {
                    Axis::Lattice(n) if snapped == u && n > 1 => {
                        let cell = step.signum() / n as f64;
                        self.encoding.snap(
                            i,
                            if (0.0..1.0).contains(&(u + cell)) {
                                u + cell
                            } else {
                                u - cell
                            },
                        )
                    }
                    _ => snapped,
                }
            }
        }
    }

    /// `row` within the space, in case it comes from an earlier study with other bounds.
    fn snapped(&self, row: &[f64], rng: &mut Stream) -> Vec<f64> {
        let snap = |(i, u): (usize, &f64)| if u.is_nan() { *u } else { self.encoding.snap(i, *u) };
        self.masked(row.iter().enumerate().map(snap).collect(), rng)
    }

    /// Makes inactive coordinates absent and draws those that became active.
    fn masked(&self, mut row: Vec<f64>, rng: &mut Stream) -> Vec<f64> {
        for (i, d) in self.space.dimensions().iter().enumerate() {
            let active = match &d.condition {
                None => true,
                Some(Condition { parent, choices }) => match self.encoding.value(*parent, row[*parent]) {
                    Value::Choice(k) => !row[*parent].is_nan() && choices.contains(&k),
                    _ => false,
                },
            };
            if !active {
                row[i] = f64::NAN;
            } else if row[i].is_nan() {
                row[i] = self.encoding.from_uniform(i, rng.unit());
            }
        }
        row
    }
}

/// Folds the line onto [0, 1] by reflection at both ends.
fn reflect(u: f64) -> f64 {
    let r = (u - 2.0 * libm::floor(u / 2.0)).abs();
    if r > 1.0 { 2.0 - r } else { r }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Observation;
    use crate::rng::{Purpose, stream};
    use crate::space::{Dimension, Domain};

    fn real() -> Domain {
        Domain::Real {
            low: 0.0,
            high: 1.0,
            log: false,
            step: None,
        }
    }

    fn int(high: i64) -> Domain {
        Domain::Int {
            low: 0,
            high,
            log: false,
            step: 1,
        }
    }

    fn space(domains: &[Domain]) -> Space {
        Space::new(domains.iter().map(|d| Dimension::new("x", d.clone())).collect()).unwrap()
    }

    #[test]
    fn climbs_to_the_top_of_a_hill() {
        let space = space(&[real(), real(), int(1000), Domain::Categorical { n: 5 }]);
        let search = Search::new(&space);
        let top = [0.3, 1.0, 0.77, 3.0];
        let score = |row: &[f64]| {
            let d2: f64 = row[..3].iter().zip(top).map(|(a, b)| (a - b) * (a - b)).sum();
            -d2 - if row[3] == top[3] { 0.0 } else { 0.5 }
        };
        let mut rng = stream(1, 1, Purpose::Search);
        let best = search.maximise(score, &[], &Seen::default(), &mut rng).unwrap();
        let row = search.encoding().row(&best);
        assert!(score(&row) > -1e-3, "{row:?}");
    }

    #[test]
    fn small_spaces_are_searched_completely_and_seen_points_left_out() {
        let space = space(&[int(30), Domain::Categorical { n: 60 }]);
        let search = Search::new(&space);
        let wanted = |row: &[f64]| if row[1] == 17.0 { row[0] } else { -1.0 };
        let mut history = Vec::new();
        for number in 0..4 {
            let seen = Seen::new(&space, &history);
            let mut rng = stream(1, number, Purpose::Search);
            let best = search.maximise(wanted, &[], &seen, &mut rng).unwrap();
            assert_eq!(best.0, [Some(Value::Int(30 - number as i64)), Some(Value::Choice(17))]);
            history.push(Observation::new(number, best, None));
        }
    }

    #[test]
    fn conditions_hold_along_the_way() {
        let mut child = Dimension::new("b", real());
        child.condition = Some(Condition {
            parent: 0,
            choices: vec![1],
        });
        let space = Space::new(vec![Dimension::new("a", Domain::Categorical { n: 3 }), child]).unwrap();
        let search = Search::new(&space);
        let score = |row: &[f64]| {
            assert_eq!(row[0] == 1.0, !row[1].is_nan());
            row[1]
        };
        let mut rng = stream(1, 1, Purpose::Search);
        let best = search.maximise(score, &[], &Seen::default(), &mut rng).unwrap();
        assert!(space.contains(&best));
        assert!(matches!(best.0[1], Some(Value::Real(v)) if v > 0.999), "{best:?}");
    }
}
