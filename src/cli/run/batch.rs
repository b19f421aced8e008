//! A batch from the command line: the question before it, trials shown or saved instead of run.

use std::path::Path;

use super::{RunArgs, confirmed, single};
use crate::batch::{self, BatchSpec, preview, trials_table};
use crate::cli::{CommandResult, Context, Failure, eprint_line, print};
use crate::launch::{self, Chosen, GRID, Prepared};
use crate::project::{OpDef, Project};

pub fn run(args: &RunArgs, prepared: &Prepared, project: &Project, home: &Path, context: &Context) -> CommandResult {
    let chosen = prepared.optimizer.as_ref().expect("a batch has an optimizer");
    let plan = batch::plan(&spec(args, prepared, chosen, project)?)?;
    if args.print_trials {
        print(&trials_table::table(plan.trials_for("printing trials")?));
        return Ok(0);
    }
    if let Some(path) = &args.save_trials {
        trials_table::save(&context.cwd.join(path), plan.trials_for("saving trials")?)?;
        eprint_line(&format!("Saving trials to {}", path.display()));
        return Ok(0);
    }
    if args.print_cmd {
        return super::look::trial_commands(&plan);
    }
    let verb = if args.stage { "stage" } else { "run" };
    if !args.yes && !confirmed(&preview::text(&plan, verb))? {
        return Ok(0);
    }
    let _ = home;
    Err(Failure::new("batches cannot be carried out by this build"))
}

fn spec(args: &RunArgs, prepared: &Prepared, chosen: &Chosen, project: &Project) -> Result<BatchSpec, Failure> {
    let maximize = args.maximize.as_ref().map(|column| format!("-{column}"));
    Ok(BatchSpec {
        opdef: prepared.op.clone(),
        rows: prepared.rows.clone(),
        optimizer: chosen.name.clone(),
        options: chosen.options.clone(),
        program: program(chosen, project)?,
        objective: args.minimize.clone().or(maximize),
        max_trials: args.max_trials,
        seed: launch::seed(args.random_seed).map_err(single::failure)?,
        same_seed: args.random_seed.is_some(),
        jobs: usize::try_from(args.jobs).unwrap_or(usize::MAX),
        deterministic: false,
        fail_on_trial_error: args.fail_on_trial_error,
        stage_trials: args.stage_trials,
    })
}

/// An optimizer that is none of ours is an operation of the project.
fn program(chosen: &Chosen, project: &Project) -> Result<Option<OpDef>, Failure> {
    if chosen.name == GRID || chosen.searches() {
        return Ok(None);
    }
    Ok(Some(project.operation(Some(&chosen.name))?))
}
