//! From an operation and its assignments to a run or a batch: merging flags, checks, previews. What `gage run`,
//! steps and notebooks have in common. Never parses command-line options or asks questions.

mod background;
mod choose;
mod commit;
pub mod glob;
mod needed;
mod prepare;
pub mod requires;
mod single;
mod source;
pub mod steps;
mod undelivered;

pub use background::{Background, BackgroundError, STARTED};
pub use choose::{ChooseError, Chosen, GRID, Wish, choose};
pub use commit::vcs_commit;
pub use needed::{matching, same};
pub use prepare::{PrepareError, Prepared, prepare};
pub use single::{LaunchError, Single, attributes, make, seed};
pub use source::{SourceError, template};
