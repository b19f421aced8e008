//! Aligned columns, two blanks apart, no trailing blanks. On a terminal the columns that may give way are cut until
//! a row fits; elsewhere nothing is cut. Must not know what the cells mean.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Paint, Screen};

const GAP: usize = 2;

/// One piece of a row. Control characters are made visible, so that a label cannot break a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    pub fn new(text: impl Into<String>) -> Cell {
        Cell::painted(text, Paint::Plain)
    }

    pub fn painted(text: impl Into<String>, paint: Paint) -> Cell {
        let text = text.into();
        let text = if text.chars().any(char::is_control) {
            visible(&text)
        } else {
            text
        };
        Cell { text, paint }
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::new(text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::new(text)
    }
}

/// How a column behaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Column {
    heading: String,
    right: bool,
    /// Width below which it is never cut; `None`: never cut at all.
    least: Option<usize>,
}

impl Column {
    pub fn new(heading: impl Into<String>) -> Column {
        Column {
            heading: heading.into(),
            ..Column::default()
        }
    }

    /// Aligned to the right, for numbers.
    pub fn right(mut self) -> Column {
        self.right = true;
        self
    }

    /// May be cut on a terminal, to no less than `least` columns.
    pub fn gives_way(mut self, least: usize) -> Column {
        self.least = Some(least);
        self
    }
}

/// Rows of cells. Without any heading no heading line is printed.
#[derive(Debug, Clone, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    indent: usize,
}

impl Table {
    pub fn new(columns: Vec<Column>) -> Table {
        Table {
            columns,
            ..Table::default()
        }
    }

    /// Blanks before each row.
    pub fn indented(mut self, indent: usize) -> Table {
        self.indent = indent;
        self
    }

    /// Adds a row; missing cells are empty.
    pub fn push(&mut self, row: Vec<Cell>) {
        debug_assert!(row.len() <= self.columns.len());
        self.rows.push(row);
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, each with its line end.
    pub fn render(&self, screen: &Screen) -> String {
        self.lines(screen).concat()
    }

    /// The heading line, if there is one, then one line a row; each with its line end.
    pub fn lines(&self, screen: &Screen) -> Vec<String> {
        let headings: Vec<Cell> = self
            .columns
            .iter()
            .map(|c| Cell::painted(c.heading.as_str(), Paint::Strong))
            .collect();
        let has_heading = headings.iter().any(|h| !h.text.is_empty());
        let all = || has_heading.then_some(&headings).into_iter().chain(&self.rows);
        let mut widths = vec![0; self.columns.len()];
        for row in all() {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.text.width().max(*width);
            }
        }
        if let Some(available) = screen.width() {
            self.narrow(&mut widths, available.saturating_sub(self.indent));
        }
        all().map(|row| self.line(row, &widths, screen)).collect()
    }

    /// Takes from the widest column that may still give way, until the row fits or nothing more can be taken.
    fn narrow(&self, widths: &mut [usize], available: usize) {
        let gaps = GAP * widths.iter().filter(|w| **w > 0).count().saturating_sub(1);
        let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(available);
        while excess > 0 {
            let spare = |(i, width): (usize, usize)| {
                let least = self.columns[i].least?;
                (width > least).then_some((width, i))
            };
            let Some((_, widest)) = widths.iter().copied().enumerate().filter_map(spare).max() else {
                return;
            };
            widths[widest] -= 1;
            excess -= 1;
        }
    }

    fn line(&self, row: &[Cell], widths: &[usize], screen: &Screen) -> String {
        let mut line = " ".repeat(self.indent);
        // Blanks are held back until something follows them.
        let mut blanks = 0;
        let mut first = true;
        for ((cell, width), column) in row.iter().zip(widths).zip(&self.columns) {
            if *width == 0 {
                continue;
            }
            if !first {
                blanks += GAP;
            }
            first = false;
            let natural = cell.text.width();
            let cut;
            let (text, shown) = if natural > *width {
                cut = shorten(&cell.text, *width);
                let shown = cut.width();
                (cut.as_str(), shown)
            } else {
                (cell.text.as_str(), natural)
            };
            let pad = width - shown.min(*width);
            if column.right {
                blanks += pad;
            }
            if !text.is_empty() {
                line.extend(std::iter::repeat_n(' ', blanks));
                blanks = 0;
                cell.paint.write(&mut line, text, screen);
            }
            if !column.right {
                blanks += pad;
            }
        }
        while line.ends_with(' ') {
            line.pop();
        }
        line.push('\n');
        line
    }
}

