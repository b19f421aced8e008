//! What a fitted process says of points that were not evaluated: mean and variance, and their slopes.
//! In units of the warped objective; smaller is better.

use super::fit::{Fitted, Noise, fit, solve_mean};
use super::kernel::{Columns, Hyper, Ingredients, Kernel, Part};
use super::transform::Outputs;
use crate::math::linalg::{Factor, Matrix, NotPositive, dot};

/// A conditioned process.
#[derive(Debug, Clone)]
pub struct Model {
    kernel: Kernel,
    factor: Factor,
    alpha: Vec<f64>,
    mean: f64,
    z: Vec<f64>,
}

/// Mean and variance at a point, with slopes over its coordinates.
#[derive(Debug, Clone, PartialEq)]
pub struct Sloped {
    /// Predicted mean.
    pub mean: f64,
    /// Predicted variance, without noise.
    pub variance: f64,
    /// Slope of the mean; 0 for categories.
    pub mean_slope: Vec<f64>,
    /// Slope of the variance; 0 for categories.
    pub variance_slope: Vec<f64>,
}

/// Least variance, as a share of the variance before the results: what rounding leaves of it.
const FLOOR: f64 = 1e-10;

impl Model {
    /// Conditions on rows (absent values filled in) with values `z`.
    pub fn new(parts: &[Part], rows: &[&[f64]], z: Vec<f64>, hyper: Hyper) -> Result<Model, NotPositive> {
        let kernel = Kernel::new(Columns::new(parts, rows), hyper);
        let mut room = Ingredients::default();
        let mut jitter = 0.0;
        for _ in 0..6 {
            let mut k = Matrix::zeros(rows.len(), rows.len());
            for (j, row) in rows.iter().enumerate() {
                let column = k.column_mut(j);
                kernel.covariances(row, column, &mut room);
                column[j] += kernel.hyper().noise + jitter;
            }
            if let Ok(factor) = Factor::new(k) {
                let (mean, alpha) = solve_mean(&factor, &z);
                if mean.is_finite() && alpha.iter().all(|a| a.is_finite()) {
                    return Ok(Model {
                        kernel,
                        factor,
                        alpha,
                        mean,
                        z,
                    });
                }
            }
            jitter = if jitter == 0.0 {
                1e-9 * kernel.hyper().scale()
            } else {
                jitter * 100.0
            };
        }
        Err(NotPositive)
    }

    /// Fits and conditions.
    pub fn fit(parts: &[Part], rows: &[&[f64]], y: &[f64], noise: Noise) -> Result<(Model, Fitted), NotPositive> {
        let outputs = Outputs::new(y);
        let fitted = fit(&Columns::new(parts, rows), &outputs, noise, None).swap_remove(0);
        let z = outputs.warp(fitted.log_warp).z;
        Ok((Model::new(parts, rows, z, fitted.hyper.clone())?, fitted))
    }

    /// As [`Model::fit`] with learned noise and a straight transform; also the value of one of the model's units.
    pub fn fit_straight(parts: &[Part], rows: &[&[f64]], y: &[f64]) -> Result<(Model, f64), NotPositive> {
        let outputs = Outputs::new(y);
        let fitted = fit(&Columns::new(parts, rows), &outputs, Noise::Straight, None).swap_remove(0);
        let z = outputs.warp(fitted.log_warp).z;
        let unit = 1.0 / outputs.variance(1.0).sqrt();
        Ok((
            Model::new(parts, rows, z, fitted.hyper)?,
            if unit.is_finite() { unit } else { 0.0 },
        ))
    }

    /// Number of observations.
    pub fn size(&self) -> usize {
        self.kernel.size()
    }

    /// The parameters of its covariance.
    pub fn hyper(&self) -> &Hyper {
        self.kernel.hyper()
    }

    /// The values it was conditioned on.
    pub fn values(&self) -> &[f64] {
        &self.z
    }

    /// Mean at `x`.
    pub fn mean(&self, x: &[f64]) -> f64 {
        let mut k = vec![0.0; self.size()];
        self.kernel.covariances(x, &mut k, &mut Ingredients::default());
        self.mean + dot(&k, &self.alpha)
    }

