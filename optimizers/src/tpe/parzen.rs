//! A kernel density over some coordinates of a space: one product kernel for each point, and a broad one for what is
//! not known yet. Can be sampled and evaluated; knows nothing of trials.
//!
//! Numbers have normal kernels truncated to [0, 1], categories a kernel that spreads a share of its mass evenly
//! (Aitchison and Aitken 1976). One bandwidth for each coordinate (Scott 1992, equation 6.42).

use crate::encode::{Axis, Encoding};
use crate::math::normal;
use crate::rng::Stream;

/// The density. `k`: kernels, `d`: coordinates.
#[derive(Debug, Clone)]
pub struct Parzen<'a> {
    encoding: &'a Encoding,
    /// The coordinates it is over, by their index in the space; d.
    axes: &'a [usize],
    /// Centres of the kernels, k x d. The first is the broad one.
    centres: Vec<f64>,
    /// Logarithm of each kernel's weight, less that of what its numeric factors have to be divided by; k.
    logs: Vec<f64>,
    /// Running sums of the weights; k.
    sums: Vec<f64>,
    /// 1 / bandwidth, for numbers; d.
    sharp: Vec<f64>,
    /// Logarithms of a category's probability where it equals the centre's, and where it does not; d.
    odds: Vec<(f64, f64)>,
}

const SQRT_2PI: f64 = 2.5066282746310002;
/// Bandwidth of the broad kernel.
const BROAD: f64 = 1.0;
/// Weight, against the kernel's own category, of what is spread over all categories when there is one kernel.
const EVEN: f64 = 2.0;
/// How many points the spread of a uniform number counts for beside the points there are.
const PRIOR: f64 = 2.0;
/// Bandwidths against those of Scott's rule, which smooths for one broad peak.
const NARROWER: f64 = 0.8;

