//! Search with two densities, of good and of other points: the next point is where their ratio is highest.
//! Cheap at any number of trials, at home in conditional spaces and with many trials at a time.
//!
//! Tree-structured Parzen estimator (Bergstra et al. 2011, equations 5 and 6), with kernels over all coordinates
//! that are active together (Falkner et al. 2018) and the settings that Watanabe 2023 (arXiv:2304.11127) found to
//! matter. Failed and running trials count as not good, so that neither is proposed again nearby.

mod parzen;

use parzen::Parzen;

use crate::encode::Encoding;
use crate::history::Observation;
use crate::lattice::Seen;
use crate::memo::Memo;
use crate::options::{OptionKind, OptionSpec, Options};
use crate::registry::{AskError, Entry, Optimizer, Origin, Proposal, Setup};
use crate::rng::{Purpose, Stream, stream};
use crate::space::{Condition, Point, Space, Value};
use crate::starts::{self, Starts};
use crate::trials::Trials;

/// Registry line.
pub const ENTRY: Entry = Entry {
    name: "tpe",
    aliases: &[],
    summary: "two densities, of good and of other points",
    when: "Very many trials, many at a time, or conditional spaces: a proposal costs less than a millisecond at any \
           number of trials. With few trials gp finds better values.",
    options: &[
        OptionSpec {
            default: "7",
            ..starts::RANDOM_STARTS
        },
        OptionSpec {
            name: "candidates",
            kind: OptionKind::Int { min: 1 },
            default: "32",
            help: "points drawn from the density of good ones, of which the best is proposed",
        },
        starts::PREV_TRIALS,
    ],
    sequential: true,
    make: |setup, options| Box::new(Tpe::new(setup, options)),
};

/// Most kernels in the density of other points; of more trials an even selection is taken.
const OTHERS: usize = 300;
/// Least bandwidth, as a share of the range.
const LEAST: f64 = 0.01;

struct Tpe {
    setup: Setup,
    starts: Starts,
    encoding: Encoding,
    groups: Vec<Group>,
    candidates: usize,
    memo: Memo,
}

/// Dimensions that are active under the same condition.
struct Group {
    condition: Option<Condition>,
    axes: Vec<usize>,
}

impl Tpe {
    fn new(setup: Setup, options: &Options) -> Tpe {
        Tpe {
            starts: Starts::new(&setup, options.int("random-starts")),
            encoding: Encoding::new(&setup.space),
            groups: groups(&setup.space),
            candidates: options.int("candidates") as usize,
            memo: Memo::default(),
            setup,
        }
    }
}

impl Optimizer for Tpe {
    fn ask(&mut self, history: &[Observation], number: u64) -> Result<Proposal, AskError> {
        let space = &self.setup.space;
        if let Some(start) = self.starts.ask(history, number) {
            return start;
        }
        // Taken out so that the rest can be borrowed while it is lent.
        let mut memo = std::mem::take(&mut self.memo);
        let (trials, seen) = memo.recall(space, &self.encoding, history);
        let proposal = self.model(trials, seen, number);
        self.memo = memo;
        proposal
    }
}

impl Tpe {
    fn model(&self, trials: &Trials, seen: &Seen, number: u64) -> Result<Proposal, AskError> {
        let mut rng = stream(self.setup.seed, number, Purpose::Search);
        // The sequence's point is also what remains when every candidate was evaluated before.
        let drawn = self.starts.fresh(seen, number)?;
        let point = self.propose(trials, seen, &mut rng).unwrap_or(drawn);
        Ok(Proposal {
            point: self.starts.opening(point, number, seen),
            origin: Origin::Model { used: trials.used() },
            notes: Vec::new(),
        })
    }
}

fn groups(space: &Space) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (i, d) in space.dimensions().iter().enumerate() {
        match groups.iter_mut().find(|g| g.condition == d.condition) {
            Some(group) => group.axes.push(i),
            None => groups.push(Group {
                condition: d.condition.clone(),
                axes: vec![i],
            }),
        }
    }
    groups
}

/// How many of `n` trials are good.
fn good(n: usize) -> usize {
    n.div_ceil(10).min(25)
}

impl Tpe {
    /// The best of the candidates that is not among `seen`; `None` if all are.
    fn propose(&self, trials: &Trials, seen: &Seen, rng: &mut Stream) -> Option<Point> {
        let space = &self.setup.space;
        let mut found: Vec<(f64, Vec<f64>)> = vec![(0.0, vec![f64::NAN; space.len()]); self.candidates];
        for group in &self.groups {
            let (good, other) = self.densities(group, trials);
            for (score, row) in &mut found {
                if active(&self.encoding, group, row) {
                    good.sample(row, rng);
                    *score += good.log_density(row) - other.log_density(row);
                }
            }
            // Groups are decided one after the other: what hangs on a choice is compared under that choice only.
            if self.groups.len() > 1 {
                let best = best(&found).to_vec();
                for (score, row) in &mut found {
                    (*score, *row) = (0.0, best.clone());
                }
            }
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let points = found.iter().map(|(_, row)| self.encoding.point(space, row));
        points.into_iter().find(|p| !seen.contains(space, p))
    }

    /// The densities of good trials and of others, of those in which `group` is active.
    fn densities<'a>(&'a self, group: &'a Group, trials: &Trials) -> (Parzen<'a>, Parzen<'a>) {
        let present = |i: &usize| group.axes.iter().all(|a| !trials.row(*i)[*a].is_nan());
        let within: Vec<usize> = (0..trials.len()).filter(present).collect();
        let mut valued: Vec<(f64, usize)> = within
            .iter()
            .filter_map(|i| Some((trials.states[*i].value()?, *i)))
            .collect();
        let count = good(valued.len());
        if count < valued.len() {
            valued.select_nth_unstable_by(count, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            valued.truncate(count);
        }
        valued.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        // The better a good trial the more it weighs.
        let weight = |rank: usize| 1.0 / ((rank + 1) as f64).sqrt();
        let mut best: Vec<(usize, f64)> = valued.iter().enumerate().map(|(k, (_, i))| (*i, weight(k))).collect();
        best.sort_unstable_by_key(|(i, _)| *i);
        let mut others = within;
        others.retain(|i| best.binary_search_by_key(i, |(i, _)| *i).is_err());
        let total = others.len();
        let kept = total.min(OTHERS);
        let good = best.iter().map(|(i, w)| (trials.row(*i), *w));
        let other = (0..kept).map(|k| (trials.row(others[k * total / kept]), 1.0));
        (
            Parzen::new(&self.encoding, &group.axes, good, LEAST),
            Parzen::new(&self.encoding, &group.axes, other, LEAST),
        )
    }
}

fn active(encoding: &Encoding, group: &Group, row: &[f64]) -> bool {
    let Some(Condition { parent, choices }) = &group.condition else {
        return true;
    };
    let choice = Some(encoding.value(*parent, row[*parent])).filter(|_| !row[*parent].is_nan());
    matches!(choice, Some(Value::Choice(k)) if choices.contains(&k))
}

/// The row of highest score, the first of equals.
fn best(found: &[(f64, Vec<f64>)]) -> &[f64] {
    let mut best = &found[0];
    for f in found {
        if f.0 > best.0 {
            best = f;
        }
    }
    &best.1
}
