//! The options of `gage run`, and which of them exclude each other.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

use crate::cli::Failure;
use crate::cli::args::{at_least_one, number_from};
use crate::cli::quantity;

/// Run an operation, a script or a search over its flags
///
/// OPERATION is one of the project's operations file or a program such as train.py. Flags are given as NAME=VALUE. A list such as
/// lr=[0.1,0.01] runs every combination; a range such as lr=[0.01:0.1] or lr=loguniform[1e-5:1] searches. @FILE reads flags from a CSV,
/// JSON, YAML or TOML file, one trial a row.
#[derive(Args, Debug, Default)]
#[command(
    disable_help_flag = true,
    after_help = "Try 'gage run OPERATION -h' for the flags of an operation."
)]
pub struct RunArgs {
    /// Operation or script, then NAME=VALUE flags and @FILE batch files
    #[arg(value_name = "OPERATION | FLAG=VAL | @FILE")]
    pub words: Vec<String>,

    /// Label the run (trials of a batch: each)
    #[arg(short, long, help_heading = "Naming")]
    pub label: Option<String>,
    /// Tag the run; may be repeated
    #[arg(short, long = "tag", value_name = "TAG", help_heading = "Naming")]
    pub tags: Vec<String>,
    /// Comment on the run
    #[arg(short, long, value_name = "TEXT", help_heading = "Naming")]
    pub comment: Option<String>,
    /// Write the comment in an editor (also -ec)
    #[arg(long, help_heading = "Naming")]
    pub edit_comment: bool,
    /// Label the batch run (also -bl)
    #[arg(long, value_name = "TEXT", help_heading = "Naming")]
    pub batch_label: Option<String>,
    /// Tag the batch run (also -bt)
    #[arg(long = "batch-tag", value_name = "TAG", help_heading = "Naming")]
    pub batch_tags: Vec<String>,
    /// Comment on the batch run (also -bc)
    #[arg(long, value_name = "TEXT", help_heading = "Naming")]
    pub batch_comment: Option<String>,
    /// Write the batch run's comment in an editor (also -ebc)
    #[arg(long, help_heading = "Naming")]
    pub edit_batch_comment: bool,

    /// Edit the flags before running
    #[arg(short, long)]
    pub edit_flags: bool,
    /// Use DIR as the run directory
    #[arg(short = 'd', long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Make the run ready without starting it
    #[arg(long)]
    pub stage: bool,
    /// Start a staged run, or run it again in place
    #[arg(long, visible_alias = "start", value_name = "RUN")]
    pub restart: Option<String>,
    /// New run with the operation, flags and source code of RUN
    #[arg(long, value_name = "RUN")]
    pub proto: Option<String>,
    /// With --restart or --proto: use the project's source code
    #[arg(long)]
    pub force_sourcecode: bool,
    /// GPUs the run may see, as in CUDA_VISIBLE_DEVICES
    #[arg(long, value_name = "LIST")]
    pub gpus: Option<String>,
    /// Hide all GPUs from the run
    #[arg(long)]
    pub no_gpus: bool,
    /// Skip all prompts and previews
    #[arg(short, long)]
    pub yes: bool,
    /// Accept flags that the operation does not define, or values outside of its bounds
    #[arg(short, long)]
    pub force_flags: bool,
    /// Go on when a dependency is not met, with a warning
    #[arg(long)]
    pub force_deps: bool,
    /// Another file the run depends on, or TYPE:VALUE such as operation:prepare; may be repeated
    #[arg(short = 'D', long = "dep", value_name = "PATH")]
    pub dependencies: Vec<String>,
    /// Run only if no completed or running run has the same flags
    #[arg(long)]
    pub needed: bool,
    /// Stop the run, or the whole batch, after N minutes
    #[arg(long, value_name = "N")]
    pub stop_after: Option<f64>,
    /// Run in the background, also when the terminal is closed
    #[arg(short, long)]
    pub background: bool,
    /// Run in the background, with the process id in this file while it runs
    #[arg(long, value_name = "PATH")]
    pub pidfile: Option<PathBuf>,
    /// Keep the operation's output off the terminal
    #[arg(short, long)]
    pub quiet: bool,
    /// Keep the run of an operation that is deleted on success
    #[arg(long)]
    pub keep_run: bool,
    /// Explain more: the seed, among others
    #[arg(short, long)]
    pub verbose: bool,

