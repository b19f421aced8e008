//! `gage diff`: two runs side by side, in the user's own diff program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use tempfile::TempDir;

use super::filters::FilterArgs;
use super::{CommandResult, Context, Failure, cat, choose, reason};
use crate::run::alias::{self, Target};
use crate::run::manifest::{self, FileKind};
use crate::run::{Run, user};
use crate::store::RunRow;

/// Show the differences between two runs
#[derive(Args)]
pub struct DiffArgs {
    /// Runs to compare, the first one on the left (default: 2 and 1)
    #[arg(value_name = "RUN", num_args = 0..=2)]
    runs: Vec<String>,

    /// Compare what the runs printed
    #[arg(short = 'O', long)]
    output: bool,

    /// Compare source code
    #[arg(short, long)]
    sourcecode: bool,

    /// Compare environments
    #[arg(short, long)]
    env: bool,

    /// Compare flags
    #[arg(short, long)]
    flags: bool,

    /// Compare attributes: flags, environment, label, tags and more
    #[arg(short, long)]
    attrs: bool,

    /// Compare dependencies
    #[arg(short = 'D', long)]
    deps: bool,

    /// Compare these files of the run directories
    #[arg(short, long, value_name = "PATH")]
    path: Vec<PathBuf>,

    /// Compare source code with the project the run came from [short: -w]
    #[arg(long, conflicts_with = "dir")]
    working: bool,

    /// Compare source code with directory DIR
    #[arg(short, long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Compare with CMD (default: diff -ru)
    #[arg(short, long, value_name = "CMD")]
    cmd: Option<String>,

    #[command(flatten)]
    filters: FilterArgs,
}

const COMMAND: &str = "gage diff";

pub fn run(args: DiffArgs, context: &Context) -> CommandResult {
    let paths: Result<Vec<String>, Failure> = args.path.iter().map(|path| cat::below(path, COMMAND)).collect();
    let paths = paths?;
    let rows = choose::matching(context, &args.filters, COMMAND)?;
    let scene = tempfile::Builder::new().prefix("gage-diff-").tempdir()?;
    if args.working || args.dir.is_some() {
        return with_directory(&args, rows, &scene, context);
    }
    let (left, right) = pair(&args, rows, context)?;
    let sides = [Side::new(&scene, &left.run, "")?, Side::new(&scene, &right.run, "")?];
    if sides[0].name == sides[1].name {
        return Err(Failure::new("diff requires two different runs"));
    }
    for side in &sides {
        side.fill(&args, &paths)?;
    }
    compare(&args, &scene, &sides[0].name, &sides[1].name)
}

/// The two runs: as named, else the newest two, older first.
fn pair(args: &DiffArgs, rows: Vec<RunRow>, context: &Context) -> Result<(RunRow, RunRow), Failure> {
    let two = || {
        Failure::new("diff requires two runs\nTry specifying a second RUN or 'gage diff --help' for more information.")
    };
    let one = |word: &String| -> Result<RunRow, Failure> {
        let mut found = choose::named(rows.clone(), std::slice::from_ref(word), context, COMMAND)?;
        if found.len() == 1 {
            Ok(found.remove(0))
        } else {
            Err(two())
        }
    };
    match &args.runs[..] {
        [left, right] => Ok((one(left)?, one(right)?)),
        // A range names both.
        [range] => match &choose::named(rows.clone(), std::slice::from_ref(range), context, COMMAND)?[..] {
            [newer, older] => Ok((older.clone(), newer.clone())),
            _ => Err(two()),
        },
        _ => match &rows[..] {
            [newer, older, ..] => Ok((older.clone(), newer.clone())),
            _ => Err(two()),
        },
    }
}

/// The source code of one run beside that of a directory.
fn with_directory(args: &DiffArgs, rows: Vec<RunRow>, scene: &TempDir, context: &Context) -> CommandResult {
    let mut rows = if args.runs.is_empty() {
        rows
    } else {
        choose::named(rows, &args.runs, context, COMMAND)?
    };
    if rows.is_empty() {
        return Err(choose::none());
    }
    let row = rows.remove(0);
    let dir = match (&args.dir, &row.project) {
        (Some(dir), _) => context.cwd.join(dir),
        (None, Some(project)) => project.clone(),
        (None, None) => return Err(Failure::new(format!("run {} has no project directory", row.run.id()))),
    };
    if !dir.is_dir() {
        return Err(Failure::new(format!("{} is not a directory", dir.display())));
    }
    let left = Side::new(scene, &row.run, "")?;
    let right = Side::new(scene, &row.run, "-project")?;
    for entry in manifest::read(&row.run) {
        if entry.kind == FileKind::Source {
            left.link(&entry.path, &row.run.dir().join(&entry.path))?;
            right.link(&entry.path, &dir.join(&entry.path))?;
        }
    }
    compare(args, scene, &left.name, &right.name)
}

