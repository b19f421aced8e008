//! The `gage` command: arguments, one file per command. Everything it decides is decided below it.
//!
//! A command is a `clap::Args` struct and a `run(args, &Context) -> CommandResult`. Adding one is a file here,
//! a line in `Command` and a line in `dispatch`.

pub mod args;
mod batch;
mod cat;
mod changing;
mod check;
mod choose;
mod comment;
mod compare;
mod completion;
mod confirm;
mod delete;
mod diff;
mod editor;
mod exec;
mod failure;
mod filters;
mod help;
mod info;
mod label;
mod list;
mod ls;
mod mark;
mod open;
mod operations;
mod optimizers;
mod purge;
mod quantity;
mod queue;
mod restore;
mod run;
mod select;
mod steps;
mod stop;
mod study;
mod tag;
mod tensorboard;
mod watch;
mod worker;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::project::Project;

pub use failure::{CommandResult, Failure};

/// Heading of the options that every command takes.
const GLOBAL: &str = "Global options";

/// Hyperparameter search and experiment runner for any program.
#[derive(Parser)]
#[command(name = "gage", version, disable_help_subcommand = true, subcommand_required = false)]
#[command(
    after_help = "Run a program with 'gage run train.py lr=0.1', search with 'gage run train.py lr=[0.01:1.0] -O'."
)]
struct Cli {
    /// Act as if started in this directory
    #[arg(short = 'C', value_name = "PATH", global = true, help_heading = GLOBAL)]
    cwd: Option<PathBuf>,

    /// Directory that holds runs and settings (default: ~/.gage)
    #[arg(short = 'H', long, value_name = "PATH", global = true, help_heading = GLOBAL)]
    home: Option<PathBuf>,

    /// Say more about what gage does
    #[arg(long, global = true, help_heading = GLOBAL)]
    debug: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<run::RunArgs>),
    #[command(visible_alias = "ops")]
    Operations(operations::OperationsArgs),
    Help(help::HelpArgs),
    Check(check::CheckArgs),
    #[command(name = "runs", visible_alias = "list")]
    List(list::ListArgs),
    #[command(name = "show", visible_alias = "info")]
    Show(info::InfoArgs),
    Ls(ls::LsArgs),
    Cat(cat::CatArgs),
    Open(open::OpenArgs),
    Diff(diff::DiffArgs),
    Compare(compare::CompareArgs),
    Select(select::SelectArgs),
    Watch(watch::WatchArgs),
    Stop(stop::StopArgs),
    Queue(queue::QueueArgs),
    Batch(batch::BatchArgs),
    Label(label::LabelArgs),
    Tag(tag::TagArgs),
    Comment(comment::CommentArgs),
    Mark(mark::MarkArgs),
    #[command(visible_alias = "rm")]
    Delete(delete::DeleteArgs),
    Restore(restore::RestoreArgs),
    Purge(purge::PurgeArgs),
    Tensorboard(tensorboard::TensorboardArgs),
    Optimizers(optimizers::OptimizersArgs),
    Completion(completion::CompletionArgs),
    Study(study::StudyArgs),
    #[command(hide = true)]
    Exec(exec::ExecArgs),
    #[command(hide = true)]
    Steps(steps::StepsArgs),
    #[command(hide = true)]
    Worker(worker::WorkerArgs),
}

fn dispatch(command: Command, context: &Context) -> CommandResult {
    match command {
        Command::Run(args) => run::run(*args, context),
        Command::Operations(args) => operations::run(args, context),
        Command::Help(args) => help::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::List(args) => list::run(args, context),
        Command::Show(args) => info::run(args, context),
        Command::Ls(args) => ls::run(args, context),
        Command::Cat(args) => cat::run(args, context),
        Command::Open(args) => open::run(args, context),
        Command::Diff(args) => diff::run(args, context),
        Command::Compare(args) => compare::run(args, context),
        Command::Select(args) => select::run(args, context),
        Command::Watch(args) => watch::run(args, context),
        Command::Stop(args) => stop::run(args, context),
        Command::Queue(args) => queue::run(args, context),
        Command::Batch(args) => batch::run(args, context),
        Command::Label(args) => label::run(args, context),
        Command::Tag(args) => tag::run(args, context),
        Command::Comment(args) => comment::run(args, context),
        Command::Mark(args) => mark::run(args, context),
        Command::Delete(args) => delete::run(args, context),
        Command::Restore(args) => restore::run(args, context),
        Command::Purge(args) => purge::run(args, context),
        Command::Tensorboard(args) => tensorboard::run(args, context),
        Command::Optimizers(args) => optimizers::run(args),
        Command::Completion(args) => completion::run(args, context),
        Command::Study(args) => study::run(args),
        Command::Exec(args) => exec::run(args, context),
        Command::Steps(args) => steps::run(args),
        Command::Worker(args) => worker::run(args),
    }
}

