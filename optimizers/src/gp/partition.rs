//! Whether the results are one process or one for each choice of a category: fits both and weighs them by evidence.
//!
//! A category often decides which of the other dimensions matter at all (the momentum of a solver that has none). One
//! process for all choices takes what the best explored choice does not need for needless everywhere, and then never
//! looks there. Must not decide where to look; `surface` conditions what is found here.

use super::fit::{Fitted, Noise, Problem, fitted};
use super::kernel::{Columns, Hyper, Part};
use super::transform::Outputs;
use crate::math::lbfgs::minimise;
use crate::math::linalg::{Matrix, symmetric_eigen};

/// Parameters of an explanation.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// One process.
    Whole(Hyper),
    /// One for each choice of a category: its dimension, and the parameters by choice.
    Split(usize, Vec<Hyper>),
}

/// A category that may part the results: its dimension and the number of parts, one more than choices if it may be
/// absent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// Dimension.
    pub dimension: usize,
    /// Number of parts.
    pub parts: usize,
}

/// The part that a coordinate of a category belongs to; -1, an absent value, to the last.
pub fn part_of(coordinate: f64, parts: usize) -> usize {
    match coordinate < 0.0 {
        true => parts - 1,
        false => (coordinate as usize).min(parts - 1),
    }
}

/// More parts than this would each know too little.
const PARTS: usize = 8;
/// Fewer results than this are not parted.
const RESULTS: usize = 8;
/// A partition weighs at least exp(-1) against the whole, whatever the evidence says: of few results of a choice it says
/// little, and what is good for that choice alone no other explanation sees.
const LEAST: f64 = -1.0;

