//! Runs as list rows: `[1:78ad7963]  train.py  2026-11-20 10:14:27  completed  lr=0.1`. Receives rows of the store and
//! positions; which runs and in which order is not decided here.

use super::place::Here;
use super::{Cell, Column, Paint, Table, time};
use crate::run::id;
use crate::store::RunRow;

/// How much of a run a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `[1:78ad7963]` and everything.
    Listed,
    /// `[1]`, operation, status, label.
    Simplified,
    /// `[78ad7963]` and everything: what a command is about to change.
    Preview,
    /// `78ad7963` and everything: the heading of what follows.
    Heading,
}

/// A table with one line for each row, in order. Positions begin at 1.
pub fn table<'a>(rows: impl IntoIterator<Item = &'a RunRow>, form: Form, here: &Here) -> Table {
    let mut table = Table::new(match form {
        Form::Simplified => vec![
            Column::default(),
            Column::default().gives_way(12),
            Column::default(),
            Column::default().gives_way(10),
        ],
        _ => vec![
            Column::default(),
            Column::default().gives_way(12),
            Column::default(),
            Column::default(),
            Column::default().gives_way(10),
        ],
    });
    for (index, row) in rows.into_iter().enumerate() {
        table.push(cells(row, index + 1, form, here));
    }
    table
}

/// Lines `  [78ad7963]  op.py  ...` for the preview of a change.
pub fn preview<'a>(rows: impl IntoIterator<Item = &'a RunRow>, here: &Here) -> String {
    table(rows, Form::Preview, here)
        .indented(2)
        .render(&super::Screen::stderr())
}

fn cells(row: &RunRow, position: usize, form: Form, here: &Here) -> Vec<Cell> {
    let short = id::short(row.run.id());
    let status = status(row);
    let status = Cell::painted(status.as_str(), Paint::of_status(&status));
    let label = Cell::new(row.label.as_deref().unwrap_or_default());
    if form == Form::Simplified {
        return vec![
            Cell::painted(format!("[{position}]"), Paint::Dim),
            Cell::new(operation(row, None)),
            status,
            label,
        ];
    }
    let first = match form {
        Form::Listed => format!("[{position}:{short}]"),
        Form::Preview => format!("[{short}]"),
        _ => short.to_string(),
    };
    vec![
        Cell::painted(first, Paint::Dim),
        Cell::new(operation(row, Some(here))),
        Cell::painted(row.began().map(time::local).unwrap_or_default(), Paint::Dim),
        status,
        label,
    ]
}

/// `completed`, `running (host1)`, `error (timeout)`.
pub fn status(row: &RunRow) -> String {
    match (&row.remote, row.exceeded) {
        (Some(remote), _) => format!("{} ({remote})", row.status),
        (None, Some(limit)) => format!("{} ({})", row.status, limit.as_str()),
        (None, None) => row.status.to_string(),
    }
}

/// `train.py (../peer) [marked]`.
fn operation(row: &RunRow, here: Option<&Here>) -> String {
    let mut text = row.operation.clone();
    if let (Some(here), Some(project)) = (here, &row.project)
        && let Some(place) = here.short(project)
    {
        text.push_str(&format!(" ({place})"));
    }
    if row.marked {
        text.push_str(" [marked]");
    }
    text
}
