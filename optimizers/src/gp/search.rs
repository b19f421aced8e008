//! Finds the point whose acquisition is largest: a quasi-random pool and neighbours of the best observed points, then
//! gradient ascent over the numbers and neighbourhood search over everything discrete, in turns.
//! Works on the lattice itself: whatever is scored at last is a point of the space, nothing is rounded afterwards.

use super::acquisition::Rule;
use super::feasibility::Feasibility;
use super::interior::Interior;
use super::kernel::{Part, fill_absent, parts};
use super::model::Model;
use super::region::Region;
use super::surface::Surface;
use crate::encode::{Axis, Encoding};
use crate::lattice::{self, Seen};
use crate::math::lbfgs::minimise;
use crate::rng::Stream;
use crate::sobol::Sequence;
use crate::space::{Point, Space};

/// A space as the search walks through it.
#[derive(Debug, Clone)]
pub struct Ground {
    /// The space.
    pub space: Space,
    /// Its coordinates.
    pub encoding: Encoding,
    /// How kernels compare them.
    pub parts: Vec<Part>,
    conditional: bool,
}

/// One explanation of the results.
#[derive(Debug, Clone)]
pub struct Expert {
    /// The objective's model.
    pub surface: Surface,
    /// The value to improve on, in its units.
    pub best: f64,
    /// Logarithm of its weight; the weights of all experts sum to 1.
    pub log_weight: f64,
}

/// What is maximised.
pub struct Target<'a> {
    /// Explanations of the results, whose acquisitions are averaged.
    pub experts: &'a [Expert],
    /// The acquisition.
    pub rule: Rule,
    /// Probability of success, once a trial has failed.
    pub feasibility: Option<&'a Feasibility>,
    /// Model of the logarithm of a trial's duration and its scale, for improvement per second.
    pub duration: Option<(&'a Model, f64)>,
    /// What is believed of its place before any result.
    pub interior: Option<&'a Interior>,
}

/// How much work a search may do.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Points of the quasi-random pool.
    pub pool: usize,
    /// Neighbours of the best observed points.
    pub near: usize,
    /// Points that are climbed from.
    pub climbs: usize,
    /// Evaluations of one gradient ascent.
    pub steps: usize,
}

/// A settled row of coordinates and its score.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Coordinates of a point of the space, absent ones filled in.
    pub row: Vec<f64>,
    /// Acquisition there.
    pub score: f64,
}

/// A number with more values than this is walked through in steps instead of value by value.
const LONG: u64 = 12;

impl Ground {
    /// Of a space.
    pub fn new(space: &Space) -> Ground {
        let encoding = Encoding::new(space);
        Ground {
            parts: parts(encoding.axes()),
            conditional: space.dimensions().iter().any(|d| d.condition.is_some()),
            space: space.clone(),
            encoding,
        }
    }

    /// The row of a point, absent values filled in.
    pub fn row(&self, point: &Point) -> Vec<f64> {
        let mut row = self.encoding.row(point);
        fill_absent(&self.parts, &mut row);
        row
    }

    /// The point of a row.
    pub fn point(&self, row: &[f64]) -> Point {
        self.encoding.point(&self.space, row)
    }

    /// Moves a row to the nearest point of the space.
    pub fn settle(&self, row: &mut Vec<f64>) {
        if self.conditional {
            *row = self.row(&self.point(row));
        } else {
            for (d, u) in row.iter_mut().enumerate() {
                *u = self.encoding.snap(d, *u);
            }
        }
    }

    /// Dimensions in which a gradient makes sense: continuous ones and long lattices.
    fn smooth(&self) -> Vec<usize> {
        let smooth = |a: &Axis| matches!(a, Axis::Continuous) || matches!(a, Axis::Lattice(n) if *n > 8);
        let axes = self.encoding.axes();
        (0..axes.len()).filter(|d| smooth(&axes[*d])).collect()
    }

    /// Rows that differ from `row` in one discrete coordinate: every other value of a short axis, near and far steps
    /// of a long one.
    fn neighbours(&self, row: &[f64], region: &Region) -> Vec<Vec<f64>> {
        let mut all = Vec::new();
        for (d, axis) in self.encoding.axes().iter().enumerate() {
            let push = |u: f64| {
                let mut other = row.to_vec();
                other[d] = u;
                self.settle(&mut other);
                if other != row {
                    all.push(other);
                }
            };
            match axis {
                Axis::Continuous => {}
                Axis::Category(n) => (0..*n)
                    .map(|c| c as f64)
                    .filter(|c| region.allows(d, *c))
                    .for_each(push),
                Axis::Lattice(n) => {
                    let inside = |u: &f64| *u >= region.low[d] && *u <= region.high[d];
                    if *n <= LONG {
                        let cells = (0..*n).map(|k| (k as f64 + 0.5) / *n as f64);
                        cells.filter(inside).for_each(push);
                    } else {
                        let cell = 1.0 / *n as f64;
                        let steps = [1.0, 2.0, 4.0, 16.0].into_iter().flat_map(|k| [-k * cell, k * cell]);
                        steps.map(|s| row[d] + s).filter(inside).for_each(push);
                    }
                }
            }
        }
        all
    }
}

