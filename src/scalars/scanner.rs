//! From printed bytes to scalars: lines, the current step, and which value wins. What a line must look like is
//! said by `patterns`; who prints and who records is not known here.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{Patterns, Scalar, ansi, number};

/// A line longer than this is not looked at beyond it, so that output without line ends costs no memory.
const LONGEST_LINE: usize = 1 << 20;

/// Reads the output of one run as it comes.
#[derive(Debug)]
pub struct Scanner {
    patterns: Patterns,
    steps: Steps,
    /// The begun line of standard output and of standard error.
    begun: [Vec<u8>; 2],
    plain: Vec<u8>,
}

impl Scanner {
    pub fn new(patterns: Patterns) -> Scanner {
        Scanner {
            patterns,
            steps: Steps::default(),
            begun: [Vec::new(), Vec::new()],
            plain: Vec::new(),
        }
    }

    /// Adds the scalars of one line, with or without its line end.
    pub fn line(&mut self, line: &[u8], scalars: &mut Vec<Scalar>) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if memchr::memchr(0x1b, line).is_some() {
            let mut plain = std::mem::take(&mut self.plain);
            ansi::strip(line, &mut plain);
            self.plain_line(&plain, scalars);
            self.plain = plain;
        } else {
            self.plain_line(line, scalars);
        }
    }

    /// Adds the scalars of all lines that `bytes` ends; what is left is kept until the line's end comes.
    /// `stream` is 0 for standard output and 1 for standard error, whose lines do not mix.
    pub fn feed(&mut self, stream: usize, bytes: &[u8], scalars: &mut Vec<Scalar>) {
        if self.patterns.is_empty() {
            return;
        }
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            if self.begun[stream].is_empty() {
                self.line(&rest[..end], scalars);
            } else {
                self.keep(stream, &rest[..end]);
                self.end_begun(stream, scalars);
            }
            rest = &rest[end + 1..];
        }
        self.keep(stream, rest);
    }

    /// Adds the scalars of a last line without line end, of either stream.
    pub fn finish(&mut self, scalars: &mut Vec<Scalar>) {
        for stream in 0..self.begun.len() {
            self.end_begun(stream, scalars);
        }
    }

    fn keep(&mut self, stream: usize, bytes: &[u8]) {
        let begun = &mut self.begun[stream];
        let room = LONGEST_LINE.saturating_sub(begun.len());
        begun.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_begun(&mut self, stream: usize, scalars: &mut Vec<Scalar>) {
        let mut begun = std::mem::take(&mut self.begun[stream]);
        self.line(&begun, scalars);
        begun.clear();
        begun.shrink_to(4096);
        self.begun[stream] = begun;
    }

    fn plain_line(&mut self, line: &[u8], scalars: &mut Vec<Scalar>) {
        if self.patterns.is_default() {
            if let Some(found) = self.patterns.default_line(line) {
                if let Some(step) = found.step {
                    self.steps.set(step);
                }
                if found.key == b"step" {
                    self.steps.set_from(found.value);
                } else {
                    scalars.push(self.steps.record(String::from_utf8_lossy(found.key), found.value));
                }
            }
            return;
        }
        let mut found: Vec<(Cow<'_, str>, f64)> = Vec::new();
        self.patterns.custom_line(line, &mut found);
        if found.is_empty() {
            return;
        }
        // A stable sort keeps what was found last of a key behind the others.
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let last_of_key = |at: usize| found.get(at + 1).is_none_or(|next| next.0 != found[at].0);
        for at in (0..found.len()).filter(|at| last_of_key(*at) && found[*at].0 == "step") {
            self.steps.set_from(found[at].1);
        }
        for at in (0..found.len()).filter(|at| last_of_key(*at) && found[*at].0 != "step") {
            scalars.push(self.steps.record(found[at].0.clone(), found[at].1));
        }
    }
}

/// The current step, and the step at which each tag was recorded last.
#[derive(Debug, Default)]
struct Steps {
    current: i64,
    explicit: bool,
    tags: Vec<(String, i64)>,
    by_tag: HashMap<String, usize>,
    /// The tag that came last time after the one before: programs print their tags in the same order.
    guess: usize,
}

impl Steps {
    fn set(&mut self, step: i64) {
        self.current = step;
        self.explicit = true;
    }

    fn set_from(&mut self, value: f64) {
        if let Some(step) = number::step(value) {
            self.set(step);
        }
    }

    fn record(&mut self, tag: Cow<'_, str>, value: f64) -> Scalar {
        if !self.explicit {
            match self.place(&tag) {
                Some(place) => {
                    let last = &mut self.tags[place].1;
                    self.current += i64::from(*last == self.current);
                    *last = self.current;
                    self.guess = (place + 1) % self.tags.len();
                }
                None => {
                    self.by_tag.insert(tag.to_string(), self.tags.len());
                    self.tags.push((tag.to_string(), self.current));
                    self.guess = 0;
                }
            }
        }
        Scalar {
            tag: tag.into_owned(),
            step: self.current,
            value,
        }
    }

    fn place(&self, tag: &str) -> Option<usize> {
        match self.tags.get(self.guess) {
            Some((known, _)) if known == tag => Some(self.guess),
            _ => self.by_tag.get(tag).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn scan_with(spec: Option<serde_json::Value>, text: &str) -> Vec<(String, i64, f64)> {
        let mut scanner = Scanner::new(Patterns::new(spec.as_ref(), []).unwrap().0);
        let mut scalars = Vec::new();
        scanner.feed(0, text.as_bytes(), &mut scalars);
        scanner.finish(&mut scalars);
        scalars.into_iter().map(|s| (s.tag, s.step, s.value)).collect()
    }

    fn scan(text: &str) -> String {
        scan_with(None, text)
            .iter()
            .map(|(tag, step, value)| format!("{tag} ({step},{value}) "))
            .collect()
    }

    #[test]
    fn steps_follow_the_rules() {
        for (lines, recorded) in [
            (
                "loss: 1\nacc: 2\nloss: 3\nacc: 4\n",
                "loss (0,1) acc (0,2) loss (1,3) acc (1,4) ",
            ),
            (
                "step: 5\nloss: 1\nloss: 2\nstep: 6\nloss: 3",
                "loss (5,1) loss (5,2) loss (6,3) ",
            ),
            ("loss: 1 (10)\nloss: 2\n", "loss (10,1) loss (10,2) "),
            (
                "x: 1\nx: 2\nstep: 10\nx: 3\nx: 4\n",
                "x (0,1) x (1,2) x (10,3) x (10,4) ",
            ),
            (
                "loss: 1\nstep: 7\nloss: 2\nepoch: 3\n",
                "loss (0,1) loss (7,2) epoch (7,3) ",
            ),
            (
                "step: 1.7\nx: 1\nstep: nan\nx: 2\nstep: -3\nx: 3\n",
                "x (1,1) x (1,2) x (-3,3) ",
            ),
            (
                "a: 1\nb: 1\nb: 2\na: 2\nb: 3\n",
                "a (0,1) b (0,1) b (1,2) a (1,2) b (2,3) ",
            ),
            ("\x1b[32mloss\x1b[0m: 1\r\n", "loss (0,1) "),
        ] {
            assert_eq!(scan(lines), recorded, "{lines}");
        }
    }

    #[test]
    fn last_match_of_a_line_wins_and_values_come_in_tag_order() {
        let found = scan_with(Some(json!(r"(\key)=(\value)")), "b=1 a=2 step=4 b=3\na=5 b=x\n");
        assert_eq!(
            found,
            [("a".into(), 4, 2.0), ("b".into(), 4, 3.0), ("a".into(), 4, 5.0)]
        );
    }

    #[test]
    fn streams_do_not_mix_and_lines_may_come_in_parts() {
        let mut scanner = Scanner::new(Patterns::new(None, []).unwrap().0);
        let mut scalars = Vec::new();
        scanner.feed(0, b"lo", &mut scalars);
        scanner.feed(1, b"acc: 2\nx", &mut scalars);
        scanner.feed(0, b"ss: 1\n", &mut scalars);
        scanner.feed(1, b": 3", &mut scalars);
        scanner.finish(&mut scalars);
        let tags: Vec<_> = scalars.iter().map(|s| s.tag.as_str()).collect();
        assert_eq!(tags, ["acc", "loss", "x"]);
    }

    #[test]
    fn endless_lines_cost_no_memory() {
        let mut scanner = Scanner::new(Patterns::new(None, []).unwrap().0);
        let mut scalars = Vec::new();
        for _ in 0..300 {
            scanner.feed(0, &[b'a'; 10_000], &mut scalars);
        }
        assert_eq!(scanner.begun[0].len(), LONGEST_LINE);
        scanner.feed(0, b"\nloss: 1\n", &mut scalars);
        assert_eq!(scalars.len(), 1);
        assert!(scanner.begun[0].capacity() <= 4096);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_parts(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(0x1b), Just(b':'), Just(b' '), Just(b'1'), any::<u8>()], 0..200), cut in 0usize..200) {
            let scan = |parts: &[&[u8]]| {
                let mut scanner = Scanner::new(Patterns::new(None, []).unwrap().0);
                let mut scalars = Vec::new();
                for part in parts {
                    scanner.feed(0, part, &mut scalars);
                }
                scanner.finish(&mut scalars);
                format!("{scalars:?}")
            };
            let cut = cut.min(bytes.len());
            prop_assert_eq!(scan(&[&bytes]), scan(&[&bytes[..cut], &bytes[cut..]]));
        }
    }
}
