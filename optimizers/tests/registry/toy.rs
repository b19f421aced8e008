//! An optimizer as small as one can be: near the best point with a coordinate drawn anew, never the same twice.

use gage_optimizers::lattice::Seen;
use gage_optimizers::random::sample;
use gage_optimizers::rng::{Purpose, stream};
use gage_optimizers::starts::{RANDOM_STARTS, Starts};
use gage_optimizers::{AskError, Entry, Observation, Optimizer, Origin, Point, Proposal, Setup};

/// Registry line.
pub const ENTRY: Entry = Entry {
    name: "toy",
    aliases: &[],
    summary: "one coordinate of the best point at a time",
    when: "In tests.",
    options: &[RANDOM_STARTS],
    sequential: true,
    make: |setup, options| {
        Box::new(Toy {
            starts: Starts::new(&setup, options.int("random-starts")),
            setup,
        })
    },
};

struct Toy {
    setup: Setup,
    starts: Starts,
}

impl Optimizer for Toy {
    fn ask(&mut self, history: &[Observation], number: u64) -> Result<Proposal, AskError> {
        if let Some(start) = self.starts.ask(history, number) {
            return start;
        }
        let space = &self.setup.space;
        let seen = Seen::new(space, history);
        let fallback = self.starts.fresh(&seen, number)?;
        let mut rng = stream(self.setup.seed, number, Purpose::Search);
        let inside = history
            .iter()
            .filter(|o| o.value().is_some() && space.contains(&o.point));
        let best = inside.min_by(|a, b| {
            let key = |o: &Observation| (o.value().expect("filtered"), !o.prior, o.number);
            let (a, b) = (key(a), key(b));
            a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2)))
        });
        let other = sample(space, &mut rng);
        let moved = rng.below(space.len() as u64) as usize;
        let point = best.map_or(other.clone(), |best| {
            let values = space
                .dimensions()
                .iter()
                .enumerate()
                .map(|(i, _)| if i == moved { other.0[i] } else { best.point.0[i] });
            Point(values.collect())
        });
        let fresh = space.contains(&point) && !seen.contains(space, &point);
        Ok(Proposal {
            point: self.starts.opening(if fresh { point } else { fallback }, number, &seen),
            origin: Origin::Model {
                used: history.iter().filter(|o| o.value().is_some()).count(),
            },
            notes: Vec::new(),
        })
    }
}
