//! Hooks: commands of an operation that run at fixed points of a run's life, their output recorded like the run's.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use super::command::{self, CannotFind};
use super::error::{During, reason};
use super::log::{self, Log};
use super::output::{Output, Stream};
use super::process::Process;
use super::pump::{OUTPUT_GRACE, Pump};
use super::stop_flag::StopFlag;
use super::stopping::Members;
use super::{Facts, Run, RunError, compose, environment};
use crate::project::Command;

/// The last pause before a machine that is short of something is given up; half of what is waited for in all.
const SHORT_PATIENCE: Duration = Duration::from_secs(2);

/// A point of a run's life at which a command may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Phase {
    pub name: &'static str,
    /// Name of its output.
    pub output: &'static str,
}

pub(crate) const SOURCECODE: Phase = Phase {
    name: "stage-sourcecode",
    output: "10_sourcecode",
};
pub(crate) const RUNTIME: Phase = Phase {
    name: "stage-runtime",
    output: "20_runtime",
};
pub(crate) const DEPENDENCIES: Phase = Phase {
    name: "stage-dependencies",
    output: "30_dependencies",
};
pub(crate) const FINALIZE: Phase = Phase {
    name: "finalize",
    output: "50_finalize",
};

/// Why a program could not be started, with the exit code a shell would give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CannotStart {
    pub reason: String,
    pub code: i32,
    /// The machine has no more processes, files or memory for any program.
    pub machine: bool,
}

/// Starts `words` in the run directory, in a process group of its own, its output piped.
pub(crate) fn start(
    run: &Run,
    words: &[String],
    env: &BTreeMap<OsString, OsString>,
    stdin: Stdio,
) -> Result<Child, CannotStart> {
    let dir = run.dir();
    let search = environment::lookup(env, "PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let found = |error: CannotFind| CannotStart {
        reason: error.to_string(),
        code: error.exit_code(),
        machine: false,
    };
    let program = command::find_program(&words[0], &search.to_string_lossy(), &dir).map_err(found)?;
    // An absolute program, a directory and a group keep std on its vfork path; `pre_exec` would not.
    let mut command = std::process::Command::new(program);
    command
        .arg0(&words[0])
        .args(&words[1..])
        .envs(env)
        .current_dir(&dir)
        .process_group(0)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    spawn(&mut command).map_err(|error| CannotStart {
        machine: is_short(&error),
        code: if error.kind() == std::io::ErrorKind::NotFound {
            127
        } else {
            126
        },
        reason: match dir.is_dir() {
            true => format!("{}: {}", words[0], reason(&error)),
            false => format!("run directory does not exist: {}", dir.display()),
        },
    })
}

/// Starts a program; one that cannot be, as the machine is short of something, a few times more.
fn spawn(command: &mut std::process::Command) -> io::Result<Child> {
    let mut pause = Duration::from_millis(50);
    loop {
        match command.spawn() {
            Err(error) if is_short(&error) && pause < SHORT_PATIENCE => std::thread::sleep(pause),
            other => return other,
        }
        pause *= 2;
    }
}

/// True of errors that come and go with what else runs on the machine.
fn is_short(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let short = [Errno::EAGAIN, Errno::ENOMEM, Errno::EMFILE, Errno::ENFILE];
    error
        .raw_os_error()
        .is_some_and(|code| short.contains(&Errno::from_raw(code)))
}

/// The exit code as runs record it: negative for the signal that ended the process.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| -status.signal().unwrap_or(1))
}

/// How a command is written in a log: a text as it is, words as a list.
pub(crate) fn shown(command: &Command) -> String {
    match command {
        Command::Shell(text) => text.clone(),
        Command::Words(words) => log::words(words),
    }
}

/// Runs a hook and gives its exit code; 0 when there is nothing to run. `before` goes to its output first.
#[expect(clippy::too_many_arguments, reason = "what a hook may see, each from another owner")]
pub(crate) fn run(
    run: &Run,
    phase: Phase,
    hook: Option<&Command>,
    facts: &Facts,
    env: &BTreeMap<OsString, OsString>,
    before: &str,
    log: &mut Log,
    stop: Option<&StopFlag>,
) -> Result<i32, RunError> {
    let placed = |h: &Command| command::placed(&compose::command_of(h, &facts.opdef, &facts.flags), run, facts);
    let words = hook.map(placed).and_then(|h| command::argv(&h));
    if words.is_none() && before.is_empty() {
        return Ok(0);
    }
    let dir = run.meta("output");
    let mut output = Output::create(&dir, phase.output).during("write", &dir.join(phase.output))?;
    output.push(Stream::Err, before.as_bytes(), super::clock::now_ms());
    let (Some(words), Some(hook)) = (words, hook) else {
        output.finish();
        output.seal();
        return Ok(0);
    };
    log.line(format_args!(
        "Running {} (see output/{}): {}",
        phase.name,
        phase.output,
        shown(hook)
    ));
    log.flush();
    let code = match start(run, &words, env, Stdio::null()) {
        Ok(mut child) => {
            let pid = child.id() as i32;
            let pump = Pump {
                output: &mut output,
                lease: None,
                stop,
                deadline: None,
                limits: Default::default(),
                stop_signal: nix::sys::signal::Signal::SIGTERM,
                members: Members {
                    run_id: run.id().to_string(),
                    leader: pid,
                    leader_started: Process::read(pid).map(|p| p.started),
                    adopter: None,
                    hosted: false,
                },
                recorder: None,
                on: &mut |_| {},
                grace: OUTPUT_GRACE,
            };
            exit_code(
                pump.run(&mut child)
                    .during("read the output of", Path::new(phase.name))?
                    .status,
            )
        }
        Err(error) if error.machine => {
            let (name, reason) = (phase.name.to_string(), error.reason);
            return Err(RunError::Short { name, reason });
        }
        Err(error) => {
            let text = format!("{}\n", error.reason);
            output.push(Stream::Err, text.as_bytes(), super::clock::now_ms());
            output.finish();
            error.code
        }
    };
    output.seal();
    log.line(format_args!("Exit code for {}: {code}", phase.name));
    Ok(code)
}
