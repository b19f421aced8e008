//! What people see: tables, JSON, progress. Receives rows and events only; never looks into stores or executors.
//!
//! A [`Screen`] says what a stream can show. Everything is rendered to text for one screen, then written at once:
//! without a terminal nothing is coloured, cut or paged.

pub mod comparison;
pub mod field;
pub mod help;
pub mod info;
pub mod json;
pub mod listing;
pub mod live;
pub mod number;
pub mod pager;
pub mod place;
pub mod progress;
pub mod prompt;
pub mod quiet;
pub mod screen;
pub mod study;
pub mod style;
pub mod table;
pub mod terminal;
pub mod time;

pub use comparison::Comparison;
pub use screen::Screen;
pub use style::Paint;
pub use table::{Cell, Column, Table};
