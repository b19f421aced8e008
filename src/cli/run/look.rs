//! The options of `gage run` that show something and run nothing.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::{RunArgs, single};
use crate::batch::Plan;
use crate::cli::{CommandResult, Context, Failure, eprint_line, print, reason};
use crate::flags::deliver;
use crate::launch::{Prepared, requires};
use crate::project::{self, Command, OpDef, Project, source};
use crate::report::help;
use crate::run::compose::{Naming, compose};
use crate::scalars::patterns::{Attributes, Patterns};

/// Looks that need no flags; `None` if none was asked for.
pub fn before_flags(args: &RunArgs, op: &OpDef, context: &Context) -> Result<Option<u8>, Failure> {
    if args.test_sourcecode {
        return source_code(op, args.json, context).map(Some);
    }
    if args.test_flags {
        return flags(op, args.json).map(Some);
    }
    if let Some(path) = &args.test_output_scalars {
        let (patterns, warnings) = Patterns::new(op.output_scalars.as_ref(), op.flags.keys().map(String::as_str))?;
        return test_lines(path, context, &warnings, |line| patterns.test(line)).map(Some);
    }
    if let Some(path) = &args.test_output_attrs {
        let (attributes, warnings) = Attributes::new(op.output_attrs.as_ref())?;
        return test_lines(path, context, &warnings, |line| attributes.test(line)).map(Some);
    }
    Ok(None)
}

/// Help on the operation, or on the model it is in.
pub fn help(args: &RunArgs, op: &OpDef, project: &Project) -> CommandResult {
    let model = op.name.rsplit_once(':').map_or("", |(model, _)| model);
    let model = project
        .models
        .iter()
        .find(|m| m.name == model)
        .cloned()
        .unwrap_or_default();
    print(&match (args.help_op, args.json) {
        (true, false) => help::operation(op),
        (true, true) => format!("{:#}\n", serde_json::to_value(op)?),
        (false, _) => help::model(&model, &project.operations_of(&model)),
    });
    Ok(0)
}

/// Prints what the patterns make of each line.
fn test_lines(path: &Path, context: &Context, warnings: &[String], test: impl Fn(&[u8]) -> String) -> CommandResult {
    for warning in warnings {
        eprint_line(&format!("WARNING: {warning}"));
    }
    for line in lines_of(path, context)? {
        print(&test(line.strip_suffix(b"\r").unwrap_or(&line)));
    }
    Ok(0)
}

fn source_code(op: &OpDef, json: bool, context: &Context) -> CommandResult {
    let root = op
        .sourcecode
        .root
        .as_ref()
        .map_or_else(|| op.project_dir.clone(), |r| op.project_dir.join(r));
    let mut leave_out = requires::project_files(op);
    leave_out.push(context.runs_home(None)?);
    let selection = source::select(&root, &op.sourcecode, &leave_out)?;
    for warning in &selection.warnings {
        eprint_line(&format!("WARNING: {warning}"));
    }
    if json {
        print(&format!(
            "{:#}\n",
            serde_json::json!({ "root": root, "files": selection.files })
        ));
        return Ok(0);
    }
    let lines: String = selection.files.iter().map(|file| format!("{file}\n")).collect();
    print(&lines);
    Ok(0)
}

fn flags(op: &OpDef, json: bool) -> CommandResult {
    if json {
        print(&format!("{}\n", serde_json::to_string_pretty(&op.flags)?));
        return Ok(0);
    }
    let mut text = format!("flags-dest: {}\n", op.flags_dest.text());
    text += "flags:\n";
    for (name, def) in &op.flags {
        text += &format!("  {name}: {}\n", crate::flags::encode(&def.default));
    }
    print(&text);
    Ok(0)
}

/// The lines of a file, or of standard input for `-`.
fn lines_of(path: &Path, context: &Context) -> Result<Vec<Vec<u8>>, Failure> {
    let reader: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        let file = std::fs::File::open(context.cwd.join(path));
        Box::new(file.map_err(|e| Failure::new(format!("cannot read {}: {}", path.display(), reason(&e))))?)
    };
    let lines = BufReader::new(reader).split(b'\n').collect::<Result<_, _>>();
    lines.map_err(|e| Failure::new(format!("cannot read {}: {}", path.display(), reason(&e))))
}

/// `--print-cmd` and `--print-env` of a single run.
pub fn command(args: &RunArgs, prepared: &Prepared) -> CommandResult {
    let (spec, warnings) = compose(
        &prepared.op,
        &prepared.rows[0].values,
        &single::naming(args),
        &BTreeMap::new(),
    );
    single::warn(&warnings);
    if args.print_env {
        let mut env = deliver::environment(&prepared.op.flags, &prepared.rows[0].values);
        env.extend(spec.env.clone());
        env.extend(single::environment(args));
        let lines: String = env.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        print(&lines);
    }
    if args.print_cmd {
        print(&line_of(spec.command.as_ref()));
    }
    Ok(0)
}

/// `--print-cmd` of a batch: the command of every trial.
pub fn trial_commands(plan: &Plan) -> CommandResult {
    let trials = plan.trials_for("printing trials command")?;
    let lines = trials.iter().map(|flags| {
        let (spec, _) = compose(&plan.spec.opdef, flags, &Naming::default(), &BTreeMap::new());
        line_of(spec.command.as_ref())
    });
    print(&lines.collect::<String>());
    Ok(0)
}

/// A command as one would type it.
fn line_of(command: Option<&Command>) -> String {
    match command {
        None => String::new(),
        Some(Command::Shell(text)) => format!("{}\n", text.trim_end()),
        Some(Command::Words(words)) => {
            let quoted: Vec<String> = words.iter().map(|word| project::quoted(word)).collect();
            format!("{}\n", quoted.join(" "))
        }
    }
}
