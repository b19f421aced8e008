//! The state of one run of CMA-ES and how a generation changes it. Pure numbers: knows nothing of trials or spaces
//! but how many values each coordinate has.
//!
//! Hansen 2016 (arXiv:1604.00772), algorithm of figure 6 with its default parameters of table 1, negative weights
//! included; the Cholesky factor in place of the symmetric root (Krause, Arbones and Igel 2016), which spares the
//! eigenvalues and is the same up to a rotation of the noise. Lattice coordinates keep a margin (Hamano, Saito, Nomura
//! and Shirakawa 2022, arXiv:2205.13482, section 4), categories are drawn from probabilities of their own with a
//! margin (Hamano et al. 2024, arXiv:2405.09962).

use crate::encode::Axis;
use crate::math::normal;
use crate::rng::Stream;

/// What follows from the coordinates and the population. n: numeric coordinates.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Numeric coordinates: how many values, `None` if continuous; n.
    lattice: Vec<Option<u64>>,
    /// Numbers of categories of the other coordinates.
    categories: Vec<usize>,
    /// Number of points in a generation.
    pub population: usize,
    /// Recombination weights, best first; the positive ones sum to 1.
    weights: Vec<f64>,
    /// Variance effective number of parents.
    parents: f64,
    c_sigma: f64,
    d_sigma: f64,
    c_c: f64,
    c_1: f64,
    c_mu: f64,
    /// Expected length of a standard normal vector.
    length: f64,
    /// Least probability of leaving the cell of a lattice coordinate, of both sides together.
    margin: f64,
    /// Learning rate of category probabilities.
    c_category: f64,
}

/// The distribution that points are drawn from.
#[derive(Debug, Clone)]
pub struct State {
    /// Mean; n.
    pub mean: Vec<f64>,
    /// Step size.
    pub sigma: f64,
    /// Covariance, n x n by rows.
    covariance: Vec<f64>,
    /// Its lower Cholesky factor.
    factor: Vec<f64>,
    /// Widening of lattice coordinates; n.
    widening: Vec<f64>,
    path_sigma: Vec<f64>,
    path_c: Vec<f64>,
    generations: u64,
    /// Probability of each category of each other coordinate.
    pub odds: Vec<Vec<f64>>,
}

/// A drawn point.
#[derive(Debug, Clone, PartialEq)]
pub struct Draw {
    /// The step from the mean in units of the step size, before widening; n.
    pub step: Vec<f64>,
    /// Index of the category of each other coordinate.
    pub categories: Vec<usize>,
}

impl Rules {
    /// For coordinates `axes` and `population` points a generation.
    pub fn new(axes: &[Axis], population: usize) -> Rules {
        let (mut lattice, mut categories) = (Vec::new(), Vec::new());
        for axis in axes {
            match axis {
                Axis::Continuous => lattice.push(None),
                Axis::Lattice(n) => lattice.push(Some(*n)),
                Axis::Category(n) => categories.push(*n),
            }
        }
        let n = lattice.len().max(1) as f64;
        let lambda = population as f64;
        let raw: Vec<f64> = (1..=population)
            .map(|i| libm::log((lambda + 1.0) / 2.0) - libm::log(i as f64))
            .collect();
        let sum = |positive: bool, power: i32| {
            let side = raw.iter().filter(|w| (**w > 0.0) == positive);
            side.map(|w| w.abs().powi(power)).sum::<f64>()
        };
        let effective = |positive| sum(positive, 1) * sum(positive, 1) / sum(positive, 2);
        let parents = effective(true);
        let c_sigma = (parents + 2.0) / (n + parents + 5.0);
        let c_1 = 2.0 / ((n + 1.3) * (n + 1.3) + parents);
        let c_mu = (1.0 - c_1).min(2.0 * (0.25 + parents + 1.0 / parents - 2.0) / ((n + 2.0) * (n + 2.0) + parents));
        let negative = (1.0 + c_1 / c_mu)
            .min(1.0 + 2.0 * effective(false) / (parents + 2.0))
            .min((1.0 - c_1 - c_mu) / (n * c_mu));
        let scale = |w: &f64| {
            if *w > 0.0 {
                w / sum(true, 1)
            } else {
                w * negative / sum(false, 1)
            }
        };
        Rules {
            population,
            weights: raw.iter().map(scale).collect(),
            parents,
            c_sigma,
            d_sigma: 1.0 + 2.0 * (((parents - 1.0) / (n + 1.0)).max(0.0).sqrt() - 1.0).max(0.0) + c_sigma,
            c_c: (4.0 + parents / n) / (n + 4.0 + 2.0 * parents / n),
            c_1,
            c_mu,
            length: n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n)),
            margin: 1.0 / (lambda * axes.len() as f64),
            c_category: (parents / (parents + 3.0)).min(0.5),
            lattice,
            categories,
        }
    }

    /// The default population for `d` coordinates. Hansen's has a factor of 3 before the logarithm; with budgets of a
    /// few hundred trials smaller generations get further, and restarts double them.
    pub fn population(d: usize) -> usize {
        4 + libm::floor(1.5 * libm::log(d as f64)) as usize
    }

    /// Where a run begins: at `mean`, with step size `sigma` and even odds.
    pub fn begin(&self, mean: Vec<f64>, sigma: f64) -> State {
        let n = self.lattice.len();
        let identity: Vec<f64> = (0..n * n).map(|k| if k % (n + 1) == 0 { 1.0 } else { 0.0 }).collect();
        State {
            mean,
            sigma,
            factor: identity.clone(),
            covariance: identity,
            widening: vec![1.0; n],
            path_sigma: vec![0.0; n],
            path_c: vec![0.0; n],
            generations: 0,
            odds: self.categories.iter().map(|n| vec![1.0 / *n as f64; *n]).collect(),
        }
    }
}

