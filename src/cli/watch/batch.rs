//! A batch as it is watched: what the batch says, the output of its trials between it, and on a terminal a line that
//! says how far it is. What the driver of the batch shows in the foreground, from the files alone.

use std::collections::BTreeSet;
use std::io;

use super::output::Output;
use crate::batch::event::Status;
use crate::batch::following::Following;
use crate::batch::narration;
use crate::batch::record::TrialRecord;
use crate::batch::scheduler::State;
use crate::cli::print_bytes;
use crate::report::Screen;
use crate::report::live::{Live, Prefix};
use crate::report::progress::{Direction, Tally};
use crate::run::{Run, meta, status};

/// Bytes beyond which text is printed at once.
const MUCH: usize = 256 * 1024;

/// Prints above the line that says how far the batch is.
fn print(live: &Live, text: &mut Vec<u8>) {
    if !text.is_empty() {
        live.above(|| print_bytes(text));
        text.clear();
    }
}

/// A batch under watch.
pub struct Watched {
    batch: Run,
    own: Output,
    /// A begun line of the batch.
    begun: Vec<u8>,
    trials: Vec<Trial>,
    following: Following,
    /// Trials that were done when the watch began: they say nothing about the pace.
    earlier: Option<BTreeSet<u64>>,
    tally: Tally,
    live: Live,
    screen: Screen,
}

/// A trial whose output is shown.
struct Trial {
    run: Run,
    output: Output,
    prefix: Prefix,
}

impl Watched {
    pub fn new(batch: &Run) -> Watched {
        Watched {
            batch: batch.clone(),
            own: Output::new(batch),
            begun: Vec::new(),
            trials: Vec::new(),
            following: Following::new(batch),
            earlier: None,
            tally: Tally::new(None, None),
            live: Live::new(&Screen::stderr()),
            screen: Screen::stdout(),
        }
    }

    /// Shows what is new.
    pub fn show(&mut self) -> io::Result<()> {
        let heard = self.following.hear();
        let mut text = Vec::new();
        loop {
            let piece = self.own.next()?;
            if piece.is_empty() {
                break;
            }
            self.begun.extend_from_slice(piece);
            while let Some(end) = memchr::memchr(b'\n', &self.begun) {
                let rest = self.begun.split_off(end + 1);
                let line = std::mem::replace(&mut self.begun, rest);
                // What trials have printed came before what the batch says of them.
                self.collect(&mut text)?;
                text.extend_from_slice(&line);
                self.begin(&String::from_utf8_lossy(&line));
                print(&self.live, &mut text);
            }
        }
        self.collect(&mut text)?;
        print(&self.live, &mut text);
        if heard || self.earlier.is_none() {
            self.tally = self.count();
        }
        self.live.show(&self.tally);
        Ok(())
    }

    /// Shows what was held back, and takes the line away.
    pub fn end(&mut self) {
        let mut text = Vec::new();
        for mut trial in self.trials.drain(..) {
            trial.prefix.end(&mut text).expect("a buffer takes everything");
        }
        text.append(&mut self.begun);
        print(&self.live, &mut text);
        self.live.end();
    }

    /// How far the batch is, in words.
    pub fn standing(&self) -> String {
        self.tally.line(std::time::Duration::ZERO)
    }

    /// True for a batch that came to its end, even if its run is gone.
    pub fn is_done(&self) -> bool {
        self.following.is_done()
    }

    /// A line of the batch may say that a trial begins.
    fn begin(&mut self, line: &str) {
        let Some(id) = narration::begun(line) else { return };
        let run = Run::new(self.batch.home(), id);
        let number = meta::read_json(&run.meta("sys/trial.json")).ok().flatten();
        let number = number.and_then(|n| n.as_u64()).unwrap_or_default();
        let side_by_side = self.following.record.scheduler.rules().slots > 1;
        self.trials.push(Trial {
            output: Output::new(&run),
            prefix: match side_by_side && self.screen.is_terminal() {
                true => Prefix::new(number, &self.screen),
                false => Prefix::none(),
            },
            run,
        });
    }

    /// Takes what the trials have printed since; leaves those that have ended.
    fn collect(&mut self, text: &mut Vec<u8>) -> io::Result<()> {
        let mut failed = None;
        let live = &self.live;
        self.trials.retain_mut(|trial| {
            // Asked first: what is printed before the end is there when the run has ended.
            let ended = status::exit_code(&trial.run).is_some();
            loop {
                match trial.output.next() {
                    Ok([]) => break,
                    Ok(piece) => {
                        trial.prefix.write(piece, text).expect("a buffer takes everything");
                        if text.len() >= MUCH {
                            print(live, text);
                        }
                    }
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            if ended {
                trial.prefix.end(text).expect("a buffer takes everything");
            }
            !ended
        });
        failed.map_or(Ok(()), Err)
    }

    /// Adds up the journal.
    fn count(&mut self) -> Tally {
        let record = &self.following.record;
        let objective = self.following.objective();
        let named = objective.as_ref().map(|o| {
            let direction = match o.maximize() {
                true => Direction::Maximize,
                false => Direction::Minimize,
            };
            (o.column().to_string(), direction)
        });
        let done = |(number, trial): (u64, &TrialRecord)| trial.ended.as_ref().map(|_| number);
        let earlier = self
            .earlier
            .get_or_insert_with(|| record.trials().filter_map(done).collect());
        let mut tally = Tally::new(record.scheduler.planned(), named);
        for (number, trial) in record.trials() {
            if let Some(ended) = &trial.ended {
                let value = ended.objective;
                let value = objective.as_ref().and_then(|o| value.map(|v| o.signed(v)));
                let failed = ended.status == Status::Error;
                match earlier.contains(&number) {
                    true => tally.earlier(number + 1, value, failed),
                    false => tally.ended(number + 1, value, failed),
                }
            } else if matches!(record.scheduler.state(number), Some(State::Live { .. })) {
                tally.started();
            }
        }
        tally
    }
}
