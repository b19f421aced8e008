//! `gage open`: a run directory, or a file of it, in the program that the system opens such things with.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use super::filters::FilterArgs;
use super::{CommandResult, Context, Failure, cat, choose, eprint_line, reason};
use crate::run::Run;
use crate::run::alias::{self, Target};

/// Open a run directory or a file of it
#[derive(Args)]
pub struct OpenArgs {
    /// Run to open (default: the newest)
    #[arg(value_name = "RUN")]
    run: Option<String>,

    /// Open this file or directory of the run
    #[arg(short, long, value_name = "PATH")]
    path: Option<PathBuf>,

    /// Open the source code
    #[arg(short, long)]
    sourcecode: bool,

    /// Open what the run printed
    #[arg(short = 'O', long, conflicts_with_all = ["path", "sourcecode"])]
    output: bool,

    /// Open with CMD
    #[arg(short, long, value_name = "CMD")]
    cmd: Option<String>,

    /// Start a shell in the directory
    #[arg(long, conflicts_with = "cmd")]
    shell: bool,

    /// The shell to start
    #[arg(long, value_name = "CMD", conflicts_with = "cmd")]
    shell_cmd: Option<String>,

    #[command(flatten)]
    filters: FilterArgs,
}

pub fn run(args: OpenArgs, context: &Context) -> CommandResult {
    let below = match &args.path {
        Some(path) => cat::below(path, "gage open")?,
        None => String::new(),
    };
    let row = choose::one(context, &args.filters, args.run.as_deref(), "gage open")?;
    let path = target(&row.run, &below, &args)?;
    if args.shell || args.shell_cmd.is_some() {
        return shell(&path, args.shell_cmd.as_deref());
    }
    let program = match &args.cmd {
        Some(cmd) => cmd.clone(),
        None if cfg!(target_os = "macos") => "open".into(),
        None => "xdg-open".into(),
    };
    let words = shlex::split(&program).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| Failure::new(format!("cannot read the command '{program}'")))?;
    let status = Command::new(&words[0])
        .args(&words[1..])
        .arg(&path)
        .status()
        .map_err(|e| {
            Failure::new(format!(
                "cannot start '{program}': {} - name a program with --cmd",
                reason(&e)
            ))
        })?;
    Ok(exit_code(status))
}

/// The path to open: a real file of the run directory, else what an alias stands for.
fn target(run: &Run, below: &str, args: &OpenArgs) -> Result<PathBuf, Failure> {
    let path = if args.output {
        run.meta("output/40_run")
    } else if below.is_empty() {
        run.dir()
    } else {
        run.dir().join(below)
    };
    if path.exists() {
        return Ok(path);
    }
    match alias::resolve(run, below) {
        Some(Target::File(path)) => Ok(path),
        _ => Err(Failure::new(format!("{} does not exist", path.display()))),
    }
}

fn shell(path: &Path, shell: Option<&str>) -> CommandResult {
    let dir = if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(path)
    };
    let shell = shell.map(str::to_string).or_else(|| std::env::var("SHELL").ok());
    let shell = shell.filter(|s| !s.is_empty()).unwrap_or_else(|| "sh".into());
    eprint_line(&format!("Running a new shell in {}", dir.display()));
    eprint_line("To exit the shell, type 'exit' and press Enter.");
    let status = Command::new("sh")
        .args(["-c", &format!("exec {shell}")])
        .current_dir(dir)
        .status()
        .map_err(|e| Failure::new(format!("cannot start '{shell}': {}", reason(&e))))?;
    Ok(exit_code(status))
}

fn exit_code(status: std::process::ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
