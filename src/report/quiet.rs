//! `--quiet`: a batch without the output of its trials. Log lines and progress stay.

use crate::batch::objective::Objective;
use crate::batch::report::{Level, Report};
use crate::run::Stream;

/// Passes everything on but what programs print.
pub struct Quiet(pub Box<dyn Report>);

impl Report for Quiet {
    fn opened(&mut self, planned: Option<u64>, objective: Option<&Objective>, slots: usize) {
        self.0.opened(planned, objective, slots);
    }

    fn earlier(&mut self, trial: u64, value: Option<f64>, failed: bool) {
        self.0.earlier(trial, value, failed);
    }

    fn log(&mut self, level: Level, text: &str) {
        self.0.log(level, text);
    }

    fn started(&mut self, trial: u64) {
        self.0.started(trial);
    }

    fn output(&mut self, _trial: u64, _stream: Stream, _bytes: &[u8]) {}

    fn said(&mut self, _stream: Stream, _bytes: &[u8]) {}

    fn over(&mut self, trial: u64) {
        self.0.over(trial);
    }

    fn ended(&mut self, trial: u64, value: Option<f64>, failed: bool) {
        self.0.ended(trial, value, failed);
    }

    fn planned(&mut self, planned: Option<u64>) {
        self.0.planned(planned);
    }

    fn slots(&mut self, slots: usize) {
        self.0.slots(slots);
    }

    fn again(&mut self, trial: u64) {
        self.0.again(trial);
    }

    fn closed(&mut self) {
        self.0.closed();
    }
}
