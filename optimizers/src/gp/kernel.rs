//! The covariance of two points: a Matern 5/2 over numbers and categories, plus a quadratic trend over the numbers, plus,
//! where it pays, a part that is additive over the numbers (`additive`).
//!
//! Notation: n observations, p dimensions. Rows are coordinates of the unit cube (`encode`); numbers with finitely
//! many values sit at their cell centres, so the covariance is flat within a cell (Garrido-Merchan and
//! Hernandez-Lobato 2020, arXiv:1805.03463). Categories differ by 0 or 1, the overlap kernel, inside of the same
//! radius: r^2 = sum_d (x_d - x'_d)^2 / l_d^2, with [x_d != x'_d] / l_d^2 for categories.
//!
//! k = s (1 + a + a^2 / 3) exp(-a), a = sqrt(5) r             Rasmussen and Williams 2006, equation 4.17
//!   + t (q + q^2), q = 3 / p' sum_d (2 x_d - 1)(2 x'_d - 1)   a linear and a quadratic form, p' numbers

use super::additive::Additive;
use crate::encode::Axis;
use crate::math::exponential::exp_many;
use crate::math::linalg::dot;
use crate::math::wide::wide;

/// How the difference of two coordinates is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// By its square.
    Number,
    /// 0 if equal, 1 if not.
    Category,
}

/// Parameters of the covariance; all positive.
#[derive(Debug, Clone, PartialEq)]
pub struct Hyper {
    /// 1 / l_d^2.
    pub weights: Vec<f64>,
    /// Variance of the Matern part.
    pub signal: f64,
    /// Variance of the trend.
    pub trend: f64,
    /// Variance of the additive part; 0 if there is none.
    pub additive: f64,
    /// Weights of the additive part, in `weights`.
    pub detail: f64,
    /// Variance of the noise on an observation.
    pub noise: f64,
}

/// What the slopes of the covariances of all rows with one point are made of; may be used again for another point.
#[derive(Debug, Clone, Default)]
pub struct Ingredients {
    /// (1 + a) exp(-a) of each row.
    decay: Vec<f64>,
    /// q of each row.
    forms: Vec<f64>,
    /// The decays of the additive part, number by number.
    alone: Vec<f64>,
}

/// Observed rows by columns: `[d][i]`, p columns of n.
#[derive(Debug, Clone)]
pub struct Columns {
    /// How each column is compared.
    pub parts: Vec<Part>,
    /// Coordinates; of an absent value, the middle of the range, or -1 as a category of its own.
    pub values: Vec<Vec<f64>>,
    /// Number of rows.
    pub n: usize,
}

/// The covariance of observed rows with any point, for given parameters.
#[derive(Debug, Clone)]
pub struct Kernel {
    columns: Columns,
    hyper: Hyper,
    additive: Additive,
}

/// The part of each axis.
pub fn parts(axes: &[Axis]) -> Vec<Part> {
    let part = |a: &Axis| match a {
        Axis::Category(_) => Part::Category,
        _ => Part::Number,
    };
    axes.iter().map(part).collect()
}

/// Replaces absent values by something a kernel can compare.
pub fn fill_absent(parts: &[Part], row: &mut [f64]) {
    for (part, u) in parts.iter().zip(row) {
        if u.is_nan() {
            *u = if *part == Part::Category { -1.0 } else { 0.5 };
        }
    }
}

impl Hyper {
    /// Variance without trend and noise.
    pub fn scale(&self) -> f64 {
        self.signal + self.additive
    }
}

impl Columns {
    /// Rows, with absent values filled in, by columns.
    pub fn new(parts: &[Part], rows: &[&[f64]]) -> Columns {
        let values = (0..parts.len()).map(|d| rows.iter().map(|r| r[d]).collect()).collect();
        Columns {
            parts: parts.to_vec(),
            values,
            n: rows.len(),
        }
    }

    /// Squared difference of rows i and j in dimension d.
    pub fn squared(&self, d: usize, i: usize, j: usize) -> f64 {
        let (a, b) = (self.values[d][i], self.values[d][j]);
        match self.parts[d] {
            Part::Number => (a - b) * (a - b),
            Part::Category => f64::from(a != b),
        }
    }

