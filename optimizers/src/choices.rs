//! Which choices of a category deserve a look of their own: what was bad once may be the best with other values beside
//! it. Knows rows and scores only, not who asks.

use crate::encode::Axis;
use crate::rng::Stream;
use crate::space::Space;

/// Some choices of one category, to which a search keeps.
#[derive(Debug, Clone)]
pub struct Among {
    /// Coordinate of the category.
    axis: usize,
    /// At least one.
    choices: Vec<f64>,
}

impl Among {
    /// One choice alone.
    pub fn one(axis: usize, choice: f64) -> Among {
        let choices = vec![choice];
        Among { axis, choices }
    }

    /// All but `choice` of `n`, at least two.
    pub fn others(axis: usize, choice: f64, n: usize) -> Among {
        let choices = (0..n).map(|c| c as f64).filter(|c| *c != choice).collect();
        Among { axis, choices }
    }

    /// Whether the category `axis` may take `choice`; every other category may take any.
    pub fn allows(&self, axis: usize, choice: f64) -> bool {
        axis != self.axis || self.choices.contains(&choice)
    }

    /// Whether `row` makes one of the choices.
    pub fn contains(&self, row: &[f64]) -> bool {
        self.allows(self.axis, row[self.axis])
    }

    /// Gives `row` one of the choices if it makes another, by a uniform number for each coordinate.
    pub fn force(&self, row: &mut [f64], uniform: &[f64]) {
        if !self.contains(row) {
            let at = (uniform[self.axis] * self.choices.len() as f64) as usize;
            row[self.axis] = self.choices[at.min(self.choices.len() - 1)];
        }
    }
}

/// The choice of all unconditional categories that `rows` have least for its share; one of them by chance if they are
/// equal. `None` without categories. The share of one of n choices is 1 / n of the rows:
/// without it, one of two would never be the least tried one beside one of ten.
pub fn least_tried<'a>(
    space: &Space,
    axes: &[Axis],
    rows: impl Iterator<Item = &'a [f64]> + Clone,
    rng: &mut Stream,
) -> Option<Among> {
    let least = least(space, axes, rows);
    (!least.is_empty()).then(|| {
        let (axis, choice) = least[rng.below(least.len() as u64) as usize];
        Among::one(axis, choice)
    })
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
            // Absent ones are NaN or below 0, those of earlier studies may be unknown: they part nothing.
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
        // Four trials; the second and the last are bad.
        let decisive = |counts: [usize; 2], choices: [[f64; 2]; 4]| {
            let space = Space::new(counts.map(category).to_vec()).unwrap();
            let encoding = Encoding::new(&space);
            let rows = choices.iter().map(<[f64; 2]>::as_slice);
            most_decisive(&space, encoding.axes(), rows.zip([-1.0, 1.0, -1.0, 1.0]))
        };
        assert_eq!(
            decisive([2, 2], [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),
            Some((1, 2))
        );
        // As well parted by more choices is worth less.
        assert_eq!(
            decisive([5, 2], [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]),
            Some((1, 2))
        );
        assert_eq!(
            decisive([1, 3], [[0.0, f64::NAN], [0.0, 7.0], [0.0, -1.0], [0.0, 7.0]]),
            Some((1, 3))
        );
        assert_eq!(decisive([1, 1], [[0.0; 2]; 4]), None);
    }
}
