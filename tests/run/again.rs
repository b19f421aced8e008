//! Starting a run again: with new flags, with new source code, and when it must not be.

use std::fs;

use gage::flags::Value;
use gage::project::{Command, ConfigSelect, OpDef};
use gage::run::{Facts, Naming, RunError, Status, Template, compose, create, restart, stage, status};

use crate::life::{Place, execute, log, meta, staging};

fn operation() -> OpDef {
    let mut opdef = OpDef {
        name: "say.py".into(),
        config: vec![ConfigSelect {
            keys: vec!["say.py".into()],
            ..ConfigSelect::default()
        }],
        ..OpDef::default()
    };
    opdef.exec.run = Some(Command::Shell("python say.py".into()));
    opdef
}

#[test]
fn new_flags_are_applied_to_the_runs_own_copy() {
    let place = Place::new();
    place.write("say.py", "x = 1\ny = 2\nprint(x, y)\n");
    let opdef = operation();
    let flags = [("x".to_string(), Value::Int(1)), ("y".to_string(), Value::Int(5))].into();
    let naming = Naming {
        tags: vec!["t".into()],
        ..Naming::default()
    };
    let (spec, _) = compose(&opdef, &flags, &naming, &Default::default());
    let run = create(&place.home(), &spec).unwrap();
    stage(&run, &staging(&place.template(&["say.py"]))).unwrap();
    assert_eq!(execute(&run).1, "1 5\n");
    fs::remove_dir_all(place.project()).unwrap();

    let facts = Facts::read(&run).unwrap();
    let mut flags = facts.flags.clone();
    flags.insert("x".into(), Value::Int(7));
    let (mut spec, _) = compose(&facts.opdef, &flags, &Naming::default(), &Default::default());
    let saved = meta(&run, "sys/label_template.json");
    let saved: String = serde_json::from_str(&saved).unwrap();
    spec.label = Some(gage::run::label_again(
        &facts.opdef,
        Some(&saved),
        &flags,
        &Default::default(),
    ));
    restart::prepare(&run, &spec, None).unwrap();
    let (exit, out, _) = execute(&run);
    assert_eq!((exit.code, out.as_str(), exit.problems), (0, "7 5\n", vec![]));
    assert_eq!(status::of(&run), Status::Completed);
    assert_eq!(gage::run::user::read(&run).label.as_deref(), Some("t x=7 y=5"));
    assert!(
        meta(&run, "log/patched").contains("-x = 1\n+x = 7\n"),
        "{}",
        meta(&run, "log/patched")
    );
    assert_eq!(meta(&run, "manifest").lines().count(), 1);
    assert!(meta(&run, "log/files").contains("\nm s "));
    assert!(
        !log(&run).iter().any(|l| l.contains("modified during")),
        "{:?}",
        log(&run)
    );
}

#[test]
fn a_failed_staging_can_be_tried_again() {
    let place = Place::new();
    place.write("say.py", "x = (\n");
    let (spec, _) = compose(
        &operation(),
        &Default::default(),
        &Naming::default(),
        &Default::default(),
    );
    let run = create(&place.home(), &spec).unwrap();
    let error = stage(&run, &staging(&place.template(&["say.py"]))).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot apply configuration to say.py: invalid syntax"),
        "{error}"
    );
    assert_eq!(status::of(&run), Status::Error);
    place.write("say.py", "print('fixed')\n");
    restart::prepare(&run, &spec, Some(&staging(&place.template(&["say.py"])))).unwrap();
    assert_eq!(status::of(&run), Status::Staged);
    assert_eq!(execute(&run).1, "fixed\n");
}

#[test]
fn the_source_of_a_run_serves_another() {
    let place = Place::new();
    place.write("say.py", "x = 1\nprint(x)\n");
    let (spec, _) = compose(
        &operation(),
        &[("x".to_string(), Value::Int(3))].into(),
        &Naming::default(),
        &Default::default(),
    );
    let run = create(&place.home(), &spec).unwrap();
    stage(&run, &staging(&place.template(&["say.py"]))).unwrap();
    fs::remove_dir_all(place.project()).unwrap();
    let proto = create(&place.home(), &spec).unwrap();
    stage(&proto, &staging(&Template::of_run(&run).unwrap())).unwrap();
    assert_eq!(execute(&proto).1, "3\n");
}

#[test]
fn only_a_staged_run_that_rests_can_be_started() {
    let place = Place::new();
    let (spec, _) = compose(
        &operation(),
        &Default::default(),
        &Naming::default(),
        &Default::default(),
    );
    let run = create(&place.home(), &spec).unwrap();
    let how = || gage::run::Caller::here();
    let attempt = |run: &gage::run::Run| {
        let mut on = |_: gage::run::Event<'_>| {};
        let mut how = gage::run::Supervise {
            on: &mut on,
            stop: None,
            stop_after: None,
            adopt: false,
            stdin: false,
            fresh: false,
            caller: how(),
        };
        gage::run::supervise(run, &mut how).unwrap_err()
    };
    assert_eq!(attempt(&run).to_string(), format!("run {} is not staged", run.id()));
    let nobody = gage::run::Run::new(place.home(), "nobody");
    assert_eq!(attempt(&nobody).to_string(), "run nobody does not exist");
    let run = place.shell("true");
    let held = gage::run::lease::Held::claim(&run, false).unwrap();
    assert!(matches!(attempt(&run), RunError::Running(_)));
    held.release();
    fs::remove_dir_all(run.dir()).unwrap();
    let want = format!("run directory does not exist: {}", run.dir().display());
    assert_eq!(attempt(&run).to_string(), want);
    assert_eq!(status::of(&run), Status::Staged);
    fs::write(run.meta("opdef.json.new"), "{").unwrap();
    fs::rename(run.meta("opdef.json.new"), run.meta("opdef.json")).unwrap();
    assert!(attempt(&run).to_string().starts_with("cannot read "));
    fs::write(run.meta("s.new"), "9").unwrap();
    fs::rename(run.meta("s.new"), run.meta("__schema__")).unwrap();
    assert_eq!(
        attempt(&run).to_string(),
        format!("run {} uses an unsupported layout (schema 9)", run.id())
    );
}

#[test]
fn places_known_only_at_the_start_are_in_the_command() {
    let place = Place::new();
    let mut opdef = operation();
    opdef.config.clear();
    for run in [
        Command::Words(["echo", "${run_id}", "${run_dir}", "${other}"].map(String::from).into()),
        Command::Shell("echo \"${run_id}\" ${run_dir} '${other}'".into()),
    ] {
        opdef.exec.run = Some(run);
        let (spec, _) = compose(&opdef, &Default::default(), &Naming::default(), &Default::default());
        let run = create(&place.home(), &spec).unwrap();
        stage(&run, &staging(&Template::default())).unwrap();
        assert_eq!(
            execute(&run).1,
            format!("{} {} ${{other}}\n", run.id(), run.dir().display())
        );
    }
}
