//! A batch from the command line: the question before it, trials shown or saved instead of run.

use std::collections::BTreeMap;
use std::path::Path;

use super::{RunArgs, carry, confirmed, needs, single};
use crate::batch::{self, BatchSpec, Plan, preview, trials_table};
use crate::cli::{CommandResult, Context, Failure, eprint_line, print};
use crate::flags::Assignments;
use crate::launch::requires::{self, Around};
use crate::launch::{self, Chosen, GRID, Prepared, Wish};
use crate::project::{OpDef, Project};
use crate::run::compose::Naming;
use crate::run::{Limits, Status, Template};
use crate::store::RunRow;

pub fn run(
    args: &RunArgs,
    prepared: &Prepared,
    project: &Project,
    home: &Path,
    source: Option<&Template>,
    context: &Context,
) -> CommandResult {
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
    let around = needs::around(args, home, context);
    if args.needed && is_done(args, &plan, &around, context)? {
        return Ok(0);
    }
    needs::warn_of_missing(&prepared.op, &prepared.rows[0].values, &around)?;
    let verb = if args.stage { "stage" } else { "run" };
    if !args.yes && !confirmed(&preview::text(&plan, verb))? {
        return Ok(0);
    }
    needs::check_batch(&prepared.op, &prepared.rows[0].values, &around)?;
    carry::out(args, prepared, &plan, around, source, context)
}

/// `--needed`: says which batches make this one unnecessary, if any do.
fn is_done(args: &RunArgs, plan: &Plan, around: &Around, context: &Context) -> Result<bool, Failure> {
    let mut rows = batch::needed::matching(&around.home, &carry::batch_run(plan, Naming::default()).opref(), plan)?;
    // With other runs to depend on it is another batch.
    let flags = needs::single_values(&plan.spec.rows[0].values);
    let required = requires::runs_for(&plan.spec.opdef, &flags, around);
    rows.retain(|row| required.is_empty() || requires::recorded_of_batch(&row.run) == required);
    Ok(single::skips(args, &rows, context))
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
        jobs: jobs(args),
        deterministic: args.deterministic,
        fail_on_trial_error: args.fail_on_trial_error,
        stage_trials: args.stage_trials,
        limits: limits(args, Limits::default()),
    })
}

/// An optimizer that is none of ours is an operation of the project.
fn program(chosen: &Chosen, project: &Project) -> Result<Option<OpDef>, Failure> {
    if chosen.name == GRID || chosen.searches() {
        return Ok(None);
    }
    Ok(Some(project.operation(Some(&chosen.name))?))
}

/// Plans a batch again from its proto, with the flags and options that are given besides its own, and carries it
/// out in the same batch run. Also starts a batch that was staged.
pub fn restart(args: &RunArgs, row: &RunRow, context: &Context) -> CommandResult {
    if args.optimizer.is_some() || args.optimize {
        return Err(Failure::misuse(
            "the optimizer of a batch cannot be changed - use --proto for a new batch with its flags",
            "gage run",
        ));
    }
    let old = batch::resume::open(&row.run)?;
    let given = Assignments::parse(&args.words)?;
    let mut spec = old.plan.spec.clone();
    let mut changed = Vec::new();
    for row in &spec.rows {
        let wish = Wish {
            optimizer: Some(&spec.optimizer),
            options: &args.opt_flags,
            ..Wish::default()
        };
        let op = spec.opdef.clone();
        let prepared = launch::prepare(op, &given, wish, &row.values, args.force_flags, &context.cwd)?;
        single::warn(&prepared.warnings);
        changed.push(prepared);
    }
    let mut options: BTreeMap<String, String> = spec.options.iter().cloned().collect();
    for (name, text) in changed
        .iter()
        .filter_map(|p| p.optimizer.as_ref())
        .flat_map(|c| &c.options)
    {
        let declared = args
            .opt_flags
            .iter()
            .any(|given| given.split_once('=').is_some_and(|(n, _)| n == name));
        if declared || !options.contains_key(name) {
            options.insert(name.clone(), text.clone());
        }
    }
    spec.options = options.into_iter().collect();
    spec.rows = changed.into_iter().flat_map(|prepared| prepared.rows).collect();
    let maximize = args.maximize.as_ref().map(|column| format!("-{column}"));
    spec.objective = args.minimize.clone().or(maximize).or(spec.objective);
    spec.max_trials = args.max_trials.or(spec.max_trials);
    if let Some(seed) = args.random_seed {
        spec.seed = launch::seed(Some(seed)).map_err(single::failure)?;
        spec.same_seed = true;
    }
    spec.jobs = if args.jobs > 1 { jobs(args) } else { spec.jobs };
    spec.fail_on_trial_error |= args.fail_on_trial_error;
    spec.deterministic |= args.deterministic;
    spec.stage_trials |= args.stage_trials;
    spec.limits = limits(args, spec.limits);
    let same = batch::Plan::header(&old.plan).rows == batch::plan(&spec)?.header().rows;
    let rerun = matches!(row.status, Status::Pending | Status::Staged | Status::Error);
    if args.needed && same && !rerun {
        print("Skipping run because flags have not changed (--needed specified)\n");
        return Ok(0);
    }
    let plan = batch::plan(&spec)?;
    if !args.yes && !confirmed(&preview::text(&plan, "start"))? {
        return Ok(0);
    }
    carry::again(args, &plan, old, context)
}

fn jobs(args: &RunArgs) -> usize {
    usize::try_from(args.jobs).unwrap_or(usize::MAX)
}

/// The limits given, else those of before.
fn limits(args: &RunArgs, before: Limits) -> Limits {
    Limits {
        timeout: args.trial_timeout.or(before.timeout),
        memory: args.trial_memory.or(before.memory),
    }
}
