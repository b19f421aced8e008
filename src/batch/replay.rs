//! Every proposal of a study computed again from its journal, and compared bit for bit. Reads no run and changes
//! nothing.

use super::event::{Event, Proposed};
use super::history::{Searcher, numbers};
use super::plan::{Plan, PlanError, Proposes};
use super::proposer::Listed;
use super::record::Record;
use crate::flags::{FlagValues, encode};

/// What a replay found.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// Proposals that came out as recorded.
    pub agreed: u64,
    /// Proposals that nobody can compute again: given by hand, or by a program.
    pub skipped: u64,
    /// The first that did not; nothing after it was compared.
    pub difference: Option<Difference>,
}

/// A proposal that came out otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub trial: u64,
    pub recorded: String,
    pub computed: String,
}

/// Computes the proposals of `events` again. `plan` is that of their header.
pub fn replay(plan: &Plan, events: &[Event]) -> Result<Replayed, PlanError> {
    let mut replayed = Replayed {
        agreed: 0,
        skipped: 0,
        difference: None,
    };
    let searcher = match (&plan.proposes, events.first()) {
        (Proposes::Search { .. }, Some(Event::Opened(header))) => Some(Searcher::new(header)?),
        _ => None,
    };
    let mut again = Again {
        plan,
        searcher,
        listed: Listed::default(),
        record: Record::default(),
        known: 0,
    };
    for event in events {
        let Event::Proposed(proposed) = event else { continue };
        // One given by hand may stand before an earlier question's answer, which knew less.
        if proposed.by_hand {
            replayed.skipped += 1;
            continue;
        }
        again.learn(events, proposed.seen);
        let Some(computed) = again.propose(proposed) else {
            replayed.skipped += 1;
            continue;
        };
        if computed == said(&proposed.values, proposed.point.as_deref()) {
            replayed.agreed += 1;
        } else {
            replayed.difference = Some(Difference {
                trial: proposed.trial,
                recorded: said(&proposed.values, proposed.point.as_deref()),
                computed,
            });
            break;
        }
    }
    Ok(replayed)
}

struct Again<'a> {
    plan: &'a Plan,
    searcher: Option<Searcher>,
    listed: Listed,
    record: Record,
    /// Events that the searcher knows.
    known: usize,
}

impl Again<'_> {
    /// Brings the searcher to what was known when the journal had that many lines.
    fn learn(&mut self, events: &[Event], seen: u64) {
        let Some(searcher) = &mut self.searcher else { return };
        while self.known < events.len().min(seen as usize) {
            let event = events[self.known].clone();
            self.record.apply(&event);
            searcher.learn(&self.record.settled(event));
            self.known += 1;
        }
    }

    fn propose(&mut self, proposed: &Proposed) -> Option<String> {
        match &self.plan.proposes {
            Proposes::Listed(_) => {
                let values = self.listed.next(self.plan);
                self.listed.learn(&Event::Proposed(proposed.clone()));
                Some(values.map_or_else(|| "nothing".into(), |values| said(&values, None)))
            }
            Proposes::Search { spec, constants } => {
                let searcher = self.searcher.as_mut()?;
                Some(match searcher.ask(proposed.trial, proposed.horizon) {
                    Ok(proposal) => {
                        let values = self.plan.complete(&spec.values(&proposal.point), constants);
                        said(&values, Some(&numbers(&proposal)))
                    }
                    Err(error) => error.to_string(),
                })
            }
            Proposes::Program(_) => None,
        }
    }
}