    /// Weight of the sum in the linear form; 0 without numbers.
    fn trend_weight(&self) -> f64 {
        let numbers = self.parts.iter().filter(|p| **p == Part::Number).count();
        if numbers == 0 { 0.0 } else { 3.0 / numbers as f64 }
    }

    /// q of `x` with itself.
    fn own_form(&self, x: &[f64]) -> f64 {
        let numbers = x.iter().zip(&self.parts).filter(|(_, p)| **p == Part::Number);
        let sum: f64 = numbers.map(|(u, _)| (2.0 * u - 1.0) * (2.0 * u - 1.0)).sum();
        sum * self.trend_weight()
    }

    /// The linear form q of every row with `x`.
    #[inline(always)]
    pub fn linear_forms(&self, x: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        let weight = self.trend_weight();
        for (d, column) in self.values.iter().enumerate() {
            if self.parts[d] == Part::Number {
                let c = weight * (2.0 * x[d] - 1.0);
                for (q, v) in out.iter_mut().zip(column) {
                    *q += c * (2.0 * v - 1.0);
                }
            }
        }
    }

    /// Squared radius of every row to `x`.
    #[inline(always)]
    fn radii(&self, weights: &[f64], x: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (d, column) in self.values.iter().enumerate() {
            let (w, u) = (weights[d], x[d]);
            match self.parts[d] {
                Part::Number => {
                    for (r, v) in out.iter_mut().zip(column) {
                        *r += w * ((v - u) * (v - u));
                    }
                }
                Part::Category => {
                    for (r, v) in out.iter_mut().zip(column) {
                        *r += if *v == u { 0.0 } else { w };
                    }
                }
            }
        }
    }
}

impl Kernel {
    /// Between `columns` and any point.
    pub fn new(columns: Columns, hyper: Hyper) -> Kernel {
        Kernel {
            additive: Additive::new(&columns, &hyper),
            columns,
            hyper,
        }
    }

    /// Number of observed rows.
    pub fn size(&self) -> usize {
        self.columns.n
    }

    /// Its parameters.
    pub fn hyper(&self) -> &Hyper {
        &self.hyper
    }

    /// Covariances of every row with `x`, and what their slopes are made of.
    pub fn covariances(&self, x: &[f64], out: &mut [f64], of: &mut Ingredients) {
        let (columns, hyper) = (&self.columns, &self.hyper);
        of.decay.resize(columns.n, 0.0);
        of.forms.resize(columns.n, 0.0);
        wide(|| {
            columns.radii(&hyper.weights, x, out);
            matern(out, &mut of.decay);
            columns.linear_forms(x, &mut of.forms);
            for (k, q) in out.iter_mut().zip(&of.forms) {
                *k = hyper.signal * *k + hyper.trend * (*q + *q * *q);
            }
        });
        self.additive.add_covariances(columns, x, out, &mut of.alone);
    }

    /// Adds to `slope[d]`, for numbers, sum_i weight_i dk(x_i, x)/dx_d; the ingredients are those of `x`.
    pub fn add_slopes(&self, x: &[f64], of: &Ingredients, weights: &[f64], slope: &mut [f64]) {
        let (columns, hyper) = (&self.columns, &self.hyper);
        // dk/d(r^2) = -(5/6) (1 + a) exp(-a), and d(r^2)/dx_d = 2 w_d (x_d - x_id).
        let decay = of.decay.iter().zip(weights);
        let matern: Vec<f64> = decay.map(|(e, w)| -5.0 / 3.0 * hyper.signal * e * w).collect();
        let trend_weight = 2.0 * columns.trend_weight() * hyper.trend;
        let forms = of.forms.iter().zip(weights);
        let trend: Vec<f64> = forms.map(|(q, w)| trend_weight * (1.0 + 2.0 * q) * w).collect();
        let total: f64 = matern.iter().sum();
        let trend_total: f64 = trend.iter().sum();
        for (d, column) in columns.values.iter().enumerate() {
            if columns.parts[d] == Part::Number {
                slope[d] += hyper.weights[d] * (x[d] * total - dot(&matern, column));
                slope[d] += 2.0 * dot(&trend, column) - trend_total;
            }
        }
        self.additive.add_slopes(columns, x, &of.alone, weights, slope);
    }

