//! Learns the parameters of the covariance and of the output warp: maximum a posteriori, analytic gradient.
//!
//! Parameters, all logarithms: l_1..l_p, signal s, noise, trend t, warp b, and of the additive part, if it is there, the
//! variance a and the detail c. The objective is
//!   1/2 (z - m)' K^-1 (z - m) + 1/2 ln det K + n/2 ln 2 pi + 1/2 m^2 - ln |dz/dy| - ln prior
//! with K of `kernel` plus noise on the diagonal (Rasmussen and Williams 2006, equations 5.8 and 5.9) and the mean m,
//! itself standard normal, at its best value. Starts are fixed and evaluations counted: the same values give the
//! same parameters, whatever was fitted before.

use super::additive::Sum;
use super::kernel::{Columns, Hyper, matern};
use super::prior::{ABSENT, Prior, may_be_additive, priors};
use super::transform::Outputs;
use crate::math::lbfgs::minimise;
use crate::math::linalg::{Factor, Matrix, dot};
use crate::math::wide::wide;

/// What is learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// Of the covariance.
    pub hyper: Hyper,
    /// ln b of the output warp.
    pub log_warp: f64,
    /// The objective reached.
    pub loss: f64,
}

/// What is known before the fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Noise {
    /// Learned.
    Estimated,
    /// Learned, but the warp is straight.
    Straight,
    /// This variance, in squared units of the objective; the warp is straight then.
    Known(f64),
}

impl Noise {
    /// The same for values that were warped with `outputs` already.
    pub(super) fn of_warped(self, outputs: &Outputs) -> Noise {
        match self {
            Noise::Estimated | Noise::Straight => Noise::Straight,
            Noise::Known(v) => Noise::Known(outputs.variance(v)),
        }
    }
}

impl Fitted {
    /// The parameters as they are learned.
    pub(super) fn theta(&self) -> Vec<f64> {
        let lengths = self.hyper.weights.iter().map(|w| -0.5 * libm::log(*w));
        let rest = [self.hyper.signal, self.hyper.noise, self.hyper.trend].map(libm::log);
        let additive = libm::log(self.hyper.additive).max(ABSENT);
        let last = [self.log_warp, additive, libm::log(self.hyper.detail)];
        lengths.chain(rest).chain(last).collect()
    }
}

/// From parameters `theta` of p dimensions as they are learned.
pub(super) fn fitted(p: usize, theta: &[f64], loss: f64) -> Fitted {
    Fitted {
        hyper: Hyper {
            weights: theta[..p].iter().map(|l| libm::exp(-2.0 * l)).collect(),
            signal: libm::exp(theta[p]),
            noise: libm::exp(theta[p + 1]),
            trend: libm::exp(theta[p + 2]),
            additive: if theta[p + 4] > ABSENT {
                libm::exp(theta[p + 4])
            } else {
                0.0
            },
            detail: libm::exp(theta[p + 5]),
        },
        log_warp: theta[p + 3],
        loss,
    }
}

/// Observations prepared for many evaluations of the objective.
pub(super) struct Problem<'a> {
    columns: &'a Columns,
    outputs: &'a Outputs,
    priors: Vec<Prior>,
    /// Squared differences below the diagonal, column by column, per dimension.
    squared: Vec<Vec<f64>>,
    /// q + q^2 below the diagonal, column by column, and on it.
    trend: Vec<f64>,
    trend_diagonal: Vec<f64>,
}

