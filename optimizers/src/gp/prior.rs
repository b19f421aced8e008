//! What is believed of the parameters of the covariance and of the output warp before any result, and their limits.
//! All of them are logarithms. Must not look at results, but for the unit of a noise that is known.

use super::additive::numbers;
use super::fit::Noise;
use super::kernel::Part;
use super::transform::{LOG_WARP, Outputs};

/// A normal prior on a logarithm, and its limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prior {
    /// Where it is largest.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Least value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
}

impl Prior {
    /// Minus its logarithm at `x`, but for a constant; adds its slope.
    pub fn loss(&self, x: f64, slope: &mut f64) -> f64 {
        let z = (x - self.mean) / self.sd;
        *slope += z / self.sd;
        0.5 * z * z
    }
}

/// The logarithm of the variance of an additive part that is not there.
pub(super) const ABSENT: f64 = -40.0;

/// Whether a space has numbers enough for an additive part to differ from the joint one.
pub(super) fn may_be_additive(parts: &[Part]) -> bool {
    numbers(parts).nth(1).is_some()
}

/// Lengthscales grow with the square root of the dimension, so that the complexity of the prior does not (Hvarfner,
/// Hellsten and Nardi 2024, arXiv:2402.02229, section 4.2, where ln l is normal with location sqrt(2) + ln(p)/2 and
/// scale sqrt(3), mode exp(-1.59) sqrt(p)). Ours has its mode over the logarithm a little higher and is narrower, 1.2:
/// with few results the wide one takes chance for detail.
pub(super) fn priors(parts: &[Part], outputs: &Outputs, noise: Noise) -> Vec<Prior> {
    let p = parts.len() as f64;
    let prior = |mean, sd, low, high| Prior { mean, sd, low, high };
    let mut all = vec![prior(-1.2 + 0.5 * libm::log(p), 1.2, -3.5, 5.0); parts.len()];
    all.push(prior(0.0, 1.5, -7.0, 7.0));
    all.push(match noise {
        Noise::Estimated | Noise::Straight => prior(-8.0, 4.0, -16.1, 1.0),
        Noise::Known(v) => {
            let fixed = libm::log(outputs.variance(v).clamp(1e-7, 1e6));
            prior(fixed, 1.0, fixed, fixed)
        }
    });
    let trend = if parts.contains(&Part::Number) { 5.0 } else { -12.0 };
    all.push(prior(-4.0, 2.5, -12.0, trend));
    all.push(match noise {
        Noise::Estimated => prior(-1.0, 4.0, LOG_WARP.0, LOG_WARP.1),
        Noise::Straight | Noise::Known(_) => prior(LOG_WARP.0, 1.0, LOG_WARP.0, LOG_WARP.0),
    });
    all.push(prior(-2.0, 2.0, -7.0, 5.0));
    all.push(prior(2.0, 2.0, -2.0, 7.0));
    all
}
