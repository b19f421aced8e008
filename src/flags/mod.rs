//! The flag language: text to value, list, range or search function; value to text; labels; definitions
//! and checks; batch files. Uses nothing else of ours.

pub mod batch_file;
mod brackets;
pub mod check;
pub mod decode;
pub mod definition;
pub mod deliver;
pub mod document;
mod encode;
pub mod error;
mod flow;
pub mod label;
mod number;
mod printf;
#[cfg(test)]
mod properties;
pub mod reference;
pub mod scalar;
pub mod search;
mod sequence;
mod types;
pub mod value;
pub mod words;

pub use check::{Resolved, resolve};
pub use decode::{DecodeError, Decoded, decode};
pub use definition::{Choice, FlagDef};
pub use document::Data;
pub use encode::{encode, plain};
pub use error::FlagError;
pub use number::plain as plain_float;
pub use search::{Search, SearchError};
pub use value::{FlagValues, Value};
pub use words::Assignments;
