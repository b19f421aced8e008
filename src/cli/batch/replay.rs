//! `gage batch replay`: every proposal of a batch computed again from its journal.

use clap::Args;
use serde_json::json;

use super::chosen;
use crate::batch::{journal, replay, resume};
use crate::cli::{CommandResult, Context, Failure, print};

/// Exit code of a study that does not repeat.
const DIFFERS: u8 = 3;

/// Compute every proposal of a batch again from its journal and compare
///
/// Runs nothing and changes nothing. Exits 3 and shows the first difference if a proposal does not come out as
/// recorded, bit for bit.
#[derive(Args)]
pub struct ReplayArgs {
    /// Batch to replay (default: the newest)
    #[arg(value_name = "BATCH")]
    batch: Option<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: ReplayArgs, context: &Context) -> CommandResult {
    let row = chosen(context, args.batch.as_deref(), "gage batch replay")?;
    let study = resume::read(&row.run)?;
    let events = journal::read(&row.run.meta(journal::FILE))?;
    let replayed = replay::replay(&study.plan, &events)?;
    let code = if replayed.difference.is_some() { DIFFERS } else { 0 };
    if args.json {
        let difference = replayed
            .difference
            .as_ref()
            .map(|d| json!({ "trial": d.trial + 1, "recorded": d.recorded, "computed": d.computed }));
        let all = json!({
            "id": row.run.id(),
            "agreed": replayed.agreed,
            "skipped": replayed.skipped,
            "difference": difference,
        });
        print(&format!("{all:#}\n"));
        return Ok(code);
    }
    if let Some(d) = &replayed.difference {
        return Err(Failure::with_code(
            format!(
                "trial {} of batch {} does not come out as recorded\n  recorded: {}\n  computed: {}",
                d.trial + 1,
                row.run.id(),
                d.recorded,
                d.computed
            ),
            code,
        ));
    }
    let skipped = match replayed.skipped {
        0 => String::new(),
        n => format!(" ({n} given by hand or by a program, not computed)"),
    };
    print(&match replayed.agreed {
        1 => format!("The only proposal agrees{skipped}\n"),
        n => format!("All {n} proposals agree{skipped}\n"),
    });
    Ok(code)
}
