//! Minimises a smooth function within bounds: limited-memory BFGS on the free variables, projected line search.
//! Work is bounded by a count of evaluations, never by a clock.
//!
//! Byrd, Lu, Nocedal and Zhu 1995 solve for a generalised Cauchy point; at the sizes here (up to some hundred
//! variables, tens of evaluations) the projected variant of Bertsekas 1982 (SIAM J. Control 20, page 221) with the
//! two-loop recursion of Nocedal 1980 finds the same minima and is a page long.

use super::linalg::dot;

/// Pairs of steps remembered.
const MEMORY: usize = 8;

/// The best point found.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    /// Where.
    pub x: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// How often the function was evaluated.
    pub evaluations: usize,
}

/// Minimises `f` from `start` within `[low, high]`. `f(x, gradient)` returns the value and fills in the gradient; a
/// value that is not finite means "not here". Stops after `limit` evaluations, when the projected gradient is below
/// `tolerance`, or when a step gains less than `tolerance` relative to the value.
pub fn minimise(
    mut f: impl FnMut(&[f64], &mut [f64]) -> f64,
    start: &[f64],
    low: &[f64],
    high: &[f64],
    limit: usize,
    tolerance: f64,
) -> Minimum {
    let n = start.len();
    let mut x: Vec<f64> = (0..n).map(|i| start[i].clamp(low[i], high[i])).collect();
    let mut gradient = vec![0.0; n];
    let mut value = f(&x, &mut gradient);
    let mut evaluations = 1;
    let mut pairs: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    let (mut trial, mut trial_gradient) = (vec![0.0; n], vec![0.0; n]);
    while evaluations < limit && value.is_finite() {
        let free: Vec<bool> = (0..n)
            .map(|i| !(x[i] <= low[i] && gradient[i] > 0.0 || x[i] >= high[i] && gradient[i] < 0.0))
            .collect();
        let steepest: Vec<f64> = (0..n).map(|i| if free[i] { -gradient[i] } else { 0.0 }).collect();
        let largest = steepest.iter().fold(0.0f64, |m, g| m.max(g.abs()));
        if largest <= tolerance {
            break;
        }
        let mut direction = quasi_newton(&steepest, &pairs, &free);
        if dot(&direction, &gradient) >= 0.0 {
            pairs.clear();
            direction.clone_from(&steepest);
        }
        // Without curvature the length of a gradient says nothing; start with a tenth of a typical range.
        let mut step = if pairs.is_empty() {
            let range = (0..n).map(|i| high[i] - low[i]).fold(0.0f64, f64::max);
            (0.1 * range.min(10.0) / largest).min(1.0 / largest)
        } else {
            1.0
        };
        let mut accepted = false;
        while evaluations < limit {
            for i in 0..n {
                trial[i] = (x[i] + step * direction[i]).clamp(low[i], high[i]);
            }
            let promised: f64 = (0..n).map(|i| gradient[i] * (trial[i] - x[i])).sum();
            if promised > -1e-300 {
                break;
            }
            let got = f(&trial, &mut trial_gradient);
            evaluations += 1;
            if got.is_finite() && got <= value + 1e-4 * promised {
                accepted = true;
                let gained = value - got;
                let s: Vec<f64> = (0..n).map(|i| trial[i] - x[i]).collect();
                let y: Vec<f64> = (0..n).map(|i| trial_gradient[i] - gradient[i]).collect();
                if dot(&s, &y) > 1e-10 * dot(&y, &y) {
                    if pairs.len() == MEMORY {
                        pairs.remove(0);
                    }
                    pairs.push((s, y));
                }
                x.copy_from_slice(&trial);
                gradient.copy_from_slice(&trial_gradient);
                value = got;
                if gained <= tolerance * value.abs().max(1.0) {
                    return Minimum { x, value, evaluations };
                }
                break;
            }
            // The minimum of the parabola through what is known, kept within a tenth and a half of the step.
            let shrink = if got.is_finite() {
                (-0.5 * promised / (got - value - promised)).clamp(0.1, 0.5)
            } else {
                0.2
            };
            step *= shrink;
        }
        if !accepted {
            if pairs.is_empty() {
                break;
            }
            pairs.clear();
        }
    }
    Minimum { x, value, evaluations }
}

