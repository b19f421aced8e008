//! The observations that an optimizer is shown, kept up as a study goes on. The same events give the same
//! observations, whether they come as they happen or are read from a journal.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gage_optimizers::{AskError, Observation, Optimizer, Origin, Proposal, Space};
use serde_json::Value as Json;

use super::event::{Ended, Event, Header, Proposed};
use super::plan::{PlanError, build};
use super::record::outcome;
use super::space::{SpaceSpec, point_from_json};

/// An optimizer and all that it is shown.
pub struct Searcher {
    optimizer: Box<dyn Optimizer>,
    spec: SpaceSpec,
    space: Space,
    observations: Vec<Observation>,
    /// Place of each trial among the observations.
    places: BTreeMap<u64, usize>,
    priors: u64,
}

impl Searcher {
    /// The optimizer of a study that searches a space.
    pub fn new(header: &Header) -> Result<Searcher, PlanError> {
        let spec = header.space.clone().unwrap_or_default();
        Ok(Searcher {
            optimizer: build(header)?,
            space: spec.space()?,
            spec,
            observations: Vec::new(),
            places: BTreeMap::new(),
            priors: 0,
        })
    }

    /// Takes in what happened. Events must be those that the record accepted.
    pub fn learn(&mut self, event: &Event) {
        match event {
            Event::Prior(prior) => {
                if let Some(observation) = prior.observation(&self.space, self.priors) {
                    self.observations.push(observation);
                    self.priors += 1;
                }
            }
            Event::Proposed(proposed) => self.proposed(proposed),
            Event::Ended(ended) => self.ended(ended),
            Event::Again { trial, .. } => {
                if let Some(place) = self.places.get(trial) {
                    let observation = &mut self.observations[*place];
                    observation.outcome = None;
                    observation.seconds = None;
                }
            }
            _ => {}
        }
    }

    fn proposed(&mut self, proposed: &Proposed) {
        let point = match &proposed.point {
            Some(numbers) => point_from_json(&self.space, numbers),
            // Given by hand: it teaches if it is of the space.
            None => self.spec.point(&proposed.values),
        };
        if let Some(point) = point.filter(|_| !self.places.contains_key(&proposed.trial)) {
            self.places.insert(proposed.trial, self.observations.len());
            self.observations.push(Observation::new(proposed.trial, point, None));
        }
    }

    fn ended(&mut self, ended: &Ended) {
        if let Some(place) = self.places.get(&ended.trial) {
            let observation = &mut self.observations[*place];
            observation.outcome = outcome(ended);
            observation.seconds = ended.seconds;
        }
    }

    /// Proposes trial `number`. With a horizon, results of trials from that number on count as not known.
    pub fn ask(&mut self, number: u64, horizon: Option<u64>) -> Result<Proposal, AskError> {
        let history = match horizon {
            None => Cow::Borrowed(&self.observations),
            Some(horizon) => {
                let mut shown = self.observations.clone();
                for observation in shown.iter_mut().filter(|o| !o.prior) {
                    // How long a trial took depends on the machine, not on the seed.
                    observation.seconds = None;
                    if observation.number >= horizon {
                        observation.outcome = None;
                    }
                }
                Cow::Owned(shown)
            }
        };
        self.optimizer.ask(&history, number)
    }
}

/// The flags searched, as a proposal gives them.
pub fn numbers(proposal: &Proposal) -> Vec<Json> {
    super::space::point_to_json(&proposal.point)
}

/// What the log says of where a proposal came from. `tag` is the objective's.
pub fn log_lines(proposal: &Proposal, tag: &str) -> Vec<String> {
    let first = match &proposal.origin {
        Origin::Sample => None,
        Origin::Start { number, of } => Some(format!("Random start for optimization ({number} of {of})")),
        Origin::NoTrials => Some("Random start for optimization (missing previous trials)".to_string()),
        Origin::NoObjective => Some(format!("Random start for optimization (cannot find objective '{tag}')")),
        Origin::Model { used } => Some(format!("Found {used} previous trial(s) for use in optimization")),
    };
    first.into_iter().chain(proposal.notes.iter().cloned()).collect()
}
