//! The additive part of the covariance: a Matern 5/2 for each number alone, summed. Where numbers act on their own, as
//! they often nearly do, it learns each from all results, whatever the other numbers were, and finds detail that a
//! covariance over all of them together would need far more results for.
//!
//! k = (a / p') sum_d (1 + e + e^2 / 3) exp(-e), e = sqrt(5 c / l_d^2) |x_d - x'_d|, over the p' numbers
//!
//! (first order of the additive processes of Duvenaud, Nickisch and Rasmussen 2011, arXiv:1112.4394, equation 4). `a` is
//! the variance and `c` the detail, by which the lengthscales are shorter than in the joint part. Categories take no
//! part: what a choice adds on average says little of what it can reach.
//!
//! In one dimension an exponential comes apart, exp(-r |x - x'|) = min(exp(r x) exp(-r x'), exp(-r x) exp(r x')), so n
//! results need n exponentials of each number, once, instead of n for every point that is asked about.

use super::kernel::{Columns, Hyper, Part};
use crate::math::exponential::exp_many;
use crate::math::linalg::dot3;
use crate::math::wide::wide;

/// The dimensions that take part.
pub(super) fn numbers(parts: &[Part]) -> impl Iterator<Item = usize> + Clone {
    (0..parts.len()).filter(|d| parts[*d] == Part::Number)
}

/// exp(r (v - 1/2)) and exp(-r (v - 1/2)) stay below exp(300), or products of them might overflow.
const FAR: f64 = 300.0;

/// The Matern of one number alone between n results and any value.
#[derive(Debug, Clone)]
struct Term {
    dimension: usize,
    variance: f64,
    /// r = sqrt(5) / l.
    rate: f64,
    /// exp(r (v - 1/2)) of each result's value v; n, or none where they would be too large.
    rising: Vec<f64>,
    /// exp(-r (v - 1/2)), likewise.
    falling: Vec<f64>,
}

/// A value with what its exponentials are made of.
#[derive(Debug, Clone, Copy)]
struct At {
    u: f64,
    /// exp(r (u - 1/2)).
    rise: f64,
    /// exp(-r (u - 1/2)).
    fall: f64,
}

impl Term {
    fn new(dimension: usize, values: &[f64], variance: f64, weight: f64) -> Term {
        let rate = (5.0 * weight).sqrt();
        let mut small: Vec<f64> = values.iter().map(|v| -(rate * (v - 0.5)).abs()).collect();
        if small.iter().fold(-0.5 * rate, |a, b| a.min(*b)) < -FAR {
            small.clear();
        }
        exp_many(&mut small);
        let (mut rising, mut falling) = (Vec::with_capacity(small.len()), Vec::with_capacity(small.len()));
        for (small, v) in small.into_iter().zip(values) {
            let large = 1.0 / small;
            let (rise, fall) = if *v < 0.5 { (small, large) } else { (large, small) };
            rising.push(rise);
            falling.push(fall);
        }
        Term {
            dimension,
            variance,
            rate,
            rising,
            falling,
        }
    }

    fn at(&self, u: f64) -> At {
        let rise = match self.rising.is_empty() {
            true => 1.0,
            false => libm::exp(self.rate * (u - 0.5)),
        };
        let fall = 1.0 / rise;
        At { u, rise, fall }
    }

    /// The same of result `i`, whose value is `u`.
    fn at_result(&self, i: usize, u: f64) -> At {
        match self.rising.get(i) {
            Some(rise) => At {
                u,
                rise: *rise,
                fall: self.falling[i],
            },
            None => self.at(u),
        }
    }

    /// Adds the covariances of the results from `first` on, of these `values`, to `out`; `decay` becomes
    /// (1 + e) exp(-e).
    #[inline(always)]
    fn add(&self, values: &[f64], first: usize, at: At, out: &mut [f64], decay: &mut [f64]) {
        let (values, rate, variance) = (&values[first..], self.rate, self.variance);
        if self.rising.is_empty() {
            for (power, v) in decay.iter_mut().zip(values) {
                *power = -(rate * (v - at.u).abs());
            }
            exp_many(decay);
        } else {
            let powers = self.rising[first..].iter().zip(&self.falling[first..]);
            for (power, (rise, fall)) in decay.iter_mut().zip(powers) {
                let (above, below) = (rise * at.fall, fall * at.rise);
                *power = if above < below { above } else { below };
            }
        }
        for ((sum, power), v) in out.iter_mut().zip(decay).zip(values) {
            let e = rate * (v - at.u).abs();
            *sum += variance * (1.0 + e + e * e * (1.0 / 3.0)) * *power;
            *power *= 1.0 + e;
        }
    }

    /// The factor of the slopes: dk/dx = -f (1 + e) exp(-e) (x - x'), dk/d(ln weight) = -f/2 (1 + e) exp(-e) (x - x')^2.
    fn steepness(&self) -> f64 {
        1.0 / 3.0 * self.variance * self.rate * self.rate
    }
}

/// The additive part for given parameters; without terms if there is none.
#[derive(Debug, Clone)]
pub(super) struct Additive(Vec<Term>);

