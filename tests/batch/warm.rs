//! What a search learns from runs that were there before it (`prev-trials`), and from how long trials took.

use std::fs;

use gage::batch::event::Event;
use serde_json::Value as Json;

use crate::project::Project;

/// A project whose operation has source code, so that two batches can be of the same.
fn project(flags: &str) -> Project {
    let project = Project::new("");
    define(&project, "import sys\n", flags);
    project
}

fn define(project: &Project, source: &str, flags: &str) {
    let file = format!("[op]\nexec = 'echo loss: $FLAG_X'\nsourcecode = ['*.py']\n[op.flags]\n{flags}\n");
    fs::write(project.path("gage.toml"), file).unwrap();
    fs::write(project.path("train.py"), source).unwrap();
}

/// How many results the first proposal of a search says it is made from.
fn used(project: &Project, words: &str) -> usize {
    let said = project.ok(&format!(
        "run op -o gp -m 1 --random-seed 3 -Fo random-starts=0 --keep-batch {words} -y"
    ));
    let found = said.lines().find_map(|l| l.split_once("Found ")?.1.split(' ').next());
    match found {
        Some(n) => n.parse().unwrap(),
        None => {
            assert!(said.contains("(missing previous trials)"), "{said}");
            0
        }
    }
}

/// Points and objectives of the earlier results that the newest batch has taken down.
fn priors(project: &Project) -> Vec<(Vec<Json>, Option<f64>)> {
    let events = project.newest_events();
    let of = |event: Event| match event {
        Event::Prior(prior) => Some((prior.point, prior.objective)),
        _ => None,
    };
    events.into_iter().filter_map(of).collect()
}

#[test]
fn a_search_learns_from_the_runs_it_is_told_to() {
    let project = project("x = 1");
    project.ok("run op x=[10,20,30] -y");
    project.ok("run op x=40 -y");
    assert_eq!(
        used(&project, "x=[0:100]"),
        3,
        "trials of the same source code by default"
    );
    assert_eq!(used(&project, "x=[0:100] -Fo prev-trials=batch"), 0);
    assert_eq!(
        used(&project, "x=[0:100] -Fo prev-trials=operation"),
        6,
        "and the two proposed above"
    );
    define(&project, "import os\n", "x = 1");
    assert_eq!(used(&project, "x=[0:100]"), 0, "the source code is another");
    assert_eq!(used(&project, "x=[0:100] -Fo prev-trials=operation"), 8);
}

#[test]
fn a_flag_that_earlier_runs_did_not_have_is_at_its_default() {
    let project = project("x = 1");
    project.ok("run op x=[10,20] -y");
    define(&project, "import sys\n", "x = 1\ny = 5");
    assert_eq!(used(&project, "x=[0:100] y=[0:9]"), 2);
    let at = |x: f64| (vec![Json::from(x as i64), Json::from(5)], Some(x));
    assert_eq!(priors(&project), [at(10.0), at(20.0)]);
}

#[test]
fn runs_outside_of_the_bounds_teach_unless_they_are_far_away() {
    let project = project("x = 1");
    project.ok("run op x=[10,30,45,79,90,500] -y");
    assert_eq!(used(&project, "x=[20:50]"), 4);
}

/// Five values of a range, and then one proposal: a search that knows their results stays where they were small.
#[test]
fn what_was_learnt_before_shows() {
    let project = project("x = 1.0");
    project.ok("run op x=[0.1,0.3,0.5,0.7,0.9] -y");
    for optimizer in ["gp", "forest", "gbrt", "tpe", "cmaes", "turbo", "auto"] {
        let words = format!("run op -o {optimizer} -m 1 --random-seed 3 -Fo random-starts=0 x=[0.0:1.0] -y");
        let said = project.ok(&words);
        let x: f64 = said
            .split("(x=")
            .nth(1)
            .and_then(|t| t.split(')').next())
            .unwrap()
            .parse()
            .unwrap();
        assert!(x < 0.45, "{optimizer}: {said}");
    }
}

/// Nothing but the seconds tells the two kinds apart: a search that counts them stays with the quick one.
#[test]
fn recorded_durations_count_where_they_are_asked_to() {
    let loss = r#"awk "BEGIN { y = $FLAG_Y - 0.6; print \"loss: \" ($FLAG_X - 0.3) ^ 2 + (y < 0 ? -y : y) }""#;
    let project = Project::new(&format!("[ $FLAG_KIND = slow ] && sleep 0.3; {loss}"));
    let quick = |acq: &str| {
        let said = project.ok(&format!(
            "run op -o gp -m 14 --random-seed 5 -Fo random-starts=6 -Fo prev-trials=batch -Fo acq-func={acq} \
             x=[0.0:1.0] y=[0.0:1.0] kind=[slow,quick] --force-flags --keep-batch -y"
        ));
        let trials: Vec<&str> = said.lines().filter(|l| l.contains("Running trial")).collect();
        assert_eq!(trials.len(), 14, "{said}");
        trials[6..].iter().filter(|l| l.contains("kind=quick")).count()
    };
    let seconds = ["EIps", "PIps"].map(quick);
    assert!(seconds.iter().all(|n| *n >= 6), "{seconds:?} of 8");
    let mut kept = project.newest_events().into_iter().filter_map(|event| match event {
        Event::Ended(ended) => ended.seconds,
        _ => None,
    });
    assert!(kept.all(|s| s > 0.0 && s < 60.0));
}
