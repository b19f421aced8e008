//! A program of the user's as optimizer: it writes one JSON map of flags a line to file descriptor 3 and may read
//! one JSON result a line from file descriptor 4. Knows nothing of how trials are run.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::json;

use super::event::{Event, Status};
use super::objective::Objective;
use super::proposer::{Answer, Nothing, Question, Values};
use crate::flags::{FlagValues, Value};
use crate::run::{Caller, Facts, Run, Stream, command, environment};

/// How long a program may take to end once it is told that nothing more comes.
const PATIENCE: Duration = Duration::from_secs(5);

/// What it is started with besides its run.
pub struct Task<'a> {
    pub max_trials: Option<u64>,
    pub objective: &'a Objective,
    pub seed: u32,
    pub caller: Caller,
}

/// What is wanted of its next lines.
enum Work {
    Ask(Question),
    /// They are known already: the program is started again.
    Skip(u64),
}

/// What it has to say.
pub enum Said {
    Answer(Answer),
    Printed(Stream, Vec<u8>),
}

/// The program, started.
pub struct Program {
    child: Arc<Mutex<Child>>,
    questions: Option<Sender<Work>>,
    results: Option<Sender<String>>,
    objective: Objective,
    /// Id of the first run of each trial that it proposed and has no result of yet.
    runs: BTreeMap<u64, String>,
}

