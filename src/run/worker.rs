//! A worker: supervises one run after another, as its standard input names them, and says on its standard output
//! what happens. The lines are a wake-up for who asked; the record is in the runs' files, so nothing is lost when
//! nobody listens any more.

use std::collections::VecDeque;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use serde_json::json;

use super::environment::Caller;
use super::supervise::{Supervise, supervise};
use super::{Event, Notice, Run, StopFlag};

/// What a worker tells beside starts, ends and errors.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tell {
    pub output: bool,
    pub scalars: bool,
}

/// Serves runs until the input ends or a signal that `stop` listens to came. An input line is the path of a run
/// (`HOME/ID`), or `stop` or `kill` for the run at hand.
pub fn serve(input: impl io::Read + Send + 'static, output: impl Write, tell: Tell, stop: &StopFlag) -> io::Result<()> {
    let queue = Arc::new(Queue::default());
    let reader = {
        let (queue, stop) = (Arc::clone(&queue), stop.clone());
        // Beside the supervisor: a wish to stop comes while a run is at hand.
        std::thread::Builder::new()
            .name("input".into())
            .stack_size(256 * 1024)
            .spawn(move || {
                for line in io::BufReader::with_capacity(4096, input).lines() {
                    let Ok(line) = line else { break };
                    queue.take(line.trim(), &stop);
                }
                queue.close();
            })?
    };
    let mut out = Out { to: output };
    loop {
        stop.set_idle(true);
        let next = queue.next();
        stop.set_idle(false);
        let Some(path) = next else { break };
        execute(Path::new(&path), tell, stop, &mut out);
        queue.done();
        if stop.signal().is_some() {
            return Ok(());
        }
        // A wish that came too late was for the run that has ended.
        stop.reset();
    }
    // It has seen the end of the input, or the queue would not have ended.
    drop(reader);
    Ok(())
}

fn execute(path: &Path, tell: Tell, stop: &StopFlag, out: &mut Out<impl Write>) {
    let Some(run) = Run::at(path) else {
        let id = path.display().to_string();
        out.line(&json!({"event": "error", "run": id, "message": format!("not the path of a run: {id}")}));
        return;
    };
    let id = run.id().to_string();
    let result = supervise(
        &run,
        &mut Supervise {
            on: &mut |event| match event {
                Event::Started { pid } => out.line(&json!({"event": "started", "run": id, "pid": pid})),
                Event::Output { stream, bytes } if tell.output => {
                    let head = json!({"event": "output", "run": id, "stream": stream as u8, "bytes": bytes.len()});
                    out.line_and(&head, bytes);
                }
                Event::Scalar(s) if tell.scalars => {
                    let value = crate::flags::Value::Float(s.value).to_json();
                    out.line(&json!({"event": "scalar", "run": id, "tag": s.tag, "step": s.step, "value": value}));
                }
                Event::Notice(Notice::OutputLost(reason)) => {
                    let message = format!("cannot write the run's output: {reason}");
                    out.line(&json!({"event": "error", "run": id, "message": message}));
                }
                Event::Notice(Notice::Exceeded(excess)) => {
                    out.line(&json!({"event": "error", "run": id, "message": excess.to_string()}));
                }
                _ => {}
            },
            stop: Some(stop),
            stop_after: None,
            adopt: true,
            stdin: false,
            fresh: true,
            caller: Caller::here(),
        },
    );
    match result {
        Ok(exit) => {
            for message in exit.not_started.iter().chain(&exit.problems) {
                out.line(&json!({"event": "error", "run": id, "message": message}));
            }
            let status = exit.status.as_str();
            out.line(&json!({"event": "exited", "run": id, "code": exit.code, "status": status}));
        }
        Err(error) => {
            let (message, machine) = (error.to_string(), error.is_of_the_machine());
            out.line(&json!({"event": "error", "run": id, "message": message, "final": true, "machine": machine}));
        }
    }
}

/// Writes events. Nobody listening is no error: the runs go on.
struct Out<W> {
    to: W,
}

impl<W: Write> Out<W> {
    fn line(&mut self, event: &serde_json::Value) {
        self.line_and(event, b"");
    }

    fn line_and(&mut self, event: &serde_json::Value, bytes: &[u8]) {
        let mut text = event.to_string().into_bytes();
        text.push(b'\n');
        text.extend_from_slice(bytes);
        let _ = self.to.write_all(&text).and_then(|()| self.to.flush());
    }
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    paths: VecDeque<String>,
    closed: bool,
    /// A run is at hand, or waits to be.
    busy: bool,
}

impl Queue {
    fn take(&self, line: &str, stop: &StopFlag) {
        let mut state = self.lock();
        match line {
            "" => {}
            "stop" if state.busy => stop.stop(),
            "kill" if state.busy => stop.kill(),
            "stop" | "kill" => {}
            path => {
                state.busy = true;
                state.paths.push_back(path.to_string());
            }
        }
        self.changed.notify_all();
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// The next run; `None` at the end of the input.
    fn next(&self) -> Option<String> {
        let mut state = self.lock();
        loop {
            if let Some(path) = state.paths.pop_front() {
                return Some(path);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).expect("no thread panics with the queue");
        }
    }

    fn done(&self) {
        let mut state = self.lock();
        state.busy = !state.paths.is_empty();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with the queue")
    }
}
