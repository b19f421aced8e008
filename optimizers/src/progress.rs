//! Whether a search gets anywhere: without progress it looks elsewhere in some of its trials, so that what has found the
//! bottom of one basin looks for others instead of refining digits that no one reads. Follows from the results in the
//! order of their trials alone. Measured in the objective's own unit: after a warp the last digits look like much.

use std::ops::Range;

/// What counts as progress, as a share of what the best result has gained on the first ones.
const PROGRESS: f64 = 0.01;
/// So many are the first ones; their median is what was gained on.
const FIRST: usize = 16;
/// So many trials without progress are normal, and half as many as there are dimensions, and what runs.
const PATIENCE: usize = 6;

/// Whether trial `number` is to look elsewhere: `values`, in the order of their trials, show no progress, and it is one
/// of the `turns` of four, counted from 0. As many trials more are normal as are running: with eight at a time the last
/// eight results did not know of each other.
pub fn look_elsewhere(values: &[f64], dimensions: usize, running: usize, number: u64, turns: Range<u64>) -> bool {
    turns.contains(&(number % 4)) && stalled(values, PATIENCE + dimensions / 2 + running)
}

fn stalled(values: &[f64], patience: usize) -> bool {
    let mut first: Vec<f64> = Vec::with_capacity(FIRST);
    let mut best: Option<f64> = None;
    let mut since = 0;
    for value in values {
        if first.len() < FIRST {
            first.insert(first.partition_point(|f| f < value), *value);
        }
        let median = first[first.len() / 2];
        since += 1;
        // Halves first: the difference of two huge values must not overflow.
        let progress = |b: f64| 0.5 * b - 0.5 * value > PROGRESS * (0.5 * median - 0.5 * b).max(0.0);
        if best.is_none_or(progress) {
            (best, since) = (Some(*value), 0);
        }
    }
    since > patience
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First results between 1 and 3.
    fn first() -> Vec<f64> {
        (0..16).map(|i| 3.0 - 2.0 * f64::from(i) / 15.0).collect()
    }

    #[test]
    fn stalls_after_some_trials_without_progress() {
        let mut values = first();
        assert!(!stalled(&values, 8) && !stalled(&[], 7));
        values.extend([1.0; 8]);
        assert!(!stalled(&values, 8));
        values.push(1.2);
        assert!(stalled(&values, 8) && !stalled(&values, 9));
        let turns: Vec<bool> = (0..6)
            .map(|number| look_elsewhere(&values, 4, 0, number, 0..2))
            .collect();
        assert_eq!(turns, [true, true, false, false, true, true]);
        assert!(!look_elsewhere(&values, 4, 7, 0, 0..2));
        values.push(0.9);
        assert!(!stalled(&values, 8));
    }

    #[test]
    fn digits_that_say_nothing_are_no_progress() {
        let mut values = first();
        values.extend((1..14).map(|i| 1.0 - 1e-4 * f64::from(i)));
        assert!(stalled(&values, 10));
        // Steps as small that add up.
        values.truncate(16);
        values.extend((1..14).map(|i| 1.0 - 2e-3 * f64::from(i)));
        assert!(!stalled(&values, 10));
    }

    #[test]
    fn diverged_trials_are_no_measure_of_progress() {
        let mut values = first();
        (values[1], values[2], values[5]) = (1e300, 1.7e308, f64::MAX);
        values.extend((1..14).map(|i| 1.0 - 0.02 * f64::from(i)));
        assert!(!stalled(&values, 8));
        assert!(!stalled(&[1.7e308, 1.7e308, 1.7e308, -1.7e308, -1.0], 8));
    }
}
