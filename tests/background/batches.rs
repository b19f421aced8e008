//! Batches in the background: carried out, stopped, gone on with and started again without a terminal.

use gage::batch::resume;
use gage::run::{Run, Status, status};

use crate::place::{Place, send, text_of, wait_for};

fn batch(place: &Place) -> Run {
    place.runs().into_iter().find(resume::is_batch).expect("a batch")
}

#[test]
fn a_grid_is_carried_out_and_goes() {
    let place = Place::new();
    let said = place.ok("run quick x=[1,2,3] -y --pidfile pid");
    assert!(said.err.starts_with("quick+ started in background as "), "{said:?}");
    wait_for("all trials", || {
        place.count(Status::Completed) >= 3 && !place.path("pid").exists()
    });
    assert_eq!(place.count(Status::Completed), 3, "the batch run is not kept");
}

#[test]
fn a_search_is_the_same_as_in_the_foreground() {
    let place = Place::new();
    let search = "run quick x=[1:100] -m 4 --random-seed 7 --keep-batch -y";
    place.ok(search);
    place.ok(&format!("{search} --background"));
    wait_for("all trials", || place.count(Status::Completed) == 10);
    let labels = place.ok("runs -s -Fo quick").out;
    let values: Vec<&str> = labels.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(values[..4], values[4..], "{labels}");
}

#[test]
fn stopped_and_gone_on_with() {
    let place = Place::with(
        "[op]\nexec = 'touch $PLACE/up.$FLAG_X; while [ ! -e $PLACE/go ]; do sleep 0.02; done'\nsourcecode = false\n[op.flags]\nx = 1\n",
    );
    place.ok("run op x=[1,2,3] --jobs 2 -y --pidfile pid");
    wait_for("two trials", || {
        place.path("up.1").exists() && place.path("up.2").exists()
    });
    let said = place.ok("stop -y");
    assert_eq!(
        said.err.lines().count(),
        1,
        "its trials are stopped by the batch: {said:?}"
    );
    assert_eq!((place.count(Status::Terminated), place.count(Status::Pending)), (3, 1));
    assert!(!place.path("pid").exists());
    std::fs::write(place.path("go"), "").unwrap();
    let batch = batch(&place);
    let said = place.ok("run --resume --background");
    assert!(
        said.err
            .starts_with(&format!("op+ started in background as {}", batch.id())),
        "{said:?}"
    );
    wait_for("the end", || !batch.meta("").exists());
    assert_eq!(place.count(Status::Running) + place.count(Status::Pending), 0);
    assert!(place.path("up.3").exists());
    let said = place.ok("run --resume --background");
    assert_eq!(said.err, "nothing to resume\n");
}

#[test]
fn a_batch_that_is_being_carried_out_is_not_gone_on_with() {
    let place = Place::new();
    place.ok("run wait x=[1,2] -y --pidfile pid");
    let driver = place.pid_in("pid");
    let said = place.gage("run --resume -b");
    assert_eq!(said.code, Some(1));
    assert!(
        said.err
            .contains(&format!("is being carried out by process {driver} on ")),
        "{said:?}"
    );
    place.ok("stop -y");
}

#[test]
fn a_killed_driver_is_seen_and_replaced() {
    let place = Place::new();
    place.ok("run wait x=[1,2] -y --pidfile pid");
    let batch = batch(&place);
    wait_for("the trial", || place.count(Status::Running) == 2);
    send("-KILL", place.pid_in("pid"));
    wait_for("its end to be seen", || status::of(&batch) == Status::Terminated);
    let watched = place.ok(&format!("watch {}", batch.id()));
    assert!(
        watched.err.ends_with("stopped with a status of 'terminated'\n"),
        "{watched:?}"
    );
    assert_eq!(place.count(Status::Running), 1, "the trial goes on");
    // The stale pidfile is no hindrance.
    place.ok(&format!("run --resume {} -y --pidfile pid", batch.id()));
    assert!(text_of(&batch.meta("output/40_run")).contains("1 adopted"));
    place.ok("stop -y");
    assert_eq!(place.count(Status::Running), 0);
}

#[test]
fn staged_and_started_again() {
    let place = Place::new();
    place.ok("run quick x=[1,2] --stage --keep-batch -y");
    let batch = batch(&place);
    place.ok(&format!("run --start {} -y -b", batch.id()));
    wait_for("the end", || place.count(Status::Completed) == 3);
    place.ok(&format!("run --restart {} x=[3,4,5] -y -b", batch.id()));
    wait_for("the second end", || place.count(Status::Completed) == 6);
    assert_eq!(
        text_of(&batch.meta("output/40_run")).matches("Running trial").count(),
        3
    );
}

#[test]
fn its_time_may_be_limited() {
    let place = Place::new();
    let said = place.ok("run wait x=[1,2] -y --stop-after 0.01");
    assert!(
        said.err.contains("INFO: [gage] Stopping process early (pid "),
        "{said:?}"
    );
    assert!(said.err.contains(") - 0.01 minute(s) elapsed\n"), "{said:?}");
    assert_eq!((place.count(Status::Terminated), place.count(Status::Pending)), (2, 1));
    let place = Place::new();
    place.ok("run wait x=[1,2] -y --pidfile pid --stop-after 0.01");
    wait_for("the end", || {
        place.count(Status::Terminated) == 2 && !place.path("pid").exists()
    });
}