impl State {
    /// Draws a point. Steps that leave the cube are drawn again, a few times.
    pub fn draw(&self, rules: &Rules, rng: &mut Stream) -> Draw {
        let n = self.mean.len();
        let mut step = vec![0.0; n];
        for _ in 0..20 {
            let z: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
            for (i, s) in step.iter_mut().enumerate() {
                *s = self.factor[i * n..][..=i].iter().zip(&z).map(|(a, z)| a * z).sum();
            }
            let inside = |(i, u): (usize, f64)| rules.lattice[i].is_some() || (0.0..=1.0).contains(&u);
            if self.place(&step).into_iter().enumerate().all(inside) {
                break;
            }
        }
        let categories = self.odds.iter().map(|odds| pick(odds, rng.unit())).collect();
        Draw { step, categories }
    }

    /// The numeric coordinates that `step` leads to; possibly outside of [0, 1].
    pub fn place(&self, step: &[f64]) -> Vec<f64> {
        let parts = self.mean.iter().zip(step).zip(&self.widening);
        parts.map(|((m, s), w)| m + self.sigma * w * s).collect()
    }

    /// The step that leads to the coordinates `at`, shortened to the length that a point drawn elsewhere may have
    /// (Hansen 2011, "Injecting external solutions", equations 3 and 4).
    pub fn step_to(&self, at: &[f64]) -> Vec<f64> {
        let parts = at.iter().zip(&self.mean).zip(&self.widening);
        let mut step: Vec<f64> = parts.map(|((u, m), w)| (u - m) / (self.sigma * w)).collect();
        let n = step.len() as f64;
        let z = self.whiten(&step);
        let length = z.iter().map(|z| z * z).sum::<f64>().sqrt();
        let most = n.sqrt() + 2.0 * n / (n + 2.0);
        if length > most {
            step.iter_mut().for_each(|s| *s *= most / length);
        }
        step
    }

    /// Solves factor * z = v.
    fn whiten(&self, v: &[f64]) -> Vec<f64> {
        let n = v.len();
        let mut z = vec![0.0; n];
        for i in 0..n {
            let known: f64 = (0..i).map(|j| self.factor[i * n + j] * z[j]).sum();
            z[i] = (v[i] - known) / self.factor[i * n + i];
        }
        z
    }

