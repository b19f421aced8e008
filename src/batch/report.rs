//! What a batch tells those who watch it. The driver calls; how it looks is up to the implementation: plain text
//! here, a terminal's in `report`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::objective::Objective;
use crate::executor::Stream;

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Info,
    Warning,
    Error,
}

impl Level {
    /// As log lines begin: `INFO`.
    pub fn word(self) -> &'static str {
        match self {
            Level::Info => "INFO",
            Level::Warning => "WARNING",
            Level::Error => "ERROR",
        }
    }
}

/// Somebody who watches a batch. Numbers of trials count from 0.
pub trait Report {
    /// The batch begins, or goes on. `planned` is the number of trials, if it is known; `objective` is of searches.
    fn opened(&mut self, _planned: Option<u64>, _objective: Option<&Objective>, _slots: usize) {}

    /// A trial that ended before this driver began. `value` is as the program said it.
    fn earlier(&mut self, _trial: u64, _value: Option<f64>, _failed: bool) {}

    /// A log line, without level and program name.
    fn log(&mut self, level: Level, text: &str);

    /// The program of a trial runs.
    fn started(&mut self, _trial: u64) {}

    /// A trial printed something; not necessarily whole lines.
    fn output(&mut self, trial: u64, stream: Stream, bytes: &[u8]);

    /// The program that proposes printed something.
    fn said(&mut self, stream: Stream, bytes: &[u8]);

    /// The program of a trial runs no more, and prints nothing more.
    fn over(&mut self, _trial: u64) {}

    /// A trial is done, for good: its result is on the disk. `value` is as the program said it.
    fn ended(&mut self, _trial: u64, _value: Option<f64>, _failed: bool) {}

    /// The planned number of trials has changed.
    fn planned(&mut self, _planned: Option<u64>) {}

    /// Another number of trials runs at a time from now on.
    fn slots(&mut self, _slots: usize) {}

    /// A trial that ended is run again.
    fn again(&mut self, _trial: u64) {}

    /// Nothing more follows.
    fn closed(&mut self) {}
}

/// Log lines on standard error, trial output where it belongs, all in the order in which it comes.
pub struct Plain {
    /// Output is passed on in whole lines, as those of several trials would mix.
    whole_lines: bool,
    /// Begun lines by trial and stream.
    begun: BTreeMap<(u64, bool), Vec<u8>>,
}

impl Plain {
    pub fn new() -> Plain {
        Plain {
            whole_lines: false,
            begun: BTreeMap::new(),
        }
    }

    fn flush(&mut self, trial: u64) {
        for err in [false, true] {
            if let Some(mut rest) = self.begun.remove(&(trial, err)).filter(|rest| !rest.is_empty()) {
                rest.push(b'\n');
                write(err, &rest);
            }
        }
    }
}

impl Default for Plain {
    fn default() -> Plain {
        Plain::new()
    }
}

/// Whoever read it may be gone; the batch goes on.
fn write(err: bool, bytes: &[u8]) {
    let _ = match err {
        true => io::stderr().lock().write_all(bytes),
        false => {
            let mut out = io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
    };
}

impl Report for Plain {
    fn opened(&mut self, _planned: Option<u64>, _objective: Option<&Objective>, slots: usize) {
        self.whole_lines = slots > 1;
    }

    fn slots(&mut self, slots: usize) {
        self.whole_lines |= slots > 1;
    }

    fn log(&mut self, level: Level, text: &str) {
        let lines = text.lines().map(|line| format!("{}: [gage] {line}\n", level.word()));
        write(true, lines.collect::<String>().as_bytes());
    }

    fn output(&mut self, trial: u64, stream: Stream, bytes: &[u8]) {
        let err = stream == Stream::Err;
        if !self.whole_lines {
            return write(err, bytes);
        }
        let begun = self.begun.entry((trial, err)).or_default();
        begun.extend_from_slice(bytes);
        if let Some(end) = memchr::memrchr(b'\n', begun) {
            let rest = begun.split_off(end + 1);
            let whole = std::mem::replace(begun, rest);
            write(err, &whole);
        }
    }

    fn said(&mut self, stream: Stream, bytes: &[u8]) {
        write(stream == Stream::Err, bytes);
    }

    fn over(&mut self, trial: u64) {
        self.flush(trial);
    }

    fn closed(&mut self) {
        let trials: Vec<u64> = self.begun.keys().map(|(trial, _)| *trial).collect();
        for trial in trials {
            self.flush(trial);
        }
    }
}
