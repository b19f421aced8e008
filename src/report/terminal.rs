//! A batch on a terminal: log lines and the trials' output above, the progress line below. Trials that run side by
//! side have their number before each line. Receives what the driver says; decides nothing.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::live::{Live, Prefix};
use super::progress::{Direction, Tally};
use super::quiet::Quiet;
use super::{Paint, Screen};
use crate::batch::objective::Objective;
use crate::batch::report::{Level, Plain, Report};
use crate::executor::Stream;

/// Watches a batch for people. For a standard error that is no terminal there is `batch::report::Plain`.
pub struct Terminal {
    out: Screen,
    err: Screen,
    live: Live,
    tally: Tally,
    /// More than one trial at a time.
    side_by_side: bool,
    /// Begun lines, by trial and stream.
    begun: BTreeMap<(u64, bool), Prefix>,
}

impl Terminal {
    pub fn new() -> Terminal {
        Terminal::on(Screen::stdout(), Screen::stderr())
    }

    fn on(out: Screen, err: Screen) -> Terminal {
        Terminal {
            out,
            err,
            live: Live::new(&err),
            tally: Tally::new(None, None),
            side_by_side: false,
            begun: BTreeMap::new(),
        }
    }

    fn show(&self) {
        self.live.show(&self.tally);
    }

    /// Writes above the line. Whoever read it may be gone; the batch goes on.
    fn above(&self, err: bool, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.live.above(|| {
            let _unheard = if err {
                io::stderr().lock().write_all(bytes)
            } else {
                let mut out = io::stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush())
            };
        });
    }

    /// Takes the whole lines of what a trial printed; with `end` the begun one as well.
    fn lines(&mut self, trial: u64, err: bool, bytes: &[u8], end: bool) -> Vec<u8> {
        let screen = if err { self.err } else { self.out };
        let numbered = self.side_by_side && screen.is_terminal();
        let prefix = self.begun.entry((trial, err)).or_insert_with(|| {
            if numbered {
                Prefix::new(trial + 1, &screen)
            } else {
                Prefix::none()
            }
        });
        let mut lines = Vec::new();
        let written = prefix.write(bytes, &mut lines).and_then(|()| match end {
            true => prefix.end(&mut lines),
            false => Ok(()),
        });
        written.expect("a buffer takes everything");
        lines
    }
}

impl Default for Terminal {
    fn default() -> Terminal {
        Terminal::new()
    }
}

impl Report for Terminal {
    fn opened(&mut self, planned: Option<u64>, objective: Option<&Objective>, slots: usize) {
        let direction = |o: &Objective| match o.maximize() {
            true => Direction::Maximize,
            false => Direction::Minimize,
        };
        let objective = objective.map(|o| (o.column().to_string(), direction(o)));
        self.tally = Tally::new(planned, objective);
        self.side_by_side = slots > 1;
        self.show();
    }

    fn earlier(&mut self, trial: u64, value: Option<f64>, failed: bool) {
        self.tally.earlier(trial + 1, value, failed);
        self.show();
    }

    fn log(&mut self, level: Level, text: &str) {
        let paint = match level {
            Level::Info => Paint::Dim,
            Level::Warning => Paint::Warn,
            Level::Error => Paint::Bad,
        };
        let word = paint.text(&format!("{}:", level.word()), &self.err);
        let lines: String = text.lines().map(|line| format!("{word} [gage] {line}\n")).collect();
        self.above(true, lines.as_bytes());
    }

    fn started(&mut self, _trial: u64) {
        self.tally.started();
        self.show();
    }

    fn output(&mut self, trial: u64, stream: Stream, bytes: &[u8]) {
        let err = stream == Stream::Err;
        let lines = self.lines(trial, err, bytes, false);
        self.above(err, &lines);
    }

    fn said(&mut self, stream: Stream, bytes: &[u8]) {
        self.above(stream == Stream::Err, bytes);
    }

    fn over(&mut self, trial: u64) {
        for err in [false, true] {
            if self.begun.contains_key(&(trial, err)) {
                let rest = self.lines(trial, err, b"", true);
                self.above(err, &rest);
                self.begun.remove(&(trial, err));
            }
        }
        self.tally.over();
        self.show();
    }

    fn ended(&mut self, trial: u64, value: Option<f64>, failed: bool) {
        self.tally.ended(trial + 1, value, failed);
        self.show();
    }

    fn planned(&mut self, planned: Option<u64>) {
        self.tally.plan(planned);
        self.show();
    }

    fn slots(&mut self, slots: usize) {
        self.side_by_side |= slots > 1;
    }

    fn again(&mut self, trial: u64) {
        self.tally.again(trial + 1);
        self.show();
    }

    fn closed(&mut self) {
        let left: Vec<(u64, bool)> = self.begun.keys().copied().collect();
        for (trial, err) in left {
            let rest = self.lines(trial, err, b"", true);
            self.above(err, &rest);
        }
        self.begun.clear();
        self.live.end();
    }
}

/// Who sees a batch or a queue: a person on a terminal, or whatever reads standard error.
pub fn watching(quiet: bool) -> Box<dyn Report> {
    let shown: Box<dyn Report> = if Screen::stderr().is_terminal() {
        Box::new(Terminal::new())
    } else {
        Box::new(Plain::new())
    };
    if quiet { Box::new(Quiet(shown)) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Screen = Screen {
        colour: false,
        size: Some((80, 24)),
    };

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn numbers_only_where_trials_run_side_by_side_on_a_terminal() {
        for (out, slots, expected) in [
            (SCREEN, 2, "[8] a\n[8] b\n"),
            (SCREEN, 1, "a\nb\n"),
            (Screen::PLAIN, 2, "a\nb\n"),
        ] {
            let mut terminal = Terminal::on(out, Screen::PLAIN);
            terminal.opened(Some(9), None, slots);
            let first = text(terminal.lines(7, false, b"a\nb", false));
            let rest = text(terminal.lines(7, false, b"", true));
            assert_eq!(first + &rest, expected);
        }
    }
}
