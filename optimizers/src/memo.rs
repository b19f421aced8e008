//! A history kept encoded between calls, for optimizers whose proposals cost less than encoding it again.
//! A cache only: what it gives out depends on the history of the last call, never on those before.

use crate::encode::Encoding;
use crate::history::Observation;
use crate::lattice::Seen;
use crate::space::{Space, Value};
use crate::trials::{State, Trials};

/// Remembers the last history it was shown.
#[derive(Debug, Clone, Default)]
pub struct Memo {
    /// The points as they were given, `width` values to each: side by side, because they are compared every time.
    points: Vec<Option<Value>>,
    trials: Trials,
    seen: Seen,
}

impl Memo {
    /// The trials and the evaluated points of `history`.
    pub fn recall(&mut self, space: &Space, encoding: &Encoding, history: &[Observation]) -> (&Trials, &Seen) {
        let known = self.trials.len();
        let key = |o: &Observation| (!o.prior, o.number);
        let in_order = |new: &[Observation]| new.is_sorted_by_key(key);
        // What is remembered is in order, so only what follows it has to be looked at.
        if !self.continues(history) || !in_order(&history[known.saturating_sub(1)..]) {
            let mut sorted: Vec<&Observation> = history.iter().collect();
            sorted.sort_by_key(|o| key(o));
            self.trials = Trials::new(encoding, history);
            self.seen = Seen::new(space, history);
            self.points.clear();
            for o in sorted {
                self.keep(o);
            }
            return (&self.trials, &self.seen);
        }
        self.trials.unchanged = known;
        for (i, (old, new)) in self.trials.states.iter_mut().zip(history).enumerate() {
            let state = State::of(new);
            if *old != state {
                *old = state;
                self.trials.unchanged = self.trials.unchanged.min(i);
            }
        }
        for o in &history[known..] {
            self.trials.rows.extend(encoding.row(&o.point));
            self.trials.states.push(State::of(o));
            self.trials.numbers.push(o.number);
            self.trials.prior.push(o.prior);
            if space.contains(&o.point) {
                self.seen.insert(space, &o.point);
            }
            self.keep(o);
        }
        (&self.trials, &self.seen)
    }

    fn keep(&mut self, o: &Observation) {
        // A point of another width never compares equal, but must not shift those after it.
        let value = |i: usize| o.point.0.get(i).copied().flatten();
        self.points.extend((0..self.trials.width).map(value));
    }

    /// True if `history` is the remembered one, outcomes aside, with trials added at its end.
    fn continues(&self, history: &[Observation]) -> bool {
        let (trials, width) = (&self.trials, self.trials.width);
        let same = |(i, o): (usize, &Observation)| {
            o.number == trials.numbers[i]
                && o.prior == trials.prior[i]
                && o.point.0 == self.points[i * width..(i + 1) * width]
        };
        let known = trials.len();
        known > 0 && known <= history.len() && history[..known].iter().enumerate().all(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Outcome;
    use crate::rng::{Purpose, stream};
    use crate::space::{Dimension, Domain, Point};

    #[test]
    fn gives_what_a_new_one_gives() {
        let space = Space::new(vec![Dimension::new("k", Domain::Categorical { n: 50 })]).unwrap();
        let encoding = Encoding::new(&space);
        let mut rng = stream(1, 0, Purpose::Sample);
        let mut memo = Memo::default();
        let mut history: Vec<Observation> = Vec::new();
        let mut last = Vec::new();
        for step in 0..200 {
            match rng.below(10) {
                0 => history.reverse(),
                1 if !history.is_empty() => {
                    let i = rng.below(history.len() as u64) as usize;
                    history[i].outcome = Some(Outcome::Value(vec![step as f64]));
                }
                2 => history.truncate(history.len() / 2),
                3 if !history.is_empty() => {
                    let i = rng.below(history.len() as u64) as usize;
                    history[i].point.0[0] = Some(Value::Choice(rng.below(60) as usize));
                }
                _ => {
                    let point = Point(vec![Some(Value::Choice(rng.below(60) as usize))]);
                    history.push(Observation::new(step, point, None));
                }
            }
            let (trials, seen) = memo.recall(&space, &encoding, &history);
            let fresh = Trials::new(&encoding, &history);
            assert_eq!(trials.rows, fresh.rows);
            assert_eq!(trials.states, fresh.states);
            assert_eq!(trials.numbers, fresh.numbers);
            assert_eq!(trials.states[..trials.unchanged], last[..trials.unchanged]);
            last.clone_from(&trials.states);
            for k in 0..50 {
                let p = Point(vec![Some(Value::Choice(k))]);
                assert_eq!(seen.contains(&space, &p), history.iter().any(|o| o.point == p));
            }
        }
    }
}