/// Lines in a frame.
pub fn framed(lines: &[String]) -> String {
    let width = lines.iter().map(|line| shown_width(line.trim_end())).max().unwrap_or(0);
    let rule = "─".repeat(width + 2);
    let mut out = format!("╭{rule}╮\n");
    for line in lines {
        let line = line.trim_end();
        let pad = " ".repeat(width - shown_width(line));
        out.push_str(&format!("│ {line}{pad} │\n"));
    }
    out.push_str(&format!("╰{rule}╯\n"));
    out
}

/// Columns and lines that a frame takes.
pub const FRAME: usize = 4;

/// Cuts `text` to `width` columns, the last one being an ellipsis.
pub fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > width {
            break;
        }
        out.push(c);
        used += w;
    }
    if width > 0 {
        out.push('…');
    }
    out
}

/// Cuts the middle of `text`, keeping more of its end, where a path says most.
pub fn shorten_middle(text: &str, width: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    if text.width() <= width || width < 5 {
        return shorten(text, width);
    }
    let head = (width - 1) / 3;
    let tail = width - 1 - head;
    let mut out: String = chars[..head].iter().collect();
    out.push('…');
    out.extend(&chars[chars.len() - tail..]);
    out
}

/// Columns that a line takes on a terminal, colours not counted.
pub fn shown_width(line: &str) -> usize {
    anstream::adapter::strip_str(line).map(|part| part.width()).sum()
}

fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(width: usize) -> Screen {
        Screen {
            colour: false,
            size: Some((width, 24)),
        }
    }

    fn sample() -> Table {
        let mut table = Table::new(vec![
            Column::new(""),
            Column::new("").gives_way(6),
            Column::new(""),
            Column::new("").gives_way(4),
        ]);
        table.push(vec![
            "[1]".into(),
            "train.py".into(),
            "completed".into(),
            "lr=0.1 bs=2".into(),
        ]);
        table.push(vec!["[2]".into(), "evaluate.py".into(), "error".into(), "".into()]);
        table
    }

    #[test]
    fn columns_are_padded_and_lines_have_no_trailing_blanks() {
        let expected = "\
[1]  train.py     completed  lr=0.1 bs=2
[2]  evaluate.py  error
";
        assert_eq!(sample().render(&Screen::PLAIN), expected);
        assert_eq!(sample().render(&screen(40)), expected);
    }

    #[test]
    fn wide_columns_give_way_on_a_terminal() {
        assert_eq!(
            sample().render(&screen(32)),
            "[1]  train.…  completed  lr=0.1…\n[2]  evalua…  error\n"
        );
        for width in 28..60 {
            for line in sample().render(&screen(width)).lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn numbers_stand_right() {
        let mut table = Table::new(vec![Column::new("run"), Column::new("loss").right()]);
        table.push(vec!["a".into(), "1.5".into()]);
        table.push(vec!["b".into(), "10.25".into()]);
        assert_eq!(table.render(&Screen::PLAIN), "run   loss\na      1.5\nb    10.25\n");
    }

    #[test]
    fn a_cell_cannot_break_the_table() {
        let mut table = Table::new(vec![Column::new(""), Column::new("")]);
        table.push(vec!["a\nb\u{1b}[31m".into(), "日本".into()]);
        table.push(vec!["c".into(), "d".into()]);
        let text = table.render(&Screen::PLAIN);
        assert_eq!(text.lines().next().unwrap(), "a\\nb\\u{1b}[31m  日本");
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn shortening_counts_columns_not_bytes() {
        assert_eq!(shorten("日本語", 4), "日…");
        assert_eq!(shorten("abc", 3), "abc");
        assert_eq!(
            shorten_middle("/home/someone/projects/deep/train", 15),
            "/hom…deep/train"
        );
        assert_eq!(shown_width("\u{1b}[1mab\u{1b}[0m"), 2);
    }
}
