//! What workers, execs and the user say to a queue, and what it makes of it.

use std::time::Duration;

use super::serve::{Flying, Message, Queue};
use crate::batch::report::Level;
use crate::executor::{self, Executor, Stop};
use crate::run::lease::Lease;
use crate::run::{self, Asked, Run, Status, status};

/// How long a program without a supervisor may take to end.
const ORPHAN_PATIENCE: Duration = Duration::from_secs(5);

impl Queue<'_> {
    pub(super) fn hear(&mut self, message: Message) {
        match message {
            Message::Executor(event) => self.hear_worker(event),
            Message::Exec(slot, said) => {
                if let Some(flying) = self.flying[slot].take() {
                    self.landed(flying, said.filter(|said| !said.is_empty()));
                }
            }
            Message::Asked => {}
        }
    }

    fn slot_of(&self, id: &str) -> Option<usize> {
        let is = |flying: &Option<Flying>| flying.as_ref().is_some_and(|f| f.run.id() == id);
        self.flying.iter().position(is)
    }

    fn hear_worker(&mut self, event: executor::Event) {
        use executor::Event::{Exited, Failed, Gone, Output, Problem, Started};
        let (Started { run: id, .. }
        | Output { run: id, .. }
        | Problem { run: id, .. }
        | Exited { run: id }
        | Failed { run: id, .. }
        | Gone { run: id }) = &event;
        let Some(slot) = self.slot_of(id) else { return };
        match event {
            Started { .. } => self.has_started(slot),
            Output { stream, bytes, .. } => {
                self.has_started(slot);
                let number = self.flying[slot].as_ref().map_or(0, |f| f.number);
                self.report.output(number, stream, &bytes);
            }
            Problem { message, .. } => {
                if let Some(flying) = &mut self.flying[slot] {
                    flying.problem = Some(message);
                }
            }
            Exited { .. } => {
                self.has_started(slot);
                if let Some(flying) = self.flying[slot].take() {
                    let problem = flying.problem.clone();
                    self.landed(flying, problem);
                }
            }
            Failed { message, .. } => {
                if let Some(flying) = self.flying[slot].take() {
                    self.not_started(&flying.run, &message);
                }
            }
            Gone { .. } => {
                if let Some(flying) = self.flying[slot].take() {
                    self.lost(flying);
                }
            }
        }
    }

    fn has_started(&mut self, slot: usize) {
        let Some(flying) = self.flying[slot].as_mut().filter(|f| !f.started) else {
            return;
        };
        flying.started = true;
        let (run, number) = (flying.run.clone(), flying.number);
        self.say_started(&run);
        self.report.started(number);
    }

    /// Somebody else was faster, or it cannot be.
    fn not_started(&mut self, run: &Run, why: &str) {
        let held = Lease::read(run).is_some_and(|lease| lease.is_held(run));
        match status::of(run) {
            Status::Staged if !held => self.refuse(run, why),
            _ => {}
        }
    }

    fn landed(&mut self, flying: Flying, problem: Option<String>) {
        let run = &flying.run;
        let status = status::of(run);
        self.report.ended(flying.number, None, status == Status::Error);
        let id = run.id();
        let code = status::exit_code(run).unwrap_or(0);
        let (level, text) = match (status, problem) {
            (Status::Error, Some(problem)) => (
                Level::Error,
                format!("Run {id} exited with an error: ({code}) {problem}"),
            ),
            (Status::Error, None) => (Level::Error, format!("Run {id} exited with an error ({code})")),
            (Status::Terminated, _) => (Level::Warning, format!("Run {id} was terminated")),
            // A batch is deleted when it has completed.
            (Status::Unknown, _) if !run.meta("").exists() => return,
            // Somebody else has it.
            (Status::Running, _) => return,
            (Status::Staged, problem) => return self.refuse(&flying.run, &problem.unwrap_or_default()),
            (_, Some(problem)) => (Level::Warning, format!("Run {id}: {problem}")),
            (_, None) => return,
        };
        self.log(level, &text);
    }

    /// The worker is gone. Its run is not left to go on unseen.
    fn lost(&mut self, flying: Flying) {
        let run = &flying.run;
        match status::of(run) {
            // It was not started: the next look finds it.
            Status::Staged => return,
            Status::Running => drop(run::stop::stop(run, ORPHAN_PATIENCE, true)),
            _ => {}
        }
        let text = format!("Run {} was stopped, as the process that ran it has gone", run.id());
        self.log(Level::Warning, &text);
        self.report.ended(flying.number, None, true);
    }

    /// A wish to stop: nothing more is started, and what runs is stopped.
    pub(super) fn asked(&mut self) {
        let asked = self.stop.asked();
        if asked == Asked::Nothing {
            return;
        }
        let kill = asked == Asked::Kill;
        if self.stopping && (!kill || self.killed) {
            return;
        }
        self.stopping = true;
        self.killed = kill;
        let how = if kill { Stop::AtOnce } else { Stop::Gently };
        for flying in self.flying.iter().flatten() {
            match &flying.exec {
                Some(exec) => exec.stop(how),
                None => self.workers.stop(&flying.run, how),
            }
        }
        let ids: Vec<String> = self.flying.iter().flatten().map(|f| f.run.id().to_string()).collect();
        self.outcome.stopped |= !ids.is_empty();
        for id in ids {
            let verb = if kill { "Killing" } else { "Stopping" };
            self.say(&format!("{verb} run {id}"));
        }
    }
}
