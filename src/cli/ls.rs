//! `gage ls`: the files of a run.

use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};
use globset::GlobBuilder;

use super::filters::FilterArgs;
use super::{CommandResult, Context, Failure, cat, choose, print};
use crate::report::number;
use crate::run::Run;
use crate::run::alias::{self, Target};
use crate::run::manifest::{self, FileKind};

/// List the files of a run
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct LsArgs {
    /// Run to list (default: the newest)
    #[arg(value_name = "RUN")]
    run: Option<String>,

    /// List what PATH matches; '*' stays within a directory, '**' does not
    #[arg(short, long, value_name = "PATH")]
    path: Option<PathBuf>,

    /// List source code
    #[arg(short, long)]
    sourcecode: bool,

    /// List resolved dependencies
    #[arg(short, long)]
    dependencies: bool,

    /// List files that the run made
    #[arg(short, long)]
    generated: bool,

    /// List the .guild names of what gage knows about the run as well
    #[arg(short, long)]
    all: bool,

    /// Show full paths
    #[arg(short, long)]
    full_path: bool,

    /// List what is in linked directories
    #[arg(short = 'L', long)]
    follow_links: bool,

    /// Names only: no heading, no indentation
    #[arg(short, long)]
    no_format: bool,

    /// Show sizes in bytes
    #[arg(short = 'x', long)]
    extended: bool,

    /// Show sizes for people
    #[arg(short = 'h', long)]
    human_readable: bool,

    /// Print help
    #[arg(long, action = ArgAction::HelpLong)]
    help: Option<bool>,

    #[command(flatten)]
    filters: FilterArgs,
}

const COMMAND: &str = "gage ls";

/// A name below the run directory and where its content is, if it has any.
struct Entry {
    name: String,
    path: Option<PathBuf>,
}

pub fn run(args: LsArgs, context: &Context) -> CommandResult {
    let pattern = match &args.path {
        Some(path) => Some(cat::below(path, COMMAND)?),
        None => None,
    };
    let row = choose::one(context, &args.filters, args.run.as_deref(), COMMAND)?;
    let mut entries = entries(&row.run, &args);
    if let Some(pattern) = pattern.filter(|p| !p.is_empty()) {
        entries = matching(entries, &pattern)?;
    }
    if args.all {
        let resolve = |name: String| {
            let path = match alias::resolve(&row.run, &name) {
                Some(Target::File(path)) => Some(path),
                _ => None,
            };
            Entry { name, path }
        };
        entries.extend(alias::list(&row.run).into_iter().map(resolve));
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries.dedup_by(|a, b| a.name == b.name);
    }
    let mut out = String::new();
    if !args.no_format {
        out.push_str(&format!("{}:\n", context.here().tilde(&row.run.dir())));
    }
    for line in lines(&row.run, &entries, &args) {
        let indent = if args.no_format { "" } else { "  " };
        out.push_str(&format!("{indent}{line}\n"));
    }
    print(&out);
    Ok(0)
}

fn lines(run: &Run, entries: &[Entry], args: &LsArgs) -> Vec<String> {
    let size = |entry: &Entry| {
        let bytes = entry
            .path
            .as_ref()
            .and_then(|path| path.metadata().ok())
            .filter(std::fs::Metadata::is_file)
            .map(|found| found.len());
        match bytes {
            Some(bytes) if args.human_readable => number::size(bytes),
            Some(bytes) => bytes.to_string(),
            None => String::new(),
        }
    };
    let sizes: Vec<String> = if args.extended || args.human_readable {
        entries.iter().map(size).collect()
    } else {
        vec![String::new(); entries.len()]
    };
    let width = sizes.iter().map(String::len).max().unwrap_or(0);
    let line = |(entry, size): (&Entry, &String)| {
        let name = if args.full_path {
            run.dir().join(&entry.name).display().to_string()
        } else {
            entry.name.clone()
        };
        if width == 0 {
            name
        } else {
            format!("{size:>width$}  {name}")
        }
    };
    entries.iter().zip(&sizes).map(line).collect()
}

/// Everything in the run directory, or the files of the kinds asked for; sorted, directories as `name/`.
fn entries(run: &Run, args: &LsArgs) -> Vec<Entry> {
    let kinds = [
        (args.sourcecode, FileKind::Source),
        (args.dependencies, FileKind::Dependency),
        (args.generated, FileKind::Generated),
    ];
    let wanted: Vec<FileKind> = kinds
        .into_iter()
        .filter(|(given, _)| *given)
        .map(|(_, kind)| kind)
        .collect();
    let mut entries = Vec::new();
    if wanted.is_empty() {
        let follow = args.follow_links;
        // Of a glob as deep as it likes; without one the top alone would hide most of a run.
        walk(&run.dir(), "", follow, &mut Vec::new(), &mut entries);
    } else {
        let files = manifest::read(run)
            .into_iter()
            .filter(|entry| wanted.contains(&entry.kind));
        entries.extend(files.map(|file| Entry {
            path: Some(run.dir().join(&file.path)),
            name: file.path.display().to_string(),
        }));
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

/// Adds what is below `dir`. Links to directories are entered only with `follow`, and never into themselves.
fn walk(dir: &Path, prefix: &str, follow: bool, above: &mut Vec<PathBuf>, out: &mut Vec<Entry>) {
    let Ok(here) = dir.canonicalize() else { return };
    if above.contains(&here) {
        return;
    }
    above.push(here);
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if path.is_dir() {
            let name = format!("{name}/");
            if follow || !is_link {
                walk(&path, &name, follow, above, out);
            }
            out.push(Entry { name, path: None });
        } else {
            out.push(Entry { name, path: Some(path) });
        }
    }
    above.pop();
}

/// What the glob matches, and everything below a directory that it matches.
fn matching(entries: Vec<Entry>, pattern: &str) -> Result<Vec<Entry>, Failure> {
    let glob = GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .map_err(|e| Failure::new(format!("invalid path pattern '{pattern}': {}", e.kind())))?
        .compile_matcher();
    let matches = |name: &str| {
        let name = name.trim_end_matches('/');
        let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
        ends.into_iter().any(|end| glob.is_match(&name[..end]))
    };
    Ok(entries.into_iter().filter(|entry| matches(&entry.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_what_is_below_a_directory() {
        let entry = |name: &str| Entry {
            name: name.into(),
            path: None,
        };
        let names = |pattern: &str| -> Vec<String> {
            let entries = ["a.py", "sub/", "sub/b.py", "sub/deep/", "sub/deep/c.py"].map(entry);
            let found = matching(entries.into(), pattern).unwrap();
            found.into_iter().map(|e| e.name).collect()
        };
        assert_eq!(names("*.py"), ["a.py"]);
        assert_eq!(names("**/*.py"), ["a.py", "sub/b.py", "sub/deep/c.py"]);
        assert_eq!(names("sub/deep"), ["sub/deep/", "sub/deep/c.py"]);
        assert_eq!(names("s*"), ["sub/", "sub/b.py", "sub/deep/", "sub/deep/c.py"]);
        assert!(matching(Vec::new(), "a[").is_err());
    }
}
