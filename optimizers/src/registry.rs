//! The trait every optimizer answers to, and the table of those there are.
//! One line here adds one; the shared tests run over the whole table.

use thiserror::Error;

use crate::auto;
use crate::cmaes;
use crate::forest;
use crate::gbrt;
use crate::gp;
use crate::history::Observation;
use crate::options::{OptionError, OptionSpec, Options};
use crate::random;
use crate::sobol;
use crate::space::{Point, Space};
use crate::tpe;
use crate::turbo;

/// Where a proposal came from; what the log line of a trial says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Drawn without looking at results, as this optimizer always does.
    Sample,
    /// A start: trial `number` (from 1) of `of`.
    Start {
        /// Counts from 1.
        number: u64,
        /// How many starts there are.
        of: u64,
    },
    /// A start because no earlier trial exists.
    NoTrials,
    /// A start because no earlier trial has the objective.
    NoObjective,
    /// Proposed by a model of `used` results.
    Model {
        /// Trials with an objective that the model was fitted to.
        used: usize,
    },
}

/// A point to try and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The point, in the space.
    pub point: Point,
    /// For the log.
    pub origin: Origin,
    /// Further remarks for the log, such as what `auto` chose and why, or that a fit fell back.
    pub notes: Vec<String>,
}

/// Why there is no proposal.
#[derive(Debug, Error, PartialEq)]
pub enum AskError {
    /// Every point of a finite space is evaluated or pending.
    #[error("every point of the search space has been tried")]
    Exhausted,
}

/// Proposes the points of a study.
pub trait Optimizer: Send {
    /// Proposes the point of trial `number`. `history` holds every trial of the study known so far, in any
    /// order; running ones have no outcome. What is kept between calls is a cache: it may change how long
    /// a call takes, never what it returns.
    fn ask(&mut self, history: &[Observation], number: u64) -> Result<Proposal, AskError>;
}

/// What an optimizer is made for.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The space, of at least one dimension.
    pub space: Space,
    /// Seed of all its random numbers.
    pub seed: u64,
    /// Planned number of trials, if known. A hint: proposals of a longer study may differ.
    pub budget: Option<u64>,
    /// How many trials run at a time.
    pub slots: usize,
}

/// A line of the table.
pub struct Entry {
    /// Name users give.
    pub name: &'static str,
    /// Other accepted names.
    pub aliases: &'static [&'static str],
    /// One line for lists.
    pub summary: &'static str,
    /// When to use it: a paragraph for `gage help optimizers`.
    pub when: &'static str,
    /// Its options.
    pub options: &'static [OptionSpec],
    /// True if proposals depend on results, so that trials cannot be listed beforehand.
    pub sequential: bool,
    /// Makes one with checked options.
    pub make: fn(Setup, &Options) -> Box<dyn Optimizer>,
}

/// Every optimizer, in the order in which help lists them.
pub const REGISTRY: &[&Entry] = &[
    &auto::ENTRY,
    &gp::ENTRY,
    &turbo::ENTRY,
    &forest::ENTRY,
    &gbrt::ENTRY,
    &tpe::ENTRY,
    &cmaes::ENTRY,
    &random::ENTRY,
    &sobol::ENTRY,
];

/// The optimizer of that name or alias.
pub fn find(name: &str) -> Option<&'static Entry> {
    let name = name.strip_prefix("skopt:").unwrap_or(name);
    REGISTRY
        .iter()
        .copied()
        .find(|e| e.name == name || e.aliases.contains(&name))
}

impl Entry {
    /// Checks the options and makes the optimizer.
    pub fn build<'a>(
        &self,
        setup: Setup,
        options: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Box<dyn Optimizer>, OptionError> {
        Ok((self.make)(setup, &Options::parse(self.options, options)?))
    }
}
