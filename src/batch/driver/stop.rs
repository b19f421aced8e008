//! Stopping a batch: politely first, by force when that takes too long or is asked for again.

use std::time::{Duration, Instant};

use super::super::event::Event;
use super::super::narration;
use super::super::proposer::Proposer;
use super::super::report::Level;
use super::super::scheduler::State;
use super::{Driver, PATIENCE};
use crate::executor::Stop;
use crate::run::{self, Asked, Run};

/// A stop under way.
pub(super) struct Stopping {
    pub since: Instant,
    pub killed: bool,
}

impl Driver<'_, '_> {
    pub(super) fn asked(&mut self) {
        match self.stop.asked() {
            Asked::Nothing => {}
            Asked::Stop => {
                let stopping = self.stopping_now();
                self.events.extend(stopping);
            }
            Asked::Kill => {
                let stopping = self.stopping_now();
                self.events.extend(stopping);
                self.kill_all();
            }
        }
    }

    /// Begins to stop, if that was asked for and has not begun.
    pub(super) fn stopping_now(&mut self) -> Option<Event> {
        if self.stopping.is_some() || self.stop.asked() == Asked::Nothing {
            return None;
        }
        if let Some(time) = self.stop.time_up() {
            self.log(Level::Info, &narration::time_up(time));
        }
        self.begin_stopping();
        let signal = self.stop.signal().unwrap_or(15);
        Some(Event::Stopping { signal })
    }

    pub(super) fn begin_stopping(&mut self) {
        self.stopping = Some(Stopping {
            since: Instant::now(),
            killed: false,
        });
        if let Proposer::Program(program) = &mut self.proposer {
            program.stop();
        }
    }

    pub(super) fn stop_trial(&mut self, trial: u64, how: Stop) {
        let Some(record) = self.record.trial(trial) else { return };
        let (id, pid) = (record.run.clone(), record.pid);
        if let Some(pid) = pid.or_else(|| self.pid_of(&id)) {
            let (level, text) = narration::stop(pid, how);
            self.log(level, &text);
        }
        let run = Run::new(&self.making.home, &id);
        if self.adopted.contains(&trial) {
            // Its supervisor is not ours to talk to. What comes of it is seen in its files.
            let force = how == Stop::AtOnce;
            let timeout = if force { Duration::ZERO } else { PATIENCE };
            self.aside(move || drop(run::stop::stop(&run, timeout, force)));
        } else {
            self.executor.stop(&run, how);
        }
    }

    pub(super) fn kill_all(&mut self) {
        match &mut self.stopping {
            Some(stopping) if !stopping.killed => stopping.killed = true,
            _ => return,
        }
        let scheduler = &self.record.scheduler;
        let live = self.record.trials().map(|(number, _)| number);
        let live: Vec<u64> = live
            .filter(|n| matches!(scheduler.state(*n), Some(State::Live { .. })))
            .collect();
        for trial in live {
            self.stop_trial(trial, Stop::AtOnce);
        }
    }
}
