//! The grid: every combination of the lists, in order, or a sample of them. Cell `i` is the same whatever else
//! is asked for.

use std::collections::BTreeMap;

use gage_optimizers::Space;
use gage_optimizers::random::sample;
use gage_optimizers::rng::{Purpose, stream};

use super::dimensions;
use super::plan::PlanError;
use super::space::SpaceSpec;
use crate::flags::{FlagValues, Value};

/// The largest number of trials that is listed beforehand.
pub const MOST: u64 = 10_000_000;

/// All cells of some rows of flags, each with lists and functions in.
#[derive(Debug, Clone)]
pub struct Grid {
    rows: Vec<Row>,
    seed: u32,
}

/// What a row expands to.
#[derive(Debug, Clone)]
struct Row {
    values: FlagValues,
    /// Lists by flag; the last varies fastest.
    axes: Vec<(String, Vec<Value>)>,
    /// Functions, drawn anew for each cell.
    drawn: Option<(SpaceSpec, Space)>,
    cells: u64,
}

impl Grid {
    /// Checks the lists and functions of all rows.
    pub fn new(rows: &[FlagValues], seed: u32) -> Result<Grid, PlanError> {
        let rows = rows.iter().map(Row::new).collect::<Result<Vec<_>, _>>()?;
        rows.iter()
            .try_fold(0u64, |n, row| n.checked_add(row.cells))
            .ok_or(PlanError::TooManyCells)?;
        Ok(Grid { rows, seed })
    }

    /// Number of cells.
    pub fn len(&self) -> u64 {
        self.rows.iter().map(|row| row.cells).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row that a cell belongs to.
    pub fn row(&self, index: u64) -> usize {
        self.place(index).0
    }

    /// The flags of a cell, counted from 0.
    pub fn cell(&self, index: u64) -> FlagValues {
        let (row, within) = self.place(index);
        self.rows[row].cell(within, self.seed, index)
    }

    /// Row, and index within it.
    fn place(&self, index: u64) -> (usize, u64) {
        let mut rest = index;
        for (i, row) in self.rows.iter().enumerate() {
            if rest < row.cells {
                return (i, rest);
            }
            rest -= row.cells;
        }
        panic!("cell {index} of a grid of {}", self.len())
    }

    /// Indices of the cells to run, in grid order: all of them, or `limit` drawn at random. A larger limit
    /// includes the cells of a smaller one.
    pub fn chosen(&self, limit: Option<u64>) -> Result<Vec<u64>, PlanError> {
        let cells = self.len();
        let count = limit.map_or(cells, |limit| limit.min(cells));
        if count > MOST {
            return Err(PlanError::GridTooLarge(cells));
        }
        if count == cells {
            return Ok((0..cells).collect());
        }
        let mut chosen = self.drawn(count);
        chosen.sort_unstable();
        Ok(chosen)
    }

    /// The first `count` cells, at most all, in the order in which they are drawn.
    pub fn drawn(&self, count: u64) -> Vec<u64> {
        let cells = self.len();
        // The first `count` of a shuffled list of all cells (Durstenfeld 1964) that is never written down: `moved`
        // holds only the places where it differs from 0, 1, 2, ...
        let mut rng = stream(u64::from(self.seed), 0, Purpose::Grid);
        let mut moved: BTreeMap<u64, u64> = BTreeMap::new();
        (0..count.min(cells))
            .map(|i| {
                let j = i + rng.below(cells - i);
                let at_i = moved.get(&i).copied().unwrap_or(i);
                moved.insert(j, at_i).unwrap_or(j)
            })
            .collect()
    }
}

impl Row {
    fn new(values: &FlagValues) -> Result<Row, PlanError> {
        let mut axes = Vec::new();
        let mut functions = FlagValues::new();
        for (name, value) in values {
            match value {
                Value::List(items) if items.is_empty() => return Err(PlanError::NoValues(name.clone())),
                Value::List(items) => axes.push((name.clone(), items.clone())),
                Value::Function(_) => {
                    functions.insert(name.clone(), value.clone());
                }
                _ => {}
            }
        }
        let drawn = match functions.is_empty() {
            true => None,
            false => {
                let (spec, _) = dimensions::split(&functions)?;
                let space = spec.space()?;
                Some((spec, space))
            }
        };
        let cells = axes
            .iter()
            .try_fold(1u64, |n, (_, items)| n.checked_mul(items.len() as u64));
        Ok(Row {
            values: values.clone(),
            axes,
            drawn,
            cells: cells.ok_or(PlanError::TooManyCells)?,
        })
    }

