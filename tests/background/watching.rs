//! `gage watch`: from the first line, whatever the run is, until it ends and no longer.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Stdio};

use gage::run::{Status, meta, status};

use crate::place::{Place, Said, redacted, send, text_of, wait_for};

/// Prints, waits for `go.X`, prints again.
const GATED: &str = r#"
[gated]
exec = '''echo begin $FLAG_X; touch $PLACE/up.$FLAG_X
while [ ! -e $PLACE/go.$FLAG_X ]; do sleep 0.02; done
echo "loss: 0.$FLAG_X"; [ $FLAG_X != 2 ]'''
sourcecode = false
[gated.flags]
x = 1
"#;

/// A watch that has begun, and the first line it said.
struct Watch {
    child: Child,
    first: String,
    err: BufReader<ChildStderr>,
}

impl Watch {
    fn begin(place: &Place, words: &str) -> Watch {
        let mut command = place.command(words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        err.read_line(&mut first).unwrap();
        Watch { child, first, err }
    }

    fn end(mut self) -> Said {
        let mut said = Said::of(self.child.wait_with_output().unwrap());
        self.err.read_to_string(&mut self.first).unwrap();
        said.err = self.first;
        said
    }
}

#[test]
fn a_batch_is_seen_as_in_the_foreground() {
    let place = Place::with(GATED);
    place.ok("run gated x=[3,2,1] -y --background");
    let batch = place.run();
    for x in [3, 2] {
        fs::write(place.path(&format!("go.{x}")), "").unwrap();
    }
    wait_for("the third trial", || place.path("up.1").exists());
    let watch = Watch::begin(&place, "watch");
    let shown = place.ok(&format!("show {}", batch.id())).out;
    assert!(
        shown.contains("progress: 2 of 3 trials, 1 failed, 1 running, best loss 0.3 in trial 1\n"),
        "{shown}"
    );
    fs::write(place.path("go.1"), "").unwrap();
    let said = watch.end();
    assert_eq!(
        redacted(&said.out),
        "INFO: [gage] Running trial ID: gated (x=3)\nbegin 3\nloss: 0.3\n\
         INFO: [gage] Running trial ID: gated (x=2)\nbegin 2\nloss: 0.2\n\
         ERROR: [gage] Trial ID exited with an error (1) - see log for details\n\
         INFO: [gage] Running trial ID: gated (x=1)\nbegin 1\nloss: 0.1\n"
    );
    assert_eq!(
        said.err.replace(batch.id(), "BATCH"),
        "Watching run BATCH\n3/3 done, 1 failed, best loss 0.1 (trial 3)\n\
         Run BATCH stopped with a status of 'completed'\n"
    );
    assert!(!batch.meta("").exists(), "a grid goes when it has completed");
}

#[test]
fn a_run_that_has_just_ended_is_shown_if_it_was_in_the_background() {
    let place = Place::new();
    place.ok("run quick -y");
    let said = place.gage("watch");
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.err,
        "gage: nothing to watch\nYou can view the output of a specific run using 'gage watch RUN'.\n"
    );
    place.ok("run quick x=2 -y --background");
    wait_for("the end", || place.count(Status::Completed) == 2);
    let said = place.ok("watch");
    assert_eq!(said.out, "begin 2\nloss: 0.2\n");
    let id = place.runs().pop().unwrap().id().to_string();
    assert_eq!(
        said.err,
        format!("Watching run {id}\nRun {id} stopped with a status of 'completed'\n")
    );
    // Started again in the foreground it is no longer one of them.
    place.ok(&format!("run --restart {id} -y"));
    assert_eq!(place.gage("watch").code, Some(1));
}

#[test]
fn by_the_pid_of_gage_and_of_the_program() {
    let place = Place::new();
    place.ok("run wait x=1 -y --background");
    place.ok("run wait x=2 -y --pidfile pid");
    let run = place.runs().pop().unwrap();
    let program = meta::read_number(&run.meta("proc/lock")).unwrap();
    wait_for("its output", || text_of(&run.meta("output/40_run")) == "up 2\n");
    for pid in ["pid".to_string(), place.pid_in("pid").to_string(), program.to_string()] {
        let watch = Watch::begin(&place, &format!("watch -p {pid}"));
        send("-INT", watch.child.id() as i32);
        let said = watch.end();
        assert_eq!(said.code, Some(0));
        let id = run.id();
        assert_eq!(
            (said.out.as_str(), said.err),
            (
                "up 2\n",
                format!("Watching run {id}\n\nStopped watching {id} (still running)\n"),
            )
        );
        assert_eq!(status::of(&run), Status::Running);
    }
    place.ok("stop -y");
    assert_eq!(
        place.gage(&format!("watch -p {program}")).err,
        format!("gage: cannot find run for pid {program}\n")
    );
}

#[test]
fn the_end_of_the_run_is_the_end_of_the_watch_whoever_died() {
    let place = Place::new();
    place.ok("run wait -y --pidfile pid");
    let run = place.run();
    let watch = Watch::begin(&place, "watch");
    send("-KILL", place.pid_in("pid"));
    send("-KILL", meta::read_number(&run.meta("proc/lock")).unwrap() as i32);
    let said = watch.end();
    assert!(
        said.err
            .ends_with(&format!("Run {} stopped with a status of 'terminated'\n", run.id())),
        "{said:?}"
    );
}

#[test]
fn a_staged_run_is_waited_for_a_while() {
    let place = Place::new();
    place.ok("run quick --stage -y");
    let run = place.run();
    let watch = Watch::begin(&place, &format!("watch {}", run.id()));
    place.ok(&format!("run --start {} -y", run.id()));
    let said = watch.end();
    assert_eq!(said.out, "begin 1\nloss: 0.1\n");
    assert!(said.err.ends_with("stopped with a status of 'completed'\n"), "{said:?}");
    place.ok("run quick --stage -y");
    let staged = place.runs().pop().unwrap();
    let said = place.ok(&format!("watch {}", staged.id()));
    assert!(
        said.err
            .ends_with(&format!("Run {} is staged: it has not been started\n", staged.id())),
        "{said:?}"
    );
}

#[test]
fn a_steps_run_is_watched_and_not_its_step() {
    let place = Place::with(&format!("{GATED}\n[both]\nsteps = [\"quick\", \"gated\"]\n"));
    place.ok("run both -y --background");
    let steps = place.run();
    wait_for("the second step", || place.path("up.1").exists());
    let watch = Watch::begin(&place, "watch");
    fs::write(place.path("go.1"), "").unwrap();
    let said = watch.end();
    assert_eq!(
        said.out,
        "INFO: [gage] running quick: quick\nbegin 1\nloss: 0.1\n\
         INFO: [gage] running gated: gated\nbegin 1\nloss: 0.1\n"
    );
    assert!(
        said.err.starts_with(&format!("Watching run {}\n", steps.id())),
        "{said:?}"
    );
}

#[test]
fn without_a_reader_it_ends() {
    let place = Place::new();
    place.ok("run wait -y --background");
    let watched = place.shell("\"$gage\" watch | head -n 1").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&watched.stdout), "up 1\n");
    place.ok("stop -y");
}