impl Program {
    /// Starts the program of a staged batch run. What it says goes to `listener`, from other threads.
    pub fn start(
        batch: &Run,
        facts: &Facts,
        task: &Task<'_>,
        listener: impl Fn(Said) + Send + Sync + 'static,
    ) -> std::io::Result<Program> {
        let words = facts.command.as_ref().and_then(command::argv).unwrap_or_default();
        if words.is_empty() {
            return Err(std::io::Error::other("the operation has nothing to run"));
        }
        let (trials, trials_end) = pipe()?;
        let (results_end, results) = pipe()?;
        // The shell opens the pipes anew under the promised numbers, so that they need not be inherited by
        // everything else that is started meanwhile.
        let own = std::process::id();
        let mut child = Command::new("/bin/sh")
            .args(["-c", "exec 3>\"$1\" 4<\"$2\"; shift 2; exec \"$@\"", "sh"])
            .arg(format!("/proc/{own}/fd/{}", trials_end.as_raw_fd()))
            .arg(format!("/proc/{own}/fd/{}", results_end.as_raw_fd()))
            .args(words)
            .current_dir(batch.dir())
            .envs(environment::of_run(batch, facts, &task.caller))
            .env("TRIALS_FD", "3")
            .env("RESULTS_FD", "4")
            .env("PROTO_DIR", batch.meta("proto"))
            .env("OBJECTIVE", task.objective.to_string())
            .env("RANDOM_SEED", task.seed.to_string())
            .env("MAX_TRIALS", task.max_trials.map(|n| n.to_string()).unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let listener = Arc::new(listener);
        pass_on(Stream::Out, out, &listener)?;
        pass_on(Stream::Err, err, &listener)?;
        let child = Arc::new(Mutex::new(child));
        let (questions, asked) = channel();
        let (results_to, results_from) = channel();
        {
            let child = Arc::clone(&child);
            thread("proposals", move || {
                answer(trials, trials_end, &asked, &child, |answer| {
                    listener(Said::Answer(answer))
                });
            })?;
        }
        thread("results", move || write_results(results, results_end, &results_from))?;
        Ok(Program {
            child,
            questions: Some(questions),
            results: Some(results_to),
            objective: task.objective.clone(),
            runs: BTreeMap::new(),
        })
    }

    /// Asks for the next trial.
    pub fn ask(&mut self, question: Question) {
        if let Some(questions) = &self.questions {
            let _ = questions.send(Work::Ask(question));
        }
    }

    /// Passes over trials that are known from an earlier start of the program. It gets their results as well, so
    /// that it can come to where it was.
    pub fn skip(&mut self, count: u64) {
        if let Some(questions) = &self.questions {
            let _ = questions.send(Work::Skip(count));
        }
    }

    /// Hands on results, in the order in which they come: one for each trial that the program proposed.
    pub fn learn(&mut self, event: &Event) {
        match event {
            Event::Proposed(proposed) if !proposed.by_hand => {
                self.runs.insert(proposed.trial, proposed.run.clone());
            }
            Event::Ended(ended) => {
                let Some(run) = self.runs.remove(&ended.trial) else {
                    return;
                };
                let status = match ended.status {
                    Status::Completed => "completed",
                    Status::Error => "error",
                    Status::Terminated => "terminated",
                    Status::Skipped => "skipped",
                    Status::Staged => "staged",
                };
                let value = ended.objective.filter(|v| v.is_finite());
                let line = json!({
                    "run": run,
                    "status": status,
                    "objective": value.map(|v| self.objective.signed(v)),
                });
                if let Some(results) = &self.results {
                    let _ = results.send(format!("{line}\n"));
                }
            }
            _ => {}
        }
    }

    /// Tells the program that nothing more comes, and sees to it that it ends.
    pub fn end(&mut self) {
        self.results = None;
        self.questions = None;
        let pid = Pid::from_raw(lock(&self.child).id() as i32);
        let began = Instant::now();
        let mut asked = false;
        while matches!(lock(&self.child).try_wait(), Ok(None)) {
            if !asked && began.elapsed() > PATIENCE {
                asked = true;
                let _ = killpg(pid, Signal::SIGTERM);
            }
            if began.elapsed() > 2 * PATIENCE {
                let _ = killpg(pid, Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops the program at once.
    pub fn stop(&mut self) {
        let _ = killpg(Pid::from_raw(lock(&self.child).id() as i32), Signal::SIGTERM);
    }
}

fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().expect("no thread panics with the program")
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let builder = std::thread::Builder::new().name(name.into()).stack_size(256 * 1024);
    builder.spawn(work).map(drop)
}

fn pass_on(
    stream: Stream,
    from: Option<impl Read + Send + 'static>,
    listener: &Arc<impl Fn(Said) + Send + Sync + 'static>,
) -> std::io::Result<()> {
    let Some(mut from) = from else { return Ok(()) };
    let listener = Arc::clone(listener);
    thread("output", move || {
        let mut buffer = [0; 8192];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            listener(Said::Printed(stream, buffer[..n].to_vec()));
        }
    })
}

/// Answers each question with the next line. Our own end of the pipe is kept open until the program has opened
/// its, that is until it has written something or ended.
fn answer(
    trials: PipeReader,
    own_end: PipeWriter,
    asked: &Receiver<Work>,
    child: &Mutex<Child>,
    reply: impl Fn(Answer),
) {
    let own_end = Mutex::new(Some(own_end));
    std::thread::scope(|scope| {
        // A program that ends without ever opening its end would otherwise never be seen to have ended.
        scope.spawn(|| {
            loop {
                let ended = !matches!(lock(child).try_wait(), Ok(None));
                if ended || own_end.lock().expect("no thread panics with it").is_none() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            own_end.lock().expect("no thread panics with it").take();
        });
        let mut lines = BufReader::new(trials).lines();
        let mut count = 0u64;
        while let Ok(work) = asked.recv() {
            let mut next = || lines.find(|line| !line.as_ref().is_ok_and(|text| text.trim().is_empty()));
            let question = match work {
                Work::Ask(question) => question,
                Work::Skip(known) => {
                    count += (0..known).map_while(|_| next()).count() as u64;
                    continue;
                }
            };
            let line = next();
            own_end.lock().expect("no thread panics with it").take();
            let proposed = match line {
                Some(Ok(text)) => {
                    count += 1;
                    read_trial(&text).map(Values::All).map_err(|reason| {
                        Nothing::Failed(format!("cannot read line {count} of the optimizer's trials: {reason}"))
                    })
                }
                Some(Err(error)) => Err(Nothing::Failed(format!("cannot read the optimizer's trials: {error}"))),
                None => Err(ended(child)),
            };
            reply(Answer { question, proposed });
        }
        own_end.lock().expect("no thread panics with it").take();
    });
}

/// What it means that no more trials come.
fn ended(child: &Mutex<Child>) -> Nothing {
    let began = Instant::now();
    loop {
        match lock(child).try_wait() {
            Ok(Some(status)) if status.success() => break,
            Ok(Some(status)) => {
                return Nothing::Failed(match (status.code(), status.signal()) {
                    (Some(code), _) => format!("the optimizer exited with an error ({code})"),
                    (None, signal) => format!("the optimizer was ended by signal {}", signal.unwrap_or(0)),
                });
            }
            // It may have closed the pipe, and go on reading results.
            _ if began.elapsed() > Duration::from_millis(500) => break,
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    Nothing::Exhausted("the optimizer proposes no more trials".into())
}

fn read_trial(text: &str) -> Result<FlagValues, String> {
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| format!("{error} in '{text}'"))?;
    match Value::from_json(&json) {
        Value::Map(values) => Ok(values),
        _ => Err(format!("expected a map of flags, got '{text}'")),
    }
}

/// A program that does not read its results is not waited for.
fn write_results(mut results: PipeWriter, own_end: PipeReader, lines: &Receiver<String>) {
    let mut own_end = Some(own_end);
    while let Ok(line) = lines.recv() {
        if results.write_all(line.as_bytes()).is_err() {
            break;
        }
        // Whoever is to read has opened the pipe by the time that a trial has ended.
        own_end.take();
    }
}
