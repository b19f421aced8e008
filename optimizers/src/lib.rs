//! Search spaces, histories and the optimizers that propose points.
//!
//! Pure mathematics: no files, clock, environment, printing or global state, and no threads but rayon's.
//! The same space, history, options and seed give the same proposal, bit for bit, whatever the build
//! profile, the number of threads, the order in which the history is listed, and whatever was asked before.
//!
//! A new optimizer is one file here and one line in [`registry`].
#![warn(missing_docs)]

pub mod auto;
pub mod choices;
pub mod cmaes;
pub mod encode;
pub mod forest;
pub mod gbrt;
pub mod gp;
pub mod history;
pub mod lattice;
pub mod math;
pub mod memo;
pub mod options;
pub mod progress;
pub mod random;
pub mod registry;
pub mod rng;
pub mod search;
pub mod sobol;
pub mod space;
pub mod starts;
pub mod surrogate;
pub mod tpe;
pub mod tree;
pub mod trials;
pub mod turbo;
pub mod wanted;

pub use encode::{Axis, Encoding};
pub use history::{Observation, Outcome};
pub use options::{OptionKind, OptionSpec, OptionValue, Options};
pub use registry::{AskError, Entry, Optimizer, Origin, Proposal, Setup};
pub use space::{Dimension, Domain, Point, Space, Value};