    /// The next generation's distribution, from this one's points, best first (not necessarily all of them).
    pub fn update(&mut self, rules: &Rules, ranked: &[Draw]) {
        let n = self.mean.len();
        // With points missing, the positive weights still have to sum to 1.
        let given: f64 = rules.weights.iter().take(ranked.len()).filter(|w| **w > 0.0).sum();
        let weights: Vec<f64> = rules
            .weights
            .iter()
            .take(ranked.len())
            .map(|w| if *w > 0.0 { w / given } else { *w })
            .collect();
        self.generations += 1;
        if n > 0 {
            self.move_mean(rules, &weights, ranked);
        }
        self.learn_categories(rules, &weights, ranked);
        self.keep_margins(rules);
    }

    fn move_mean(&mut self, rules: &Rules, weights: &[f64], ranked: &[Draw]) {
        let n = self.mean.len();
        let mut shift = vec![0.0; n];
        for (w, draw) in weights.iter().zip(ranked).filter(|(w, _)| **w > 0.0) {
            for (total, s) in shift.iter_mut().zip(&draw.step) {
                *total += w * s;
            }
        }
        for (i, m) in self.mean.iter_mut().enumerate() {
            *m += self.sigma * self.widening[i] * shift[i];
            *m = m.clamp(0.0, 1.0);
        }
        let z = self.whiten(&shift);
        let pace = (rules.c_sigma * (2.0 - rules.c_sigma) * rules.parents).sqrt();
        for (p, z) in self.path_sigma.iter_mut().zip(&z) {
            *p = (1.0 - rules.c_sigma) * *p + pace * z;
        }
        let length = self.path_sigma.iter().map(|p| p * p).sum::<f64>().sqrt();
        let faded = 1.0 - libm::pow(1.0 - rules.c_sigma, 2.0 * self.generations as f64);
        let stalled = length / faded.sqrt() >= (1.4 + 2.0 / (n as f64 + 1.0)) * rules.length;
        let pace = if stalled {
            0.0
        } else {
            (rules.c_c * (2.0 - rules.c_c) * rules.parents).sqrt()
        };
        for (p, s) in self.path_c.iter_mut().zip(&shift) {
            *p = (1.0 - rules.c_c) * *p + pace * s;
        }
        self.learn_covariance(rules, weights, ranked, stalled);
        let growth = (rules.c_sigma / rules.d_sigma * (length / rules.length - 1.0)).min(1.0);
        self.sigma = (self.sigma * libm::exp(growth)).clamp(1e-12, 1.0);
    }

