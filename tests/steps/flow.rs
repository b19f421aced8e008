//! What steps get, how they are called, and what they find of each other.

use super::world::World;

#[test]
fn steps_run_in_order_as_runs_of_their_own() {
    let world = World::new(&[(
        "guild.yml",
        "upstream: {main: guild.pass}\ndownstream:\n  main: guild.pass\n  requires:\n    - operation: upstream\nsteps:\n  steps:\n    \
         - upstream\n    - downstream\n",
    )]);
    assert_eq!(
        world.ok("help steps").out,
        "Usage: gage run [OPTIONS] steps [FLAG]...\n\nUse 'gage run --help' for a list of options.\n\nSteps:\n  upstream\n  \
         downstream\n"
    );
    assert!(world.ok("run downstream -h").out.ends_with("\nRequires:\n  upstream\n"));
    let said = world.ok("run steps -y");
    let lines = "INFO: [gage] running upstream: upstream\nINFO: [gage] running downstream: downstream\nResolving upstream \
                 dependency\nUsing run ID for upstream resource\nWARNING: nothing resolved for operation:upstream\n";
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", lines));
    assert_eq!(
        world.runs(),
        [
            "downstream completed upstream=SHORT",
            "upstream completed",
            "steps completed"
        ]
    );
    let steps = world.id("steps", 0);
    assert_eq!(world.listed(&steps), ["downstream -> ../ID", "upstream -> ../ID"]);
    assert_eq!(super::world::masked(&world.file(&steps, "meta/output/40_run")), lines);
    let shown = world.ok(&format!("show {steps}")).out;
    let upstream = shown.find("\n  upstream: ").unwrap();
    assert!(upstream < shown.find("\n  downstream: ").unwrap(), "{shown}");
    assert!(shown.contains("\ncommand: gage steps\n"), "{shown}");
}

const FLAGS: &str = "\
- model: m
  operations:
    op: {exec: 'echo x=${x} y=${y} z=${z}', flags: {x: 1, y: 2, z: 3}}
    other: {exec: 'echo other ${x}', flags: {x: 1}}
    all:
      flags: {lr: 0.5, text: '7'}
      steps:
        - op x=${lr} y=a-${lr}
        - {run: op z=9, name: second, flags: {x: '${text}', z: null, y: [1, 2]}}
        - {run: ':plain', label: a label, tags: [t]}
        - op
- model: ''
  operations:
    plain: {exec: echo plain}
";

#[test]
fn flags_come_from_text_map_and_steps_run() {
    let world = World::new(&[("guild.yml", FLAGS)]);
    let said = world.ok("run all op:z=4 m:op:z=5 second:z=6 -y");
    assert_eq!(
        said.out,
        "x=0.5 y=a-0.5 z=5\nx=7 y=1 z=6\nx=7 y=2 z=6\nplain\nx=1 y=2 z=5\n"
    );
    let lines: Vec<&str> = said.err.lines().filter(|line| line.contains(" running ")).collect();
    assert_eq!(
        lines,
        [
            "INFO: [gage] running op: m:op x=0.5 y=a-0.5 z=5",
            "INFO: [gage] running second: m:op z=6 x=''\"'\"'7'\"'\"'' y='[1, 2]'",
            "INFO: [gage] running :plain: plain --label a label --tag t",
            "INFO: [gage] running op: m:op z=5",
        ]
    );
    let steps = world.id("m:all", 0);
    assert_eq!(
        world.listed(&steps),
        [":plain -> ../ID", "op -> ../ID", "op_2 -> ../ID", "second -> ../ID"]
    );
    let said = world.gage("run all other:x=4 -y");
    assert!(
        said.err.starts_with("gage: unsupported flag 'other:x'\n"),
        "{}",
        said.err
    );
    let said = world.gage("run all op:nope=4 -y");
    assert!(
        said.err.starts_with("gage: unsupported flag 'op:nope'\n"),
        "{}",
        said.err
    );
}

#[test]
fn label_and_tags_are_handed_on() {
    let world = World::new(&[(
        "guild.yml",
        "a: {exec: 'true'}\ns:\n  steps: [a, a --label own, {run: a, tags: [mine]}]\n",
    )]);
    let said = world.ok("run s --label 'of s' --tag t -y");
    assert!(said.err.contains("running a: a --label of s --tag t\n"), "{}", said.err);
    assert_eq!(
        world.runs(),
        [
            "a completed of s",
            "a completed own",
            "a completed of s",
            "s completed of s"
        ]
    );
    let tags: Vec<String> = world.rows().iter().map(|row| row["tags"].to_string()).collect();
    assert_eq!(tags[..3], ["[\"mine\"]", "[\"t\"]", "[\"t\"]"]);
}

