//! A batch on a terminal: the output of trials above, a line that is redrawn below. Trials that run side by side
//! have their number before each line. Elsewhere bytes pass as they are.

use std::io::{self, Write};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::progress::Tally;
use super::{Paint, Screen};

/// The line below. Without a terminal on standard error nothing is drawn.
pub struct Live {
    bar: Option<ProgressBar>,
    began: Instant,
}

impl Live {
    pub fn new(screen: &Screen) -> Live {
        let bar = screen.is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
            let template = if screen.colour { "{msg:.dim}" } else { "{msg}" };
            bar.set_style(ProgressStyle::with_template(template).expect("the template is constant and valid"));
            bar
        });
        Live {
            bar,
            began: Instant::now(),
        }
    }

    /// Redraws the line; also to be called now and then while nothing happens, so that the time left goes down.
    pub fn show(&self, tally: &Tally) {
        if let Some(bar) = &self.bar {
            bar.set_message(tally.line(self.began.elapsed()));
        }
    }

    /// Writes above the line.
    pub fn above(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the line away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Puts a trial's number before each line of its output. Holds back an unfinished line, so that lines of
/// different trials never mix.
#[derive(Debug)]
pub struct Prefix {
    text: String,
    held: Vec<u8>,
}

/// A line longer than this is not held back any further.
const LONGEST: usize = 64 * 1024;

impl Prefix {
    /// For the output of trial `number`.
    pub fn new(number: u64, screen: &Screen) -> Prefix {
        Prefix {
            text: Paint::Dim.text(&format!("[{number}]"), screen) + " ",
            held: Vec::new(),
        }
    }

    /// Whole lines as they are.
    pub fn none() -> Prefix {
        Prefix {
            text: String::new(),
            held: Vec::new(),
        }
    }

    /// Writes the lines that `bytes` completes.
    pub fn write(&mut self, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        self.held.extend_from_slice(bytes);
        let mut from = 0;
        while let Some(length) = memchr::memchr(b'\n', &self.held[from..]) {
            out.write_all(self.text.as_bytes())?;
            out.write_all(&self.held[from..=from + length])?;
            from += length + 1;
        }
        self.held.drain(..from);
        if self.held.len() > LONGEST {
            self.end(out)
        } else {
            Ok(())
        }
    }

    /// Writes what is held back, as a line.
    pub fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        out.write_all(self.text.as_bytes())?;
        out.write_all(&self.held)?;
        self.held.clear();
        out.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_two_trials_do_not_mix() {
        let (mut a, mut b) = (Prefix::new(1, &Screen::PLAIN), Prefix::new(12, &Screen::PLAIN));
        let mut out = Vec::new();
        a.write(b"lo", &mut out).unwrap();
        b.write(b"step: 1\nloss", &mut out).unwrap();
        a.write(b"ss: 1\n\nx", &mut out).unwrap();
        b.end(&mut out).unwrap();
        a.end(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "[12] step: 1\n[1] loss: 1\n[1] \n[12] loss\n[1] x\n"
        );
    }

    #[test]
    fn endless_lines_are_passed_on_in_pieces() {
        let mut prefix = Prefix::new(1, &Screen::PLAIN);
        let mut out = Vec::new();
        for _ in 0..20 {
            prefix.write(&[b'x'; 10_000], &mut out).unwrap();
        }
        assert!(out.len() > 100_000);
        assert!(prefix.held.len() <= LONGEST);
    }
}
