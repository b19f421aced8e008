//! The flag language: text to value, list, range or search function; value to text; labels; definitions
//! and checks; batch files. Uses nothing else of ours.

pub mod definition;
pub mod document;
pub mod scalar;
pub mod value;

pub use definition::{Choice, FlagDef};
pub use value::{FlagValues, Value};
