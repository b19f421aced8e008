//! The additive part of the covariance: a Matern 5/2 for each number alone, summed. Where numbers act on their own, as
//! they often nearly do, it learns each from all results, whatever the other numbers were, and finds detail that a
//! covariance over all of them together would need far more results for.
//!
//! k = (a / p') sum_d (1 + e + e^2 / 3) exp(-e), e = sqrt(5 c / l_d^2) |x_d - x'_d|, over the p' numbers
//!
//! (first order of the additive processes of Duvenaud, Nickisch and Rasmussen 2011, arXiv:1112.4394, equation 4). `a` is
//! the variance and `c` the detail, by which the lengthscales are shorter than in the joint part. Categories take no
//! part: what a choice adds on average says little of what it can reach.

use super::kernel::{Columns, Hyper, Part, matern};

/// The dimensions that take part.
pub(super) fn numbers(parts: &[Part]) -> impl Iterator<Item = usize> + Clone {
    (0..parts.len()).filter(|d| parts[*d] == Part::Number)
}

/// Variance of each term.
fn share(hyper: &Hyper, parts: &[Part]) -> f64 {
    hyper.additive / numbers(parts).count().max(1) as f64
}

/// One term of the sum: the Matern of every row with `x` in dimension d, and (1 + e) exp(-e).
fn term(columns: &Columns, hyper: &Hyper, d: usize, x: &[f64], out: &mut [f64], decay: &mut [f64]) {
    let (w, u) = (hyper.detail * hyper.weights[d], x[d]);
    for (r, v) in out.iter_mut().zip(&columns.values[d]) {
        *r = w * ((v - u) * (v - u));
    }
    matern(out, decay);
}

/// Adds the covariances of every row with `x` to `out`; returns (1 + e) exp(-e) of each, number by number, which their
/// slopes are made of: n for each number, none without an additive part.
pub(super) fn add_covariances(columns: &Columns, hyper: &Hyper, x: &[f64], out: &mut [f64]) -> Vec<f64> {
    if hyper.additive == 0.0 {
        return Vec::new();
    }
    let share = share(hyper, &columns.parts);
    let mut k = vec![0.0; columns.n];
    let mut decays = vec![0.0; columns.n * numbers(&columns.parts).count()];
    for (d, decay) in numbers(&columns.parts).zip(decays.chunks_mut(columns.n)) {
        term(columns, hyper, d, x, &mut k, decay);
        for (sum, k) in out.iter_mut().zip(&k) {
            *sum += share * k;
        }
    }
    decays
}

/// Adds to `slope[d]`, for numbers, sum_i weight_i dk(x_i, x)/dx_d; `decays` are those of `x`.
pub(super) fn add_slopes(
    columns: &Columns,
    hyper: &Hyper,
    x: &[f64],
    decays: &[f64],
    weights: &[f64],
    slope: &mut [f64],
) {
    if decays.is_empty() {
        return;
    }
    let share = share(hyper, &columns.parts);
    for (d, decay) in numbers(&columns.parts).zip(decays.chunks(columns.n)) {
        let moved = columns.values[d].iter().map(|v| x[d] - v);
        let sum: f64 = decay.iter().zip(weights).zip(moved).map(|((e, w), m)| e * w * m).sum();
        slope[d] -= 5.0 / 3.0 * share * hyper.detail * hyper.weights[d] * sum;
    }
}

/// The sum over pairs of rows, packed below the diagonal, and what its slopes are made of.
pub(super) struct Sum {
    /// The Materns of all numbers, each with weight 1 / p'.
    pub total: Vec<f64>,
    /// (1 + e) exp(-e) of each number; empty for categories.
    decays: Vec<Vec<f64>>,
    share: f64,
}

impl Sum {
    /// Of squared differences per dimension, all with `weights` times `detail`.
    pub fn new(parts: &[Part], squared: &[Vec<f64>], weights: &[f64], detail: f64) -> Sum {
        let pairs = squared.first().map_or(0, Vec::len);
        let share = 1.0 / numbers(parts).count().max(1) as f64;
        let (mut total, mut decays) = (vec![0.0; pairs], vec![Vec::new(); parts.len()]);
        for d in numbers(parts) {
            let mut k: Vec<f64> = squared[d].iter().map(|s| detail * weights[d] * s).collect();
            let mut decay = vec![0.0; pairs];
            matern(&mut k, &mut decay);
            for (sum, k) in total.iter_mut().zip(&k) {
                *sum += share * k;
            }
            decays[d] = decay;
        }
        Sum { total, decays, share }
    }

    /// sum w_ij dk_ij/d(ln weight_d) of dimension d.
    pub fn slope(&self, d: usize, w: &[f64], squared: &[f64], weight: f64) -> f64 {
        let sum: f64 = self.decays[d]
            .iter()
            .zip(w)
            .zip(squared)
            .map(|((e, w), s)| e * w * s)
            .sum();
        -5.0 / 6.0 * self.share * weight * sum
    }
}

#[cfg(test)]
mod tests {
    use crate::gp::fit::Noise;
    use crate::gp::kernel::Part;
    use crate::gp::model::Model;
    use crate::sobol::Sequence;

    fn mean_error(f: impl Fn(&[f64]) -> f64) -> (f64, f64) {
        let sequence = Sequence::new(4, 7);
        let rows: Vec<Vec<f64>> = (0..90).map(|k| sequence.point(k)).collect();
        let refs: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let y: Vec<f64> = rows.iter().map(|r| f(r)).collect();
        let (model, fitted) = Model::fit(&[Part::Number; 4], &refs[..50], &y[..50], Noise::Straight).unwrap();
        let predicted = model.predict_many(&refs[50..]);
        // The model's values are standardised: so are these.
        let mean = y[..50].iter().sum::<f64>() / 50.0;
        let sd = (y[..50].iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / 50.0).sqrt();
        let wrong = predicted
            .iter()
            .zip(&y[50..])
            .map(|((m, _), y)| (m - (y - mean) / sd).abs());
        (wrong.sum::<f64>() / 40.0, fitted.hyper.additive)
    }

    #[test]
    fn numbers_that_act_on_their_own_are_learned_each_from_all_results() {
        let (wrong, additive) = mean_error(|r| (0..4).map(|d| (20.0 * r[d] + d as f64).sin()).sum());
        assert!(wrong < 0.3 && additive > 0.0, "{wrong} {additive}");
    }

    #[test]
    fn numbers_that_act_together_are_not_taken_apart() {
        let (wrong, additive) = mean_error(|r| (3.0 * (r[0] + r[1] - r[2])).sin());
        assert!(wrong < 0.2 && additive < 0.5, "{wrong} {additive}");
    }
}
