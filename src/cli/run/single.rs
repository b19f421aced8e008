//! One run in the foreground: the question before it, its output, its end.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

use nix::libc::{SIGHUP, SIGINT, SIGTERM};
use serde_json::{Value as Json, json};

use super::{RunArgs, detach, needs};
use crate::cli::{CommandResult, Context, Failure, eprint_line, print};
use crate::flags::{Resolved, encode};
use crate::launch::requires::{self, Around};
use crate::launch::{self, LaunchError, Prepared, Single};
use crate::project::OpDef;
use crate::report::listing;
use crate::run::compose::{Naming, STEP_PARAMS, compose};
use crate::run::output::Stream;
use crate::run::{self, Caller, Event, Notice, Run, StopFlag, Supervise, Template};
use crate::store::RunRow;

/// The flags of a run as its preview shows them.
pub fn preview(prepared: &Prepared, verb: &str) -> String {
    let mut text = format!("You are about to {verb} {}\n", prepared.op.name);
    for (name, value) in &prepared.rows[0].values {
        text += &format!("  {name}: {}\n", encode(value));
    }
    text
}

/// Label, tags and comment as the options give them.
pub fn naming(args: &RunArgs) -> Naming {
    Naming {
        label: args.label.clone(),
        tags: args.tags.clone(),
        comment: args.comment.clone(),
    }
}

/// Environment that options add.
pub fn environment(args: &RunArgs) -> BTreeMap<String, String> {
    let gpus = args.gpus.clone().or_else(|| args.no_gpus.then(String::new));
    gpus.map(|list| ("CUDA_VISIBLE_DEVICES".to_string(), list))
        .into_iter()
        .collect()
}

/// `--needed`: says which runs make this one unnecessary, if any do.
pub fn is_done(args: &RunArgs, prepared: &Prepared, around: &Around, context: &Context) -> Result<bool, Failure> {
    let flags = &prepared.rows[0].values;
    let (spec, _) = compose(&prepared.op, flags, &Naming::default(), &BTreeMap::new());
    let mut rows = launch::matching(&around.home, &spec.opref(), flags)?;
    // With other runs to depend on it is another run.
    let required = requires::runs_for(&prepared.op, flags, around);
    rows.retain(|row| required.is_empty() || requires::recorded(&row.run) == required);
    Ok(skips(args, &rows, context))
}

/// `--needed`: says that `rows`, newest first, make a run unnecessary, if there are any. A step's link leads to the newest.
pub fn skips(args: &RunArgs, rows: &[RunRow], context: &Context) -> bool {
    let Some(newest) = rows.first() else {
        return false;
    };
    if let (Some(steps_dir), Some(id)) = (&args.step_of, &args.run_id) {
        launch::steps::lead_elsewhere(steps_dir, id, newest.run.id());
    }
    let listed = listing::preview(rows, &context.here());
    print(&format!(
        "Skipping because the following runs match this operation (--needed specified):\n{listed}"
    ));
    true
}

/// Makes, stages and (without `--stage`) runs it. `source` are the files of another run instead of the project's.
pub fn run(
    args: &RunArgs,
    prepared: &Prepared,
    around: &Around,
    source: Option<&Template>,
    context: &Context,
) -> CommandResult {
    let op = &prepared.op;
    let flags: &Resolved = &prepared.rows[0];
    let home = around.home.as_path();
    let seed = launch::seed(args.random_seed).map_err(failure)?;
    let id = args.new_id()?;
    let detached = detach::wanted(args, id.as_deref(), context)?;
    let required = needs::found(op, &flags.values, around)?;
    let own;
    let source = match source {
        Some(source) => source,
        None => {
            let (template, warnings) = launch::template(op, home)?;
            warn(&warnings);
            own = template;
            &own
        }
    };
    let single = Single {
        op,
        flags,
        naming: naming(args),
        requires: &required,
        seed,
        env: environment(args),
        attrs: attributes(args, op),
        id,
        dir: args.run_dir.as_ref().map(|dir| context.cwd.join(dir)),
    };
    let (run, warnings) = launch::make(home, &single, source).map_err(failure)?;
    warn(&warnings);
    if args.verbose {
        eprint_line(&format!("Run {} with seed {seed}", run.id()));
    }
    if args.stage {
        eprint_line(&format!("{} staged as {}", op.name, run.id()));
        eprint_line(&format!(
            "To start the operation, use 'gage run --start {}'",
            run.short_id()
        ));
        return Ok(0);
    }
    let goes = op.delete_on_success && !args.keep_run;
    if let Some(detached) = detached {
        return detached.delete_on_success(goes).start(&run, &op.name);
    }
    let code = foreground(&run, true, args)?;
    if code == 0 && goes {
        run::remove::delete(&run)?;
        eprint_line(&format!(
            "Deleting interim run {} ('{}' is configured for deletion on success)",
            run.id(),
            op.name
        ));
    }
    Ok(code)
}

