//! How large an improvement a proposal aims at: any while there is progress; without, by turns a large one, so that a
//! search that has found the bottom of one basin looks for others instead of refining digits that no one reads.
//! Follows from the results in the order of their trials alone. Jones 2001 varies the target of improvement likewise.

/// An improvement smaller than this, in standard deviations of the warped objective, is not looked for.
pub const NEGLIGIBLE: f64 = 1e-3;
/// What counts as progress, in the same unit.
const PROGRESS: f64 = 0.01;
/// And as a share of the objective's own size: on a plateau the warp makes much of nothing.
const SHARE: f64 = 1e-5;
/// What is aimed at without progress.
const LARGE: f64 = 0.3;
/// So many trials without progress are normal, and half as many as there are dimensions.
const PATIENCE: usize = 8;

/// The improvement to aim at, in units of `z`: the warped `values`, in the order of their trials.
pub fn aim(values: &[f64], z: &[f64], dimensions: usize) -> f64 {
    let mut best: Option<usize> = None;
    let mut since = 0;
    for i in 0..z.len() {
        since += 1;
        let progress = best.is_none_or(|b| {
            let size = values[b].abs().max(values[i].abs());
            z[i] < z[b] - PROGRESS && values[i] < values[b] - SHARE * size
        });
        if progress {
            (best, since) = (Some(i), 0);
        }
    }
    let patience = PATIENCE + dimensions / 2;
    match since > patience && (since - patience) % 2 == 1 {
        true => LARGE,
        false => NEGLIGIBLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aims_higher_by_turns_once_there_is_no_progress() {
        let mut z: Vec<f64> = (0..5).map(|i| 1.0 - 0.2 * f64::from(i)).collect();
        let at = |z: &[f64]| aim(z, z, 4);
        assert_eq!(at(&z), NEGLIGIBLE);
        z.extend([0.195; 10]);
        assert_eq!(at(&z), NEGLIGIBLE);
        z.push(0.3);
        assert_eq!(at(&z), LARGE);
        z.push(0.3);
        assert_eq!(at(&z), NEGLIGIBLE);
        z.push(0.3);
        assert_eq!(at(&z), LARGE);
        z.push(0.1);
        assert_eq!(at(&z), NEGLIGIBLE);
        assert_eq!(aim(&[], &[], 3), NEGLIGIBLE);
    }

    #[test]
    fn digits_that_say_nothing_are_no_progress() {
        let values: Vec<f64> = (0..20).map(|i| 0.7 - 1e-8 * f64::from(i)).collect();
        let z: Vec<f64> = (0..20).map(|i| 1.0 - 0.1 * f64::from(i)).collect();
        assert_eq!(aim(&values, &z, 4), LARGE);
    }
}
