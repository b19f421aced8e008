//! What executor, optimizer and runs say, turned into events.

use std::time::Instant;

use super::super::event::Event;
use super::super::program::Said;
use super::super::trials::{self, Fate};
use super::{DriveError, Driver, LOOK, Message, PATIENCE};
use crate::executor;

impl Driver<'_, '_> {
    pub(super) fn hear(&mut self, message: Message) -> Result<(), DriveError> {
        match message {
            Message::Executor(event) => self.hear_executor(event)?,
            Message::Answer(answer) | Message::Program(Said::Answer(answer)) => self.answered(answer)?,
            Message::Program(Said::Printed(stream, bytes)) => {
                self.report.said(stream, &bytes);
                self.hosted.output(stream, &bytes);
            }
            Message::Disk(saved) => self.saved(&saved),
            Message::Asked => self.asked(),
            Message::Requests => self.requests_at = Instant::now(),
        }
        if self.looked.elapsed() > LOOK {
            self.look_after()?;
        }
        Ok(())
    }

    fn hear_executor(&mut self, event: executor::Event) -> Result<(), DriveError> {
        use executor::Event::{Exited, Failed, Gone, Output, Problem, Started};
        let (Started { run, .. }
        | Output { run, .. }
        | Problem { run, .. }
        | Exited { run }
        | Failed { run, .. }
        | Gone { run }) = &event;
        let Some(&(trial, attempt)) = self.flying.get(run) else {
            return Ok(());
        };
        let id = run.clone();
        match event {
            Started { pid, .. } => self.events.push_back(Event::Started { trial, attempt, pid }),
            Output { stream, bytes, .. } => self.report.output(trial, stream, &bytes),
            Problem { message, .. } => {
                self.problems.insert(id, message);
            }
            Failed { message, machine, .. } => {
                let event = match self.fate(&id, trial, attempt) {
                    Fate::Waiting { .. } | Fate::Lost if machine => return Err(self.machine(message)),
                    Fate::Waiting { .. } => Some(Event::Ended(trials::failed(trial, attempt, 1, message))),
                    fate => self.not_waiting(&id, trial, attempt, fate)?,
                };
                self.events.extend(event);
            }
            Exited { .. } | Gone { .. } => {
                let event = match self.found(&id, trial, attempt)? {
                    // The worker ended before it came to start the run.
                    None => {
                        self.land(&id, trial);
                        Some(Event::Lost { trial, attempt })
                    }
                    event => event,
                };
                self.events.extend(event);
            }
        }
        Ok(())
    }

    /// What nobody reports on: adopted runs, stops that take too long, our own lease.
    pub(super) fn look_after(&mut self) -> Result<(), DriveError> {
        self.looked = Instant::now();
        self.hosted.tick();
        if self.hosted.is_stopping() && self.stopping.is_none() {
            self.stop.stop();
        }
        if self
            .stopping
            .as_ref()
            .is_some_and(|s| !s.killed && s.since.elapsed() > PATIENCE)
        {
            self.kill_all();
        }
        let adopted = self
            .flying
            .iter()
            .filter(|(_, (trial, _))| self.adopted.contains(trial));
        let adopted: Vec<(String, u64, u32)> = adopted.map(|(id, (t, a))| (id.clone(), *t, *a)).collect();
        for (id, trial, attempt) in adopted {
            let event = self.found(&id, trial, attempt)?.unwrap_or_else(|| {
                self.land(&id, trial);
                Event::Lost { trial, attempt }
            });
            self.events.push_back(event);
        }
        Ok(())
    }
}
