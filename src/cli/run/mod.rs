//! `gage run`: one run, a batch, or a look at what would be run. Understands the options and asks the questions;
//! merging flags is `launch`'s, running is `run`'s, searching `batch`'s.

mod again;
mod batch;
pub mod carry;
mod detach;
mod look;
mod needs;
mod options;
mod single;

pub use options::RunArgs;

use std::path::Path;

use super::{CommandResult, Context, Failure, editor, eprint_line, steps};
use crate::flags::{Assignments, FlagValues, Value, encode};
use crate::launch::{self, Wish};
use crate::project::OpDef;
use crate::queue;
use crate::report::prompt;
use crate::scalars::patterns;

pub fn run(mut args: RunArgs, context: &Context) -> CommandResult {
    args.check()?;
    let of_steps;
    let context = match args.step_of.as_deref().and_then(Path::parent) {
        Some(home) => {
            of_steps = Context {
                runs: Some(home.to_path_buf()),
                cwd: context.cwd.clone(),
                home: context.home.clone(),
                debug: context.debug,
            };
            &of_steps
        }
        None => context,
    };
    write_comments(&mut args)?;
    if let Some(word) = &args.resume {
        return carry::resume(&args, word, context);
    }
    if let Some(word) = &args.restart {
        return again::restart(&args, word, context);
    }
    if let Some(word) = &args.proto {
        return again::proto(&args, word, context);
    }
    let project = context.project()?;
    let mut op = match project.operation(args.operation()) {
        Err(_) if args.operation() == Some(queue::NAME) => queue::operation(&std::env::current_exe()?),
        found => found?,
    };
    if args.help_op || args.help_model {
        return look::help(&args, &op, &project);
    }
    single::warn(&op.warnings);
    if let Some(code) = look::before_flags(&args, &op, context)? {
        return Ok(code);
    }
    single::warn(&patterns::check(op.output_scalars.as_ref(), op.output_attrs.as_ref())?);
    let mut given = Assignments::parse(args.assignments())?;
    if args.edit_flags {
        given = edit_flags(&op, &given)?;
    }
    steps::prepare(&mut op, &given, &project.dir)?;
    needs::complete(&mut op, &args, context)?;
    let wish = Wish {
        optimizer: args.optimizer.as_deref(),
        optimize: args.optimize,
        options: &args.opt_flags,
    };
    let prepared = launch::prepare(op, &given, wish, &FlagValues::new(), args.force_flags, &context.cwd)?;
    single::warn(&prepared.warnings);
    let home = context.runs_home(project.runs_dir.clone())?;
    if prepared.optimizer.is_some() {
        return batch::run(&args, &prepared, &project, &home, None, context);
    }
    not_a_batch(&args)?;
    if args.print_cmd || args.print_env {
        return look::command(&args, &prepared);
    }
    let around = needs::around(&args, &home, context);
    if args.needed && single::is_done(&args, &prepared, &around, context)? {
        return Ok(0);
    }
    needs::warn_of_missing(&prepared.op, &prepared.rows[0].values, &around)?;
    let verb = if args.stage { "stage" } else { "run" };
    if !args.yes && !confirmed(&single::preview(&prepared, verb))? {
        return Ok(0);
    }
    single::run(&args, &prepared, &around, None, context)
}

/// `--edit-comment` and `--edit-batch-comment`: comments that are written in an editor.
fn write_comments(args: &mut RunArgs) -> Result<(), Failure> {
    for (wanted, comment) in [
        (args.edit_comment, &mut args.comment),
        (args.edit_batch_comment, &mut args.batch_comment),
    ] {
        if wanted {
            let text = editor::edited(comment.as_deref().unwrap_or_default())?;
            *comment = Some(text.trim().to_string()).filter(|text| !text.is_empty());
        }
    }
    Ok(())
}

/// `--edit-flags`: every flag on a line, as it was given or by default, to be changed in an editor.
fn edit_flags(op: &OpDef, given: &Assignments) -> Result<Assignments, Failure> {
    let line = |name: &String, default: &Value| match given.get(name) {
        Some(text) => format!("{name}={text}"),
        None => format!("{name}={}", encode(default)),
    };
    let lines: Vec<String> = op.flags.iter().map(|(name, def)| line(name, &def.default)).collect();
    let text = editor::edited(&lines.join("\n"))?;
    let words: Vec<String> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(str::to_string)
        .collect();
    let mut edited = Assignments::parse(&words)?;
    // What the editor did not show stays as it was given.
    let others = given.values.iter().filter(|(name, _)| !op.flags.contains_key(name));
    edited.values.extend(others.cloned());
    edited.batch_files.clone_from(&given.batch_files);
    Ok(edited)
}

/// Refuses or ignores the options that only a batch has.
fn not_a_batch(args: &RunArgs) -> Result<(), Failure> {
    if args.print_trials {
        return Err(Failure::new("cannot print trials for a non-batch operation"));
    }
    if args.save_trials.is_some() {
        return Err(Failure::new("cannot save trials for a non-batch operation"));
    }
    if args.stage_trials {
        return Err(Failure::new("cannot stage trials for a non-batch operation"));
    }
    if args.max_trials.is_some() {
        eprint_line("WARNING: not a batch run - ignoring --max-trials");
    }
    if args.trial_timeout.is_some() {
        eprint_line("WARNING: not a batch run - ignoring --trial-timeout (use --stop-after for a single run)");
    }
    if args.trial_memory.is_some() {
        eprint_line("WARNING: not a batch run - ignoring --trial-memory");
    }
    for (given, what) in [
        (args.batch_label.is_some(), "label"),
        (!args.batch_tags.is_empty(), "tag"),
        (args.batch_comment.is_some(), "comment"),
    ] {
        if given {
            eprint_line(&format!("WARNING: operation is not a batch - ignoring batch {what}"));
        }
    }
    Ok(())
}

/// Shows the preview and asks. The end of input ends gage.
fn confirmed(preview: &str) -> Result<bool, Failure> {
    super::eprint(preview);
    prompt::ask("Continue", prompt::Default::Yes)?.ok_or_else(|| Failure::new(""))
}
