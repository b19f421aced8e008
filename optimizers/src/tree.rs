//! A regression tree grown with random splits: the part that forests and boosting share.
//! Knows coordinates and targets only, neither trials nor acquisition.
//!
//! Geurts, Ernst and Wehenkel 2006, "Extremely randomized trees": in a node, one random split is drawn for each of
//! some random coordinates, and the one that reduces the squared error most is taken. Numbers are cut at a uniform
//! point between the node's extremes, categories are split into two random subsets, absent values go to a random
//! side.

use crate::encode::Axis;
use crate::rng::Stream;

/// What a tree is grown from: `rows` of `axes.len()` coordinates.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Coordinates, NaN where absent.
    pub rows: &'a [f64],
    /// What they mean.
    pub axes: &'a [Axis],
    /// One for each row.
    pub targets: &'a [f64],
}

/// How a tree grows.
#[derive(Debug, Clone, Copy)]
pub struct Growth {
    /// Coordinates tried in a node.
    pub features: usize,
    /// Random splits tried for each of them.
    pub tries: usize,
    /// Fewest rows in a leaf.
    pub leaf: usize,
    /// Largest number of splits above a leaf.
    pub depth: usize,
}

/// A grown tree. What its leaves hold is up to the caller.
#[derive(Debug, Clone)]
pub struct Tree {
    nodes: Vec<Node>,
    leaves: usize,
}

#[derive(Debug, Clone, Copy)]
enum Node {
    /// The leaf of this number.
    Leaf(u32),
    /// Coordinates up to `cut` go to node `below`, others to the one after it.
    Cut {
        axis: u32,
        below: u32,
        cut: f64,
        absent_below: bool,
    },
    /// Categories of the subset `key` go to node `below`, others to the one after it.
    Subset { axis: u32, below: u32, key: u64 },
}

#[derive(Debug, Clone, Copy)]
enum Split {
    Cut { axis: usize, cut: f64, absent_below: bool },
    Subset { axis: usize, key: u64 },
}

impl Split {
    fn below(self, row: &[f64]) -> bool {
        match self {
            Split::Cut {
                axis,
                cut,
                absent_below,
            } => below_cut(row[axis], cut, absent_below),
            Split::Subset { axis, key } => in_subset(row[axis], key),
        }
    }
}

/// NaN compares as false with everything, so each side needs the comparison that sends it there.
#[expect(
    clippy::neg_cmp_op_on_partial_ord,
    reason = "absent coordinates are NaN and must go below"
)]
fn below_cut(u: f64, cut: f64, absent_below: bool) -> bool {
    if absent_below { !(u > cut) } else { u <= cut }
}

/// A fair coin for each category and one for "absent", the same for the same key.
fn in_subset(u: f64, key: u64) -> bool {
    let category = if u.is_nan() { 0 } else { u as u64 + 1 };
    let z = (key ^ category.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 32)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z >> 63 == 1
}

impl Tree {
    /// Grows a tree on the rows `members` of `sample`. Afterwards `members` is sorted by leaf; `leaf` is called with
    /// the rows of each leaf, leaf 0 first.
    pub fn grow(
        sample: Sample<'_>,
        members: &mut [u32],
        growth: Growth,
        rng: &mut Stream,
        mut leaf: impl FnMut(&[u32]),
    ) -> Tree {
        let mut tree = Tree {
            nodes: vec![Node::Leaf(0)],
            leaves: 0,
        };
        let mut scratch = Scratch::new(sample.axes.len());
        // Node, its range of members, its depth. The order of the stack is the order of the leaves.
        let mut open = vec![(0usize, 0usize, members.len(), 0usize)];
        while let Some((node, from, to, depth)) = open.pop() {
            let here = &mut members[from..to];
            let split = if depth < growth.depth && here.len() >= 2 * growth.leaf {
                scratch.split(sample, here, growth, rng)
            } else {
                None
            };
            let Some(split) = split else {
                tree.nodes[node] = Node::Leaf(tree.leaves as u32);
                tree.leaves += 1;
                leaf(here);
                continue;
            };
            let width = sample.axes.len();
            let middle = from + partition(here, |i| split.below(&sample.rows[i as usize * width..][..width]));
            let below = tree.nodes.len() as u32;
            tree.nodes[node] = match split {
                Split::Cut {
                    axis,
                    cut,
                    absent_below,
                } => Node::Cut {
                    axis: axis as u32,
                    below,
                    cut,
                    absent_below,
                },
                Split::Subset { axis, key } => Node::Subset {
                    axis: axis as u32,
                    below,
                    key,
                },
            };
            tree.nodes.extend([Node::Leaf(0), Node::Leaf(0)]);
            open.push((below as usize + 1, middle, to, depth + 1));
            open.push((below as usize, from, middle, depth + 1));
        }
        tree
    }