impl<'a> Parzen<'a> {
    /// The density of `rows`, full rows of the space of which the coordinates `axes` are present, weighted by
    /// `weight` (positive). Bandwidths are at least `least`.
    pub fn new<'r>(
        encoding: &'a Encoding,
        axes: &'a [usize],
        rows: impl Iterator<Item = (&'r [f64], f64)>,
        least: f64,
    ) -> Parzen<'a> {
        let d = axes.len();
        let mut centres: Vec<f64> = axes
            .iter()
            .map(|a| match encoding.axes()[*a] {
                // No category: the broad kernel has equal odds.
                Axis::Category(_) => -1.0,
                _ => 0.5,
            })
            .collect();
        let mut weights = Vec::new();
        for (row, weight) in rows {
            // What was good outside of the bounds (in an earlier study) speaks for the nearest value inside.
            centres.extend(axes.iter().map(|a| match encoding.axes()[*a] {
                Axis::Category(_) => row[*a],
                _ => row[*a].clamp(0.0, 1.0),
            }));
            weights.push(weight);
        }
        let k = weights.len() + 1;
        let total: f64 = weights.iter().sum();
        // The broad kernel weighs as much as an average point.
        weights.insert(0, if k == 1 { 1.0 } else { total / (k - 1) as f64 });
        // Kish's effective number of points.
        let squares: f64 = weights[1..].iter().map(|w| w * w).sum();
        let effective = if k == 1 { 1.0 } else { total * total / squares };
        let numeric = axes
            .iter()
            .filter(|a| !matches!(encoding.axes()[**a], Axis::Category(_)));
        let shrink = libm::pow(effective, -1.0 / (numeric.count() as f64 + 4.0));
        let mut density = Parzen {
            encoding,
            axes,
            logs: vec![0.0; k],
            sums: Vec::with_capacity(k),
            sharp: vec![0.0; d],
            odds: vec![(0.0, 0.0); d],
            centres,
        };
        for (j, axis) in axes.iter().enumerate() {
            match encoding.axes()[*axis] {
                Axis::Category(n) => {
                    let even = EVEN / (n as f64 * k as f64);
                    let all = 1.0 + n as f64 * even;
                    density.odds[j] = (libm::log((1.0 + even) / all), libm::log(even / all));
                }
                axis => {
                    let cell = match axis {
                        Axis::Lattice(n) => 0.5 / n as f64,
                        _ => 0.0,
                    };
                    let spread = density.spread(j, &weights[1..]);
                    let bandwidth = (NARROWER * spread * shrink).max(least).max(cell).min(BROAD);
                    density.sharp[j] = 1.0 / bandwidth;
                    for i in 0..k {
                        let b = if i == 0 { BROAD } else { bandwidth };
                        let mu = density.centres[i * d + j];
                        let inside = normal::cdf((1.0 - mu) / b) - normal::cdf(-mu / b);
                        density.logs[i] -= libm::log(SQRT_2PI * b * inside.max(1e-12));
                    }
                }
            }
        }
        let all: f64 = weights.iter().sum();
        let mut sum = 0.0;
        for (log, w) in density.logs.iter_mut().zip(&weights) {
            *log += libm::log(w / all);
            sum += w / all;
            density.sums.push(sum);
        }
        density
    }

    /// Standard deviation of coordinate `j`, drawn towards that of a uniform number as by [`PRIOR`] more points.
    fn spread(&self, j: usize, weights: &[f64]) -> f64 {
        let d = self.axes.len();
        let column = || self.centres[d..].iter().skip(j).step_by(d).zip(weights);
        let total: f64 = weights.iter().sum();
        let mean = column().map(|(u, w)| u * w).sum::<f64>() / total.max(f64::MIN_POSITIVE);
        let squares: f64 = column().map(|(u, w)| w * (u - mean) * (u - mean)).sum();
        let average = if weights.is_empty() {
            1.0
        } else {
            total / weights.len() as f64
        };
        let prior = PRIOR * average;
        ((squares + prior / 12.0) / (total + prior)).sqrt()
    }

    /// Draws the coordinates `axes` of `row` from the density.
    pub fn sample(&self, row: &mut [f64], rng: &mut Stream) {
        let d = self.axes.len();
        let u = rng.unit() * self.sums[self.sums.len() - 1];
        let kernel = self.sums.partition_point(|s| *s <= u).min(self.sums.len() - 1);
        for (j, axis) in self.axes.iter().enumerate() {
            let mu = self.centres[kernel * d + j];
            row[*axis] = match self.encoding.axes()[*axis] {
                Axis::Category(n) => {
                    let keep = kernel > 0 && rng.unit() < libm::exp(self.odds[j].0) - libm::exp(self.odds[j].1);
                    if keep { mu } else { rng.below(n as u64) as f64 }
                }
                _ => {
                    let b = if kernel == 0 { BROAD } else { 1.0 / self.sharp[j] };
                    let (low, high) = (normal::cdf(-mu / b), normal::cdf((1.0 - mu) / b));
                    let u = mu + b * normal::quantile(low + rng.unit() * (high - low));
                    self.encoding.snap(*axis, u.clamp(0.0, 1.0))
                }
            };
        }
    }

    /// Logarithm of the density at the coordinates `axes` of `row`.
    pub fn log_density(&self, row: &[f64]) -> f64 {
        let d = self.axes.len();
        let mut total = 0.0;
        for (i, log) in self.logs.iter().enumerate() {
            let centre = &self.centres[i * d..][..d];
            let mut exponent = *log;
            for (j, axis) in self.axes.iter().enumerate() {
                let u = row[*axis];
                exponent += match self.encoding.axes()[*axis] {
                    Axis::Category(n) if i == 0 => -libm::log(n as f64),
                    Axis::Category(_) if u == centre[j] => self.odds[j].0,
                    Axis::Category(_) => self.odds[j].1,
                    _ => {
                        let z = (u - centre[j]) * if i == 0 { 1.0 / BROAD } else { self.sharp[j] };
                        -0.5 * z * z
                    }
                };
            }
            total += libm::exp(exponent);
        }
        libm::log(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};
    use crate::space::{Dimension, Domain, Space};

    fn encoding() -> Encoding {
        let real = Domain::Real {
            low: 0.0,
            high: 1.0,
            log: false,
            step: None,
        };
        let int = Domain::Int {
            low: 1,
            high: 7,
            log: false,
            step: 1,
        };
        let domains = [real, Domain::Categorical { n: 3 }, int];
        Encoding::new(&Space::new(domains.map(|d| Dimension::new("x", d)).into()).unwrap())
    }

    /// scipy: mixture of `truncnorm.pdf` times the category's odds, bandwidth by Scott's rule from the formulas
    /// above, weights 1, 2, 3 and 2 for the broad kernel.
    #[test]
    fn density_agrees_with_its_formula() {
        let e = encoding();
        let rows = [[0.2, 2.0, 0.5], [0.6, 0.0, 0.5], [0.7, 2.0, 0.5]];
        let weighted = rows.iter().zip([1.0, 2.0, 3.0]).map(|(r, w)| (&r[..], w));
        let density = Parzen::new(&e, &[0, 1], weighted, 0.01);
        for (u, c, want) in [
            (0.1, 2.0, -1.1777220090527365),
            (0.65, 0.0, -0.3849882380624045),
            (1.0, 1.0, -2.3581225036679117),
        ] {
            let got = density.log_density(&[u, c, 0.5]);
            assert!((got - want).abs() < 1e-12, "{got} is not {want}");
        }
    }

    /// Draws fall where the density says: shares of 20 000 draws in cells, against the density's integral.
    #[test]
    fn draws_follow_the_density() {
        let e = encoding();
        let rows = [[0.2, 2.0, 0.5], [0.25, 2.0, 0.5], [0.9, 0.0, 0.5]];
        let density = Parzen::new(&e, &[0, 1], rows.iter().map(|r| (&r[..], 1.0)), 0.05);
        let mut rng = stream(1, 0, Purpose::Sample);
        let mut hits = [[0.0; 3]; 10];
        let mut row = [f64::NAN; 3];
        for _ in 0..20_000 {
            density.sample(&mut row, &mut rng);
            hits[((row[0] * 10.0) as usize).min(9)][row[1] as usize] += 1.0 / 20_000.0;
        }
        for (cell, hits) in hits.iter().enumerate() {
            for (c, got) in hits.iter().enumerate() {
                let at =
                    |k: usize| density.log_density(&[(cell as f64 + (k as f64 + 0.5) / 50.0) / 10.0, c as f64, 0.5]);
                let want: f64 = (0..50).map(|k| at(k).exp() / 500.0).sum();
                assert!(
                    (got - want).abs() < 0.012,
                    "cell {cell}, category {c}: {got} is not {want}"
                );
            }
        }
    }

    #[test]
    fn integers_are_drawn_on_their_lattice() {
        let e = encoding();
        let rows = [[0.5, 0.0, 3.5 / 7.0]];
        let density = Parzen::new(&e, &[2], rows.iter().map(|r| (&r[..], 1.0)), 0.01);
        let mut rng = stream(2, 0, Purpose::Sample);
        let mut row = [0.0; 3];
        for _ in 0..100 {
            density.sample(&mut row, &mut rng);
            assert!((row[2] * 7.0 - 0.5).fract().abs() < 1e-9, "{}", row[2]);
        }
    }
}