/// The two-loop recursion, restricted to the free variables.
fn quasi_newton(steepest: &[f64], pairs: &[(Vec<f64>, Vec<f64>)], free: &[bool]) -> Vec<f64> {
    let masked = |a: &[f64], b: &[f64]| -> f64 { (0..a.len()).filter(|i| free[*i]).map(|i| a[i] * b[i]).sum() };
    let mut q = steepest.to_vec();
    let mut weights = vec![0.0; pairs.len()];
    let mut scale = 1.0;
    for (k, (s, y)) in pairs.iter().enumerate().rev() {
        let sy = masked(s, y);
        if sy <= 0.0 {
            continue;
        }
        if scale == 1.0 {
            scale = sy / masked(y, y);
        }
        weights[k] = masked(s, &q) / sy;
        for i in 0..q.len() {
            q[i] -= weights[k] * y[i];
        }
    }
    for (q, free) in q.iter_mut().zip(free) {
        *q = if *free { *q * scale } else { 0.0 };
    }
    for (k, (s, y)) in pairs.iter().enumerate() {
        let sy = masked(s, y);
        if sy <= 0.0 {
            continue;
        }
        let b = masked(y, &q) / sy;
        for i in (0..q.len()).filter(|i| free[*i]) {
            q[i] += (weights[k] - b) * s[i];
        }
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rosenbrock(x: &[f64], g: &mut [f64]) -> f64 {
        g.fill(0.0);
        let mut sum = 0.0;
        for i in 0..x.len() - 1 {
            let (a, b) = (x[i + 1] - x[i] * x[i], 1.0 - x[i]);
            sum += 100.0 * a * a + b * b;
            g[i] += -400.0 * a * x[i] - 2.0 * b;
            g[i + 1] += 200.0 * a;
        }
        sum
    }

    #[test]
    fn finds_the_valley_inside_and_at_bounds() {
        let m = minimise(rosenbrock, &[-1.2, 1.0, 0.5], &[-5.0; 3], &[5.0; 3], 200, 1e-10);
        assert!(m.value < 1e-6 && m.evaluations <= 200, "{m:?}");
        // scipy 1.16, L-BFGS-B: minimum of the two-dimensional function with x0 <= 0.5 is (0.5, 0.25), value 0.25.
        let m = minimise(rosenbrock, &[-1.2, 1.0], &[-5.0; 2], &[0.5, 5.0], 200, 1e-12);
        assert!((m.value - 0.25).abs() < 1e-6 && (m.x[1] - 0.25).abs() < 1e-3, "{m:?}");
    }

    #[test]
    fn stays_within_its_bounds_and_limit() {
        let mut seen = 0;
        let f = |x: &[f64], g: &mut [f64]| {
            seen += 1;
            assert!(x.iter().all(|v| (0.0..=1.0).contains(v)));
            g.copy_from_slice(&[-1.0, 1.0]);
            x[1] - x[0]
        };
        let m = minimise(f, &[0.3, 0.9], &[0.0; 2], &[1.0; 2], 50, 1e-9);
        assert_eq!(m.x, [1.0, 0.0]);
        assert_eq!(m.evaluations, seen);
        let m = minimise(|_, _| f64::NAN, &[0.3], &[0.0], &[1.0], 50, 1e-9);
        assert_eq!((m.x, m.evaluations), (vec![0.3], 1));
    }

    #[test]
    fn follows_the_valley_in_four_dimensions() {
        let m = minimise(rosenbrock, &[-1.2, 1.0, -0.5, 0.8], &[-2.0; 4], &[2.0; 4], 500, 1e-12);
        assert!(m.x.iter().all(|v| (v - 1.0).abs() < 1e-3), "{m:?}");
    }
}