/// The two best partitions to hear beside the `whole`, best first, with the logarithm of their weight against it.
pub fn partitions(
    parts: &[Part],
    rows: &[&[f64]],
    outputs: &Outputs,
    noise: Noise,
    whole: &Fitted,
    gates: &[Gate],
) -> Vec<(Shape, f64)> {
    let mut found = Vec::new();
    if rows.len() < RESULTS {
        return found;
    }
    let z = outputs.warp(whole.log_warp).z;
    let noise = noise.of_warped(outputs);
    let mut together = None;
    for gate in gates.iter().filter(|g| g.parts <= PARTS) {
        let mut apart = 0.0;
        let mut hypers = Vec::with_capacity(gate.parts);
        for k in 0..gate.parts {
            let own = |i: &usize| part_of(rows[*i][gate.dimension], gate.parts) == k;
            let (own, z): (Vec<&[f64]>, Vec<f64>) = (0..rows.len()).filter(own).map(|i| (rows[i], z[i])).unzip();
            let columns = Columns::new(parts, &own);
            let outputs = Outputs::warped(&z);
            let problem = Problem::new(&columns, &outputs, noise);
            let fitted = fit_part(&problem, whole);
            apart += evidence(&problem, &fitted);
            hypers.push(fitted.hyper);
        }
        let together = *together.get_or_insert_with(|| {
            let (columns, outputs) = (Columns::new(parts, rows), Outputs::warped(&z));
            evidence(&Problem::new(&columns, &outputs, noise), whole)
        });
        let log_weight = together - apart;
        if log_weight.is_finite() {
            found.push((Shape::Split(gate.dimension, hypers), log_weight));
        }
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.truncate(2);
    for (_, log_weight) in &mut found {
        *log_weight = log_weight.max(LEAST);
    }
    found
}

/// The parameters of one part; without results, those of the prior.
fn fit_part(problem: &Problem<'_>, whole: &Fitted) -> Fitted {
    let (low, high) = problem.limits(false);
    let mut found = [problem.centre(), whole.theta()]
        .map(|start| minimise(|t, g| problem.loss(t, g), &start, &low, &high, 40, 1e-4));
    found.sort_by(|a, b| a.value.total_cmp(&b.value));
    fitted(problem.dimensions(), &found[0].x, found[0].value)
}

/// Step of a difference of gradients.
const STEP: f64 = 1e-3;
/// Least curvature that is believed: what is flatter is known no better than the prior says.
const FLAT: f64 = 0.01;

/// Minus the logarithm of the evidence: the objective at its least, and by Laplace's method the share of the prior's
/// volume that the parameters may take there (MacKay 2003, chapters 27 and 28),
///   L + sum_i ln sd_i + 1/2 ln det H, over the parameters i that are learned, H the second derivatives of L.
fn evidence(problem: &Problem<'_>, fitted: &Fitted) -> f64 {
    let (low, high) = problem.limits(fitted.hyper.additive > 0.0);
    let at: Vec<f64> = (0..low.len())
        .map(|i| fitted.theta()[i].clamp(low[i], high[i]))
        .collect();
    let learned: Vec<usize> = (0..at.len()).filter(|i| high[*i] > low[*i]).collect();
    let (mut here, mut there) = (vec![0.0; at.len()], vec![0.0; at.len()]);
    let mut total = problem.loss(&at, &mut here);
    let mut second = Matrix::zeros(learned.len(), learned.len());
    for (j, d) in learned.iter().enumerate() {
        let step = if at[*d] + STEP > high[*d] { -STEP } else { STEP };
        let mut x = at.clone();
        x[*d] += step;
        problem.loss(&x, &mut there);
        for (i, e) in learned.iter().enumerate().skip(j) {
            second.column_mut(j)[i] = (there[*e] - here[*e]) / step;
        }
        total += libm::log(problem.spread(*d));
    }
    match symmetric_eigen(&second) {
        Some((curvatures, _)) => total + curvatures.iter().map(|c| 0.5 * libm::log(c.max(FLAT))).sum::<f64>(),
        None => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::fit::fit;

    const PARTS: [Part; 3] = [Part::Number, Part::Number, Part::Category];

    /// `f` at 24 points of three choices.
    fn weigh(f: impl Fn(&[f64]) -> f64) -> Vec<(Shape, f64)> {
        let rows: Vec<Vec<f64>> = (0..24)
            .map(|i| vec![(i as f64 * 0.618) % 1.0, (i as f64 * 0.382 + 0.1) % 1.0, (i % 3) as f64])
            .collect();
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let outputs = Outputs::new(&rows.iter().map(|r| f(r)).collect::<Vec<_>>());
        let whole = &fit(&Columns::new(&PARTS, &rows), &outputs, Noise::Estimated, None)[0];
        let gate = Gate { dimension: 2, parts: 3 };
        partitions(&PARTS, &rows, &outputs, Noise::Estimated, whole, &[gate])
    }

    #[test]
    fn a_category_that_decides_what_matters_parts_the_results() {
        let found = weigh(|r| match r[2] as usize {
            0 => (9.0 * r[0]).sin(),
            1 => (9.0 * r[1]).sin(),
            _ => 0.3,
        });
        assert!(
            matches!(found[..], [(Shape::Split(2, ref hypers), w)] if hypers.len() == 3 && w > 1.0),
            "{found:?}"
        );
    }

    #[test]
    fn a_category_that_only_adds_weighs_least() {
        let found = weigh(|r| (5.0 * r[0]).sin() + (4.0 * r[1]).cos() + 0.1 * r[2]);
        assert!(matches!(found[..], [(_, LEAST)]), "{found:?}");
    }

    #[test]
    fn absent_values_are_a_part_of_their_own() {
        assert_eq!([0.0, 1.0, 2.0, -1.0].map(|c| part_of(c, 4)), [0, 1, 2, 3]);
        assert_eq!(part_of(7.0, 3), 2);
    }

    /// Without results the loss is the prior's, its second derivatives are 1 / sd^2, and nothing is gained or lost.
    #[test]
    fn the_evidence_of_nothing_is_none() {
        let (columns, outputs) = (Columns::new(&PARTS, &[]), Outputs::warped(&[]));
        let problem = Problem::new(&columns, &outputs, Noise::Straight);
        let prior = fitted(3, &problem.centre(), 0.0);
        assert!(evidence(&problem, &prior).abs() < 1e-6);
    }
}
