//! Where a search may look: a box of the numbers, and some choices of one category. Must not know what is looked for.

use super::interior::has_edges;
use crate::choices::Among;
use crate::encode::Axis;

/// How far from the edges a region without them begins, as a share of the range.
const MARGIN: f64 = 0.08;

/// A part of the space that a search keeps to.
#[derive(Debug, Clone)]
pub struct Region {
    /// Lower corner of the box.
    pub low: Vec<f64>,
    /// Upper corner.
    pub high: Vec<f64>,
    /// The choices that a category is kept to.
    pub among: Option<Among>,
}

impl Region {
    /// The whole space.
    pub fn all(width: usize) -> Region {
        Region {
            low: vec![0.0; width],
            high: vec![1.0; width],
            among: None,
        }
    }

    /// Leaves out the edges of all numbers but those of few values. Nowhere is a model less sure than in the corners,
    /// and nowhere is less learned: half of what surrounds an edge, in a corner of p dimensions all but 2^-p of it, is
    /// outside of the space.
    pub fn leave_edges(&mut self, axes: &[Axis]) {
        for (d, axis) in axes.iter().enumerate() {
            if has_edges(axis) {
                self.low[d] = self.low[d].max(MARGIN);
                self.high[d] = self.high[d].min(1.0 - MARGIN);
            }
        }
    }

    /// Whether the category `d` may take `choice`.
    pub(super) fn allows(&self, d: usize, choice: f64) -> bool {
        self.among.as_ref().is_none_or(|among| among.allows(d, choice))
    }

    /// Gives a row whose choice is not allowed one that is, by a uniform number for each coordinate.
    pub(super) fn force(&self, row: &mut [f64], uniform: &[f64]) {
        if let Some(among) = &self.among {
            among.force(row, uniform);
        }
    }

    /// Whether a row makes an allowed choice.
    pub(super) fn contains(&self, row: &[f64]) -> bool {
        self.among.as_ref().is_none_or(|among| among.contains(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_left_out_is_replaced_by_one_of_the_others() {
        let mut region = Region::all(2);
        assert!(region.contains(&[0.3, 1.0]));
        region.among = Some(Among::others(1, 1.0, 3));
        assert!(!region.contains(&[0.3, 1.0]) && region.contains(&[0.3, 2.0]));
        let forced = |choice: f64, uniform: f64| {
            let mut row = [0.3, choice];
            region.force(&mut row, &[0.9, uniform]);
            row[1]
        };
        assert_eq!([0.0, 0.49, 0.5, 1.0].map(|u| forced(1.0, u)), [0.0, 0.0, 2.0, 2.0]);
        assert_eq!([forced(0.0, 0.9), forced(2.0, 0.1)], [0.0, 2.0]);
        assert!(region.allows(0, 1.0));
    }
}
