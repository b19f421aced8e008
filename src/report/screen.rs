//! What a stream can show: colours, and how many columns and lines. Decided once a command.

use std::io::{self, IsTerminal};

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