#[test]
fn options_that_steps_do_not_take_are_named() {
    let world = World::new(&[(
        "guild.yml",
        "hello: {exec: echo hi}\ns:\n  steps:\n  - hello --run-dir /tmp --stage\n  - {run: hello, nonsense: 1}\n",
    )]);
    let said = world.ok("run s -y");
    assert_eq!(
        said.err,
        "WARNING: [gage] run parameter run-dir used in 'hello --run-dir /tmp --stage' ignored\nWARNING: [gage] run parameter \
         stage used in 'hello --run-dir /tmp --stage' ignored\nWARNING: [gage] run parameter nonsense used in 'hello' \
         ignored\nINFO: [gage] running hello: hello\nINFO: [gage] running hello: hello\n"
    );
}

#[test]
fn batches_are_steps_and_steps_are_trials() {
    let world = World::new(&[
        (
            "guild.yml",
            "train:\n  exec: \"sh -c 'echo ${x} > m; echo loss: ${x}'\"\n  flags: {x: 1}\n\
             best: {exec: cat m, requires: {operation: train}}\n\
             s:\n  flags: {k: 5}\n  steps: ['train x=[1,2]', 'train @b.csv', best, 'train --max-trials 2 x=[-2.0:2.0]', 'train x=${k}']\n",
        ),
        ("b.csv", "x\n7\n8\n"),
    ]);
    let said = world.ok("run s -y");
    assert!(
        said.err
            .contains("running train: train --max-trials 2 x='[-2.0:2.0]'\n"),
        "{}",
        said.err
    );
    // The newest trial of the steps before it.
    assert!(said.out.contains("loss: 8\n8\n"), "{}", said.out);
    let steps = world.id("s", 0);
    assert_eq!(
        world.listed(&steps),
        [
            "best -> ../ID",
            "train -> ../ID",
            "train_2 -> ../ID",
            "train_3 -> ../ID",
            "train_4 -> ../ID"
        ]
    );
    assert_eq!(world.rows().len(), 2 + 2 + 1 + 2 + 1 + 3 + 1);
    // The scalars of steps are the steps run's too.
    let compared = world.ok("compare -t -cc train_4#loss -Fo s").out;
    assert_eq!(compared.lines().last(), Some("SHORT           5.0"), "{compared}");
    let said = world.ok("run s k=[6,7] -y");
    assert_eq!(said.err.matches(" Running trial ID: s ").count(), 2, "{}", said.err);
    assert!(
        said.out.contains("loss: 6\n") && said.out.contains("loss: 7\n"),
        "{}",
        said.out
    );
}

const ISOLATED: &str = "\
up: {exec: sh -c 'echo ${n} > n', flags: {n: 1}}
down: {exec: cat n, requires: {operation: up}}
own: {steps: [up n=2, down]}
any: {steps: [up n=3, {run: up, name: x, flags: {n: 4}}, {run: down, isolate-runs: no}]}
only: {steps: [{run: down, isolate-runs: yes}]}
free: {steps: [down]}
outer: {steps: [up n=9, free]}
";

#[test]
fn requirements_are_met_within_the_steps_run_first() {
    let project = ISOLATED.replace(
        "{exec: sh -c 'echo ${n} > n', flags: {n: 1}}",
        "\n  exec: sh -c 'echo ${n} > n'\n  flags: {n: 1}",
    );
    let world = World::new(&[("guild.yml", &project)]);
    world.ok("run up n=5 -y");
    world.ok(&format!("mark {} -y", world.id("up", 0)));
    // A marked run does not count before those of the same steps run.
    assert_eq!(world.ok("run own -y").out, "2\n");
    assert_eq!(world.ok("run any -y").out, "5\n");
    assert_eq!(world.ok("run free -y").out, "5\n");
    assert_eq!(world.ok("run outer -y").out, "9\n");
    let said = world.gage("run only -y");
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .contains("could not resolve 'operation:up' in up resource: no suitable run for up\n")
    );
    assert_eq!(world.runs()[0], "only error");
    assert_eq!(world.listed(&world.id("only", 0)), Vec::<String>::new());
}
