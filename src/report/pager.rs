//! A long answer on a terminal, one screen at a time: `GAGE_PAGER`, else `PAGER`, else `less`.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use super::{Screen, screen};

/// Writes `text`, through the pager when it does not fit the terminal in length or width.
pub fn show(text: &str, screen: &Screen) -> io::Result<()> {
    match screen.size {
        Some((columns, lines)) if !fits(text, columns, lines) => page(text.as_bytes()),
        _ => screen::answer(text),
    }
}

/// Writes bytes through the pager whatever their size; plainly when there is no pager.
pub fn page(bytes: &[u8]) -> io::Result<()> {
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
    let plainly = || {
        let mut stdout = io::stdout().lock();
        screen::quiet_pipe(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    };
    let Ok(mut child) = command.spawn() else {
        return plainly();
    };
    let mut input = child.stdin.take().expect("standard input was asked to be a pipe");
    let sent = screen::quiet_pipe(input.write_all(bytes));
    drop(input);
    // 127: the shell found no such program, so nothing was shown.
    match child.wait()?.code() {
        Some(126 | 127) => plainly(),
        _ => sent,
    }
}

fn fits(text: &str, columns: usize, lines: usize) -> bool {
    text.lines().count() < lines && text.lines().all(|line| super::table::shown_width(line) <= columns)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_line_is_left_for_the_shell_prompt() {
        assert!(fits("a\nb\n", 80, 3));
        assert!(!fits("a\nb\nc\n", 80, 3));
        assert!(!fits("12345\n", 4, 24));
        assert!(fits("\u{1b}[31m1234\u{1b}[0m\n", 4, 24));
    }
}