    /// Search with this optimizer (see 'gage optimizers') or operation
    #[arg(short, long, value_name = "NAME", help_heading = "Search")]
    pub optimizer: Option<String>,
    /// Search with the operation's own optimizer, or the best general one
    #[arg(short = 'O', long, help_heading = "Search")]
    pub optimize: bool,
    /// Column to make small (default: loss)
    #[arg(short = 'N', long, value_name = "COL", help_heading = "Search")]
    pub minimize: Option<String>,
    /// Column to make large
    #[arg(short = 'X', long, value_name = "COL", help_heading = "Search")]
    pub maximize: Option<String>,
    /// Option of the optimizer, NAME=VAL (also -Fo); may be repeated
    #[arg(long = "opt-flag", value_name = "NAME=VAL", help_heading = "Search")]
    pub opt_flags: Vec<String>,
    /// Number of trials (default: all of a grid, 20 of a search)
    #[arg(short, long, visible_alias = "trials", value_name = "N", value_parser = at_least_one, help_heading = "Search")]
    pub max_trials: Option<u64>,
    /// Trials at a time
    #[arg(short, long, value_name = "N", default_value = "1", value_parser = at_least_one, help_heading = "Search")]
    pub jobs: u64,
    /// Seed of all random choices, 0 to 4294967295
    #[arg(long, value_name = "N", value_parser = seed, help_heading = "Search", allow_hyphen_values = true)]
    pub random_seed: Option<u64>,
    /// Let proposal k use only the results of trials up to k - JOBS, so that timing does not matter
    #[arg(long, help_heading = "Search")]
    pub deterministic: bool,
    /// Go on with a batch that did not come to its end: BATCH, or the newest
    #[arg(long, value_name = "BATCH", num_args = 0..=1, default_missing_value = "", help_heading = "Search")]
    pub resume: Option<String>,
    /// Make the trials ready without starting them
    #[arg(long, help_heading = "Search")]
    pub stage_trials: bool,
    /// Stop a trial that runs longer than DUR, such as 90s, 10m or 1h30m; it counts as failed
    #[arg(long, value_name = "DUR", value_parser = quantity::duration, help_heading = "Search")]
    pub trial_timeout: Option<f64>,
    /// Kill a trial that uses more memory than SIZE, such as 500M or 2G; it counts as failed
    #[arg(long, value_name = "SIZE", value_parser = quantity::size, help_heading = "Search")]
    pub trial_memory: Option<u64>,
    /// Stop the batch when a trial fails
    #[arg(long, help_heading = "Search")]
    pub fail_on_trial_error: bool,
    /// Show the trials and run nothing
    #[arg(long, help_heading = "Search")]
    pub print_trials: bool,
    /// Write the trials to a .csv or .json file and run nothing
    #[arg(long, value_name = "PATH", help_heading = "Search")]
    pub save_trials: Option<PathBuf>,
    /// Keep the batch run of a grid or random search
    #[arg(long, help_heading = "Search")]
    pub keep_batch: bool,

    /// Show the command and run nothing
    #[arg(long, help_heading = "Looking")]
    pub print_cmd: bool,
    /// Show the environment and run nothing
    #[arg(long, help_heading = "Looking")]
    pub print_env: bool,
    /// Help for the operation and its flags
    #[arg(short = 'h', long, help_heading = "Looking")]
    pub help_op: bool,
    /// Help for the operation's model
    #[arg(long, help_heading = "Looking")]
    pub help_model: bool,
    /// Show which scalars the lines of FILE (- for standard input) give
    #[arg(long, value_name = "FILE", help_heading = "Looking")]
    pub test_output_scalars: Option<PathBuf>,
    /// Show which attributes the lines of FILE give
    #[arg(long, value_name = "FILE", help_heading = "Looking")]
    pub test_output_attrs: Option<PathBuf>,
    /// List the source code a run would copy
    #[arg(long, visible_alias = "preview-sourcecode", help_heading = "Looking")]
    pub test_sourcecode: bool,
    /// Show how the flags are understood
    #[arg(long, help_heading = "Looking")]
    pub test_flags: bool,
    /// With -h and the tests above: JSON
    #[arg(long, help_heading = "Looking")]
    pub json: bool,
    /// Show this help
    #[arg(long, action = ArgAction::Help, help_heading = "Looking")]
    pub help: Option<bool>,

