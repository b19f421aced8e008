//! Search with an evolution strategy that adapts its covariance: for numbers, and budgets of hundreds of trials.
//! What it is at a trial follows from the history alone: the runs are gone through again, generation by generation.
//!
//! Trial numbers are shared out beforehand: starts, then generations of a fixed size. A generation counts once half
//! of its trials have ended. A point drawn while an earlier generation was still running is taken as one from
//! outside (Hansen 2011). When a run has settled, the next one begins elsewhere with twice the population (Auger and
//! Hansen 2005).

mod state;

use state::{Draw, Rules};

use crate::encode::{Axis, Encoding};
use crate::history::Observation;
use crate::lattice::Seen;
use crate::memo::Memo;
use crate::options::{OptionKind, OptionSpec, Options};
use crate::registry::{AskError, Entry, Optimizer, Origin, Proposal, Setup};
use crate::rng::{Purpose, stream};
use crate::sobol::Sequence;
use crate::space::Point;
use crate::starts::{self, Starts};
use crate::trials::{State, Trials};

/// Registry line.
pub const ENTRY: Entry = Entry {
    name: "cmaes",
    aliases: &["cma-es"],
    summary: "evolution strategy with an adapting covariance",
    when: "Numbers only or nearly so, and hundreds of trials or more: it follows narrow curved valleys and does not mind \
           noise. Give it at least 20 trials a parameter; below that gp finds better values.",
    options: &[
        OptionSpec {
            default: "10",
            ..starts::RANDOM_STARTS
        },
        OptionSpec {
            name: "population",
            kind: OptionKind::Int { min: 0 },
            default: "0",
            help: "trials in a generation; 0 chooses 4 + 1.5 ln(number of parameters)",
        },
        OptionSpec {
            name: "sigma",
            kind: OptionKind::Number,
            default: "0.15",
            help: "first step size, as a share of each parameter's range",
        },
        starts::PREV_TRIALS,
    ],
    sequential: true,
    make: |setup, options| Box::new(Cmaes::new(setup, options)),
};

/// Points drawn for a trial, of which the first that was not evaluated is proposed.
const DRAWS: usize = 4;
/// Generations for which the best trial stays among the parents.
const CHAMPION: u64 = 6;
/// Largest population of a restart.
const MOST: usize = 1000;

struct Cmaes {
    setup: Setup,
    starts: Starts,
    encoding: Encoding,
    /// Dimensions with an order, and those without.
    numbers: Vec<usize>,
    choices: Vec<usize>,
    /// Where restarts begin.
    elsewhere: Sequence,
    population: usize,
    sigma: f64,
    /// Number of the first trial of the first generation.
    first: u64,
    memo: Memo,
    kept: Option<Kept>,
}

/// A run in progress.
#[derive(Clone)]
struct Run {
    rules: Rules,
    state: state::State,
    /// Number of the first trial of the current generation.
    at: u64,
    /// How many runs came before.
    earlier: u64,
    /// Best value of this run, and its trial.
    best: f64,
    champion: Option<usize>,
    /// Generations without a better value.
    stale: u64,
}

/// A run after its first so many trials (of the sorted history), kept from the last call.
struct Kept {
    trials: usize,
    run: Run,
}

impl Cmaes {
    fn new(setup: Setup, options: &Options) -> Cmaes {
        let encoding = Encoding::new(&setup.space);
        let (choices, numbers) = (0..setup.space.len()).partition(|i| matches!(encoding.axes()[*i], Axis::Category(_)));
        let numbers: Vec<usize> = numbers;
        let given = options.int("population") as usize;
        Cmaes {
            starts: Starts::new(&setup, options.int("random-starts")),
            elsewhere: Sequence::new(numbers.len(), !setup.seed),
            numbers,
            choices,
            encoding,
            population: if given == 0 {
                Rules::population(setup.space.len())
            } else {
                given.max(2)
            },
            sigma: options.number("sigma").unwrap_or(0.15).clamp(1e-6, 1.0),
            first: options.int("random-starts") as u64,
            memo: Memo::default(),
            kept: None,
            setup,
        }
    }
}

impl Optimizer for Cmaes {
    fn ask(&mut self, history: &[Observation], number: u64) -> Result<Proposal, AskError> {
        if let Some(start) = self.starts.ask(history, number) {
            return start;
        }
        let mut memo = std::mem::take(&mut self.memo);
        let (trials, seen) = memo.recall(&self.setup.space, &self.encoding, history);
        let proposal = self.propose(trials, seen, number);
        self.memo = memo;
        proposal
    }
}

impl Cmaes {
    fn propose(&mut self, trials: &Trials, seen: &Seen, number: u64) -> Result<Proposal, AskError> {
        // First of all, because what is kept has to follow every change of the history.
        let run = self.run_at(trials, number);
        let space = &self.setup.space;
        // The sequence's point is also what remains when every draw was evaluated before.
        let drawn = self.starts.fresh(seen, number)?;
        let mut rng = stream(self.setup.seed, number, Purpose::Sample);
        let mut points = (0..DRAWS).map(|_| self.point(&run.state.draw(&run.rules, &mut rng), &run.state));
        let point = points.find(|p| !seen.contains(space, p)).unwrap_or(drawn);
        Ok(Proposal {
            point: self.starts.opening(point, number, seen),
            origin: Origin::Model { used: trials.used() },
            notes: Vec::new(),
        })
    }