impl<'a> Problem<'a> {
    pub(super) fn new(columns: &'a Columns, outputs: &'a Outputs, noise: Noise) -> Problem<'a> {
        let n = columns.n;
        let mut squared = vec![Vec::with_capacity(n * n.saturating_sub(1) / 2); columns.parts.len()];
        let (mut trend, mut trend_diagonal) = (Vec::new(), Vec::with_capacity(n));
        let mut forms = vec![0.0; n];
        for j in 0..n {
            for (d, packed) in squared.iter_mut().enumerate() {
                packed.extend((j + 1..n).map(|i| columns.squared(d, i, j)));
            }
            let row: Vec<f64> = columns.values.iter().map(|c| c[j]).collect();
            columns.linear_forms(&row, &mut forms);
            trend_diagonal.push(forms[j] + forms[j] * forms[j]);
            trend.extend(forms[j + 1..].iter().map(|q| q + q * q));
        }
        Problem {
            columns,
            outputs,
            priors: priors(&columns.parts, outputs, noise),
            squared,
            trend,
            trend_diagonal,
        }
    }

    /// Number of dimensions of a row.
    pub(super) fn dimensions(&self) -> usize {
        self.columns.parts.len()
    }

    /// Least and largest values of the parameters, with the additive part or without it.
    pub(super) fn limits(&self, additive: bool) -> (Vec<f64>, Vec<f64>) {
        let (mut low, mut high): (Vec<f64>, Vec<f64>) = self.priors.iter().map(|q| (q.low, q.high)).unzip();
        if !additive {
            let p = self.dimensions();
            (low[p + 4], high[p + 4]) = (ABSENT, ABSENT);
            (low[p + 5], high[p + 5]) = (0.0, 0.0);
        }
        (low, high)
    }

    /// Where the prior is largest.
    pub(super) fn centre(&self) -> Vec<f64> {
        self.priors.iter().map(|q| q.mean).collect()
    }

    /// Standard deviation of the prior of one parameter.
    pub(super) fn spread(&self, i: usize) -> f64 {
        self.priors[i].sd
    }

    /// The objective at `theta`, and its gradient; infinite where K cannot be factored.
    pub(super) fn loss(&self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        let (n, p) = (self.columns.n, self.columns.parts.len());
        let weights: Vec<f64> = theta[..p].iter().map(|l| libm::exp(-2.0 * l)).collect();
        let (signal, noise, trend) = (libm::exp(theta[p]), libm::exp(theta[p + 1]), libm::exp(theta[p + 2]));
        let warped = self.outputs.warp(theta[p + 3]);

        let mut k = vec![0.0; self.trend.len()];
        for (w, squared) in weights.iter().zip(&self.squared) {
            for (k, s) in k.iter_mut().zip(squared) {
                *k += w * s;
            }
        }
        let mut decay = vec![0.0; k.len()];
        wide(|| matern(&mut k, &mut decay));
        let detail = libm::exp(theta[p + 5]);
        let sum = (theta[p + 4] > ABSENT).then(|| Sum::new(self.columns, &weights, detail));
        let additive = if sum.is_some() { libm::exp(theta[p + 4]) } else { 0.0 };
        // Both parts by their variances; `k` itself stays the Matern of the joint one.
        let mut mixed: Vec<f64> = k.iter().map(|k| signal * k).collect();
        if let Some(sum) = &sum {
            for (m, s) in mixed.iter_mut().zip(&sum.total) {
                *m += additive * s;
            }
        }
        let mut full = Matrix::zeros(n, n);
        let mut at = 0;
        for j in 0..n {
            let column = full.column_mut(j);
            column[j] = signal + additive + noise + trend * self.trend_diagonal[j];
            for (i, below) in column[j + 1..].iter_mut().enumerate() {
                *below = mixed[at + i] + trend * self.trend[at + i];
            }
            at += n - j - 1;
        }
        let Ok(factor) = Factor::new(full) else {
            return f64::INFINITY;
        };
        let (mean, alpha) = solve_mean(&factor, &warped.z);
        let residual: Vec<f64> = warped.z.iter().map(|z| z - mean).collect();
        let mut loss = 0.5 * dot(&residual, &alpha) + 0.5 * factor.log_determinant() + 0.5 * mean * mean;
        loss += 0.5 * n as f64 * std::f64::consts::TAU.ln() - warped.log_jacobian;

        // dL/dtheta = 1/2 tr((K^-1 - alpha alpha') dK/dtheta); the matrix below the diagonal counts twice.
        let inverse = factor.inverse();
        let mut w = Vec::with_capacity(k.len());
        let (mut trace, mut trend_trace) = (0.0, 0.0);
        for j in 0..n {
            let column = inverse.column(j);
            let diagonal = column[j] - alpha[j] * alpha[j];
            trace += 0.5 * diagonal;
            trend_trace += 0.5 * diagonal * self.trend_diagonal[j];
            w.extend(
                column[j + 1..]
                    .iter()
                    .zip(&alpha[j + 1..])
                    .map(|(k, a)| k - a * alpha[j]),
            );
        }
        gradient[p] = signal * (dot(&w, &k) + trace);
        gradient[p + 1] = noise * trace;
        gradient[p + 2] = trend * (dot(&w, &self.trend) + trend_trace);
        gradient[p + 3] = dot(&alpha, &warped.slope) - warped.jacobian_slope;
        gradient[..p].fill(0.0);
        gradient[p + 4..].fill(0.0);
        let mut believed = self.priors.len() - 2;
        if let Some(sum) = &sum {
            believed += 2;
            gradient[p + 4] = additive * (dot(&w, &sum.total) + trace);
            for (d, slope) in sum.slopes(&w, &self.squared) {
                // A weight is exp(-2 ln l).
                gradient[d] = -2.0 * additive * slope;
                gradient[p + 5] += additive * slope;
            }
        }
        for (w, e) in w.iter_mut().zip(&decay) {
            *w *= e;
        }
        for d in 0..p {
            gradient[d] += 5.0 / 3.0 * signal * weights[d] * dot(&w, &self.squared[d]);
        }
        for (i, prior) in self.priors.iter().enumerate().take(believed) {
            loss += prior.loss(theta[i], &mut gradient[i]);
        }
        loss
    }
}

/// The mean at its best value, and K^-1 (z - mean).
pub fn solve_mean(factor: &Factor, z: &[f64]) -> (f64, Vec<f64>) {
    let mut ones = vec![1.0; z.len()];
    factor.solve(&mut ones);
    let mut alpha = z.to_vec();
    factor.solve(&mut alpha);
    let mean = alpha.iter().sum::<f64>() / (1.0 + ones.iter().sum::<f64>());
    for (a, o) in alpha.iter_mut().zip(&ones) {
        *a -= mean * o;
    }
    (mean, alpha)
}

