//! Which choices of a category deserve a look of their own: what was bad once may be the best with other values beside
//! it. Knows rows and scores only, not who asks.

use crate::encode::Axis;
use crate::rng::Stream;
use crate::space::Space;

/// The choice of all unconditional categories that `rows` have least for its share, as coordinate and choice; one of
/// them by chance if they are equal. `None` without categories. The share of one of n choices is 1 / n of the rows:
/// without it, one of two would never be the least tried one beside one of ten.
pub fn least_tried<'a>(
    space: &Space,
    axes: &[Axis],
    rows: impl Iterator<Item = &'a [f64]> + Clone,
    rng: &mut Stream,
) -> Option<(usize, f64)> {
    let least = least(space, axes, rows);
    (!least.is_empty()).then(|| least[rng.below(least.len() as u64) as usize])
}

fn least<'a>(space: &Space, axes: &[Axis], rows: impl Iterator<Item = &'a [f64]> + Clone) -> Vec<(usize, f64)> {
    let mut least: Vec<(usize, f64)> = Vec::new();
    let mut fewest = usize::MAX;
    for (d, axis) in axes.iter().enumerate() {
        let Axis::Category(n) = axis else { continue };
        if space.dimensions()[d].condition.is_some() {
            continue;
        }
        let mut counts = vec![0; *n];
        // Absent ones are NaN or below 0, those of earlier studies may be unknown.
        for choice in rows.clone().map(|row| row[d]).filter(|choice| *choice >= 0.0) {
            if let Some(count) = counts.get_mut(choice as usize) {
                *count += 1;
            }
        }
        for (choice, count) in counts.into_iter().enumerate() {
            let share = n * count;
            if share < fewest {
                fewest = share;
                least.clear();
            }
            if share == fewest {
                least.push((d, choice as f64));
            }
        }
    }
    least
}

/// The unconditional category whose choices part `scores`, of zero mean, best, as coordinate and number of choices:
/// the largest sum over choices of (sum of scores)^2 / count, less one for each choice, which is what chance alone
/// gives at unit spread. `None` if no category has two choices.
pub fn most_decisive<'a>(
    space: &Space,
    axes: &[Axis],
    scored: impl Iterator<Item = (&'a [f64], f64)> + Clone,
) -> Option<(usize, usize)> {
    let mut best = None;
    let mut most = f64::NEG_INFINITY;
    for (d, axis) in axes.iter().enumerate() {
        let Axis::Category(n @ 2..) = axis else { continue };
        if space.dimensions()[d].condition.is_some() {
            continue;
        }
        let mut sums = vec![(0.0, 0.0); *n];
        for (choice, score) in scored.clone().map(|(row, score)| (row[d], score)) {
            // As above: absent or unknown ones part nothing.
            if choice >= 0.0
                && let Some((sum, count)) = sums.get_mut(choice as usize)
            {
                *sum += score;
                *count += 1.0;
            }
        }
        let tried = sums.iter().filter(|(_, count)| *count > 0.0);
        let parted = tried.map(|(sum, count)| sum * sum / count).sum::<f64>() - *n as f64;
        if parted > most {
            (best, most) = (Some((d, *n)), parted);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::Encoding;
    use crate::space::{Condition, Dimension, Domain};

    #[test]
    fn shares_are_counted_not_trials() {
        let category = |n| Dimension::new("c", Domain::Categorical { n });
        let mut hidden = category(9);
        hidden.condition = Some(Condition {
            parent: 0,
            choices: vec![0],
        });
        let space = Space::new(vec![category(2), category(4), hidden]).unwrap();
        let encoding = Encoding::new(&space);
        let least = |rows: &[[f64; 3]]| least(&space, encoding.axes(), rows.iter().map(<[f64; 3]>::as_slice));
        let nan = f64::NAN;
        // Nothing yet: all that is never absent.
        assert_eq!(least(&[]).len(), 6);
        let mut rows = vec![
            [0.0, 0.0, 0.0],
            [0.0, 1.0, 3.0],
            [0.0, 2.0, 3.0],
            [0.0, 3.0, 1.0],
            [0.0, 3.0, 1.0],
        ];
        assert_eq!(least(&rows), [(0, 1.0)]);
        // One trial is less of a half than of a quarter, two are as much.
        rows.push([1.0, 3.0, nan]);
        assert_eq!(least(&rows), [(0, 1.0)]);
        rows.push([1.0, 3.0, nan]);
        assert_eq!(least(&rows), [(0, 1.0), (1, 0.0), (1, 1.0), (1, 2.0)]);
    }

    #[test]
    fn decisive_is_what_parts_the_scores() {
        let category = |n| Dimension::new("c", Domain::Categorical { n });
        let decisive = |counts: &[usize], scored: &[([f64; 2], f64)]| {
            let space = Space::new(counts.iter().map(|n| category(*n)).collect()).unwrap();
            let encoding = Encoding::new(&space);
            let scored = scored.iter().map(|(row, score)| (&row[..counts.len()], *score));
            most_decisive(&space, encoding.axes(), scored)
        };
        let rows = [
            ([0.0, 0.0], -1.0),
            ([0.0, 1.0], 1.0),
            ([1.0, 0.0], -1.0),
            ([1.0, 1.0], 1.0),
        ];
        assert_eq!(decisive(&[2, 2], &rows), Some((1, 2)));
        // As well parted by more choices is worth less.
        let rows = [
            ([0.0, 0.0], -1.0),
            ([1.0, 1.0], 1.0),
            ([0.0, 0.0], -1.0),
            ([1.0, 1.0], 1.0),
        ];
        assert_eq!(decisive(&[5, 2], &rows), Some((1, 2)));
        assert_eq!(
            decisive(&[1, 3], &[([0.0, f64::NAN], 0.0), ([0.0, 7.0], 1.0)]),
            Some((1, 3))
        );
        assert_eq!(decisive(&[1], &rows), None);
    }
}