    fn cell(&self, index: u64, seed: u32, number: u64) -> FlagValues {
        let mut values = self.values.clone();
        let mut rest = index;
        for (name, items) in self.axes.iter().rev() {
            let n = items.len() as u64;
            values.insert(name.clone(), items[(rest % n) as usize].clone());
            rest /= n;
        }
        if let Some((spec, space)) = &self.drawn {
            let mut point = sample(space, &mut stream(u64::from(seed), number, Purpose::Sample));
            for (value, d) in point.0.iter_mut().zip(space.dimensions()) {
                if number == 0 && d.initial.is_some() {
                    *value = d.initial;
                }
            }
            values.extend(spec.values(&point));
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::label;

    fn values(pairs: &[(&str, &str)]) -> FlagValues {
        let decoded = pairs.iter().map(|(name, text)| {
            let value = crate::flags::decode(text, None).unwrap().value;
            (name.to_string(), value)
        });
        decoded.collect()
    }

    fn cells(grid: &Grid, limit: Option<u64>) -> Vec<String> {
        let chosen = grid.chosen(limit).unwrap();
        chosen.into_iter().map(|i| label::description(&grid.cell(i))).collect()
    }

    #[test]
    fn the_last_flag_varies_fastest_and_rows_come_in_order() {
        let rows = [
            values(&[("a", "[1,2]"), ("b", "[x,y]"), ("c", "0")]),
            values(&[("a", "[1,1]"), ("b", "z"), ("c", "1")]),
        ];
        let grid = Grid::new(&rows, 1).unwrap();
        assert_eq!(
            cells(&grid, None),
            [
                "a=1, b=x, c=0",
                "a=1, b=y, c=0",
                "a=2, b=x, c=0",
                "a=2, b=y, c=0",
                "a=1, b=z, c=1",
                "a=1, b=z, c=1"
            ]
        );
    }

    #[test]
    fn a_sample_is_in_order_distinct_and_grows() {
        let grid = Grid::new(&[values(&[("a", "range[100]"), ("b", "range[100]")])], 7).unwrap();
        let mut before: Vec<u64> = Vec::new();
        for limit in [0, 1, 5, 20, 500, 9_999] {
            let chosen = grid.chosen(Some(limit)).unwrap();
            assert_eq!(chosen.len() as u64, limit);
            assert!(chosen.is_sorted_by(|a, b| a < b), "in order and distinct");
            assert!(before.iter().all(|i| chosen.binary_search(i).is_ok()));
            before = chosen;
        }
        assert!(before[0] < 3 && *before.last().unwrap() > 9_996);
        assert_eq!(grid.chosen(Some(10_000)).unwrap().len(), 10_000);
        assert_eq!(grid.chosen(Some(20_000)).unwrap(), grid.chosen(None).unwrap());
    }

    #[test]
    fn a_sample_is_even() {
        let grid = |seed| Grid::new(&[values(&[("a", "range[10]")])], seed).unwrap();
        let mut counts = [0; 10];
        for seed in 0..2000 {
            for i in grid(seed).chosen(Some(3)).unwrap() {
                counts[i as usize] += 1;
            }
        }
        // Each is binomial(2000, 0.3): mean 600, sd 20.5.
        assert!(counts.iter().all(|n| (500..700).contains(n)), "{counts:?}");
    }

    #[test]
    fn functions_are_drawn_for_each_cell() {
        let rows = [values(&[("x", "[1:1000000]"), ("y", "[1,2,3]")])];
        let all = cells(&Grid::new(&rows, 44).unwrap(), None);
        assert_eq!(all.len(), 3);
        let xs: Vec<&str> = all.iter().map(|c| c.split(',').next().unwrap()).collect();
        assert!(xs[0] != xs[1] && xs[1] != xs[2]);
        let some = cells(&Grid::new(&rows, 44).unwrap(), Some(2));
        assert!(
            some.iter().all(|cell| all.contains(cell)),
            "a sample does not change the cells"
        );
        assert_ne!(cells(&Grid::new(&rows, 45).unwrap(), None), all);
    }

    #[test]
    fn huge_grids_can_be_sampled() {
        let names = ["a", "b", "c", "d", "e"];
        let row: FlagValues = names
            .iter()
            .map(|n| (n.to_string(), values(&[("x", "range[1000]")])["x"].clone()))
            .collect();
        let grid = Grid::new(std::slice::from_ref(&row), 1).unwrap();
        assert_eq!(grid.len(), 1_000_000_000_000_000);
        assert_eq!(cells(&grid, Some(3)).len(), 3);
        assert_eq!(
            grid.chosen(None).unwrap_err().to_string(),
            "the grid has 1000000000000000 points - use '--max-trials' to run some of them"
        );
    }
}