/// The parameters that explain `outputs` at `columns` best, and other explanations nearly as good; best first, at
/// least one.
pub fn fit(columns: &Columns, outputs: &Outputs, noise: Noise, from: Option<&Fitted>) -> Vec<Fitted> {
    let problem = Problem::new(columns, outputs, noise);
    let p = columns.parts.len();
    let centre = problem.centre();
    // Smooth and straight, rough, noisy, and warped: each the start of another explanation of the same values.
    let start = |length: f64, noise: f64, warp: f64| {
        let mut theta = centre.clone();
        for l in &mut theta[..p] {
            *l += length;
        }
        theta[p + 1] += noise;
        theta[p + 3] += warp;
        (theta[p + 4], theta[p + 5]) = (ABSENT, 0.0);
        theta
    };
    let starts = [
        start(0.5, 2.0, 0.0),
        start(-0.7, 1.0, 0.0),
        start(1.2, 6.0, 0.0),
        start(0.7, 2.0, 4.0),
        start(1.5, -4.0, 0.5),
        start(0.0, -4.0, 3.5),
    ];
    // The same with what there is to explain in the additive part, smooth and rough.
    let additive = [start(0.5, 2.0, 0.0), start(-0.7, 1.0, 0.0)].map(|mut theta| {
        (theta[p], theta[p + 4], theta[p + 5]) = (-2.0, 1.0, centre[p + 5]);
        theta
    });
    let additive = additive.iter().filter(|_| may_be_additive(&columns.parts));
    let known = from.map(Fitted::theta);
    // Where there is a guess and an evaluation is dear, the guess and two other starts have to do.
    let (fixed, kept) = match columns.n {
        0..=60 => (starts.len(), 3),
        _ if known.is_some() => (2, 2),
        _ => (4, 2),
    };
    let descend = |theta: &[f64], evaluations, precision| {
        let (low, high) = problem.limits(theta[p + 4] > ABSENT);
        minimise(|t, g| problem.loss(t, g), theta, &low, &high, evaluations, precision)
    };
    let mut found: Vec<_> = starts
        .iter()
        .take(fixed)
        .chain(additive)
        .chain(&known)
        .map(|s| descend(s, 20, 1e-4))
        .collect();
    found.sort_by(|a, b| a.value.total_cmp(&b.value));
    let mut best: Vec<Fitted> = Vec::new();
    for f in found.iter().take(kept) {
        let m = descend(&f.x, 40, 1e-5);
        best.push(fitted(p, &m.x, m.value));
    }
    best.sort_by(|a, b| a.loss.total_cmp(&b.loss));
    best.dedup_by(|b, a| (b.loss - a.loss).abs() < 0.02);
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::kernel::Part;
    use crate::rng::{Purpose, stream};

    fn data(n: usize) -> (Columns, Outputs) {
        let rows: Vec<Vec<f64>> = (0..n)
            .map(|i| vec![(i as f64 * 0.618) % 1.0, (i as f64 * 0.382 + 0.1) % 1.0, (i % 3) as f64])
            .collect();
        let y: Vec<f64> = rows
            .iter()
            .map(|r| (4.0 * r[0]).sin() + 3.0 * (r[1] - 0.4).powi(2) + 0.3 * r[2])
            .collect();
        let refs: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let parts = [Part::Number, Part::Number, Part::Category];
        (Columns::new(&parts, &refs), Outputs::new(&y))
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let (columns, outputs) = data(14);
        let problem = Problem::new(&columns, &outputs, Noise::Estimated);
        for additive in [ABSENT, -1.0] {
            let theta = [-0.8, -0.2, 0.3, 0.4, -3.0, -2.0, 1.0, additive, 0.7];
            let mut gradient = [0.0; 9];
            problem.loss(&theta, &mut gradient);
            let mut unused = gradient;
            let learned = if additive > ABSENT {
                theta.len()
            } else {
                theta.len() - 2
            };
            for i in 0..learned {
                let (mut up, mut down) = (theta, theta);
                up[i] += 1e-5;
                down[i] -= 1e-5;
                let want = (problem.loss(&up, &mut unused) - problem.loss(&down, &mut unused)) / 2e-5;
                assert!(
                    (gradient[i] - want).abs() < 1e-5 * want.abs().max(1.0),
                    "{i}: {} is not {want}",
                    gradient[i]
                );
            }
        }
    }

    #[test]
    fn explains_smooth_values_and_knows_noise() {
        let (columns, outputs) = data(30);
        let fitted = &fit(&columns, &outputs, Noise::Estimated, None)[0];
        assert!(fitted.hyper.noise < 1e-3, "{fitted:?}");
        let mut rng = stream(1, 0, Purpose::Sample);
        let mut y: Vec<f64> = (0..30).map(|_| rng.normal()).collect();
        let fitted = &fit(&columns, &Outputs::new(&y), Noise::Estimated, None)[0];
        assert!(fitted.hyper.noise > 0.1, "{fitted:?}");
        y.fill(0.0);
        assert!(
            fit(&columns, &Outputs::new(&y), Noise::Estimated, None)[0]
                .loss
                .is_finite()
        );
    }
}
