//! How much a point is worth trying, from its predicted mean and variance: larger is better, on a logarithmic scale
//! where there is one, so that values and slopes survive far from the best (Ament et al. 2023, arXiv:2310.20708).
//!
//! Notation: m, s predicted mean and standard deviation, f the value to improve on, u = (f - m) / s - xi. `xi` is the
//! improvement wanted in units of s: a model that is sure of itself is not asked for more than it can give.
//! Where noise of variance n drowns what a trial could teach, all of them are multiplied by 1 - sqrt(n / (s^2 + n))
//! (augmented expected improvement, Huang, Allen, Notz and Zeng 2006, equation 13), or the same points come again.

use crate::math::normal::{log_cdf, log_cdf_slope, log_improvement, log_improvement_slope};

/// An acquisition function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// ln E max(f - xi s - Y, 0) = ln s + ln(phi(u) + u Phi(u)).
    Improvement {
        /// Improvement wanted, in standard deviations.
        xi: f64,
    },
    /// ln P(Y < f - xi s) = ln Phi(u).
    Probability {
        /// Improvement wanted, in standard deviations.
        xi: f64,
    },
    /// f - (m - kappa s): how far the lower confidence bound is below the best.
    Bound {
        /// Weight of the standard deviation.
        kappa: f64,
    },
}

/// An acquisition's value and its slopes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worth {
    /// Value, to be maximised.
    pub value: f64,
    /// Slope over the mean.
    pub by_mean: f64,
    /// Slope over the variance.
    pub by_variance: f64,
}

impl Rule {
    /// Value at a mean and a variance greater than 0, under noise of a variance.
    pub fn value(self, best: f64, mean: f64, variance: f64, noise: f64) -> f64 {
        let s = variance.sqrt();
        let worth = match self {
            Rule::Improvement { xi } => libm::log(s) + log_improvement((best - mean) / s - xi),
            Rule::Probability { xi } => log_cdf((best - mean) / s - xi),
            Rule::Bound { kappa } => best - mean + kappa * s,
        };
        worth + libm::log1p(-(noise / (variance + noise)).sqrt())
    }

    /// Value and slopes.
    pub fn worth(self, best: f64, mean: f64, variance: f64, noise: f64) -> Worth {
        let s = variance.sqrt();
        let value = self.value(best, mean, variance, noise);
        let ratio = (best - mean) / s;
        let hidden = (noise / (variance + noise)).sqrt();
        let (by_mean, by_s) = match self {
            Rule::Improvement { xi } => {
                let slope = log_improvement_slope(ratio - xi);
                (-slope / s, (1.0 - slope * ratio) / s)
            }
            Rule::Probability { xi } => {
                let slope = log_cdf_slope(ratio - xi);
                (-slope / s, -slope * ratio / s)
            }
            Rule::Bound { kappa } => (-1.0, kappa),
        };
        Worth {
            value,
            by_mean,
            by_variance: by_s / (2.0 * s) + 0.5 * hidden / ((variance + noise) * (1.0 - hidden)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// mpmath 1.3 with 40 digits: log(s * (npdf(u) + u * ncdf(u))), log(ncdf(u)), f - m + kappa * s.
    #[test]
    fn values_agree_with_many_digits() {
        let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-13 * want.abs(), "{got} is not {want}");
        let (ei, pi) = (Rule::Improvement { xi: 0.05 }, Rule::Probability { xi: 0.05 });
        for (mean, variance, want_ei, want_pi) in GOLDEN {
            close(ei.value(0.2, mean, variance, 0.0), want_ei);
            close(pi.value(0.2, mean, variance, 0.0), want_pi);
        }
        close(Rule::Bound { kappa: 1.96 }.value(0.2, 0.5, 0.25, 0.0), 0.68);
    }
    const GOLDEN: [(f64, f64, f64, f64); 4] = [
        (0.5, 0.25, -2.5550777230843953, -1.3553923417640763),
        (-1.0, 0.04, 0.17395330715942112, -1.3407124449906283e-09),
        (0.21, 1e-06, -62.97182355596454, -53.73742804257562),
        (4.0, 0.01, -734.4026429140107, -728.4597791308265),
    ];

    #[test]
    fn slopes_are_those_of_the_values() {
        for rule in [
            Rule::Improvement { xi: 0.05 },
            Rule::Probability { xi: 0.05 },
            Rule::Bound { kappa: 1.96 },
        ] {
            for (m, v) in [(0.5, 0.3), (-0.4, 0.01), (3.0, 0.02)] {
                let (worth, h) = (rule.worth(0.2, m, v, 0.03), 1e-7 * v);
                let by_mean = (rule.value(0.2, m + h, v, 0.03) - rule.value(0.2, m - h, v, 0.03)) / (2.0 * h);
                let by_variance = (rule.value(0.2, m, v + h, 0.03) - rule.value(0.2, m, v - h, 0.03)) / (2.0 * h);
                assert!(
                    (worth.by_mean - by_mean).abs() < 1e-4 * by_mean.abs() + 1e-6,
                    "{rule:?} {worth:?} {by_mean}"
                );
                assert!(
                    (worth.by_variance - by_variance).abs() < 1e-4 * by_variance.abs() + 1e-6,
                    "{rule:?} {worth:?}"
                );
            }
        }
    }
}
