//! Requirements that runs of other operations meet.

use super::world::World;

const PROJECT: &str = "\
upstream:
  exec: sh -c 'echo ${n} > model-${n}.bin; mkdir -p d; echo x > d/y.txt; exit ${code}'
  flags: {n: 1, code: 0}
empty: {exec: 'true'}
down: {exec: 'true', requires: {operation: upstream}}
picks: {exec: 'true', requires: {operation: upstream, select-max: 'model-([0-9]+)', rename: 'model-(.+)\\.bin m\\1', path: in}}
copies: {exec: 'true', requires: {operation: upstream, select: d/y.txt, target-type: copy, preserve-path: yes}}
empties: {exec: 'true', requires: {operation: empty}}
fails: {exec: 'true', requires: {operation: empty, fail-if-empty: yes}}
either: {exec: 'true', requires: {operation: 'empty,upstream', name: input}}
";

fn world() -> World {
    World::new(&[("guild.yml", PROJECT)])
}

#[test]
fn the_newest_suitable_run_is_linked_recorded_and_shown() {
    let world = world();
    world.ok("run upstream -y");
    world.ok("run upstream n=2 -y");
    assert_eq!(world.gage("run upstream n=3 code=1 -y").code, 1);
    let wanted = world.id("upstream", 1);
    let said = world.ok("run down -y");
    let lines = "Resolving upstream dependency\nUsing run ID for upstream resource\n";
    assert_eq!(said.err, lines);
    assert_eq!(world.runs()[0], "down completed upstream=SHORT");
    let down = world.id("down", 0);
    assert_eq!(
        world.listed(&down),
        ["d", "guild.yml", "model-2.bin -> ../ID/model-2.bin"]
    );
    assert_eq!(world.file(&down, "model-2.bin"), "2\n");
    assert_eq!(world.file(&down, "d/y.txt"), "x\n");
    let told = world.file(&down, "meta/output/30_dependencies");
    assert!(
        told.contains(&format!("Using run {wanted} for upstream resource\n")),
        "{told}"
    );
    let deps: serde_json::Value = serde_json::from_str(&world.file(&down, "meta/sys/deps.json")).unwrap();
    assert_eq!(deps[0]["run"], wanted.as_str());
    assert_eq!(deps[0]["source"], "operation:upstream");
    assert_eq!(deps[0]["files"], serde_json::json!(["d/y.txt", "model-2.bin"]));
    let shown = world.ok("show -d").out;
    let section = shown.split("dependencies:\n").nth(1).unwrap();
    assert_eq!(
        section,
        "  upstream:\n    source: operation:upstream\n    run: ID\n    files:\n      - d/y.txt\n      - model-2.bin\n"
    );
    // A link is found wherever the home is moved to.
    assert_eq!(world.ok("ls -d -n").out, "d/y.txt\nmodel-2.bin\n");
}

#[test]
fn a_run_can_be_named_or_marked() {
    let world = world();
    for n in 1..=3 {
        world.ok(&format!("run upstream n={n} -y"));
    }
    let oldest = world.id("upstream", 2);
    world.ok(&format!("run down upstream={} -y", &oldest[..6]));
    assert_eq!(world.file(&world.id("down", 0), "model-1.bin"), "1\n");
    assert_eq!(world.runs()[0], "down completed upstream=SHORT");
    let second = world.id("upstream", 1);
    world.ok(&format!("mark {second} -y"));
    world.ok("run down -y");
    assert_eq!(world.file(&world.id("down", 0), "model-2.bin"), "2\n");
    // It is no flag of the program's.
    let flags = world.ok("show").out;
    assert!(!flags.contains("upstream:"), "{flags}");
    let said = world.gage("run down upstream=nope -y");
    assert_eq!(
        said.err,
        "WARNING: cannot find a suitable run for required resource 'upstream'\nResolving upstream dependency\ngage: run \
         failed because a dependency was not met: could not resolve 'operation:upstream' in upstream resource: there is \
         no run 'nope'\n"
    );
}

#[test]
fn files_are_selected_renamed_and_placed() {
    let world = world();
    world.ok("run upstream n=7 -y");
    world.ok("run picks -y");
    let picks = world.id("picks", 0);
    assert_eq!(world.listed(&picks), ["guild.yml", "in"]);
    assert_eq!(world.listed(&format!("{picks}/in")), ["m7 -> ../../ID/model-7.bin"]);
    world.ok("run copies -y");
    let copies = world.id("copies", 0);
    assert!(!world.place(&copies, "d/y.txt").is_symlink());
    assert_eq!(world.file(&copies, "d/y.txt"), "x\n");
}

#[test]
fn nothing_is_a_warning_or_an_error() {
    let world = world();
    world.ok("run empty -y");
    assert!(
        world
            .ok("run empties -y")
            .err
            .ends_with("WARNING: nothing resolved for operation:empty\n")
    );
    let runs = world.runs().len();
    let said = world.gage("run fails -y");
    assert!(
        said.err
            .ends_with("could not resolve 'operation:empty' in empty resource: nothing resolved\n")
    );
    assert_eq!((said.code, world.runs().len()), (1, runs));
}

#[test]
fn any_of_several_operations_will_do() {
    let world = world();
    world.ok("run upstream n=4 -y");
    let said = world.ok("run either -y");
    assert_eq!(
        said.err,
        "Resolving input dependency\nUsing run ID for input resource\n"
    );
    assert_eq!(world.runs()[0], "either completed input=SHORT");
    world.ok("run empty -y");
    assert!(
        world
            .ok("run either -y")
            .err
            .ends_with("nothing resolved for operation:empty,upstream\n")
    );
}

#[test]
fn needed_asks_for_the_same_runs_too() {
    let world = world();
    world.ok("run upstream -y");
    world.ok("run down -y");
    let skipped = "Skipping because the following runs match this operation (--needed specified):\n";
    assert!(world.ok("run down --needed -y").out.starts_with(skipped));
    world.ok("run upstream n=2 -y");
    assert_eq!(world.ok("run down --needed -y").out, "");
    assert_eq!(world.file(&world.id("down", 0), "model-2.bin"), "2\n");
}

#[test]
fn a_staged_run_has_what_it_needs() {
    let world = world();
    world.ok("run upstream n=5 -y");
    world.ok("run copies --stage -y");
    let staged = world.id("copies", 0);
    std::fs::remove_file(world.path("guild.yml")).unwrap();
    world.ok(&format!("delete {} -y", world.id("upstream", 0)));
    world.ok(&format!("run --start {staged} -y"));
    assert_eq!(world.file(&staged, "d/y.txt"), "x\n");
    assert_eq!(world.runs()[0], "copies completed upstream=SHORT");
}

#[test]
fn a_restart_keeps_its_choice_and_takes_another_when_told() {
    let world = world();
    world.ok("run upstream n=1 -y");
    world.ok("run down -y");
    world.ok("run upstream n=2 -y");
    let down = world.id("down", 0);
    world.ok(&format!("run --restart {down} -y"));
    assert_eq!(world.file(&down, "model-1.bin"), "1\n");
    assert_eq!(world.runs()[0], "down completed upstream=SHORT");
    let other = world.id("upstream", 0);
    world.ok(&format!("run --restart {down} upstream={other} -y"));
    assert!(!world.place(&down, "model-1.bin").exists());
    assert_eq!(world.file(&down, "model-2.bin"), "2\n");
    assert_eq!(world.rows()[0]["label"], format!("upstream={}", &other[..8]));
}