/// The command line as clap knows it, for completion and the reference.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Where a command acts.
pub struct Context {
    /// The directory gage was started in, or that of `-C`.
    pub cwd: PathBuf,
    /// `-H` or `GAGE_HOME`, if given.
    pub home: Option<PathBuf>,
    /// The runs home, where gage itself has said which.
    pub runs: Option<PathBuf>,
    /// Say more.
    pub debug: bool,
}

/// Runs the command line and gives the exit code.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    match try_main(words.into_iter().collect()) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.code)
        }
    }
}

fn try_main(words: Vec<OsString>) -> CommandResult {
    let words = args::rewrite(words)?;
    let mut command = Cli::command();
    let matches = match command.try_get_matches_from_mut(&words) {
        Ok(matches) => matches,
        Err(error) => return args::usage_error(error, &words, &command),
    };
    let cli = Cli::from_arg_matches(&matches).map_err(|e| Failure::usage(e.to_string(), "gage"))?;
    let Some(command) = cli.command else {
        print(&command.render_help().to_string());
        return Ok(0);
    };
    if let Some(dir) = &cli.cwd {
        std::env::set_current_dir(dir)
            .map_err(|e| Failure::new(format!("cannot change to directory {}: {}", dir.display(), reason(&e))))?;
    }
    let cwd = std::env::current_dir()
        .map_err(|e| Failure::new(format!("cannot read the current directory: {}", reason(&e))))?;
    let home = cli.home.or_else(|| env_path("GAGE_HOME")).or_else(|| {
        let compatible = std::env::var_os("GAGE_COMPAT").is_some_and(|v| v == "guild");
        if compatible { env_path("GUILD_HOME") } else { None }
    });
    let home = home.map(|dir| cwd.join(dir));
    dispatch(
        command,
        &Context {
            cwd,
            home,
            runs: None,
            debug: cli.debug,
        },
    )
}

impl Context {
    /// gage's own directory: `-H`, `GAGE_HOME`, else `~/.gage`.
    pub fn gage_home(&self) -> Result<PathBuf, Failure> {
        if let Some(home) = &self.home {
            return Ok(home.clone());
        }
        let home = env_path("HOME").ok_or_else(|| {
            Failure::new("cannot find a home directory: HOME is not set - set GAGE_HOME or use 'gage -H PATH'")
        })?;
        Ok(home.join(".gage"))
    }

    /// The project of the directory.
    pub fn project(&self) -> Result<Project, Failure> {
        let project = Project::open(&self.cwd)?;
        if let (true, Some(file), Some(hidden)) = (self.debug, &project.file, &project.hidden) {
            eprint_line(&format!(
                "DEBUG: {} is used, {} is not",
                file.display(),
                hidden.display()
            ));
        }
        Ok(project)
    }

    /// The directory that holds all runs. `project` is the `$runs-dir` of the operations file, if it has one.
    pub fn runs_home(&self, project: Option<PathBuf>) -> Result<PathBuf, Failure> {
        if let Some(dir) = &self.runs {
            return Ok(dir.clone());
        }
        if let Some(dir) = env_path("GAGE_RUNS").or_else(|| env_path("RUNS_DIR")) {
            return Ok(self.cwd.join(dir));
        }
        if let Some(home) = &self.home {
            return Ok(home.join("runs"));
        }
        if let Some(dir) = project {
            return Ok(dir);
        }
        let local = self.cwd.join(".gage");
        if local.is_dir() {
            return Ok(local.join("runs"));
        }
        Ok(self.gage_home()?.join("runs"))
    }
}

/// A path variable of the environment; an empty one counts as not set.
fn env_path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from)
}

/// Prints to standard output as it is. A reader that has gone away (`gage runs | head`) ends gage quietly.
pub fn print(text: &str) {
    print_bytes(text.as_bytes());
}

/// Like `print`, for bytes.
pub fn print_bytes(bytes: &[u8]) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
        if error.kind() != std::io::ErrorKind::BrokenPipe {
            eprint_line(&format!("gage: cannot write to standard output: {}", reason(&error)));
        }
        std::process::exit(if error.kind() == std::io::ErrorKind::BrokenPipe {
            0
        } else {
            1
        });
    }
}

/// Prints to standard error as it is; a closed one is no reason to stop.
pub fn eprint(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Prints a line to standard error; a closed standard error is no reason to stop.
pub fn eprint_line(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// The system's text for an error, without Rust's ` (os error 2)`.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_string()
}
