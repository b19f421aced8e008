//! Requirements of trials.

use super::world::World;

const PROJECT: &str = "\
up:
  exec: sh -c 'echo ${n} > n.txt'
  flags: {n: 1}
down:
  exec: sh -c 'echo got $(cat n.txt)'
  flags: {k: 1}
  requires: {operation: up}
";

#[test]
fn all_trials_have_the_same_run_or_the_one_they_name() {
    let world = World::new(&[("guild.yml", PROJECT)]);
    world.ok("run up n=1 -y");
    world.ok("run up n=2 -y");
    let said = world.ok("run down k=[1,2] --jobs 2 -y");
    assert_eq!(said.out, "got 2\ngot 2\n");
    // Both start at once, in either order.
    let mut trials = world.runs()[..2].to_vec();
    trials.sort();
    assert_eq!(trials, ["down completed k=1 up=SHORT", "down completed k=2 up=SHORT"]);
    let (old, new) = (world.id("up", 1), world.id("up", 0));
    let said = world.ok(&format!("run down up=[{old},nope,{new}] -y"));
    assert_eq!(said.out, "got 1\ngot 2\n");
    assert!(said.err.contains(
        "ERROR: [gage] Trial ID exited with an error: (1) run failed because a dependency was not met: could not resolve \
         'operation:up' in up resource: there is no run 'nope'\n"
    ));
    let statuses: Vec<String> = world.runs()[..3]
        .iter()
        .map(|r| r.split(' ').nth(1).unwrap().to_string())
        .collect();
    assert_eq!(statuses.iter().filter(|s| *s == "error").count(), 1);
}

#[test]
fn a_batch_whose_requirement_cannot_be_met_leaves_nothing() {
    let world = World::new(&[("guild.yml", PROJECT)]);
    let said = world.gage("run down k=[1,2] -y");
    assert_eq!(
        said.err,
        "WARNING: cannot find a suitable run for required resource 'up'\ngage: run failed because a dependency was not met: \
         could not resolve 'operation:up' in up resource: no suitable run for up\n"
    );
    assert_eq!((said.code, world.runs().len()), (1, 0));
}

#[test]
fn a_batch_is_needed_again_when_there_is_another_run_to_depend_on() {
    let world = World::new(&[("guild.yml", PROJECT)]);
    world.ok("run up n=1 -y");
    world.ok("run down k=[1,2] --keep-batch -y");
    assert!(
        world
            .ok("run down k=[1,2] --needed -y")
            .out
            .starts_with("Skipping because")
    );
    world.ok("run up n=2 -y");
    assert_eq!(world.ok("run down k=[1,2] --needed -y").out, "got 2\ngot 2\n");
}

#[test]
fn a_batch_goes_on_with_what_it_began_with() {
    let world = World::new(&[("guild.yml", PROJECT)]);
    world.ok("run up n=1 -y");
    world.ok("run down k=[1,2] --stage -y");
    let batch = world.id("down+", 0);
    world.ok("run up n=2 -y");
    assert_eq!(world.ok(&format!("run --start {batch} -y")).out, "got 1\ngot 1\n");
}