impl Additive {
    /// Between the rows of `columns` and any point.
    pub fn new(columns: &Columns, hyper: &Hyper) -> Additive {
        match hyper.additive == 0.0 {
            true => Additive(Vec::new()),
            false => Additive::of(columns, hyper.additive, &hyper.weights, hyper.detail),
        }
    }

    fn of(columns: &Columns, variance: f64, weights: &[f64], detail: f64) -> Additive {
        let share = variance / numbers(&columns.parts).count() as f64;
        let term = |d| Term::new(d, &columns.values[d], share, detail * weights[d]);
        Additive(numbers(&columns.parts).map(term).collect())
    }

    /// Adds the covariances of every row with `x` to `out`; `decays` become (1 + e) exp(-e) of each, number by number,
    /// which their slopes are made of.
    pub fn add_covariances(&self, columns: &Columns, x: &[f64], out: &mut [f64], decays: &mut Vec<f64>) {
        decays.resize(columns.n * self.0.len(), 0.0);
        wide(|| {
            for (term, decay) in self.0.iter().zip(decays.chunks_mut(columns.n.max(1))) {
                let d = term.dimension;
                term.add(&columns.values[d], 0, term.at(x[d]), out, decay);
            }
        });
    }

    /// Adds to `slope[d]`, for numbers, sum_i weight_i dk(x_i, x)/dx_d; `decays` are those of `x`.
    pub fn add_slopes(&self, columns: &Columns, x: &[f64], decays: &[f64], weights: &[f64], slope: &mut [f64]) {
        let mut moved = vec![0.0; columns.n];
        for (term, decay) in self.0.iter().zip(decays.chunks(columns.n.max(1))) {
            let d = term.dimension;
            for (m, v) in moved.iter_mut().zip(&columns.values[d]) {
                *m = x[d] - v;
            }
            slope[d] -= term.steepness() * dot3(decay, weights, &moved);
        }
    }
}

/// The sum of variance 1 over pairs of rows, packed below the diagonal, and what its slopes are made of.
pub(super) struct Sum {
    /// The covariances.
    pub total: Vec<f64>,
    /// Each term with its (1 + e) exp(-e).
    terms: Vec<(Term, Vec<f64>)>,
}

impl Sum {
    /// Of the rows of `columns`, all with `weights` times `detail`.
    pub fn new(columns: &Columns, weights: &[f64], detail: f64) -> Sum {
        let n = columns.n;
        let mut total = vec![0.0; n * n.saturating_sub(1) / 2];
        let with_decay = |term| (term, vec![0.0; total.len()]);
        let Additive(terms) = Additive::of(columns, 1.0, weights, detail);
        let mut terms: Vec<(Term, Vec<f64>)> = terms.into_iter().map(with_decay).collect();
        wide(|| {
            for (term, decays) in &mut terms {
                let values = &columns.values[term.dimension];
                let mut from = 0;
                for (j, u) in values.iter().enumerate() {
                    let column = from..from + n - j - 1;
                    let (sum, decay) = (&mut total[column.clone()], &mut decays[column.clone()]);
                    term.add(values, j + 1, term.at_result(j, *u), sum, decay);
                    from = column.end;
                }
            }
        });
        Sum { total, terms }
    }

    /// sum w_ij dk_ij/d(ln weight) of every dimension that takes part, with squared differences per dimension.
    pub fn slopes(&self, w: &[f64], squared: &[Vec<f64>]) -> impl Iterator<Item = (usize, f64)> {
        let slope = |term: &Term, decays| -0.5 * term.steepness() * dot3(decays, w, &squared[term.dimension]);
        self.terms
            .iter()
            .map(move |(term, decays)| (term.dimension, slope(term, decays)))
    }
}

#[cfg(test)]
mod tests {
    use super::Term;
    use crate::gp::fit::Noise;
    use crate::gp::kernel::Part;
    use crate::gp::model::Model;
    use crate::sobol::Sequence;

    /// Results outside of the bounds come from earlier studies; the last two are too fine for powers.
    #[test]
    fn powers_give_the_plain_formula() {
        let values = [-0.4, 0.0, 0.3, 0.3 + 1e-9, 0.7, 1.0, 1.8];
        for weight in [0.01, 1.0, 400.0, 3000.0, 2e4, 1e6] {
            let term = Term::new(0, &values, 0.2, weight);
            assert_eq!(term.rising.is_empty(), weight >= 2e4);
            let (known, made) = (term.at_result(2, 0.3), term.at(0.3));
            assert!((known.rise / made.rise - 1.0).abs() < 1e-12 && (known.fall / made.fall - 1.0).abs() < 1e-12);
            for u in [0.0, 0.3, 0.55, 1.0] {
                let (mut k, mut decay) = ([0.5; 7], [0.0; 7]);
                term.add(&values, 0, term.at(u), &mut k, &mut decay);
                for ((k, decay), v) in k.iter().zip(decay).zip(values) {
                    let a = (5.0 * weight).sqrt() * (v - u).abs();
                    let want = 0.5 + 0.2 * (1.0 + a + a * a / 3.0) * (-a).exp();
                    assert!((k - want).abs() < 1e-13, "{weight} {u} {v}: {k} is not {want}");
                    assert!((decay - (1.0 + a) * (-a).exp()).abs() < 1e-12);
                }
            }
        }
    }

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