    fn learn_covariance(&mut self, rules: &Rules, weights: &[f64], ranked: &[Draw], stalled: bool) {
        let n = self.mean.len();
        // Negative weights are scaled by the length of their step, so that the covariance stays positive.
        let parts: Vec<f64> = weights
            .iter()
            .zip(ranked)
            .map(|(w, draw)| {
                if *w > 0.0 {
                    *w
                } else {
                    let z = self.whiten(&draw.step);
                    w * n as f64 / z.iter().map(|z| z * z).sum::<f64>().max(1e-12)
                }
            })
            .collect();
        let sum: f64 = weights.iter().sum();
        let lost = if stalled { rules.c_c * (2.0 - rules.c_c) } else { 0.0 };
        let keep = 1.0 + rules.c_1 * lost - rules.c_1 - rules.c_mu * sum;
        let mut next = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let each = parts.iter().zip(ranked).map(|(w, d)| w * d.step[i] * d.step[j]);
                next[i * n + j] = keep * self.covariance[i * n + j]
                    + rules.c_1 * self.path_c[i] * self.path_c[j]
                    + rules.c_mu * each.sum::<f64>();
                next[j * n + i] = next[i * n + j];
            }
        }
        // A covariance that lost its rank in rounding is not taken.
        if let Some(factor) = cholesky(&next, n) {
            self.covariance = next;
            self.factor = factor;
        }
    }

    fn learn_categories(&mut self, rules: &Rules, weights: &[f64], ranked: &[Draw]) {
        for (j, odds) in self.odds.iter_mut().enumerate() {
            let mut wanted = vec![0.0; odds.len()];
            for (w, draw) in weights.iter().zip(ranked).filter(|(w, _)| **w > 0.0) {
                wanted[draw.categories[j]] += w;
            }
            let least = rules.margin.min(0.5) / (odds.len() as f64 - 1.0).max(1.0);
            for (p, w) in odds.iter_mut().zip(&wanted) {
                *p = ((1.0 - rules.c_category) * *p + rules.c_category * w).max(least);
            }
            let total: f64 = odds.iter().sum();
            odds.iter_mut().for_each(|p| *p /= total);
        }
    }

    /// Widens lattice coordinates and moves their mean, so that the neighbouring cells keep the least probability.
    fn keep_margins(&mut self, rules: &Rules) {
        let n = self.mean.len();
        for i in 0..n {
            let Some(cells) = rules.lattice[i].filter(|cells| *cells > 1) else {
                continue;
            };
            let cells = cells as f64;
            let at = libm::floor(self.mean[i] * cells).clamp(0.0, cells - 1.0);
            let (low, high) = (at / cells, (at + 1.0) / cells);
            let scale = self.sigma * self.covariance[i * n + i].sqrt();
            let spread = scale * self.widening[i];
            // Equations 9 to 12 of Hamano et al.: at an end of the range only one side can be left.
            let alpha = rules.margin.min(0.3);
            if at == 0.0 || at == cells - 1.0 {
                let farthest = spread * normal::quantile(1.0 - alpha);
                self.mean[i] = if at == 0.0 {
                    self.mean[i].max(high - farthest)
                } else {
                    self.mean[i].min(low + farthest)
                };
                continue;
            }
            let below = normal::cdf((low - self.mean[i]) / spread);
            let above = normal::cdf((self.mean[i] - high) / spread);
            let (b, a) = (below.max(alpha / 2.0), above.max(alpha / 2.0));
            let inside = (1.0 - below - above).max(alpha / 2.0);
            if b == below && a == above && inside > alpha / 2.0 {
                continue;
            }
            // Equations 13 to 16: what was added is taken from where there is more than the least.
            let over = (b + a + inside - 1.5 * alpha).max(1e-12);
            let excess = 1.0 - b - a - inside;
            let b = (b + excess * (b - alpha / 2.0) / over).clamp(1e-12, 0.499);
            let a = (a + excess * (a - alpha / 2.0) / over).clamp(1e-12, 0.499);
            let (zb, za) = (normal::quantile(1.0 - b), normal::quantile(1.0 - a));
            self.mean[i] = (low * za + high * zb) / (za + zb);
            self.widening[i] = (high - low) / ((za + zb) * scale);
        }
    }

    /// True if the run has come to its end: no continuous coordinate moves any more.
    pub fn settled(&self, rules: &Rules) -> bool {
        let n = self.mean.len();
        let wide = |i: usize| rules.lattice[i].is_none() && self.sigma * self.covariance[i * n + i].sqrt() > 1e-7;
        n > 0 && rules.lattice.iter().any(Option::is_none) && !(0..n).any(wide)
    }
}

