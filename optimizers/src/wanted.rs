//! What makes a point worth trying, given the mean and spread that a model without gradients predicts there.
//! Shared by forest and gbrt; targets are scores of unit spread (see [`crate::trials::Trials::scores`]).

use crate::math::normal;
use crate::options::{OptionKind, OptionSpec, Options};

/// Which acquisition function.
pub const ACQ_FUNC: OptionSpec = OptionSpec {
    name: "acq-func",
    kind: OptionKind::Choice(&["EI", "LCB", "PI"]),
    default: "EI",
    help: "what is maximised: expected improvement, confidence bound, probability of improvement",
};

/// An acquisition function with its weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wanted {
    /// Expected improvement over the best score less `xi`.
    Improvement {
        /// In units of the spread of the scores.
        xi: f64,
    },
    /// Lower confidence bound.
    Bound {
        /// Weight of the spread.
        kappa: f64,
    },
    /// Probability of improving on the best score less `xi`.
    Probability {
        /// In units of the spread of the scores.
        xi: f64,
    },
}

impl Wanted {
    /// From the options `acq-func`, `kappa` and `xi`.
    pub fn new(options: &Options) -> Wanted {
        let number = |name| options.number(name).unwrap_or(0.0);
        match options.text("acq-func") {
            "LCB" => Wanted::Bound { kappa: number("kappa") },
            "PI" => Wanted::Probability { xi: number("xi") },
            _ => Wanted::Improvement { xi: number("xi") },
        }
    }

    /// How much a point of this predicted `mean` and `spread` is wanted, where `best` is the best score so far.
    pub fn score(self, mean: f64, spread: f64, best: f64) -> f64 {
        match self {
            // log EI = ln s + ln(phi(z) + z Phi(z)), z = (best - xi - m) / s (Ament et al. 2023, equation 9).
            Wanted::Improvement { xi } => libm::log(spread) + normal::log_improvement((best - xi - mean) / spread),
            Wanted::Bound { kappa } => kappa * spread - mean,
            Wanted::Probability { xi } => normal::log_cdf((best - xi - mean) / spread),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy: `s * (norm.pdf(z) + z * norm.cdf(z))`, `norm.cdf(z)` with z = (-1 - 0.05 - 0.3) / 0.8.
    #[test]
    fn scores_agree_with_their_formulas() {
        let close = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 1e-9, "{got} is not {want}");
        close(Wanted::Improvement { xi: 0.05 }.score(0.3, 0.8, -1.0).exp(), EI);
        close(Wanted::Probability { xi: 0.05 }.score(0.3, 0.8, -1.0).exp(), PI);
        close(Wanted::Bound { kappa: 2.0 }.score(0.3, 0.8, -1.0), 1.3);
    }
    const EI: f64 = 0.015081807025740203;
    const PI: f64 = 0.045753624961741096;
}