    /// Number of the leaf that `row` falls into.
    pub fn leaf(&self, row: &[f64]) -> usize {
        let mut node = 0;
        loop {
            node = match self.nodes[node] {
                Node::Leaf(leaf) => return leaf as usize,
                Node::Cut {
                    axis,
                    below,
                    cut,
                    absent_below,
                } => below as usize + usize::from(!below_cut(row[axis as usize], cut, absent_below)),
                Node::Subset { axis, below, key } => below as usize + usize::from(!in_subset(row[axis as usize], key)),
            };
        }
    }

    /// How many leaves there are.
    pub fn leaves(&self) -> usize {
        self.leaves
    }
}

/// Moves the members that belong below to the front, keeping the order on both sides; returns how many there are.
fn partition(members: &mut [u32], below: impl Fn(u32) -> bool) -> usize {
    let (mut front, mut back) = (0, Vec::with_capacity(members.len()));
    for k in 0..members.len() {
        let i = members[k];
        if below(i) {
            members[front] = i;
            front += 1;
        } else {
            back.push(i);
        }
    }
    members[front..].copy_from_slice(&back);
    front
}

/// Room for the sums of one node, kept between nodes.
struct Scratch {
    axes: Vec<usize>,
    low: Vec<f64>,
    high: Vec<f64>,
    absent: Vec<bool>,
    candidates: Vec<Split>,
    sums: Vec<(f64, u32)>,
}

impl Scratch {
    fn new(width: usize) -> Scratch {
        Scratch {
            axes: (0..width).collect(),
            low: vec![0.0; width],
            high: vec![0.0; width],
            absent: vec![false; width],
            candidates: Vec::new(),
            sums: Vec::new(),
        }
    }

    /// The best of the random splits, or `None` if the targets are all equal or no split leaves enough rows.
    fn split(&mut self, sample: Sample<'_>, members: &[u32], growth: Growth, rng: &mut Stream) -> Option<Split> {
        let width = sample.axes.len();
        let row = |i: u32| &sample.rows[i as usize * width..][..width];
        let first = sample.targets[members[0] as usize];
        if members.iter().all(|i| sample.targets[*i as usize] == first) {
            return None;
        }
        self.extremes(members, row);
        // Coordinates in random order; those that are the same in all rows do not count as tried.
        let mut left = growth.features;
        self.candidates.clear();
        for k in 0..width {
            let j = k + rng.below((width - k) as u64) as usize;
            self.axes.swap(k, j);
            let axis = self.axes[k];
            if self.draw(axis, sample.axes[axis], growth.tries, rng) {
                left -= 1;
                if left == 0 {
                    break;
                }
            }
        }
        let mean = members.iter().map(|i| sample.targets[*i as usize]).sum::<f64>() / members.len() as f64;
        self.sums.clear();
        self.sums.resize(self.candidates.len(), (0.0, 0));
        for i in members {
            let (row, target) = (row(*i), sample.targets[*i as usize] - mean);
            for (split, (sum, count)) in self.candidates.iter().zip(&mut self.sums) {
                let below = split.below(row);
                *sum += if below { target } else { 0.0 };
                *count += u32::from(below);
            }
        }
        // The targets are centred, so the sums on the two sides are opposite and the reduction of the squared
        // error is sum^2 (1/below + 1/above).
        let mut best = None;
        let mut most = f64::NEG_INFINITY;
        for (split, (sum, count)) in self.candidates.iter().zip(&self.sums) {
            let (below, above) = (*count as usize, members.len() - *count as usize);
            if below.min(above) >= growth.leaf.max(1) {
                let gain = sum * sum * (1.0 / below as f64 + 1.0 / above as f64);
                if gain > most {
                    (best, most) = (Some(*split), gain);
                }
            }
        }
        best
    }

