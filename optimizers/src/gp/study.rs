//! What a history means to a model: rows and values in an order of their own, failures, running trials, and which of
//! them are enough when there are too many. The order in which a history is listed has no influence.

use super::search::Ground;
use crate::history::Observation;

/// More observations than this are not modelled at once.
const MODELLED: usize = 500;
/// Parameters are learned from no more than this many.
const FITTED: usize = 220;
/// From here on parameters are learned again only when a tenth has been added.
const EVERY: usize = 40;

/// Observations as rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Results {
    /// Of trials with a value.
    points: Vec<Vec<f64>>,
    /// Their values.
    pub values: Vec<f64>,
    seconds: Vec<Option<f64>>,
    /// Of trials that failed.
    pub failed: Vec<Vec<f64>>,
    /// Of trials that run.
    pub pending: Vec<Vec<f64>>,
}

impl Results {
    /// Sorted by study, trial number and content.
    pub fn new(ground: &Ground, history: &[Observation]) -> Results {
        let mut all: Vec<(&Observation, Vec<f64>)> = history.iter().map(|o| (o, ground.row(&o.point))).collect();
        let usable = |row: &[f64]| row.iter().all(|u| u.is_finite());
        all.retain(|(_, row)| usable(row));
        all.sort_by(|(a, ra), (b, rb)| {
            let by_row = || ra.iter().zip(rb).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne());
            let by_value = || a.value().unwrap_or(0.0).total_cmp(&b.value().unwrap_or(0.0));
            let by_number = b.prior.cmp(&a.prior).then(a.number.cmp(&b.number));
            by_number.then_with(|| by_row().unwrap_or_else(by_value))
        });
        let mut results = Results::default();
        for (o, row) in all {
            if let Some(value) = o.value() {
                results.points.push(row);
                results.values.push(value);
                results.seconds.push(o.seconds.filter(|s| s.is_finite() && *s > 0.0));
            } else if o.failed() {
                results.failed.push(row);
            } else if o.pending() {
                results.pending.push(row);
            }
        }
        results
    }

    /// Rows of the trials with a value.
    pub fn rows(&self) -> Vec<&[f64]> {
        self.points.iter().map(Vec::as_slice).collect()
    }

    /// How many observations count for the parameters: only those that were there when their number last grew by a
    /// tenth, so that a fit serves several proposals.
    pub fn counted(&self) -> usize {
        let n = self.values.len();
        let mut counted = EVERY;
        while n > counted && counted + (counted / 10).max(1) <= n {
            counted += (counted / 10).max(1);
        }
        n.min(counted)
    }

    /// Those of the first `counted` from which parameters are learned: all of a few; of many, the best and a share of
    /// the others.
    pub fn for_fit(&self, counted: usize) -> Results {
        let mut chosen: Vec<usize> = (0..counted).collect();
        if counted > FITTED {
            chosen.sort_by(|a, b| self.values[*a].total_cmp(&self.values[*b]).then(a.cmp(b)));
            let best = FITTED / 2;
            let others = FITTED - best;
            let rest = counted - best;
            let spaced = (0..others).map(|k| chosen[best + k * rest / others]);
            chosen = chosen[..best].iter().copied().chain(spaced).collect();
            chosen.sort_unstable();
        }
        Results {
            points: chosen.iter().map(|i| self.points[*i].clone()).collect(),
            values: chosen.iter().map(|i| self.values[*i]).collect(),
            ..Results::default()
        }
    }

    /// Those that are modelled: all, or, of many, the best and what lies around them.
    pub fn for_model(&self) -> Results {
        let n = self.values.len();
        let near = |rows: &[Vec<f64>], centre: &[f64], count: usize| -> Vec<Vec<f64>> {
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by(|a, b| {
                distance(&rows[*a], centre)
                    .total_cmp(&distance(&rows[*b], centre))
                    .then(a.cmp(b))
            });
            order.truncate(count);
            order.sort_unstable();
            order.into_iter().map(|i| rows[i].clone()).collect()
        };
        let best = (0..n).min_by(|a, b| self.values[*a].total_cmp(&self.values[*b]));
        let Some(best) = best else {
            return self.clone();
        };
        let centre = self.points[best].clone();
        let mut chosen: Vec<usize> = (0..n).collect();
        if n > MODELLED {
            chosen.sort_by(|a, b| self.values[*a].total_cmp(&self.values[*b]).then(a.cmp(b)));
            let mut rest = chosen.split_off(MODELLED / 2);
            rest.sort_by(|a, b| {
                let (a, b) = (&self.points[*a], &self.points[*b]);
                distance(a, &centre).total_cmp(&distance(b, &centre))
            });
            chosen.extend(rest.into_iter().take(MODELLED - MODELLED / 2));
            chosen.sort_unstable();
        }
        Results {
            points: chosen.iter().map(|i| self.points[*i].clone()).collect(),
            values: chosen.iter().map(|i| self.values[*i]).collect(),
            seconds: chosen.iter().map(|i| self.seconds[*i]).collect(),
            failed: near(&self.failed, &centre, 100),
            pending: near(&self.pending, &centre, 128),
        }
    }

    /// Rows of ended trials, and whether each succeeded; of many successes, those beside failures matter most.
    pub fn ended(&self) -> (Vec<&[f64]>, Vec<bool>) {
        let step = self.points.len().div_ceil(150).max(1);
        let good = self.points.iter().step_by(step);
        let rows: Vec<&[f64]> = good.clone().chain(&self.failed).map(Vec::as_slice).collect();
        let success = (0..rows.len()).map(|i| i < good.len()).collect();
        (rows, success)
    }

    /// Rows and logarithms of durations, if enough are known to learn from.
    pub fn durations(&self) -> Option<(Vec<&[f64]>, Vec<f64>)> {
        let known = self
            .points
            .iter()
            .zip(&self.seconds)
            .filter_map(|(row, s)| Some((row.as_slice(), (*s)?)));
        let step = known.clone().count().div_ceil(150).max(1);
        let (rows, logs): (Vec<&[f64]>, Vec<f64>) = known.step_by(step).map(|(r, s)| (r, libm::log(s))).unzip();
        (rows.len() >= 2).then_some((rows, logs))
    }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}