    /// The run that trial `number` belongs to, as all generations before its own have left it.
    fn run_at(&mut self, trials: &Trials, number: u64) -> Run {
        let (mut done, mut run) = match self.kept.take() {
            Some(kept) if kept.trials <= trials.unchanged && kept.run.at <= number => (kept.trials, kept.run),
            _ => {
                let done = (0..trials.len()).take_while(|i| trials.prior[*i] || trials.numbers[*i] < self.first);
                let done = done.count();
                (done, self.begin(trials, done))
            }
        };
        let mut settled = true;
        while run.at + run.rules.population as u64 <= number {
            let end = run.at + run.rules.population as u64;
            let members = done..done + trials.numbers[done..].partition_point(|n| *n < end);
            // Kept up to the first generation in which something is still open.
            let open = members.clone().any(|i| trials.states[i] == State::Open) || members.len() < run.rules.population;
            if settled && open {
                self.kept = Some(Kept {
                    trials: done,
                    run: run.clone(),
                });
                settled = false;
            }
            done = members.end;
            self.generation(trials, members, &mut run);
            run.at = end;
        }
        if settled {
            self.kept = Some(Kept {
                trials: done,
                run: run.clone(),
            });
        }
        run
    }

    /// The first run: around the best of the trials before it.
    fn begin(&self, trials: &Trials, before: usize) -> Run {
        let best = (0..before)
            .filter_map(|i| Some((trials.states[i].value()?, i)))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        let at = |axis: &usize| match best {
            Some((_, i)) if !trials.row(i)[*axis].is_nan() => self.encoding.snap(*axis, trials.row(i)[*axis]),
            _ => 0.5,
        };
        let mean = self.numbers.iter().map(at).collect();
        self.run(mean, self.population, self.first, 0)
    }

    fn run(&self, mean: Vec<f64>, population: usize, at: u64, earlier: u64) -> Run {
        let rules = Rules::new(self.encoding.axes(), population);
        Run {
            state: rules.begin(mean, self.sigma),
            rules,
            at,
            earlier,
            best: f64::INFINITY,
            champion: None,
            stale: 0,
        }
    }

    /// Takes the generation `members` into `run`, which may come to its end by it.
    fn generation(&self, trials: &Trials, members: std::ops::Range<usize>, run: &mut Run) {
        // Failed trials are worse than any value, and trials stopped early worse than those that went to their end.
        let rank = |i: usize| match trials.states[i] {
            State::Value(v) => Some((0, v)),
            State::Stopped(v) => Some((1, v)),
            State::Failed => Some((2, 0.0)),
            State::Open => None,
        };
        let mut ended: Vec<((u8, f64), usize)> = members.filter_map(|i| Some((rank(i)?, i))).collect();
        if ended.len() < run.rules.population.div_ceil(2) {
            return;
        }
        // The best point of before is one of the parents for a while: that saves evaluations, and a lucky result of a
        // noisy objective is let go in the end.
        if let Some(champion) = run.champion.filter(|_| run.stale < CHAMPION) {
            ended.push(((0, run.best), champion));
        }
        ended.sort_by(|a, b| a.0.0.cmp(&b.0.0).then(a.0.1.total_cmp(&b.0.1)));
        ended.truncate(run.rules.population);
        let ranked: Vec<Draw> = ended.iter().map(|(_, i)| self.recover(trials, *i, run)).collect();
        run.state.update(&run.rules, &ranked);
        let (first, last) = (ended[0].0, ended[ended.len() - 1].0);
        let better = first.0 == 0 && first.1 < run.best;
        run.stale = if better && first != last { 0 } else { run.stale + 1 };
        if better {
            run.best = first.1;
            run.champion = Some(ended[0].1);
        }
        let patience = 10 + 30 * self.numbers.len() / run.rules.population;
        if run.state.settled(&run.rules) || run.stale > patience as u64 {
            let earlier = run.earlier + 1;
            let mean = self.elsewhere.point(earlier);
            let population = (run.rules.population * 2).min(MOST);
            *run = self.run(mean, population, run.at, earlier);
        }
    }

    /// The draw that trial `i` came from; of a trial that came from elsewhere, the draw that it could have been.
    fn recover(&self, trials: &Trials, i: usize, run: &Run) -> Draw {
        let row = trials.row(i);
        let mut rng = stream(self.setup.seed, trials.numbers[i], Purpose::Sample);
        let same = |draw: &Draw| {
            let drawn = self.encoding.row(&self.point(draw, &run.state));
            drawn.iter().zip(row).all(|(a, b)| a.to_bits() == b.to_bits())
        };
        let mut draws = (0..DRAWS).map(|_| run.state.draw(&run.rules, &mut rng));
        draws.find(same).unwrap_or_else(|| {
            let or = |u: f64, other: f64| if u.is_nan() { other } else { u };
            let at: Vec<f64> = self
                .numbers
                .iter()
                .zip(&run.state.mean)
                .map(|(a, m)| or(row[*a], *m))
                .collect();
            let choice = |(j, a): (usize, &usize)| (or(row[*a], 0.0) as usize).min(run.state.odds[j].len() - 1);
            Draw {
                step: run.state.step_to(&at),
                categories: self.choices.iter().enumerate().map(choice).collect(),
            }
        })
    }

    /// The point of a draw.
    fn point(&self, draw: &Draw, state: &state::State) -> Point {
        let mut row = vec![0.0; self.encoding.width()];
        for (axis, u) in self.numbers.iter().zip(state.place(&draw.step)) {
            row[*axis] = u.clamp(0.0, 1.0);
        }
        for (axis, c) in self.choices.iter().zip(&draw.categories) {
            row[*axis] = *c as f64;
        }
        self.encoding.point(&self.setup.space, &row)
    }
}
