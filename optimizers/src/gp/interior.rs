//! What is believed of the place of the best point before any result: rather inside of the space than at its edges, since
//! people give ranges around what they hold for good. A model believes the opposite: nowhere is it less sure than in the
//! corners. Must not look at results.
//!
//! The belief pi multiplies what a point is worth, to the power of beta / n in trial n, so that it decides among the
//! first proposals and is soon outweighed (pi-BO, Hvarfner, Stoll, Souza, Lindauer, Hutter and Nardi 2022,
//! arXiv:2204.11051, equation 6, with a belief that nobody has to give):
//!   pi(x) = prod_d (4 x_d (1 - x_d) + c)   over the coordinates x_d in [0, 1] of numbers of many values
//! The first term is the density of beta(2, 2) but for a factor; c leaves something to the very edge.

use crate::encode::Axis;

/// beta: so many trials weigh as much as the belief.
const BETA: f64 = 20.0;
/// c.
const EDGE: f64 = 0.02;
/// A number of this many values or fewer has no inside.
const FEW: u64 = 12;

/// Whether an axis has edges to keep away from.
pub fn has_edges(axis: &Axis) -> bool {
    match axis {
        Axis::Continuous => true,
        Axis::Lattice(n) => *n > FEW,
        Axis::Category(_) => false,
    }
}

/// The belief in the trial after a number of others.
#[derive(Debug, Clone)]
pub struct Interior {
    dimensions: Vec<usize>,
    /// beta / n.
    power: f64,
}

impl Interior {
    /// For rows of these axes.
    pub fn new(axes: &[Axis], trials: usize) -> Interior {
        Interior {
            dimensions: (0..axes.len()).filter(|d| has_edges(&axes[*d])).collect(),
            power: BETA / (trials + 1) as f64,
        }
    }

    /// beta / n ln pi(row), to be added to the logarithm of what the row is worth.
    pub fn log_worth(&self, row: &[f64]) -> f64 {
        self.power * self.dimensions.iter().map(|d| libm::log(belief(row[*d]))).sum::<f64>()
    }

    /// The same, and adds its slope.
    pub fn add_log_worth(&self, row: &[f64], slope: &mut [f64]) -> f64 {
        for d in &self.dimensions {
            slope[*d] += self.power * 4.0 * (1.0 - 2.0 * row[*d]) / belief(row[*d]);
        }
        self.log_worth(row)
    }
}

fn belief(x: f64) -> f64 {
    4.0 * x * (1.0 - x) + EDGE
}

#[cfg(test)]
mod tests {
    use super::*;

    const AXES: [Axis; 4] = [
        Axis::Continuous,
        Axis::Category(3),
        Axis::Lattice(FEW),
        Axis::Lattice(FEW + 1),
    ];

    #[test]
    fn only_numbers_of_many_values_have_an_inside() {
        let interior = Interior::new(&AXES, 9);
        let at = |row: [f64; 4]| interior.log_worth(&row);
        assert_eq!(at([0.5, 0.0, 0.5, 0.5]), at([0.5, 2.0, 1.0 / 24.0, 0.5]));
        assert!(at([0.1, 0.0, 0.5, 0.5]) < at([0.5, 0.0, 0.5, 0.5]));
        assert!(at([0.5, 0.0, 0.5, 1.0 / 26.0]) < at([0.5, 0.0, 0.5, 0.5]));
        assert!(at([0.0, 0.0, 0.0, 1.0]).is_finite());
    }

    /// By hand: 20 / 10 (ln 1.02 + ln 0.02).
    #[test]
    fn fades_with_the_trials() {
        let row = [0.5, 0.0, 0.5, 0.0];
        let (few, many) = (Interior::new(&AXES, 9), Interior::new(&AXES, 199));
        let want = 2.0 * (1.02_f64.ln() + 0.02_f64.ln());
        assert!((few.log_worth(&row) - want).abs() < 1e-12);
        assert!((many.log_worth(&row) - want / 20.0).abs() < 1e-12);
    }

    #[test]
    fn slopes_are_those_of_the_worth() {
        let interior = Interior::new(&AXES, 3);
        let row = [0.2, 1.0, 0.5, 0.9];
        let mut slope = [0.0; 4];
        assert_eq!(interior.add_log_worth(&row, &mut slope), interior.log_worth(&row));
        for d in 0..4 {
            let (mut up, mut down) = (row, row);
            (up[d], down[d]) = (row[d] + 1e-6, row[d] - 1e-6);
            let want = (interior.log_worth(&up) - interior.log_worth(&down)) / 2e-6;
            assert!((slope[d] - want).abs() < 1e-6 * want.abs().max(1.0), "{d}");
        }
    }
}
