//! Runs execute on this machine: one `gage worker` process per slot, started when the slot is first used and fed
//! with one run after another. Reads nothing of a run; the worker's lines say what happens.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::Deserialize;

use super::{Entry, Event, Executor, LaunchError, Listener, Stop, Stream};
use crate::run::Run;

/// Registry line.
pub const ENTRY: Entry = Entry {
    name: "local",
    summary: "this machine, one worker process for each trial that runs at a time",
    make: |setup| Box::new(Local::new(setup.gage, setup.listener)),
};

/// The workers of this machine.
pub struct Local {
    gage: PathBuf,
    listener: Arc<Listener>,
    /// Environment that workers get besides ours.
    env: Vec<(String, String)>,
    /// By slot.
    workers: Vec<Option<Worker>>,
}

struct Worker {
    child: Child,
    /// `None` once it was told that nothing more comes.
    input: Option<ChildStdin>,
    state: Arc<Mutex<State>>,
}

/// What a worker is at, shared with the thread that reads its lines.
#[derive(Default)]
struct State {
    /// Id of the run at hand.
    run: Option<String>,
    ended: bool,
}

/// A line of a worker.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line {
    Started {
        run: String,
        pid: Option<u32>,
    },
    Output {
        run: String,
        stream: u8,
        bytes: usize,
    },
    Exited {
        run: String,
    },
    Error {
        run: String,
        message: String,
        /// The run was not started, and nothing more is said of it.
        #[serde(default)]
        r#final: bool,
        /// Not the run's own fault.
        #[serde(default)]
        machine: bool,
    },
    #[serde(other)]
    Other,
}

impl Local {
    /// Workers are started from the program `gage`.
    pub fn new(gage: PathBuf, listener: Listener) -> Local {
        Local {
            gage,
            listener: Arc::new(listener),
            env: Vec::new(),
            workers: Vec::new(),
        }
    }

    /// Gives the workers, and so the programs, these variables, unless a run has them itself.
    pub fn with_env(mut self, env: Vec<(String, String)>) -> Local {
        self.env = env;
        self
    }

    fn worker(&mut self, slot: usize) -> io::Result<&mut Worker> {
        if self.workers.len() <= slot {
            self.workers.resize_with(slot + 1, || None);
        }
        let place = &mut self.workers[slot];
        if place.as_ref().is_some_and(|worker| lock(&worker.state).ended) {
            place.take().expect("it was just looked at").reap();
        }
        if place.is_none() {
            *place = Some(Worker::start(&self.gage, &self.env, Arc::clone(&self.listener))?);
        }
        Ok(place.as_mut().expect("it was just started"))
    }
}

impl Executor for Local {
    fn launch(&mut self, slot: usize, run: &Run) -> Result<(), LaunchError> {
        let line = format!("{}\n", run.dir().display());
        // A worker that died while idle is noticed by writing to it, so a second one gets its chance.
        let mut last = None;
        for _ in 0..2 {
            let worker = self.worker(slot).map_err(|error| LaunchError(error.to_string()))?;
            match worker.give(run.id(), &line) {
                Ok(()) => return Ok(()),
                Err(error) => last = Some(error),
            }
            if let Some(worker) = self.workers[slot].take() {
                worker.reap();
            }
        }
        Err(LaunchError(last.map_or_else(String::new, |error| error.to_string())))
    }

    fn stop(&mut self, run: &Run, how: Stop) {
        let word: &[u8] = match how {
            Stop::Gently => b"stop\n",
            Stop::AtOnce => b"kill\n",
        };
        for worker in self.workers.iter_mut().flatten() {
            if lock(&worker.state).run.as_deref() == Some(run.id())
                && let Some(input) = &mut worker.input
            {
                // A worker that is gone has said so, or will.
                let _ = input.write_all(word);
            }
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        for worker in self.workers.iter_mut().flatten() {
            worker.input = None;
        }
        // Idle workers end at once. One with a run at hand goes on with it, whatever becomes of this process.
        for worker in self.workers.drain(..).flatten() {
            if lock(&worker.state).run.is_none() {
                worker.reap();
            }
        }
    }
}

impl Worker {
    fn start(gage: &Path, env: &[(String, String)], listener: Arc<Listener>) -> io::Result<Worker> {
        // In a process group of its own: Ctrl-C on the terminal is for the driver to act on.
        let mut child = Command::new(gage)
            .args(["worker", "--output"])
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", gage.display())))?;
        let input = child.stdin.take();
        let output = child.stdout.take().expect("it was asked for");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::Builder::new()
            .name("worker".into())
            .stack_size(256 * 1024)
            .spawn(move || listen(output, &shared, &listener))?;
        Ok(Worker { child, input, state })
    }

    fn give(&mut self, id: &str, line: &str) -> io::Result<()> {
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        {
            let mut state = lock(&self.state);
            if state.ended {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            state.run = Some(id.to_string());
        }
        input.write_all(line.as_bytes()).inspect_err(|_| {
            // The listening thread must not call it lost: it will be given to another worker.
            lock(&self.state).run = None;
        })
    }

    fn reap(mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no thread panics with the state")
}

/// Passes on what a worker says until it says nothing more.
fn listen(output: ChildStdout, state: &Mutex<State>, listener: &Listener) {
    let mut output = BufReader::with_capacity(32 * 1024, output);
    let mut line = String::new();
    loop {
        line.clear();
        match output.read_line(&mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let event = match serde_json::from_str(&line) {
            Ok(Line::Started { run, pid }) => Event::Started { run, pid },
            Ok(Line::Output { run, stream, bytes }) => {
                let mut content = vec![0; bytes];
                if output.read_exact(&mut content).is_err() {
                    break;
                }
                let stream = if stream == 0 { Stream::Out } else { Stream::Err };
                Event::Output {
                    run,
                    stream,
                    bytes: content,
                }
            }
            Ok(Line::Exited { run }) => Event::Exited { run },
            Ok(Line::Error {
                run,
                message,
                r#final: true,
                machine,
            }) => Event::Failed { run, message, machine },
            Ok(Line::Error { run, message, .. }) => Event::Problem { run, message },
            // Said by a later version, or not by a worker at all.
            Ok(Line::Other) | Err(_) => continue,
        };
        if let Event::Exited { run } | Event::Failed { run, .. } = &event {
            let mut state = lock(state);
            if state.run.as_ref() == Some(run) {
                state.run = None;
            }
        }
        listener(event);
    }
    let run = {
        let mut state = lock(state);
        state.ended = true;
        state.run.take()
    };
    if let Some(run) = run {
        listener(Event::Gone { run });
    }
}