    /// Use ID for the run
    #[arg(long, value_name = "ID", hide = true)]
    pub run_id: Option<String>,
    /// The run is a step of the steps run with this directory
    #[arg(long, value_name = "DIR", hide = true)]
    pub step_of: Option<PathBuf>,
    /// Meet requirements from runs of the steps run only (yes), or as if there were none (no)
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no, hide = true)]
    pub isolate_runs: Option<bool>,
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("'{text}' is neither 'yes' nor 'no'.")),
    }
}

fn seed(text: &str) -> Result<u64, String> {
    number_from(text, 0, Some(u64::from(u32::MAX)))
}

impl RunArgs {
    /// Refuses options that exclude each other.
    pub fn check(&self) -> Result<(), Failure> {
        let restart = self.restart.is_some();
        let run_dir = self.run_dir.is_some();
        let background = if self.background { "--background" } else { "--pidfile" };
        for (a, a_set, b, b_set) in [
            (
                "--minimize",
                self.minimize.is_some(),
                "--maximize",
                self.maximize.is_some(),
            ),
            ("--optimize", self.optimize, "--optimizer", self.optimizer.is_some()),
            ("--gpus", self.gpus.is_some(), "--no-gpus", self.no_gpus),
            ("--run-dir", run_dir, "--restart", restart),
            ("--resume", self.resume.is_some(), "--restart", restart),
            ("--resume", self.resume.is_some(), "--proto", self.proto.is_some()),
            ("--stage", self.stage, "--stage-trials", self.stage_trials),
            ("--stage", self.stage, "--background", self.background),
            ("--stage", self.stage, "--pidfile", self.pidfile.is_some()),
            ("--print-trials", self.print_trials, background, self.in_background()),
            (
                "--save-trials",
                self.save_trials.is_some(),
                background,
                self.in_background(),
            ),
            ("--print-cmd", self.print_cmd, background, self.in_background()),
            ("--print-env", self.print_env, background, self.in_background()),
            (
                "--print-trials",
                self.print_trials,
                "--save-trials",
                self.save_trials.is_some(),
            ),
        ] {
            if a_set && b_set {
                return Err(Failure::misuse(format!("{a} and {b} cannot both be used"), "gage run"));
            }
        }
        if restart && self.proto.is_some() {
            return Err(Failure::misuse("--proto cannot be used with --restart", "gage run"));
        }
        if restart && self.operation().is_some() {
            return Err(Failure::misuse("OPERATION cannot be used with --restart", "gage run"));
        }
        if self.stop_after.is_some_and(|m| !(m > 0.0 && m.is_finite())) {
            return Err(Failure::usage(
                "Invalid value for '--stop-after': expected minutes greater than 0.",
                "gage run",
            ));
        }
        if let Some(id) = self.run_id.as_deref().filter(|id| !crate::run::id::is_valid(id)) {
            return Err(Failure::usage(
                format!("Invalid value for '--run-id': '{id}' has other characters than letters, digits, '_' and '-'."),
                "gage run",
            ));
        }
        Ok(())
    }

    /// The time of `--stop-after`.
    pub fn time_limit(&self) -> Option<Duration> {
        let minutes = self.stop_after?;
        Some(Duration::from_secs_f64((minutes * 60.0).min(1e9)))
    }

    /// The operation, if the first word names one.
    pub fn operation(&self) -> Option<&str> {
        self.words
            .first()
            .map(String::as_str)
            .filter(|w| !w.contains('=') && !w.starts_with('@'))
    }

    /// The words after the operation.
    pub fn assignments(&self) -> &[String] {
        &self.words[usize::from(self.operation().is_some())..]
    }
}