    /// k(x, x) without noise.
    pub fn variance(&self, x: &[f64]) -> f64 {
        let q = self.columns.own_form(x);
        self.hyper.scale() + self.hyper.trend * (q + q * q)
    }

    /// Adds dk(x, x)/dx_d, for numbers, to `slope[d]`.
    pub fn add_variance_slope(&self, x: &[f64], slope: &mut [f64]) {
        let columns = &self.columns;
        let common = self.hyper.trend * (1.0 + 2.0 * columns.own_form(x)) * columns.trend_weight();
        for (d, part) in columns.parts.iter().enumerate() {
            if *part == Part::Number {
                slope[d] += common * 4.0 * (2.0 * x[d] - 1.0);
            }
        }
    }
}

/// Squared radii become (1 + a + a^2/3) exp(-a), a = sqrt(5 r^2); `decay` becomes (1 + a) exp(-a).
#[inline(always)]
pub fn matern(radii: &mut [f64], decay: &mut [f64]) {
    for (r, e) in radii.iter_mut().zip(&mut *decay) {
        *r = (5.0 * *r).sqrt();
        *e = -*r;
    }
    exp_many(decay);
    for (r, e) in radii.iter_mut().zip(&mut *decay) {
        let a = *r;
        *r = (1.0 + a + a * a * (1.0 / 3.0)) * *e;
        *e *= 1.0 + a;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Kernel {
        let parts = [Part::Number, Part::Number, Part::Category];
        let rows: [&[f64]; 3] = [&[0.1, 0.9, 0.0], &[0.4, 0.2, 1.0], &[0.8, 0.5, 2.0]];
        let hyper = Hyper {
            weights: vec![4.0, 0.25, 2.0],
            signal: 1.5,
            trend: 0.2,
            additive: 0.6,
            detail: 3.0,
            noise: 0.1,
        };
        Kernel::new(Columns::new(&parts, &rows), hyper)
    }

    /// scikit-learn 1.9: 1.5 * Matern(length_scale=[1/2, 2, 1/sqrt(2)], nu=2.5) with the category's difference set to
    /// 0 or 1, plus 0.2 (q + q^2) with q = 1.5 c.c' by numpy, plus 0.3 times the Materns of each number alone with its
    /// weight times 3.
    #[test]
    fn covariances_agree_with_scikit_learn() {
        let mut k = vec![0.0; 3];
        example().covariances(&[0.3, 0.6, 1.0], &mut k, &mut Ingredients::default());
        for (got, want) in k.iter().zip(COVARIANCES) {
            assert!((got - want).abs() < 1e-14, "{got} is not {want}");
        }
    }
    const COVARIANCES: [f64; 3] = [1.1831224367263449, 1.9419700016868542, 0.6213219611857692];

    #[test]
    fn slopes_are_those_of_the_covariance() {
        let kernel = example();
        let (x, weights, step) = ([0.3, 0.6, 1.0], [0.7, -1.1, 0.4], 1e-6);
        let sum = |x: &[f64]| {
            let mut k = vec![0.0; 3];
            kernel.covariances(x, &mut k, &mut Ingredients::default());
            k.iter().zip(&weights).map(|(k, w)| k * w).sum::<f64>()
        };
        let (mut slope, mut own) = (vec![0.0; 3], vec![0.0; 3]);
        let mut ingredients = Ingredients::default();
        kernel.covariances(&x, &mut [0.0; 3], &mut ingredients);
        kernel.add_slopes(&x, &ingredients, &weights, &mut slope);
        kernel.add_variance_slope(&x, &mut own);
        for d in 0..2 {
            let (mut up, mut down) = (x, x);
            up[d] += step;
            down[d] -= step;
            let want = (sum(&up) - sum(&down)) / (2.0 * step);
            assert!((slope[d] - want).abs() < 1e-8, "{} is not {want}", slope[d]);
            let want = (kernel.variance(&up) - kernel.variance(&down)) / (2.0 * step);
            assert!((own[d] - want).abs() < 1e-8, "{} is not {want}", own[d]);
        }
        assert_eq!((slope[2], own[2]), (0.0, 0.0));
    }
}
