//! Independent uniform draws: the floor every other optimizer must beat, and every optimizer's last resort.

use crate::history::Observation;
use crate::registry::{AskError, Entry, Optimizer, Origin, Proposal, Setup};
use crate::rng::{Purpose, Stream, stream};
use crate::space::{Domain, Point, Space, Value};

/// Registry line.
pub const ENTRY: Entry = Entry {
    name: "random",
    aliases: &[],
    summary: "independent random draws",
    when: "A first look at a space, a baseline, or when hundreds of trials run at once.",
    options: &[],
    sequential: false,
    make: |setup, _| Box::new(Random { setup }),
};

struct Random {
    setup: Setup,
}

impl Optimizer for Random {
    fn ask(&mut self, _history: &[Observation], number: u64) -> Result<Proposal, AskError> {
        let mut rng = stream(self.setup.seed, number, Purpose::Sample);
        let point = draw_point(&self.setup.space, &mut rng, number == 0);
        Ok(Proposal {
            point,
            origin: Origin::Sample,
            notes: Vec::new(),
        })
    }
}

/// A uniform point. One draw a dimension, also for inactive ones, so that values do not move with conditions.
pub fn sample(space: &Space, rng: &mut Stream) -> Point {
    draw_point(space, rng, false)
}

/// As [`sample`], with the initial values put in their place if `initial`; a draw is spent on those too.
fn draw_point(space: &Space, rng: &mut Stream, initial: bool) -> Point {
    let mut values = Vec::with_capacity(space.len());
    for (i, d) in space.dimensions().iter().enumerate() {
        let drawn = draw(&d.domain, rng);
        let v = d.initial.filter(|_| initial).unwrap_or(drawn);
        values.push(space.is_active(i, &values).then_some(v));
    }
    Point(values)
}

fn draw(domain: &Domain, rng: &mut Stream) -> Value {
    match *domain {
        Domain::Real {
            low,
            high,
            log: false,
            step: None,
        } => Value::Real((low + rng.unit() * (high - low)).clamp(low, high)),
        Domain::Real {
            low, high, log: true, ..
        } => {
            let (a, b) = (libm::log(low), libm::log(high));
            Value::Real(libm::exp(a + rng.unit() * (b - a)).clamp(low, high))
        }
        Domain::Real {
            low,
            high,
            step: Some(step),
            ..
        } => {
            let n = domain.cardinality().expect("a stepped domain is finite");
            Value::Real((low + rng.below(n) as f64 * step).min(high))
        }
        Domain::Int {
            low, high, log: true, ..
        } => {
            // Each integer owns [k - 1/2, k + 1/2) on the logarithmic scale.
            let (a, b) = (libm::log(low as f64 - 0.5), libm::log(high as f64 + 0.5));
            let v = libm::floor(libm::exp(a + rng.unit() * (b - a)) + 0.5);
            Value::Int((v as i64).clamp(low, high))
        }
        Domain::Int { low, step, .. } => match domain.cardinality() {
            Some(n) => Value::Int(low.wrapping_add((rng.below(n) as i64).wrapping_mul(step))),
            None => Value::Int(rng.bits() as i64),
        },
        Domain::Ordinal { ref values } => Value::Choice(rng.below(values.len() as u64) as usize),
        Domain::Categorical { n } => Value::Choice(rng.below(n as u64) as usize),
    }
}