/// One side of the comparison: a directory named by the run, of links to what is compared.
struct Side {
    name: String,
    dir: PathBuf,
    run: Run,
}

impl Side {
    fn new(scene: &TempDir, run: &Run, suffix: &str) -> Result<Side, Failure> {
        let name = format!("{}{suffix}", run.short_id());
        let dir = scene.path().join(&name);
        let _exists_when_the_run_is_named_twice = fs::create_dir(&dir);
        Ok(Side {
            name,
            dir,
            run: run.clone(),
        })
    }

    fn fill(&self, args: &DiffArgs, paths: &[String]) -> Result<(), Failure> {
        let some = args.output || args.sourcecode || args.env || args.flags || args.attrs || args.deps;
        if !some && paths.is_empty() {
            for entry in fs::read_dir(self.run.dir()).into_iter().flatten().flatten() {
                self.link(Path::new(&entry.file_name()), &entry.path())?;
            }
            return Ok(());
        }
        if args.output {
            self.link(Path::new("output"), &self.run.meta("output/40_run"))?;
        }
        if args.attrs || args.flags {
            self.text("flags", ".guild/attrs/flags")?;
        }
        if args.attrs || args.env {
            self.text("env", ".guild/attrs/env")?;
        }
        if args.attrs {
            for name in ["cmd", "op", "label", "tags", "random_seed", "exit_status"] {
                self.text(name, &format!(".guild/attrs/{name}"))?;
            }
            let comments: Vec<String> = user::read(&self.run)
                .comments
                .into_iter()
                .map(|c| c.text + "\n")
                .collect();
            fs::write(self.dir.join("comments"), comments.concat())?;
        }
        for (given, kind) in [(args.sourcecode, FileKind::Source), (args.deps, FileKind::Dependency)] {
            for entry in manifest::read(&self.run) {
                if given && entry.kind == kind {
                    self.link(&entry.path, &self.run.dir().join(&entry.path))?;
                }
            }
        }
        for path in paths {
            let file = self.run.dir().join(path);
            if file.exists() {
                self.link(Path::new(path), &file)?;
            } else {
                self.text(path, path)?;
            }
        }
        Ok(())
    }

    /// What an alias stands for, if it stands for anything.
    fn text(&self, name: &str, alias: &str) -> Result<(), Failure> {
        let target = self.dir.join(name);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        match alias::resolve(&self.run, alias) {
            Some(Target::Text(text)) => fs::write(target, text)?,
            Some(Target::File(file)) => self.link(Path::new(name), &file)?,
            None => {}
        }
        Ok(())
    }

    fn link(&self, name: &Path, file: &Path) -> Result<(), Failure> {
        if !file.exists() {
            return Ok(());
        }
        let target = self.dir.join(name);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        std::os::unix::fs::symlink(file, &target)
            .map_err(|e| Failure::new(format!("cannot link {}: {}", target.display(), reason(&e))))
    }
}

/// Runs the diff program on the two names, so that its headings are short. Differences are no failure.
fn compare(args: &DiffArgs, scene: &TempDir, left: &str, right: &str) -> CommandResult {
    let command = args.cmd.as_deref().unwrap_or("diff -ru");
    let words = shlex::split(command).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| Failure::new(format!("cannot read the command '{command}'")))?;
    let status = Command::new(&words[0])
        .args(&words[1..])
        .args([left, right])
        .current_dir(scene.path())
        .status()
        .map_err(|e| {
            Failure::new(format!(
                "cannot start '{command}': {} - name a program with --cmd",
                reason(&e)
            ))
        })?;
    Ok(match status.code() {
        Some(0 | 1) => 0,
        Some(code) => u8::try_from(code).unwrap_or(1),
        None => 1,
    })
}
