//! What can go wrong in a simulated world, how often it is to, and how often it did. Decides nothing else.

use std::ops::{Index, IndexMut};

use gage_optimizers::rng::Stream as Random;

/// Kinds of accidents. Each has its own occasions: a step, a message, a launch, a line of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accident {
    /// The driver dies; at any step.
    Crash,
    /// A driver that dies while it appends to the journal leaves a part of the line; at any line.
    TornLine,
    /// The disk is full: a part of the line is written and taken back, and the driver gives up; at any line.
    FullDisk,
    /// A message never arrives.
    LostEvent,
    /// A message arrives twice.
    DuplicatedEvent,
    /// A message arrives seconds late, after others.
    LateEvent,
    /// A worker cannot be started.
    FailedLaunch,
    /// A worker dies with its program; at any launch.
    DeadWorker,
    /// A worker and its program die together with the driver; for any running trial.
    DeadTogether,
}

impl Accident {
    /// Every kind, with the words for it.
    pub const ALL: [(Accident, &'static str); 9] = [
        (Accident::Crash, "driver killed"),
        (Accident::TornLine, "torn journal line"),
        (Accident::FullDisk, "full disk"),
        (Accident::LostEvent, "lost event"),
        (Accident::DuplicatedEvent, "duplicated event"),
        (Accident::LateEvent, "late event"),
        (Accident::FailedLaunch, "failed launch"),
        (Accident::DeadWorker, "worker killed"),
        (Accident::DeadTogether, "worker killed with the driver"),
    ];
}

/// A number for each kind.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PerAccident<T>([T; Accident::ALL.len()]);

impl<T> Index<Accident> for PerAccident<T> {
    type Output = T;

    fn index(&self, accident: Accident) -> &T {
        &self.0[accident as usize]
    }
}

impl<T> IndexMut<Accident> for PerAccident<T> {
    fn index_mut(&mut self, accident: Accident) -> &mut T {
        &mut self.0[accident as usize]
    }
}

/// What is to go wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plan {
    /// Probability at each occasion.
    pub chances: PerAccident<f64>,
    /// At exactly this occasion of its kind, counted from 1.
    pub at: Option<(Accident, u64)>,
}

/// Carries out a plan.
#[derive(Debug)]
pub struct Accidents {
    random: Random,
    plan: Plan,
    occasions: PerAccident<u64>,
    happened: PerAccident<u64>,
}

impl Accidents {
    /// Accidents that come from `random`.
    pub fn new(random: Random, plan: Plan) -> Accidents {
        Accidents {
            random,
            plan,
            occasions: PerAccident::default(),
            happened: PerAccident::default(),
        }
    }

    /// Whether it goes wrong this time.
    pub fn happens(&mut self, accident: Accident) -> bool {
        self.occasions[accident] += 1;
        let chance = self.plan.chances[accident];
        let drawn = chance > 0.0 && self.random.unit() < chance;
        let happens = drawn || self.plan.at == Some((accident, self.occasions[accident]));
        self.happened[accident] += u64::from(happens);
        happens
    }

    /// A number below `end`, for how late, how long, how much.
    pub fn below(&mut self, end: u64) -> u64 {
        self.random.below(end)
    }

    /// How often it could have gone wrong.
    pub fn occasions(&self) -> PerAccident<u64> {
        self.occasions
    }

    /// How often it did.
    pub fn happened(&self) -> PerAccident<u64> {
        self.happened
    }
}