    /// Mean and variance at many points.
    pub fn predict_many(&self, rows: &[&[f64]]) -> Vec<(f64, f64)> {
        let mut out = Vec::with_capacity(rows.len());
        let mut room = Ingredients::default();
        for block in rows.chunks(256) {
            let mut k = Matrix::zeros(self.size(), block.len());
            let mut means = Vec::with_capacity(block.len());
            for (j, x) in block.iter().enumerate() {
                self.kernel.covariances(x, k.column_mut(j), &mut room);
                means.push(self.mean + dot(k.column(j), &self.alpha));
            }
            self.factor.solve_lower_many(&mut k);
            for (j, x) in block.iter().enumerate() {
                let variance = self.kernel.variance(x) - dot(k.column(j), k.column(j));
                out.push((means[j], variance.max(FLOOR * self.hyper().scale())));
            }
        }
        out
    }

    /// Mean and variance at `x`, with slopes.
    pub fn predict_sloped(&self, x: &[f64]) -> Sloped {
        let n = self.size();
        let mut k = vec![0.0; n];
        let mut ingredients = Ingredients::default();
        self.kernel.covariances(x, &mut k, &mut ingredients);
        let mean = self.mean + dot(&k, &self.alpha);
        self.factor.solve_lower(&mut k);
        let variance = self.kernel.variance(x) - dot(&k, &k);
        let mut mean_slope = vec![0.0; x.len()];
        let mut variance_slope = vec![0.0; x.len()];
        let kernel = &self.kernel;
        kernel.add_slopes(x, &ingredients, &self.alpha, &mut mean_slope);
        if variance > FLOOR * self.hyper().scale() {
            self.factor.solve_upper(&mut k);
            for w in &mut k {
                *w *= -2.0;
            }
            kernel.add_slopes(x, &ingredients, &k, &mut variance_slope);
            kernel.add_variance_slope(x, &mut variance_slope);
        }
        Sloped {
            mean,
            variance: variance.max(FLOOR * self.hyper().scale()),
            mean_slope,
            variance_slope,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let parts = [Part::Number, Part::Number, Part::Category];
        let rows: [&[f64]; 4] = [&[0.1, 0.9, 0.0], &[0.4, 0.2, 1.0], &[0.8, 0.5, 2.0], &[0.6, 0.6, 1.0]];
        let hyper = Hyper {
            weights: vec![4.0, 0.25, 2.0],
            signal: 1.5,
            trend: 0.2,
            additive: 0.6,
            detail: 3.0,
            noise: 0.1,
        };
        Model::new(&parts, &rows, vec![0.3, -1.2, 1.1, -0.2], hyper).unwrap()
    }

    /// numpy 2: the same covariances, mean = 1'K^-1 z / (1 + 1'K^-1 1), and the usual posterior by solve().
    #[test]
    fn predictions_agree_with_numpy() {
        let got = model().predict_many(&[&[0.3, 0.6, 1.0], &[0.9, 0.1, 0.0]]);
        for ((m, v), (want_m, want_v)) in got.iter().zip(PREDICTIONS) {
            assert!((m - want_m).abs() < 1e-12 && (v - want_v).abs() < 1e-12, "{got:?}");
        }
    }
    const PREDICTIONS: [(f64, f64); 2] = [
        (-0.7845083739033396, 0.455320355071521),
        (0.3712635014511624, 2.367073470830456),
    ];

    #[test]
    fn slopes_are_those_of_the_predictions() {
        let (model, x) = (model(), [0.3, 0.6, 1.0]);
        let at = model.predict_sloped(&x);
        let plain = model.predict_many(&[&x])[0];
        assert!((at.mean - plain.0).abs() < 1e-13 && (at.variance - plain.1).abs() < 1e-13);
        for d in 0..2 {
            let (mut up, mut down) = (x, x);
            up[d] += 1e-6;
            down[d] -= 1e-6;
            let ends = model.predict_many(&[&up, &down]);
            assert!(((ends[0].0 - ends[1].0) / 2e-6 - at.mean_slope[d]).abs() < 1e-7);
            assert!(((ends[0].1 - ends[1].1) / 2e-6 - at.variance_slope[d]).abs() < 1e-7);
        }
    }

    #[test]
    fn copies_and_constants_are_survived() {
        let rows = [[0.5, 0.5].as_slice(); 40];
        for y in [
            vec![1.0; 40],
            (0..40).map(f64::from).collect(),
            [1e300, -1e300].repeat(20),
        ] {
            let (model, _) = Model::fit(&[Part::Number; 2], &rows, &y, Noise::Estimated).unwrap();
            let (m, v) = model.predict_many(&[&[0.2, 0.7]])[0];
            assert!(m.is_finite() && v > 0.0 && v.is_finite());
        }
    }
}
