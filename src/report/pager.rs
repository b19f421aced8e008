//! A long answer on a terminal, one screen at a time: `GAGE_PAGER`, else `PAGER`, else `less`.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use super::{Screen, table};

/// True when `text` fits the terminal in length and width, or there is no terminal.
pub fn fits(text: &str, screen: &Screen) -> bool {
    fits_width(text, screen) && screen.size.is_none_or(|(_, lines)| text.lines().count() < lines)
}

/// True when no line of `text` is wider than the terminal.
pub fn fits_width(text: &str, screen: &Screen) -> bool {
    let width = screen.width().unwrap_or(usize::MAX);
    text.lines().all(|line| table::shown_width(line) <= width)
}

/// Shows `bytes` through the pager whatever their size. False: there is none, and the caller prints them.
pub fn page(bytes: &[u8]) -> io::Result<bool> {
    let program = ["GAGE_PAGER", "PAGER"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.trim().is_empty())
        .unwrap_or_else(|| "less".into());
    let mut command = Command::new("sh");
    command.arg("-c").arg(&program).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        // Leave at once what fits, keep colours, cut long lines (they scroll sideways), keep the text on exit.
        command.env("LESS", "-FRSX");
    }
    let Ok(mut child) = command.spawn() else {
        return Ok(false);
    };
    let mut input = child.stdin.take().expect("standard input was asked to be a pipe");
    match input.write_all(bytes) {
        // The reader left the pager before the end.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        other => other?,
    }
    drop(input);
    // The shell's codes for a program that is not there: nothing was shown.
    Ok(!matches!(child.wait()?.code(), Some(126 | 127)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_left_for_the_shell_prompt() {
        let fits = |text: &str, columns, lines| {
            let size = Some((columns, lines));
            fits(text, &Screen { colour: true, size })
        };
        assert!(fits("a\nb\n", 80, 3));
        assert!(!fits("a\nb\nc\n", 80, 3));
        assert!(!fits("12345\n", 4, 24));
        assert!(fits("\u{1b}[31m1234\u{1b}[0m\n", 4, 24));
    }
}
