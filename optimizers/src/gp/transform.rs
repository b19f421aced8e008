//! Objective values as a model sees them: a learned logarithmic warp, then mean 0 and standard deviation 1.
//!
//! Losses have long tails upwards (a diverged run is 1e6) and crowd near the optimum, where differences matter most.
//! With u = (y - min) / (median - min), the warp is ln(1 + b u): straight for small b, a logarithm of the distance to
//! the best for large b. b is learned with the kernel by the likelihood, whose Jacobian keeps it honest (warped
//! Gaussian processes, Snelson, Rasmussen and Ghahramani 2004, equation 8; the family is ours).
//! Must not be used to read values back: proposals only need the order, which the warp keeps.

/// Values before the warp.
#[derive(Debug, Clone)]
pub struct Outputs {
    /// (y - min) / (median - min), at most 1e100; all 0 if all are equal.
    u: Vec<f64>,
    /// median - min: the unit of `u`.
    unit: f64,
    /// `u` was warped already.
    warped: bool,
}

/// Warped values.
#[derive(Debug, Clone)]
pub struct Warped {
    /// Mean 0, standard deviation 1.
    pub z: Vec<f64>,
    /// dz/d(ln b).
    pub slope: Vec<f64>,
    /// ln |dz/du|, summed.
    pub log_jacobian: f64,
    /// d(log_jacobian)/d(ln b).
    pub jacobian_slope: f64,
    /// Standard deviation of ln(1 + b u).
    pub spread: f64,
}

/// Limits of ln b: straight to four digits, and a logarithm down to a hundredth of the unit. Beyond that a model sees
/// differences that no one cares for and refines them for ever.
pub const LOG_WARP: (f64, f64) = (-9.0, 5.0);

impl Outputs {
    /// Values of at least one observation, all finite.
    pub fn new(y: &[f64]) -> Outputs {
        let mut sorted = y.to_vec();
        sorted.sort_by(f64::total_cmp);
        let min = sorted[0];
        // Halves first: the difference of two huge values must not overflow.
        let half = |v: f64| v * 0.5 - min * 0.5;
        let typical = half(sorted[sorted.len() / 2]);
        let spread = if typical > 0.0 {
            typical
        } else {
            half(sorted[sorted.len() - 1])
        };
        let u = y.iter().map(|v| {
            if spread > 0.0 {
                (half(*v) / spread).min(1e100)
            } else {
                0.0
            }
        });
        Outputs {
            u: u.collect(),
            unit: 2.0 * spread,
            warped: false,
        }
    }

    /// Values that were warped and standardised already, with others: they stay as they are.
    pub fn warped(z: &[f64]) -> Outputs {
        Outputs {
            u: z.to_vec(),
            unit: 1.0,
            warped: true,
        }
    }

    /// True if all values are the same, so that there is nothing to model.
    pub fn constant(&self) -> bool {
        self.u.iter().all(|u| *u == 0.0)
    }

    /// A variance in squared units of the objective, in units of the straight transform's z.
    pub fn variance(&self, v: f64) -> f64 {
        if self.warped {
            return v;
        }
        let scale = self.unit * self.warp(LOG_WARP.0).spread / libm::exp(LOG_WARP.0);
        v / (scale * scale)
    }

    /// The warp of strength b = exp(log_b).
    pub fn warp(&self, log_b: f64) -> Warped {
        let n = self.u.len() as f64;
        if self.warped {
            return Warped {
                z: self.u.clone(),
                slope: vec![0.0; self.u.len()],
                log_jacobian: 0.0,
                jacobian_slope: 0.0,
                spread: 1.0,
            };
        }
        let b = libm::exp(log_b);
        let t: Vec<f64> = self.u.iter().map(|u| libm::log1p(b * u)).collect();
        let dt: Vec<f64> = self.u.iter().map(|u| b * u / (1.0 + b * u)).collect();
        let mean = t.iter().sum::<f64>() / n;
        let slope_mean = dt.iter().sum::<f64>() / n;
        let variance = t.iter().map(|t| (t - mean) * (t - mean)).sum::<f64>() / n;
        let spread = variance.sqrt().max(1e-300);
        let z: Vec<f64> = t.iter().map(|t| (t - mean) / spread).collect();
        let spread_slope = z.iter().zip(&dt).map(|(z, d)| z * (d - slope_mean)).sum::<f64>() / n;
        let slope = z
            .iter()
            .zip(&dt)
            .map(|(z, d)| (d - slope_mean - z * spread_slope) / spread);
        let log_jacobian: f64 = self.u.iter().map(|u| log_b - libm::log1p(b * u)).sum();
        Warped {
            slope: slope.collect(),
            log_jacobian: log_jacobian - n * libm::log(spread),
            jacobian_slope: dt.iter().map(|d| 1.0 - d).sum::<f64>() - n * spread_slope / spread,
            z,
            spread,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_and_standardises() {
        let y = [3.0, 1e300, -2.0, 0.5, 1e6];
        let outputs = Outputs::new(&y);
        for log_b in [LOG_WARP.0, 0.0, 5.0, LOG_WARP.1] {
            let z = outputs.warp(log_b).z;
            assert!(
                z[2] < z[3] && z[0] < z[4] && z[4] < z[1] && z.iter().all(|z| z.is_finite()),
                "{z:?}"
            );
            assert!(z[3] < z[0] || log_b < -8.0);
            assert!(z.iter().sum::<f64>().abs() < 1e-9);
        }
        assert!(Outputs::new(&[7.0; 4]).constant());
        assert!(
            Outputs::new(&[-1.7e308, 1.7e308])
                .warp(0.0)
                .z
                .iter()
                .all(|z| z.is_finite())
        );
    }

    #[test]
    fn a_weak_warp_is_straight() {
        let z = Outputs::new(&[1.0, 2.0, 4.0, 9.0]).warp(LOG_WARP.0).z;
        // numpy: (y - y.mean()) / y.std()
        let want = [-0.9733285267845754, -0.6488856845230502, 0.0, 1.6222142113076254];
        assert!(z.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-3), "{z:?}");
        assert!((Outputs::new(&[1.0, 2.0, 4.0, 9.0]).variance(9.5) - 1.0).abs() < 1e-2);
    }

    #[test]
    fn slopes_are_those_of_the_warp() {
        let outputs = Outputs::new(&[3.0, 10.0, -2.0, 0.5, 100.0]);
        let (a, b, c) = (outputs.warp(0.7 - 1e-6), outputs.warp(0.7), outputs.warp(0.7 + 1e-6));
        for i in 0..5 {
            assert!(((c.z[i] - a.z[i]) / 2e-6 - b.slope[i]).abs() < 1e-7);
        }
        assert!(((c.log_jacobian - a.log_jacobian) / 2e-6 - b.jacobian_slope).abs() < 1e-6);
    }
}
