//! What to use when nothing is said: picks among the other optimizers by the space, the trials at a time and the
//! number of results, and says so. The choice follows from the history and the setup alone, never from the planned
//! number of trials, so a longer study begins like a shorter one.
//!
//! Measured (`docs/optimizers.md`): up to some hundreds of results the Gaussian process leads. On numbers a trust region
//! in turns with it gains on either alone: one sees what the whole space holds, the other stays at the best point until
//! that is exhausted, and each learns from the trials of both. With choices it gains nothing, since the best point's
//! choices may be the wrong ones. Beyond, and where many trials run at a time, proposals have to be cheap.

use crate::gp;
use crate::history::Observation;
use crate::options::Options;
use crate::registry::{AskError, Entry, Optimizer, Origin, Proposal, Setup};
use crate::space::{Domain, Space};
use crate::starts::{PREV_TRIALS, RANDOM_STARTS};
use crate::{forest, tpe, turbo};

/// Registry line.
pub const ENTRY: Entry = Entry {
    name: "auto",
    aliases: &[],
    summary: "chooses among the others by space, results and trials at a time",
    when: "Always, unless you know better. It says in the log what it chose and why.",
    options: &[RANDOM_STARTS, PREV_TRIALS],
    sequential: true,
    make: |setup, options| Box::new(Auto::new(setup, options)),
};

/// With more results than this the whole is no longer modelled by a process.
const MANY_RESULTS: usize = 500;
/// With more trials at a time than this, proposals have to be nearly free.
const MANY_SLOTS: usize = 64;

/// What is asked, and why, in words.
struct Choice {
    turns: &'static [Kind],
    why: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Gp,
    Forest,
    Turbo,
    Tpe,
}

impl Kind {
    fn entry(self) -> &'static Entry {
        match self {
            Kind::Gp => &gp::ENTRY,
            Kind::Forest => &forest::ENTRY,
            Kind::Turbo => &turbo::ENTRY,
            Kind::Tpe => &tpe::ENTRY,
        }
    }
}

struct Auto {
    setup: Setup,
    random_starts: String,
    made: Vec<(Kind, Box<dyn Optimizer>)>,
}

impl Auto {
    fn new(setup: Setup, options: &Options) -> Auto {
        Auto {
            setup,
            random_starts: options.int("random-starts").to_string(),
            made: Vec::new(),
        }
    }

    fn optimizer(&mut self, kind: Kind) -> &mut dyn Optimizer {
        let at = self.made.iter().position(|(k, _)| *k == kind).unwrap_or_else(|| {
            let options = [("random-starts", self.random_starts.as_str())];
            let made = kind.entry().build(self.setup.clone(), options);
            self.made
                .push((kind, made.expect("an option of every optimizer with starts")));
            self.made.len() - 1
        });
        self.made[at].1.as_mut()
    }
}

/// What to ask in a study of `results` results.
fn choose(space: &Space, slots: usize, results: usize) -> Choice {
    let choices = space
        .dimensions()
        .iter()
        .filter(|d| matches!(d.domain, Domain::Categorical { .. }) || d.condition.is_some())
        .count();
    let of = space.len();
    let because = |turns, why: String| Choice { turns, why };
    if slots > MANY_SLOTS {
        return because(&[Kind::Tpe], format!("{slots} trials run at a time"));
    }
    if choices > 0 && results > MANY_RESULTS {
        return because(
            &[Kind::Forest],
            format!("{choices} of {of} flags are choices and there are over {MANY_RESULTS} results"),
        );
    }
    if choices > 0 && choices == of {
        return because(&[Kind::Gp], "all flags are choices".to_string());
    }
    if choices > 0 {
        return because(&[Kind::Gp], format!("{choices} of {of} flags are choices"));
    }
    if results > MANY_RESULTS {
        return because(&[Kind::Turbo], format!("there are over {MANY_RESULTS} results"));
    }
    because(&[Kind::Gp, Kind::Turbo], "all flags are numbers".to_string())
}

impl Optimizer for Auto {
    fn ask(&mut self, history: &[Observation], number: u64) -> Result<Proposal, AskError> {
        let results = history.iter().filter(|o| o.value().is_some()).count();
        let choice = choose(&self.setup.space, self.setup.slots, results);
        let kind = choice.turns[(number % choice.turns.len() as u64) as usize];
        let mut proposal = self.optimizer(kind).ask(history, number)?;
        // Said once, with the first proposal that a choice makes, and again when it changes.
        let before = choose(&self.setup.space, self.setup.slots, results.saturating_sub(1));
        let changed = before.turns != choice.turns;
        let first = matches!(proposal.origin, Origin::Start { number: 1, .. } | Origin::NoTrials) || number == 0;
        if first || changed {
            let names: Vec<&str> = choice.turns.iter().map(|k| k.entry().name).collect();
            let turns = if names.len() > 1 { " in turns" } else { "" };
            let note = format!("auto uses {}{turns}: {}", names.join(" and "), choice.why);
            proposal.notes.insert(0, note);
        }
        Ok(proposal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Dimension;

    fn space(numbers: usize, choices: usize) -> Space {
        let real = Domain::Real {
            low: 0.0,
            high: 1.0,
            log: false,
            step: None,
        };
        let numbers = (0..numbers).map(|i| Dimension::new(format!("x{i}"), real.clone()));
        let choices = (0..choices).map(|i| Dimension::new(format!("c{i}"), Domain::Categorical { n: 3 }));
        Space::new(numbers.chain(choices).collect()).unwrap()
    }

    #[test]
    fn the_choice_follows_from_space_slots_and_results() {
        assert_eq!(choose(&space(5, 0), 1, 10).turns, [Kind::Gp, Kind::Turbo]);
        assert_eq!(choose(&space(5, 0), 1, 501).turns, [Kind::Turbo]);
        assert_eq!(choose(&space(5, 2), 1, 10).turns, [Kind::Gp]);
        assert_eq!(choose(&space(0, 2), 1, 10).turns, [Kind::Gp]);
        assert_eq!(choose(&space(5, 2), 1, 501).turns, [Kind::Forest]);
        assert_eq!(choose(&space(5, 2), 100, 10).turns, [Kind::Tpe]);
    }

    #[test]
    fn says_what_it_chose_once() {
        let setup = Setup {
            space: space(2, 1),
            seed: 1,
            budget: None,
            slots: 1,
        };
        let mut auto = ENTRY.build(setup, []).unwrap();
        let first = auto.ask(&[], 0).unwrap();
        assert_eq!(first.notes, ["auto uses gp: 1 of 3 flags are choices"]);
        let history = [Observation::new(0, first.point, None)];
        assert!(auto.ask(&history, 1).unwrap().notes.is_empty());
    }
}
