//! How a batch is going, in one line: done, running, failed, best so far, time left. Pure: told what happened and
//! when, gives a text. Drawing it is `live.rs`.

use std::collections::BTreeSet;
use std::time::Duration;

use super::number;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Minimize,
    Maximize,
}

/// What a batch has come to.
#[derive(Debug, Clone)]
pub struct Tally {
    total: Option<u64>,
    /// Name and direction of the objective, of a search.
    objective: Option<(String, Direction)>,
    done: u64,
    /// Their numbers.
    failed: BTreeSet<u64>,
    running: u64,
    best: Option<(f64, u64)>,
    /// Trials that were already there when this gage began (a resumed batch): they say nothing about speed.
    earlier: u64,
}

impl Tally {
    /// A batch of `total` trials, if that is known.
    pub fn new(total: Option<u64>, objective: Option<(String, Direction)>) -> Tally {
        Tally {
            total,
            objective,
            done: 0,
            failed: BTreeSet::new(),
            running: 0,
            best: None,
            earlier: 0,
        }
    }

    /// The planned number of trials has changed.
    pub fn plan(&mut self, total: Option<u64>) {
        self.total = total;
    }

    /// A trial that ended before this gage began.
    pub fn earlier(&mut self, number: u64, value: Option<f64>, failed: bool) {
        self.earlier += 1;
        self.ended(number, value, failed);
    }

    pub fn started(&mut self) {
        self.running += 1;
    }

    /// A trial runs no more.
    pub fn over(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// A trial is done, with the objective's value if it has one.
    pub fn ended(&mut self, number: u64, value: Option<f64>, failed: bool) {
        self.done += 1;
        if failed {
            self.failed.insert(number);
        }
        let Some((_, direction)) = self.objective else { return };
        let Some(value) = value.filter(|v| !failed && v.is_finite()) else {
            return;
        };
        let better = match (self.best, direction) {
            (None, _) => true,
            (Some((best, _)), Direction::Minimize) => value < best,
            (Some((best, _)), Direction::Maximize) => value > best,
        };
        if better {
            self.best = Some((value, number));
        }
    }

    /// A trial that ended without a result is run again.
    pub fn again(&mut self, number: u64) {
        self.done = self.done.saturating_sub(1);
        self.earlier = self.earlier.min(self.done);
        self.failed.remove(&number);
    }

    /// Time left, from the pace since this gage began; `None` before the first trial ended.
    pub fn left(&self, elapsed: Duration) -> Option<Duration> {
        let here = self.done.checked_sub(self.earlier).filter(|n| *n > 0)?;
        let remaining = self.total?.saturating_sub(self.done);
        Some(elapsed.div_f64(here as f64).mul_f64(remaining as f64))
    }

    /// The line.
    pub fn line(&self, elapsed: Duration) -> String {
        let mut parts = vec![match self.total {
            Some(total) => format!("{}/{total} done", self.done),
            None => format!("{} done", self.done),
        }];
        if self.running > 0 {
            parts.push(format!("{} running", self.running));
        }
        if !self.failed.is_empty() {
            parts.push(format!("{} failed", self.failed.len()));
        }
        if let (Some((name, _)), Some((value, number))) = (&self.objective, self.best) {
            parts.push(format!("best {name} {} (trial {number})", number::short(value)));
        }
        if let Some(left) = self.left(elapsed).filter(|left| !left.is_zero()) {
            parts.push(format!("{} left", rough(left)));
        }
        parts.join(", ")
    }
}

/// A span as one would say it: `8s`, `3m`, `2h 05m`, `3d 04h`.
fn rough(span: Duration) -> String {
    let seconds = span.as_secs_f64().ceil() as u64;
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds.div_ceil(60)),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_is_known() {
        let mut tally = Tally::new(Some(20), Some(("loss".into(), Direction::Minimize)));
        assert_eq!(tally.line(Duration::ZERO), "0/20 done");
        tally.started();
        tally.started();
        assert_eq!(tally.line(Duration::from_secs(1)), "0/20 done, 2 running");
        tally.over();
        tally.ended(1, Some(0.5), false);
        tally.over();
        tally.ended(2, None, true);
        tally.started();
        tally.started();
        tally.over();
        tally.over();
        tally.ended(4, Some(0.25), false);
        tally.ended(3, Some(f64::NAN), false);
        assert_eq!(
            tally.line(Duration::from_secs(40)),
            "4/20 done, 1 failed, best loss 0.25 (trial 4), 3m left"
        );
    }

    #[test]
    fn a_failed_trial_is_never_the_best() {
        let mut tally = Tally::new(None, Some(("acc".into(), Direction::Maximize)));
        for (number, value, failed) in [
            (1, 0.5, false),
            (2, 0.9, true),
            (3, 0.7, false),
            (4, f64::INFINITY, false),
        ] {
            tally.started();
            tally.over();
            tally.ended(number, Some(value), failed);
        }
        assert_eq!(tally.line(Duration::ZERO), "4 done, 1 failed, best acc 0.7 (trial 3)");
    }

    #[test]
    fn trials_of_an_earlier_gage_do_not_count_for_the_pace() {
        let mut tally = Tally::new(Some(10), None);
        for number in 1..=6 {
            tally.earlier(number, None, false);
        }
        assert_eq!(tally.left(Duration::from_secs(5)), None);
        tally.started();
        tally.over();
        tally.ended(7, None, false);
        assert_eq!(tally.left(Duration::from_secs(5)), Some(Duration::from_secs(15)));
        assert_eq!(tally.line(Duration::from_secs(5)), "7/10 done, 15s left");
    }

    #[test]
    fn spans_are_rough() {
        for (seconds, text) in [(8, "8s"), (61, "2m"), (7500, "2h 05m"), (273_600, "3d 04h")] {
            assert_eq!(rough(Duration::from_secs(seconds)), text);
        }
    }
}