    fn extremes<'a>(&mut self, members: &[u32], row: impl Fn(u32) -> &'a [f64]) {
        self.low.fill(f64::INFINITY);
        self.high.fill(f64::NEG_INFINITY);
        self.absent.fill(false);
        for i in members {
            for (j, u) in row(*i).iter().enumerate() {
                // Comparisons with NaN are false: absent values leave the extremes alone.
                if *u < self.low[j] {
                    self.low[j] = *u;
                }
                if *u > self.high[j] {
                    self.high[j] = *u;
                }
                self.absent[j] |= u.is_nan();
            }
        }
    }

    /// Draws splits of `axis`; false if all rows are the same there.
    fn draw(&mut self, axis: usize, kind: Axis, tries: usize, rng: &mut Stream) -> bool {
        let (low, high, absent) = (self.low[axis], self.high[axis], self.absent[axis]);
        // `low > high` if all are absent.
        let varies = low < high || (absent && low <= high);
        if !varies {
            return false;
        }
        for _ in 0..tries {
            self.candidates.push(match kind {
                Axis::Category(_) => {
                    // Two of the values present must be told apart; a key does so with even odds.
                    let other = if low < high { high } else { f64::NAN };
                    let mut key = rng.bits();
                    while in_subset(low, key) == in_subset(other, key) {
                        key = rng.bits();
                    }
                    Split::Subset { axis, key }
                }
                _ if low < high => {
                    // Strictly below the highest, so that both sides have a row.
                    let cut = (low + rng.unit() * (high - low)).clamp(low, high);
                    Split::Cut {
                        axis,
                        cut: if cut < high { cut } else { low },
                        absent_below: absent && rng.bits() >> 63 == 1,
                    }
                }
                _ => Split::Cut {
                    axis,
                    cut: high,
                    absent_below: false,
                },
            });
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    const ALL: Growth = Growth {
        features: usize::MAX,
        tries: 1,
        leaf: 1,
        depth: usize::MAX,
    };

    fn grow(rows: &[f64], axes: &[Axis], targets: &[f64], growth: Growth) -> (Tree, Vec<Vec<u32>>) {
        let sample = Sample { rows, axes, targets };
        let mut members: Vec<u32> = (0..targets.len() as u32).collect();
        let mut leaves = Vec::new();
        let mut rng = stream(1, 2, Purpose::Fit);
        let tree = Tree::grow(sample, &mut members, growth, &mut rng, |rows| {
            leaves.push(rows.to_vec())
        });
        (tree, leaves)
    }

    #[test]
    fn every_row_falls_into_the_leaf_that_holds_it() {
        let axes = [Axis::Continuous, Axis::Category(70), Axis::Continuous];
        let mut rng = stream(5, 0, Purpose::Sample);
        let mut rows = Vec::new();
        for _ in 0..300 {
            let absent = rng.unit() < 0.3;
            rows.extend([
                rng.unit(),
                rng.below(70) as f64,
                if absent { f64::NAN } else { rng.unit() },
            ]);
        }
        let targets: Vec<f64> = (0..300).map(|_| rng.normal()).collect();
        let (tree, leaves) = grow(&rows, &axes, &targets, ALL);
        assert_eq!(tree.leaves(), 300, "distinct rows are told apart");
        for (leaf, members) in leaves.iter().enumerate() {
            for i in members {
                assert_eq!(tree.leaf(&rows[*i as usize * 3..][..3]), leaf);
            }
        }
        let (tree, leaves) = grow(&rows, &axes, &targets, Growth { leaf: 5, ..ALL });
        assert!(leaves.iter().all(|l| l.len() >= 5) && tree.leaves() > 10);
        let (tree, _) = grow(&rows, &axes, &targets, Growth { depth: 2, ..ALL });
        assert!(tree.leaves() <= 4);
    }

    #[test]
    fn nothing_to_tell_apart_is_one_leaf() {
        let (tree, _) = grow(&[0.5, 0.5, 0.5], &[Axis::Continuous], &[1.0, 2.0, 3.0], ALL);
        assert_eq!(tree.leaves(), 1, "equal rows");
        let (tree, _) = grow(&[0.1, 0.5, 0.9], &[Axis::Continuous], &[2.0, 2.0, 2.0], ALL);
        assert_eq!(tree.leaves(), 1, "equal targets");
        let nan = f64::NAN;
        let (tree, _) = grow(&[nan, nan], &[Axis::Continuous], &[1.0, 2.0], ALL);
        assert_eq!(tree.leaves(), 1, "all absent");
        let (tree, _) = grow(&[nan, 0.5], &[Axis::Continuous], &[1.0, 2.0], ALL);
        assert_eq!(tree.leaves(), 2, "absent and present");
        let tiny = [0.5, 0.5 + f64::EPSILON];
        let (tree, _) = grow(&tiny, &[Axis::Continuous], &[1.0, 2.0], ALL);
        assert_eq!(tree.leaves(), 2, "neighbouring doubles");
    }
}
