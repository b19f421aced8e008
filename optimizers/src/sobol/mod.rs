//! Space-filling draws: scrambled Sobol' points placed in a search space. An optimizer of its own, and the starts
//! of every optimizer that has a model. Never looks at results.

mod sequence;

pub use sequence::Sequence;

use crate::encode::Encoding;
use crate::history::Observation;
use crate::registry::{AskError, Entry, Optimizer, Origin, Proposal};
use crate::space::{Point, Space};

/// Registry line.
pub const ENTRY: Entry = Entry {
    name: "sobol",
    aliases: &["quasirandom"],
    summary: "space-filling draws (scrambled Sobol' points)",
    when: "In place of random when the whole space is to be covered evenly, for instance to plot or to fit a model \
           afterwards. Any number of trials may run at once.",
    options: &[],
    sequential: false,
    make: |setup, _| {
        Box::new(Sobol {
            sequence: Sequence::new(setup.space.len(), setup.seed),
            encoding: Encoding::new(&setup.space),
            space: setup.space,
        })
    },
};

struct Sobol {
    space: Space,
    encoding: Encoding,
    sequence: Sequence,
}

impl Optimizer for Sobol {
    fn ask(&mut self, _history: &[Observation], number: u64) -> Result<Proposal, AskError> {
        Ok(Proposal {
            point: place(&self.space, &self.encoding, &self.sequence.point(number), number == 0),
            origin: Origin::Sample,
            notes: Vec::new(),
        })
    }
}

/// The point that `unit` (each in `[0, 1)`) stands for, with the initial values put in if `initial`. One coordinate a dimension, also for inactive ones.
pub fn place(space: &Space, encoding: &Encoding, unit: &[f64], initial: bool) -> Point {
    let mut values = Vec::with_capacity(space.len());
    for (i, (d, u)) in space.dimensions().iter().zip(unit).enumerate() {
        let first = d.initial.filter(|_| initial);
        let v = first.unwrap_or_else(|| encoding.value(i, encoding.from_uniform(i, *u)));
        values.push(space.is_active(i, &values).then_some(v));
    }
    Point(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Condition, Dimension, Domain, Value};

    #[test]
    fn an_initial_choice_decides_what_is_active() {
        let mut kind = Dimension::new("kind", Domain::Categorical { n: 2 });
        kind.initial = Some(Value::Choice(1));
        let mut depth = Dimension::new("depth", Domain::Categorical { n: 3 });
        depth.condition = Some(Condition {
            parent: 0,
            choices: vec![1],
        });
        let space = Space::new(vec![kind, depth]).unwrap();
        let encoding = Encoding::new(&space);
        assert_eq!(
            place(&space, &encoding, &[0.1, 0.5], false).0,
            [Some(Value::Choice(0)), None]
        );
        let first = place(&space, &encoding, &[0.1, 0.5], true);
        assert_eq!(first.0, [Some(Value::Choice(1)), Some(Value::Choice(1))]);
        assert!(space.contains(&first));
    }
}