/// The lower factor of a symmetric matrix, `None` if it is not (numerically) positive definite.
fn cholesky(matrix: &[f64], n: usize) -> Option<Vec<f64>> {
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
            let rest = matrix[i * n + j] - known;
            l[i * n + j] = if i != j {
                rest / l[j * n + j]
            } else if rest > 1e-14 * matrix[i * n + i] && rest.is_finite() {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    Some(l)
}

fn pick(odds: &[f64], u: f64) -> usize {
    let mut sum = 0.0;
    for (i, p) in odds.iter().enumerate() {
        sum += p;
        if u < sum {
            return i;
        }
    }
    odds.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    /// numpy, from table 1 of Hansen 2016 for 10 coordinates and 10 points.
    #[test]
    fn rules_are_those_of_the_tutorial() {
        let r = Rules::new(&[Axis::Continuous; 10], 10);
        let negative: f64 = r.weights.iter().filter(|w| **w < 0.0).sum();
        let got = [
            r.parents,
            r.c_sigma,
            r.d_sigma,
            r.c_c,
            r.c_1,
            r.c_mu,
            negative,
            r.weights[0],
        ];
        let want = [
            3.1672992814107026,
            0.2844285879463675,
            1.2844285879463675,
            0.29499038303562225,
            0.015283824524751714,
            0.023551776650417484,
            -1.6489457144406465,
            0.45627264690340597,
        ];
        for (g, w) in got.iter().zip(want) {
            assert!((g / w - 1.0).abs() < 1e-12, "{g} is not {w}");
        }
    }

    fn run(axes: &[Axis], generations: usize, objective: impl Fn(&[f64], &[usize]) -> f64) -> (State, f64) {
        let rules = Rules::new(axes, 10);
        let n = rules.lattice.len();
        let mut state = rules.begin(vec![0.8; n], 0.15);
        let mut rng = stream(1, 0, Purpose::Sample);
        let mut best = f64::INFINITY;
        for _ in 0..generations {
            let mut draws: Vec<(f64, Draw)> = (0..rules.population)
                .map(|_| state.draw(&rules, &mut rng))
                .map(|d| (objective(&state.place(&d.step), &d.categories), d))
                .collect();
            draws.sort_by(|a, b| a.0.total_cmp(&b.0));
            best = best.min(draws[0].0);
            let ranked: Vec<Draw> = draws.into_iter().map(|(_, d)| d).collect();
            state.update(&rules, &ranked);
        }
        (state, best)
    }

    #[test]
    fn follows_a_curved_valley() {
        let rosenbrock = |x: &[f64], _: &[usize]| {
            let z: Vec<f64> = x.iter().map(|u| 4.0 * u - 2.0).collect();
            let part = |w: &[f64]| 100.0 * (w[1] - w[0] * w[0]).powi(2) + (1.0 - w[0]).powi(2);
            z.windows(2).map(part).sum()
        };
        let (_, best) = run(&[Axis::Continuous; 5], 400, rosenbrock);
        assert!(best < 1e-8, "{best}");
    }

    /// On a plane that falls along one lattice coordinate, the neighbouring cells are never given up.
    #[test]
    fn lattice_coordinates_and_categories_keep_their_margin() {
        let axes = [Axis::Lattice(11), Axis::Lattice(2), Axis::Category(4), Axis::Continuous];
        let cell = |u: f64, n: f64| (u * n).floor().clamp(0.0, n - 1.0);
        let objective = |x: &[f64], c: &[usize]| {
            let other = if c[0] == 2 { 0.0 } else { 1.0 };
            (cell(x[0], 11.0) - 4.0).abs() + cell(x[1], 2.0) + other + (x[2] - 0.3).powi(2)
        };
        let (state, best) = run(&axes, 120, objective);
        assert!(best < 1e-6, "{best}");
        assert_eq!(cell(state.mean[0], 11.0), 4.0);
        assert!(state.odds[0][2] > 0.8 && state.odds[0].iter().all(|p| *p > 0.001));
        let rules = Rules::new(&axes, 10);
        let mut rng = stream(2, 0, Purpose::Sample);
        let mut left = [0; 2];
        for _ in 0..2000 {
            let x = state.place(&state.draw(&rules, &mut rng).step);
            left[0] += usize::from(cell(x[0], 11.0) != 4.0);
            left[1] += usize::from(cell(x[1], 2.0) != 0.0);
        }
        // The margin is 1/40.
        assert!(left.iter().all(|n| (25..400).contains(n)), "{left:?}");
    }

    #[test]
    fn a_step_leads_where_it_was_measured_from() {
        let (state, _) = run(&[Axis::Continuous; 3], 20, |x, _| x.iter().map(|u| u * u).sum());
        let at: Vec<f64> = state.mean.iter().map(|m| m + 0.01 * state.sigma).collect();
        let back = state.place(&state.step_to(&at));
        assert!(back.iter().zip(&at).all(|(a, b)| (a - b).abs() < 1e-12));
        let far = state.step_to(&[1e6, -1e6, 3.0]);
        assert!(far.iter().all(|s| s.is_finite()) && state.whiten(&far).iter().all(|z| z.abs() < 4.0));
    }

    #[test]
    fn a_matrix_without_full_rank_has_no_factor() {
        assert_eq!(cholesky(&[4.0, 2.0, 2.0, 5.0], 2), Some(vec![2.0, 0.0, 1.0, 2.0]));
        assert_eq!(cholesky(&[1.0, 1.0, 1.0, 1.0], 2), None);
        assert_eq!(cholesky(&[f64::NAN], 1), None);
    }
}
