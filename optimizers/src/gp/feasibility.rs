//! Where trials fail: the probability that a trial succeeds, learned from the first failure on.
//!
//! A process over labels (1 success, -1 failure) with the covariance of `kernel`, label regression as in Rasmussen and
//! Williams 2006, section 6.5; success means a latent value above 0, so its probability is Phi(m / sqrt(v + e)) with e
//! the variance of a label. Expected improvement times this probability (Gelbart, Snoek and Adams 2014, equation 8) is
//! not enough where the model of the objective is sure of itself: any chance then outweighs what it knows. So a trial
//! that is about as likely to fail as not is worth nothing beside one that succeeds.

use super::fit::Noise;
use super::kernel::Part;
use super::model::Model;
use crate::math::linalg::NotPositive;
use crate::math::normal::{log_cdf, log_cdf_slope};

/// Least logarithm of the probability: what is surely lost is still ranked.
const LEAST: f64 = -60.0;

/// Variance of a label.
const LABEL: f64 = 0.01;

/// Below this logarithm of the probability, ln(0.6), the worth falls steeply: more than log expected improvement can
/// ever make up for where all that succeeds is known to the last digit.
const DOUBTFUL: f64 = -0.5108256237659907;
const STEEP: f64 = 1e8;

fn worth(log_success: f64) -> f64 {
    log_success + STEEP * (log_success - DOUBTFUL).min(0.0)
}

/// A model of success.
#[derive(Debug, Clone)]
pub struct Feasibility {
    model: Model,
    /// The label 0 in the model's units.
    zero: f64,
    /// Distance of the labels in the model's units, halved.
    unit: f64,
}

impl Feasibility {
    /// From rows (absent values filled in) and whether each succeeded; there must be at least one of each.
    pub fn new(parts: &[Part], rows: &[&[f64]], success: &[bool]) -> Result<Feasibility, NotPositive> {
        let labels: Vec<f64> = success.iter().map(|s| if *s { 1.0 } else { -1.0 }).collect();
        let (model, _) = Model::fit(parts, rows, &labels, Noise::Known(LABEL))?;
        let value = |wanted: bool| {
            let i = success.iter().position(|s| *s == wanted).unwrap_or(0);
            model.values()[i]
        };
        let (low, high) = (value(false), value(true));
        Ok(Feasibility {
            zero: 0.5 * (low + high),
            unit: (0.5 * (high - low)).max(1e-6),
            model,
        })
    }

    fn argument(&self, mean: f64, variance: f64) -> (f64, f64, f64) {
        let (m, v) = ((mean - self.zero) / self.unit, variance / (self.unit * self.unit));
        (m, v, m / (v + LABEL).sqrt())
    }

    /// What the probability of success adds to the score of each row.
    pub fn log_worth(&self, rows: &[&[f64]]) -> Vec<f64> {
        let predicted = self.model.predict_many(rows);
        predicted
            .iter()
            .map(|(m, v)| worth(log_cdf(self.argument(*m, *v).2).max(LEAST)))
            .collect()
    }

    /// What the probability of success adds to the score of a row; the slope of that is added to `slope`.
    pub fn add_log_worth(&self, row: &[f64], slope: &mut [f64]) -> f64 {
        let at = self.model.predict_sloped(row);
        let (m, v, z) = self.argument(at.mean, at.variance);
        let value = log_cdf(z);
        if value <= LEAST {
            return worth(LEAST);
        }
        let steep = if value < DOUBTFUL { 1.0 + STEEP } else { 1.0 };
        let by_z = steep * log_cdf_slope(z);
        let by_mean = by_z / ((v + LABEL).sqrt() * self.unit);
        let by_variance = -0.5 * by_z * m / ((v + LABEL) * (v + LABEL).sqrt() * self.unit * self.unit);
        for (d, s) in slope.iter_mut().enumerate() {
            *s += by_mean * at.mean_slope[d] + by_variance * at.variance_slope[d];
        }
        worth(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_corners_are_avoided() {
        let rows: Vec<Vec<f64>> = (0..25)
            .map(|i| vec![(i % 5) as f64 / 4.0, (i / 5) as f64 / 4.0])
            .collect();
        let success: Vec<bool> = rows.iter().map(|r| r[0] < 0.6).collect();
        let refs: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let f = Feasibility::new(&[Part::Number; 2], &refs, &success).unwrap();
        let p = f.log_worth(&[&[0.1, 0.5], &[0.9, 0.5]]);
        assert!(p[0] > -0.1 && p[1] < -2.0, "{p:?}");
        let (x, mut slope) = ([0.6, 0.45], vec![0.0; 2]);
        f.add_log_worth(&x, &mut slope);
        let ends = f.log_worth(&[&[0.6 + 1e-6, 0.45], &[0.6 - 1e-6, 0.45]]);
        assert!(
            ((ends[0] - ends[1]) / 2e-6 - slope[0]).abs() < 1e-5 * slope[0].abs(),
            "{slope:?} {ends:?}"
        );
    }
}