impl Target<'_> {
    /// Scores of settled rows.
    pub fn scores(&self, rows: &[&[f64]]) -> Vec<f64> {
        let mut all: Vec<Vec<f64>> = Vec::with_capacity(self.experts.len());
        for expert in self.experts {
            let predicted = expert.surface.predict_many(rows);
            let value = |(row, (m, v)): (&&[f64], &(f64, f64))| {
                expert.log_weight + self.rule.value(expert.best, *m, *v, expert.surface.noise(row))
            };
            all.push(rows.iter().zip(&predicted).map(value).collect());
        }
        let mut scores: Vec<f64> = (0..rows.len())
            .map(|i| {
                let top = all.iter().map(|a| a[i]).fold(f64::NEG_INFINITY, f64::max);
                top + libm::log(all.iter().map(|a| libm::exp(a[i] - top)).sum())
            })
            .collect();
        if let Some(feasibility) = self.feasibility {
            for (score, p) in scores.iter_mut().zip(feasibility.log_worth(rows)) {
                *score += p;
            }
        }
        if let Some((model, scale)) = self.duration {
            for (score, row) in scores.iter_mut().zip(rows) {
                *score -= scale * model.mean(row);
            }
        }
        if let Some(interior) = self.interior {
            for (score, row) in scores.iter_mut().zip(rows) {
                *score += interior.log_worth(row);
            }
        }
        scores
    }

    /// Score of one row, and its slope.
    fn sloped(&self, row: &[f64], slope: &mut [f64]) -> f64 {
        let mut parts = Vec::with_capacity(self.experts.len());
        for expert in self.experts {
            let at = expert.surface.predict_sloped(row);
            let worth = self
                .rule
                .worth(expert.best, at.mean, at.variance, expert.surface.noise(row));
            parts.push((expert.log_weight + worth.value, worth, at));
        }
        let top = parts.iter().map(|p| p.0).fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = parts.iter().map(|p| libm::exp(p.0 - top)).sum();
        slope.fill(0.0);
        for (value, worth, at) in &parts {
            let share = libm::exp(value - top) / total;
            for (d, s) in slope.iter_mut().enumerate() {
                *s += share * (worth.by_mean * at.mean_slope[d] + worth.by_variance * at.variance_slope[d]);
            }
        }
        let mut score = top + libm::log(total);
        if let Some(feasibility) = self.feasibility {
            score += feasibility.add_log_worth(row, slope);
        }
        if let Some((model, scale)) = self.duration {
            let at = model.predict_sloped(row);
            for (s, m) in slope.iter_mut().zip(&at.mean_slope) {
                *s -= scale * m;
            }
            score -= scale * at.mean;
        }
        if let Some(interior) = self.interior {
            score += interior.add_log_worth(row, slope);
        }
        score
    }
}

/// Finite spaces up to this size are searched completely.
const ENUMERATED: u64 = 1500;

/// The best rows found, best first; none of them is of a point in `seen`.
pub fn search(
    ground: &Ground,
    target: &Target<'_>,
    incumbents: &[Vec<f64>],
    seen: &Seen,
    region: &Region,
    effort: Effort,
    rng: &mut Stream,
) -> Vec<Scored> {
    let fresh = |row: &[f64]| !seen.contains(&ground.space, &ground.point(row));
    if let Some(count) = lattice::count(&ground.space).filter(|n| *n <= ENUMERATED) {
        let rows = (0..count).map(|k| ground.row(&lattice::nth(&ground.space, k)));
        let all = score(target, rows.filter(|r| fresh(r) && region.contains(r)).collect());
        return best_first(all);
    }
    let mut rows = pool(ground, region, effort.pool, rng);
    rows.extend(near(ground, region, incumbents, effort.near, rng));
    let mut all = score(target, rows);
    if effort.climbs > 0 {
        all.extend(score(target, incumbents.to_vec()));
    }
    all.retain(|s| region.contains(&s.row));
    let all = best_first(all);
    let smooth = ground.smooth();
    let mut found = Vec::new();
    for start in spread(&all, effort.climbs) {
        found.push(climb(ground, target, start, region, &smooth, effort.steps));
    }
    // What the climbs passed by is kept: where the top is taken, its neighbours are next.
    let tops: Vec<Vec<f64>> = found.iter().flat_map(|s| ground.neighbours(&s.row, region)).collect();
    found.extend(score(target, tops.into_iter().take(512).collect()));
    found.extend(all);
    found.retain(|s| s.score.is_finite() && fresh(&s.row));
    best_first(found)
}

