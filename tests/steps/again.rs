//! Steps runs that are started again.

use super::world::World;

const PROJECT: &str = "\
a:
  exec: sh -c 'echo a ${x}; echo ${x} > out'
  flags: {x: 1}
b:
  exec: sh -c 'echo b $(cat out); test ! -e ../fail'
  requires: {operation: a}
s:
  flags: {x: 1}
  steps: ['a x=${x}', b, a x=7]
";

fn world() -> World {
    World::new(&[("guild.yml", PROJECT)])
}

#[test]
fn each_step_is_started_again_in_place() {
    let world = world();
    world.ok("run s -y");
    let steps = world.id("s", 0);
    let before = world.rows().len();
    let said = world.ok(&format!("run --restart {steps} x=3 -y"));
    assert_eq!(
        said.err,
        "INFO: [gage] restarting a: ID x=3\nINFO: [gage] restarting b: ID\nINFO: [gage] restarting a: ID x=7\n"
    );
    assert_eq!(said.out, "a 3\nb 3\na 7\n");
    assert_eq!(world.rows().len(), before);
}

#[test]
fn what_was_generated_can_be_written_over() {
    let world = World::new(&[
        (
            "guild.yml",
            "a:\n  exec: \"sh -c 'stat -c %a out given; echo x > out'\"\n  requires: {file: given}\ns: {steps: [a]}\n",
        ),
        ("given", ""),
    ]);
    world.gage("run a -y");
    let run = world.id("a", 0);
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(world.place(&run, name)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode("out"), mode("given")), (0o444, 0o444));
    assert_eq!(world.ok(&format!("run --restart {run} -y")).out, "644\n444\n");
    assert_eq!(mode("out"), 0o444);
}

#[test]
fn a_step_that_is_gone_runs_anew() {
    let world = world();
    world.ok("run s -y");
    let steps = world.id("s", 0);
    world.ok(&format!("delete {} -y", world.id("b", 0)));
    let said = world.ok(&format!("run --restart {steps} -y"));
    assert!(
        said.err
            .starts_with("INFO: [gage] restarting a: ID x=1\nINFO: [gage] running b: b\nResolving a dependency\n"),
        "{}",
        said.err
    );
    assert_eq!(world.listed(&steps), ["a -> ../ID", "a_2 -> ../ID", "b -> ../ID"]);
}

#[test]
fn only_what_is_needed_when_asked() {
    let world = world();
    std::fs::create_dir_all(world.home()).unwrap();
    std::fs::write(world.home().join("fail"), "").unwrap();
    let said = world.gage("run s -y");
    assert_eq!((said.code, said.out.as_str()), (1, "a 1\nb 1\n"));
    assert_eq!(world.runs(), ["b error a=SHORT", "a completed x=1", "s error x=1"]);
    std::fs::remove_file(world.home().join("fail")).unwrap();
    let steps = world.id("s", 0);
    let said = world.ok(&format!("run --restart {steps} --needed -y"));
    assert_eq!(
        said.out,
        "Skipping run because flags have not changed (--needed specified)\nb 1\na 7\n"
    );
    assert_eq!(
        said.err,
        "INFO: [gage] restarting a: ID x=1\nINFO: [gage] restarting b: ID\nINFO: [gage] running a: a x=7\n"
    );
    let said = world.ok(&format!("run --restart {steps} --needed x=2 -y"));
    let skipped = "Skipping run because flags have not changed (--needed specified)\n";
    assert_eq!(said.out, format!("a 2\n{skipped}{skipped}"));
}

#[test]
fn a_step_that_another_run_makes_unnecessary_leads_to_it() {
    let project = format!("{PROJECT}n:\n  steps: [a --needed, {{run: b, isolate-runs: yes}}]\n");
    let world = World::new(&[("guild.yml", &project)]);
    world.ok("run a -y");
    let there = world.id("a", 0);
    let said = world.ok("run n -y");
    assert!(
        said.out.starts_with("Skipping because the following runs match"),
        "{}",
        said.out
    );
    assert!(said.out.ends_with("\nb 1\n"), "{}", said.out);
    let target = std::fs::read_link(world.place(&world.id("n", 0), "a")).unwrap();
    assert_eq!(target, std::path::Path::new("..").join(there));
}

#[test]
fn a_staged_steps_run_is_started_later() {
    let world = world();
    let said = world.ok("run s x=4 --stage -y");
    assert!(said.err.starts_with("s staged as ID\n"), "{}", said.err);
    let steps = world.id("s", 0);
    assert_eq!(world.runs(), ["s staged x=4"]);
    assert_eq!(world.ok(&format!("run --start {steps} -y")).out, "a 4\nb 4\na 7\n");
}