/// Flags and point as text: numbers are printed so that they differ if any bit does.
fn said(values: &FlagValues, point: Option<&[serde_json::Value]>) -> String {
    let flags: Vec<String> = values.iter().map(|(n, v)| format!("{n}={}", encode(v))).collect();
    let point = point.map(|p| serde_json::to_string(p).expect("numbers are JSON"));
    match point {
        Some(point) => format!("{} {point}", flags.join(" ")),
        None => flags.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::super::edits::{self, Place};
    use super::super::event::{Ended, Status};
    use super::super::plan::{BatchSpec, plan};
    use super::super::request::{Change, Request, Which};
    use super::super::scheduler::Action;
    use super::*;
    use crate::flags::{Resolved, Value};

    fn study(deterministic: bool) -> (Plan, Vec<Event>) {
        let values: FlagValues = [
            ("x".to_string(), Value::Function("uniform[-5:10.0]".into())),
            ("n".to_string(), Value::Function("[1:50]".into())),
        ]
        .into();
        let plan = plan(&BatchSpec {
            rows: vec![Resolved {
                user: values.clone(),
                values,
                warnings: Vec::new(),
            }],
            optimizer: "gp".into(),
            max_trials: Some(12),
            seed: 3,
            jobs: 3,
            deterministic,
            ..BatchSpec::default()
        })
        .unwrap();
        // Answers come late: the result of trial k is in the journal only after k + 2 was proposed.
        let mut events = vec![Event::Opened(Box::new(plan.header()))];
        let mut searcher = Searcher::new(&plan.header()).unwrap();
        let mut known = 0;
        for trial in 0..12u64 {
            let seen = events.len() as u64;
            for event in &events[known..] {
                searcher.learn(event);
            }
            known = events.len();
            let horizon = deterministic.then(|| (trial + 1).saturating_sub(3));
            let proposal = searcher.ask(trial, horizon).unwrap();
            let Proposes::Search { spec, constants } = &plan.proposes else {
                unreachable!()
            };
            let end = |trial: u64| {
                Event::Ended(Ended {
                    trial,
                    attempt: 0,
                    status: if trial == 4 { Status::Error } else { Status::Completed },
                    exit: 0,
                    objective: Some((trial as f64 - 7.3).powi(2)),
                    seconds: Some(0.1 * trial as f64),
                    message: None,
                    exceeded: None,
                })
            };
            // It may come between the question and its answer.
            if trial >= 2 && trial % 2 == 0 {
                events.push(end(trial - 2));
            }
            events.push(Event::Proposed(Proposed {
                trial,
                run: format!("{trial}"),
                values: plan.complete(&spec.values(&proposal.point), constants),
                point: Some(numbers(&proposal)),
                seen,
                horizon,
                ..Proposed::default()
            }));
            if trial >= 2 && trial % 2 == 1 {
                events.push(end(trial - 2));
            }
        }
        (plan, events)
    }

    #[test]
    fn a_study_is_replayed_bit_for_bit() {
        for deterministic in [false, true] {
            let (plan, events) = study(deterministic);
            let replayed = replay(&plan, &events).unwrap();
            assert_eq!((replayed.agreed, replayed.skipped, replayed.difference), (12, 0, None));
        }
    }

    #[test]
    fn the_first_difference_is_named() {
        let (plan, mut events) = study(false);
        let result = events.iter_mut().find_map(|event| match event {
            Event::Ended(ended) if ended.trial == 2 => Some(ended),
            _ => None,
        });
        result.unwrap().objective = Some(f64::from_bits(1e9f64.to_bits() + 1));
        let difference = replay(&plan, &events).unwrap().difference.unwrap();
        assert!(difference.trial > 4, "{difference:?}");
        assert_ne!(difference.recorded, difference.computed);
    }

    /// A study as a driver carries it out, with answers that come late and people who change it.
    struct Live {
        plan: Plan,
        record: Record,
        searcher: Searcher,
        events: Vec<Event>,
        /// Questions whose answers are on their way, each with its answer.
        asked: VecDeque<Proposed>,
        running: Vec<(u64, u32)>,
    }

    impl Live {
        fn happen(&mut self, event: Event) {
            self.events.push(event.clone());
            let actions = self.record.apply(&event);
            self.searcher.learn(&self.record.settled(event));
            for action in actions {
                self.act(action);
            }
        }

        fn act(&mut self, action: Action) {
            match action {
                Action::Ask { trial, horizon } => {
                    let proposal = self.searcher.ask(trial, horizon).unwrap();
                    let Proposes::Search { spec, constants } = &self.plan.proposes else {
                        unreachable!()
                    };
                    self.asked.push_back(Proposed {
                        trial,
                        run: format!("{trial}"),
                        values: self.plan.complete(&spec.values(&proposal.point), constants),
                        point: Some(numbers(&proposal)),
                        seen: self.events.len() as u64,
                        horizon,
                        ..Proposed::default()
                    });
                }
                Action::Launch { trial, attempt, .. } => self.running.push((trial, attempt)),
                Action::Renew { trial, attempt } => self.happen(Event::Again {
                    trial,
                    attempt,
                    run: format!("{trial}-{attempt}"),
                }),
                Action::Stop { .. } | Action::Look { .. } | Action::Finish(_) => {}
            }
        }

        fn end(&mut self, which: u8) {
            if self.running.is_empty() {
                return;
            }
            let (trial, attempt) = self.running.remove(usize::from(which) % self.running.len());
            self.happen(Event::Ended(Ended {
                trial,
                attempt,
                status: if which.is_multiple_of(5) {
                    Status::Error
                } else {
                    Status::Completed
                },
                exit: 0,
                objective: Some(f64::from(which).sin()),
                seconds: Some(f64::from(which)),
                message: None,
                exceeded: None,
            }));
        }

        fn ask_for(&mut self, change: Change) {
            let request = Request {
                id: format!("{}", self.events.len()),
                change,
            };
            let place = Place {
                plan: &self.plan,
                record: &self.record,
                batch: "b",
                driven: true,
                lines: self.events.len() as u64,
            };
            if let Some(event) = edits::decide(&request, place, "by-hand").event {
                self.happen(event);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn studies_that_people_change_are_replayed(
            steps in prop::collection::vec((0u8..9, any::<u8>()), 1..80),
            deterministic in any::<bool>(),
            gp in prop::bool::weighted(0.1),
        ) {
            let (mut plan, _) = study(deterministic);
            plan.spec.optimizer = if gp { "gp" } else { "tpe" }.into();
            let plan = super::super::plan::plan(&plan.spec).unwrap();
            let searcher = Searcher::new(&plan.header()).unwrap();
            let opened = Event::Opened(Box::new(plan.header()));
            let mut live = Live {
                plan,
                record: Record::default(),
                searcher,
                events: Vec::new(),
                asked: VecDeque::new(),
                running: Vec::new(),
            };
            live.happen(opened);
            for (step, which) in steps {
                match step {
                    0..3 => {
                        if let Some(proposed) = live.asked.pop_front() {
                            live.happen(Event::Proposed(proposed));
                        }
                    }
                    3..6 => live.end(which),
                    6 => {
                        let values = [
                            ("x".to_string(), Value::Float(f64::from(which) / 10.0 - 6.0)),
                            ("n".to_string(), Value::Int(i64::from(which))),
                        ];
                        live.ask_for(Change::Enqueue(values.into()));
                    }
                    7 => live.ask_for(Change::Retry(Which { failed: true, ..Which::default() })),
                    _ => live.ask_for(match which % 4 {
                        0 => Change::Jobs(1 + usize::from(which % 7)),
                        1 => Change::MoreTrials(1),
                        2 => Change::Pause,
                        _ => Change::Continue,
                    }),
                }
            }
            let own = live.events.iter().filter(|e| matches!(e, Event::Proposed(p) if !p.by_hand)).count() as u64;
            let replayed = replay(&live.plan, &live.events).unwrap();
            prop_assert_eq!(replayed.difference, None);
            prop_assert_eq!(replayed.agreed, own);
        }
    }
}
