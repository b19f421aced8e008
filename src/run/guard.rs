//! Watches that a program keeps to its run's limits. Notices; what is done about it is the pump's.

use std::time::{Duration, Instant};

use super::limits::{Exceeded, Excess, Limits};
use super::memory::Gauge;

/// The limits of a program that runs.
#[derive(Default)]
pub(crate) struct Guard {
    /// When it began, and how long it may take.
    time: Option<(Instant, Duration)>,
    memory: Option<Gauge>,
}

impl Guard {
    /// `adopter` is the process that orphans of the run become children of, if there is one.
    pub fn new(limits: &Limits, began: Instant, leader: i32, adopter: Option<i32>) -> Guard {
        Guard {
            time: limits.time().map(|time| (began, time)),
            memory: limits.memory.map(|limit| Gauge::new(limit, leader, adopter)),
        }
    }

    /// When it is next to be asked.
    pub fn due(&self) -> Option<Instant> {
        let time = self.time.map(|(began, time)| began + time);
        time.into_iter().chain(self.memory.as_ref().map(Gauge::due)).min()
    }

    /// By how much the program went beyond a limit, if it did.
    pub fn excess(&mut self) -> Option<Excess> {
        if let Some((began, time)) = self.time.filter(|(began, time)| began.elapsed() >= *time) {
            return Some(Excess {
                limit: Exceeded::Timeout,
                allowed: time.as_secs_f64(),
                used: began.elapsed().as_secs_f64(),
            });
        }
        let gauge = self.memory.as_mut()?;
        let used = gauge.excess()?;
        Some(Excess {
            limit: Exceeded::Memory,
            allowed: gauge.limit as f64,
            used: used as f64,
        })
    }
}
