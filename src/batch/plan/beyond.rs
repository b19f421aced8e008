//! Trials of a list, and those that follow when more are asked for than were planned: the cells of a grid that were
//! not drawn, further draws of a random search. Depends on the plan alone, so that a study can be replayed.

use std::ops::Range;

use super::super::dimensions;
use super::super::grid::Grid;
use super::super::space::SpaceSpec;
use super::{BatchSpec, Plan, PlanError, Proposes};
use crate::flags::{FlagValues, check};

/// The flags of some cells of a grid, in the order given.
pub(super) fn cells(spec: &BatchSpec, grid: &Grid, indices: Vec<u64>) -> Vec<FlagValues> {
    let cell = |index| {
        let mut values = grid.cell(index);
        let row = &spec.rows[grid.row(index)];
        check::add_choice_flags(&spec.opdef.flags, &row.user, &mut values);
        values
    };
    indices.into_iter().map(cell).collect()
}

impl Plan {
    /// Draws of a random search. Fewer than asked for when the space has no more points.
    pub(super) fn sampled(&self, numbers: Range<u64>) -> Result<Vec<FlagValues>, PlanError> {
        let (space, constants): (SpaceSpec, FlagValues) = dimensions::searched(&self.spec.rows[0].values)?;
        let mut optimizer = super::build(&self.header_for(&space))?;
        let trials = numbers.map_while(|number| {
            let proposal = optimizer.ask(&[], number).ok()?;
            Some(self.complete(&space.values(&proposal.point), &constants))
        });
        Ok(trials.collect())
    }

    /// The next trials of a list after those that were planned, `count` at most.
    pub fn beyond(&self, count: u64) -> Result<Vec<FlagValues>, PlanError> {
        let Proposes::Listed(listed) = &self.proposes else {
            return Ok(Vec::new());
        };
        let known = listed.len() as u64;
        if self.optimizer != "+" {
            return self.sampled(known..known.saturating_add(count));
        }
        let rows: Vec<FlagValues> = self.spec.rows.iter().map(|row| row.values.clone()).collect();
        let grid = Grid::new(&rows, self.spec.seed)?;
        let left = grid.len().saturating_sub(known).min(count);
        if left == 0 {
            return Ok(Vec::new());
        }
        let drawn = grid.drawn(known + left);
        Ok(cells(&self.spec, &grid, drawn[known as usize..].to_vec()))
    }

    /// The largest number of trials that can be proposed; `None` without a limit that is known.
    pub fn most(&self) -> Option<u64> {
        let Proposes::Listed(listed) = &self.proposes else {
            return None;
        };
        if self.optimizer != "+" {
            return None;
        }
        let rows: Vec<FlagValues> = self.spec.rows.iter().map(|row| row.values.clone()).collect();
        let cells = Grid::new(&rows, self.spec.seed).map(|grid| grid.len());
        Some(cells.unwrap_or(listed.len() as u64))
    }
}
