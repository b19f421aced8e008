//! Plans, what is refused, previews.

use super::*;

fn row(pairs: &[(&str, &str)]) -> Resolved {
    let decoded = pairs.iter().map(|(name, text)| {
        let value = crate::flags::decode(text, None).unwrap().value;
        (name.to_string(), value)
    });
    let values: FlagValues = decoded.collect();
    Resolved {
        user: values.clone(),
        values,
        warnings: Vec::new(),
    }
}

fn spec(optimizer: &str, flags: &[(&str, &str)]) -> BatchSpec {
    BatchSpec {
        opdef: OpDef {
            name: "op".into(),
            ..OpDef::default()
        },
        rows: vec![row(flags)],
        optimizer: optimizer.into(),
        seed: 1,
        jobs: 1,
        ..BatchSpec::default()
    }
}

fn with_trials(mut spec: BatchSpec, n: u64) -> BatchSpec {
    spec.max_trials = Some(n);
    spec
}

#[test]
fn a_random_search_is_the_same_again_and_grows() {
    let flags = [("x", "uniform[-5:10.0]"), ("y", "[0:15]"), ("z", "[a,b]"), ("c", "7")];
    let trials = |n| {
        plan(&with_trials(spec("random", &flags), n))
            .unwrap()
            .trials()
            .unwrap()
            .to_vec()
    };
    assert_eq!(trials(5), trials(5));
    assert_eq!(trials(9)[..5], trials(5));
    for trial in trials(200) {
        let x = trial["x"].as_f64().unwrap();
        assert!((-5.0..=10.0).contains(&x));
        assert!(matches!(trial["y"], Value::Int(0..=15)));
        assert_eq!(trial["c"], Value::Int(7));
    }
    let mut other = with_trials(spec("random", &flags), 5);
    other.seed = 2;
    assert_ne!(plan(&other).unwrap().trials().unwrap(), trials(5));
    assert_eq!(plan(&spec("random", &flags)).unwrap().planned, Some(20));
}

#[test]
fn initial_values_are_tried_first() {
    let plan = plan(&spec("random", &[("x", "[0:1000:7]"), ("y", "[0:1000]")])).unwrap();
    let trials = plan.trials().unwrap();
    assert_eq!(trials[0]["x"], Value::Int(7));
    assert_ne!(trials[1]["x"], Value::Int(7));
}

#[test]
fn stepped_values_are_the_decimals_they_mean() {
    let plan = plan(&with_trials(spec("random", &[("x", "[0:1.0:step=0.1]")]), 50)).unwrap();
    for trial in plan.trials().unwrap() {
        assert!(encode(&trial["x"]).len() == 3, "{}", encode(&trial["x"]));
    }
}

#[test]
fn what_is_wrong_is_said_before_anything_is_made() {
    let limit = with_trials(spec("gp", &[("x", "[0:1.0]")]), 3);
    for (case, text) in [
        (spec("+", &[("x", "[]")]), "flag x has no values to choose from"),
        (spec("gp", &[("x", "[]")]), "flag x has no values to choose from"),
        (
            spec("random", &[("x", "floop[1:2]")]),
            "unknown function 'floop' used for flag x",
        ),
        (
            spec("+", &[("x", "floop[1:2]")]),
            "unknown function 'floop' used for flag x",
        ),
        (
            spec("random", &[("x", "uniform[2:1]")]),
            "invalid function args in 'x=uniform[2:1]': the lower bound 2 has to be less than the upper bound 1",
        ),
        (
            spec("random", &[("x", "1.0"), ("y", "2"), ("z", "a")]),
            "flags for batch (x=1.0, y=2, z=a) do not contain any search dimensions\n\
             Try specifying a range for one or more flags as NAME=[MIN:MAX].",
        ),
        (
            BatchSpec {
                options: vec![("x".into(), "1".into())],
                ..limit.clone()
            },
            "unsupported flag 'x'\nTry 'gage run gp --help-op' for a list of flags or use --force-flags to skip this check.",
        ),
        (
            BatchSpec {
                options: vec![("random-starts".into(), "-1".into())],
                ..limit.clone()
            },
            "invalid value -1 for random-starts: out of range (less than min 0)",
        ),
        (
            BatchSpec {
                stage_trials: true,
                ..limit.clone()
            },
            "operation 'gp' does not support --stage-trials",
        ),
    ] {
        assert_eq!(plan(&case).unwrap_err().to_string(), text);
    }
    let mut rows = limit.clone();
    rows.rows.push(row(&[("x", "1")]));
    assert!(
        plan(&rows)
            .unwrap_err()
            .to_string()
            .starts_with("optimizer 'gp' cannot search 2 rows")
    );
    let planned = plan(&limit).unwrap();
    assert_eq!(
        planned.trials_for("printing trials").unwrap_err().to_string(),
        "optimizer does not support printing trials"
    );
}

#[test]
fn previews_say_what_is_about_to_happen() {
    let text = |spec: &BatchSpec| super::super::preview::text(&plan(spec).unwrap(), "run");
    assert_eq!(
        text(&spec("+", &[("lr", "[0.1,0.2]"), ("bs", "[1,2]")])),
        "You are about to run op as a batch (4 trials)\n  bs: [1, 2]\n  lr: [0.1, 0.2]\n"
    );
    assert_eq!(
        text(&with_trials(spec("random", &[("x", "[0:1]")]), 1)),
        "You are about to run op with random search (1 trial)\n  x: [0:1]\n"
    );
    let mut gp = spec("gp", &[("x", "[0:1]")]);
    gp.objective = Some("-acc".into());
    assert!(
        text(&gp).starts_with("You are about to run op with gp optimizer (20 trials, maximize acc)\n  x:"),
        "{}",
        text(&gp)
    );
    assert!(text(&gp).contains("\nOptimizer flags:\n  acq-func: gp_hedge\n  kappa: 1.96\n"));
}

#[test]
fn a_study_is_built_from_its_header_alone() {
    let planned = plan(&with_trials(
        spec("gp", &[("x", "[0:9]"), ("y", "loguniform[1e-5:1]")]),
        4,
    ))
    .unwrap();
    let text = serde_json::to_string(&planned.header()).unwrap();
    let header: Header = serde_json::from_str(&text).unwrap();
    let again = Plan::of_header(&header, planned.spec.opdef.clone(), None).unwrap();
    assert_eq!(again.header(), header);
    let ask = |header: &Header| build(header).unwrap().ask(&[], 0).unwrap().point;
    assert_eq!(ask(&header), ask(&planned.header()));
    assert_eq!(planned.batch_name(), "op+gp");
    assert!(planned.keeps_batch());
}