/// Supervises a staged run in this process. A `fresh` one must not have been started by anybody else meanwhile.
pub fn foreground(run: &Run, fresh: bool, args: &RunArgs) -> CommandResult {
    let stop = stop_flag(args)?;
    let quiet = args.quiet;
    let mut pid = 0;
    let mut show = |event: Event<'_>| match event {
        Event::Started { pid: started } => pid = started,
        Event::Output { stream, bytes } if !quiet => write(stream, bytes),
        Event::Notice(notice) => say(&notice, pid, args.stop_after),
        _ => {}
    };
    let mut how = Supervise {
        on: &mut show,
        stop: Some(&stop),
        stop_after: args.time_limit(),
        adopt: true,
        stdin: !std::io::stdin().is_terminal(),
        fresh,
        caller: Caller::here(),
    };
    let exit = run::supervise(run, &mut how).map_err(|e| Failure::with_code(e.to_string(), e.exit_code()))?;
    for problem in &exit.problems {
        eprint_line(&format!("WARNING: {problem}"));
    }
    if let Some(reason) = &exit.not_started {
        return Err(Failure::with_code(reason.clone(), exit.process_code()));
    }
    match stop.signal() {
        Some(signal) if exit.stopped => Ok(128 + u8::try_from(signal).unwrap_or(0)),
        _ => Ok(exit.process_code()),
    }
}

/// Raised by the signals that ask for an end.
pub fn stop_flag(args: &RunArgs) -> Result<StopFlag, Failure> {
    let stop = StopFlag::new()?;
    stop.raise_on(&[SIGINT, SIGTERM, SIGHUP])?;
    if args.step_of.is_some() {
        stop.be_patient();
    }
    Ok(stop)
}

/// System attributes that options add.
pub fn attributes(args: &RunArgs, op: &OpDef) -> BTreeMap<String, Json> {
    let mut attrs = BTreeMap::new();
    if !op.steps.is_empty() {
        let lent = json!({
            "label": args.label,
            "tags": args.tags,
            "needed": args.needed,
            "force-sourcecode": args.force_sourcecode,
            "force-deps": args.force_deps,
            "random-seed": args.random_seed,
        });
        attrs.insert(STEP_PARAMS.to_string(), lent);
    }
    if let Some(steps_run) = args.step_of.as_deref().and_then(Run::at) {
        attrs.insert(launch::steps::STEPS_RUN.to_string(), steps_run.id().into());
    }
    attrs
}

/// What the program printed, to where it printed it. A reader that went away does not end the run.
fn write(stream: Stream, bytes: &[u8]) {
    let _ = match stream {
        Stream::Err => std::io::stderr().lock().write_all(bytes),
        Stream::Out => {
            let mut out = std::io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
    };
}

fn say(notice: &Notice<'_>, pid: i32, minutes: Option<f64>) {
    match notice {
        Notice::TimeUp => {
            let elapsed = minutes.unwrap_or_default();
            eprint_line(&format!(
                "INFO: [gage] Stopping process early (pid {pid}) - {elapsed:?} minute(s) elapsed"
            ));
        }
        Notice::Exceeded(excess) => {
            eprint_line(&format!("WARNING: [gage] Stopping process (pid {pid}): {excess}"));
        }
        Notice::OutputLost(reason) => {
            eprint_line(&format!("WARNING: [gage] Output is no longer recorded: {reason}"));
        }
        Notice::OutputClosed => {
            eprint_line("WARNING: [gage] Processes that the program left behind kept its output open: closed");
        }
        Notice::Unkillable(pids) => {
            let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
            eprint_line(&format!(
                "WARNING: [gage] The following processes did not stop as expected: {}",
                pids.join(", ")
            ));
        }
        Notice::Stopping => {}
    }
}

/// A failure to launch with its own exit code.
pub fn failure(error: LaunchError) -> Failure {
    let code = error.exit_code();
    Failure {
        code,
        ..Failure::from(error)
    }
}

/// Warnings on standard error.
pub fn warn(warnings: &[String]) {
    for warning in warnings {
        eprint_line(&format!("WARNING: {warning}"));
    }
}
