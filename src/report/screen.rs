//! What a stream can show: colours, and how many columns and lines. Decided once a command.

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};

/// A stream's abilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Colours and cursor movement may be written.
    pub colour: bool,
    /// Columns and lines of the terminal; `None` when the stream is not one, and nothing is cut.
    pub size: Option<(usize, usize)>,
}

impl Screen {
    /// A file or a pipe: no colours, no width.
    pub const PLAIN: Screen = Screen {
        colour: false,
        size: None,
    };

    /// Standard output.
    pub fn stdout() -> Screen {
        let stream = io::stdout();
        Screen {
            colour: AutoStream::choice(&stream) != ColorChoice::Never,
            size: size(&stream),
        }
    }

    /// Standard error.
    pub fn stderr() -> Screen {
        let stream = io::stderr();
        Screen {
            colour: AutoStream::choice(&stream) != ColorChoice::Never,
            size: size(&stream),
        }
    }

    /// True for a terminal.
    pub fn is_terminal(&self) -> bool {
        self.size.is_some()
    }

    /// Columns, of a terminal.
    pub fn width(&self) -> Option<usize> {
        self.size.map(|(columns, _)| columns)
    }
}

fn size<S: IsTerminal + std::os::fd::AsFd>(stream: &S) -> Option<(usize, usize)> {
    if !stream.is_terminal() {
        return None;
    }
    match terminal_size::terminal_size_of(stream) {
        Some((columns, lines)) if columns.0 > 0 => Some((columns.0.into(), lines.0.into())),
        _ => Some((80, 24)),
    }
}

/// Writes an answer to standard output in one go. A reader that has gone (`gage runs | head`) is no error.
pub fn answer(text: &str) -> io::Result<()> {
    let mut stream = io::stdout().lock();
    quiet_pipe(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()))
}

/// Writes a message to standard error. When nobody listens there is nobody to tell.
pub fn message(text: &str) {
    let mut stream = io::stderr().lock();
    let _unheard = stream.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _unheard = stream.write_all(b"\n");
    }
}

/// Turns a closed pipe into success.
pub fn quiet_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