fn score(target: &Target<'_>, rows: Vec<Vec<f64>>) -> Vec<Scored> {
    let refs: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
    let scores = target.scores(&refs);
    rows.into_iter()
        .zip(scores)
        .map(|(row, score)| Scored { row, score })
        .collect()
}

fn best_first(mut all: Vec<Scored>) -> Vec<Scored> {
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    all
}

/// The best of `all`, and further ones that are not beside those taken.
fn spread(all: &[Scored], count: usize) -> Vec<Scored> {
    let mut taken: Vec<Scored> = Vec::new();
    for candidate in all {
        let far = |t: &Scored| t.row.iter().zip(&candidate.row).any(|(a, b)| (a - b).abs() > 0.05);
        if taken.len() == count {
            break;
        }
        if taken.iter().all(far) {
            taken.push(candidate.clone());
        }
    }
    taken
}

fn pool(ground: &Ground, region: &Region, count: usize, rng: &mut Stream) -> Vec<Vec<f64>> {
    let sequence = Sequence::new(ground.space.len(), rng.bits());
    let axes = ground.encoding.axes();
    (0..count as u64)
        .map(|k| {
            let unit = sequence.point(k);
            let mut row: Vec<f64> = (0..unit.len())
                .map(|d| match axes[d] {
                    Axis::Category(_) => ground.encoding.from_uniform(d, unit[d]),
                    _ => region.low[d] + unit[d] * (region.high[d] - region.low[d]),
                })
                .collect();
            region.force(&mut row, &unit);
            ground.settle(&mut row);
            row
        })
        .collect()
}

/// Mutations of the incumbents: some coordinates, at scales from a third of the range down to a thousandth.
fn near(ground: &Ground, region: &Region, incumbents: &[Vec<f64>], count: usize, rng: &mut Stream) -> Vec<Vec<f64>> {
    let axes = ground.encoding.axes();
    let share = (8.0 / axes.len() as f64).clamp(0.1, 0.6);
    let mut rows = Vec::with_capacity(count);
    let mut uniforms = vec![0.0; axes.len()];
    for k in 0..if incumbents.is_empty() { 0 } else { count } {
        let mut row = incumbents[k % incumbents.len()].clone();
        let scale = 0.3 * libm::exp(-6.0 * rng.unit());
        let sure = rng.below(axes.len() as u64) as usize;
        for d in 0..axes.len() {
            let (chance, step, uniform) = (rng.unit(), rng.normal(), rng.unit());
            uniforms[d] = uniform;
            if d != sure && chance > share {
                continue;
            }
            row[d] = match axes[d] {
                Axis::Category(_) => ground.encoding.from_uniform(d, uniform),
                // At least to the next value.
                Axis::Lattice(n) => {
                    let reach = (scale * step).abs().max(1.0 / n as f64).copysign(step);
                    (row[d] + reach).clamp(region.low[d], region.high[d])
                }
                Axis::Continuous => (row[d] + scale * step).clamp(region.low[d], region.high[d]),
            };
        }
        region.force(&mut row, &uniforms);
        ground.settle(&mut row);
        rows.push(row);
    }
    rows
}

/// Gradient ascent over the smooth coordinates and steepest ascent over discrete neighbours, in turns.
fn climb(
    ground: &Ground,
    target: &Target<'_>,
    start: Scored,
    region: &Region,
    smooth: &[usize],
    steps: usize,
) -> Scored {
    let mut at = start;
    for _ in 0..3 {
        let before = at.score;
        if !smooth.is_empty() {
            at = ascend(ground, target, at, region, smooth, steps);
        }
        for _ in 0..8 {
            let others = best_first(score(target, ground.neighbours(&at.row, region)));
            match others.into_iter().next() {
                Some(other) if other.score > at.score => at = other,
                _ => break,
            }
        }
        if at.score <= before + 1e-3 {
            break;
        }
    }
    at
}

fn ascend(
    ground: &Ground,
    target: &Target<'_>,
    from: Scored,
    region: &Region,
    smooth: &[usize],
    steps: usize,
) -> Scored {
    let pick = |values: &[f64]| -> Vec<f64> { smooth.iter().map(|d| values[*d]).collect() };
    let mut row = from.row.clone();
    let mut slope = vec![0.0; row.len()];
    let loss = |x: &[f64], gradient: &mut [f64]| {
        for (i, d) in smooth.iter().enumerate() {
            row[*d] = x[i];
        }
        let score = target.sloped(&row, &mut slope);
        for (i, d) in smooth.iter().enumerate() {
            gradient[i] = -slope[*d];
        }
        -score
    };
    let found = minimise(
        loss,
        &pick(&from.row),
        &pick(&region.low),
        &pick(&region.high),
        steps,
        1e-6,
    );
    let mut row = from.row.clone();
    for (i, d) in smooth.iter().enumerate() {
        row[*d] = found.x[i];
    }
    ground.settle(&mut row);
    let score = target.scores(&[&row])[0];
    if score > from.score {
        Scored { row, score }
    } else {
        from
    }
}
