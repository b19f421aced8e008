//! The few colours of gage and what they mean. Colour only repeats what the words say.

use anstyle::{AnsiColor, Style};

use super::Screen;

/// The meaning of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Paint {
    #[default]
    Plain,
    /// Headings.
    Strong,
    /// Ids, times: needed, seldom read.
    Dim,
    /// Finished well.
    Good,
    /// Failed.
    Bad,
    /// Ended early, or to be confirmed.
    Warn,
    /// Going on.
    Busy,
    /// Waiting to be started.
    Idle,
}

impl Paint {
    /// The paint of a run's status, with or without a remote after it.
    pub fn of_status(status: &str) -> Paint {
        match status.split(' ').next().unwrap_or(status) {
            "completed" => Paint::Good,
            "error" => Paint::Bad,
            "terminated" => Paint::Warn,
            "running" => Paint::Busy,
            "staged" | "pending" => Paint::Idle,
            _ => Paint::Plain,
        }
    }

    fn style(self) -> Style {
        match self {
            Paint::Plain => Style::new(),
            Paint::Strong => Style::new().bold(),
            Paint::Dim => Style::new().dimmed(),
            Paint::Good => AnsiColor::Green.on_default(),
            Paint::Bad => AnsiColor::Red.on_default(),
            Paint::Warn => AnsiColor::Yellow.on_default(),
            Paint::Busy => AnsiColor::Cyan.on_default(),
            Paint::Idle => AnsiColor::Blue.on_default(),
        }
    }

    /// Appends `text` to `out`, coloured where `screen` allows.
    pub fn write(self, out: &mut String, text: &str, screen: &Screen) {
        if self == Paint::Plain || !screen.colour || text.is_empty() {
            out.push_str(text);
            return;
        }
        let style = self.style();
        out.push_str(&format!("{style}{text}{style:#}"));
    }

    /// `text`, coloured where `screen` allows.
    pub fn text(self, text: &str, screen: &Screen) -> String {
        let mut out = String::with_capacity(text.len() + 8);
        self.write(&mut out, text, screen);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_only_where_the_screen_has_it() {
        let colour = Screen {
            colour: true,
            size: Some((80, 24)),
        };
        assert_eq!(Paint::Bad.text("error", &Screen::PLAIN), "error");
        assert_eq!(Paint::Bad.text("error", &colour), "\u{1b}[31merror\u{1b}[0m");
        assert_eq!(Paint::of_status("running (host1)"), Paint::Busy);
    }
}
