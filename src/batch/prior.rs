//! Results of earlier runs that a search may learn from (`prev-trials`), frozen into the journal when a study is
//! opened, so that replaying it needs no other run.

use super::event::Prior;
use super::plan::{Plan, Proposes};
use super::space::{SpaceSpec, point_to_json};
use super::trials::Making;
use crate::run::status::Status;
use crate::run::{RunError, meta};
use crate::store::{Filter, RunRow, Store};

/// Which earlier runs count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Trials of any batch of the same operation with the same source code.
    SourceCode,
    /// Trials and single runs of the same operation.
    Operation,
}

/// Earlier results in the order of their start, and what the log should warn of.
pub fn of(plan: &Plan, making: &Making<'_>) -> Result<(Vec<Prior>, Option<String>), RunError> {
    let Proposes::Search { spec, .. } = &plan.proposes else {
        return Ok((Vec::new(), None));
    };
    let option = plan.options.iter().find(|(name, _)| name == "prev-trials");
    let scope = match option.map(|(_, value)| value.as_str()) {
        Some("sourcecode") => Scope::SourceCode,
        Some("operation") => Scope::Operation,
        _ => return Ok((Vec::new(), None)),
    };
    let digest = making.staging.source.digest();
    if scope == Scope::SourceCode && digest.is_empty() {
        let dir = making.home.display();
        let warning = format!("cannot find runs for batch proto in {dir}: missing sourcecode digest");
        return Ok((Vec::new(), Some(warning)));
    }
    let filter = Filter {
        statuses: vec![Status::Completed],
        ..Filter::default()
    };
    // A home that cannot be listed holds nothing to learn from; making the first run says what is wrong with it.
    let mut rows = Store::open(&making.home)
        .list(&filter)
        .map(|l| l.rows)
        .unwrap_or_default();
    let opref = making.proto.opref();
    rows.retain(|row| {
        !row.batch
            && row.opref == opref
            && match scope {
                Scope::SourceCode => row.sourcecode_digest.as_deref() == Some(digest) && is_trial(row),
                Scope::Operation => true,
            }
    });
    rows.sort_by(|a, b| (a.began(), a.run.id()).cmp(&(b.began(), b.run.id())));
    Ok((rows.iter().filter_map(|row| prior(row, plan, spec)).collect(), None))
}

/// True for a run that a batch made.
fn is_trial(row: &RunRow) -> bool {
    meta::read_json(&row.run.meta("sys/batch.json")).is_ok_and(|batch| batch.is_some())
}

fn prior(row: &RunRow, plan: &Plan, spec: &SpaceSpec) -> Option<Prior> {
    let defined = &plan.spec.opdef.flags;
    let default = |name: &str| defined.get(name).map(|flag| flag.default.clone());
    Some(Prior {
        run: row.run.id().to_string(),
        point: point_to_json(&spec.earlier_point(&row.flags, default)?),
        objective: plan.objective.of_summaries(&row.scalars),
        seconds: row.duration().map(|micros| micros as f64 / 1e6),
    })
}
