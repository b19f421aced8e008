//! `log/runner`: what the runner did, one line each after a local time. A log that cannot be written never stops
//! a run, so lines are dropped then.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use super::{clock, meta};

/// Appends to `log/runner`. Lines are written together, at [`Log::flush`] or when dropped.
pub(crate) struct Log {
    file: Option<File>,
    lines: String,
    second: u64,
    time: String,
}

impl Log {
    pub(crate) fn open(path: &Path) -> Log {
        Log {
            file: meta::open_log(path).ok(),
            lines: String::new(),
            second: 0,
            time: String::new(),
        }
    }

    pub(crate) fn line(&mut self, message: impl std::fmt::Display) {
        let now = clock::now_us();
        if self.time.is_empty() || self.second != now / 1_000_000 {
            self.second = now / 1_000_000;
            self.time = clock::log_time(now);
        }
        let start = self.lines.len();
        let _ = write!(self.lines, "{} {message}", self.time);
        // One event is one line, whatever a command or a file name holds.
        if self.lines[start..].contains('\n') {
            let line = self.lines.split_off(start).replace('\n', "\\n");
            self.lines.push_str(&line);
        }
        self.lines.push('\n');
    }

    /// Writes what came since the last time, before anything that may take long.
    pub(crate) fn flush(&mut self) {
        if let Some(file) = &mut self.file {
            let _ = file.write_all(self.lines.as_bytes());
        }
        self.lines.clear();
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush();
    }
}

/// A list of words as logs show it: `['python', 'say.py']`.
pub(crate) fn words(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| quoted(w)).collect();
    format!("[{}]", quoted.join(", "))
}

fn quoted(word: &str) -> String {
    let quote = if word.contains('\'') && !word.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut text = String::from(quote);
    for c in word.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c if c == quote => text.extend(['\\', c]),
            c => text.push(c),
        }
    }
    text.push(quote);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_like_python_does() {
        let list = |w: &[&str]| words(&w.iter().map(|s| s.to_string()).collect::<Vec<_>>());
        assert_eq!(list(&["python", "say.py"]), "['python', 'say.py']");
        assert_eq!(list(&["it's", "a\n\\", "'\""]), r#"["it's", 'a\n\\', '\'"']"#);
    }

    #[test]
    fn every_message_is_one_line_after_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runner");
        let mut log = Log::open(&path);
        log.line("Writing meta id");
        log.line("two\nlines");
        drop(log);
        let text = std::fs::read_to_string(path).unwrap();
        let messages: Vec<&str> = text.lines().map(|l| l.split_once(' ').unwrap().1).collect();
        assert_eq!(messages, ["Writing meta id", "two\\nlines"]);
    }

    #[test]
    fn a_log_that_cannot_be_written_is_no_error() {
        let mut log = Log::open(Path::new("/no/such/dir/runner"));
        log.line("lost");
        log.flush();
    }
}
