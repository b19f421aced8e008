//! Every row of the specification's table of bad input that is about steps.

use super::world::World;

#[test]
fn definitions_of_steps() {
    for (steps, text) in [
        ("[{foo: 1}]", "invalid step {'foo': 1}: must define run"),
        ("[[1, 2, 3]]", "invalid step data: [1, 2, 3]"),
        ("[~]", "invalid step data: None"),
        ("[{run: '   '}]", "invalid step {'run': '   '}: must define run"),
        ("[{}]", "invalid step {}: must define run"),
        ("['x=1']", "invalid step 'x=1': must name an operation"),
        ("['a --nope']", "invalid step 'a --nope': No such option: --nope"),
    ] {
        let world = World::new(&[("guild.yml", &format!("a: {{exec: echo a}}\ns: {{steps: {steps}}}\n"))]);
        let said = world.gage("run s -y");
        assert_eq!(said.err, format!("gage: {text}\n"), "{steps}");
        assert_eq!((said.code, world.runs().len()), (1, 0), "{steps}");
    }
    let world = World::new(&[("guild.yml", "s: {steps: 3}\n")]);
    assert_eq!(
        world.gage("run s -y").err,
        "ERROR: error in guild.yml: invalid steps data 3: expected a list\ngage: guildfile in the current directory contains \
         an error (see above for details)\n"
    );
}

#[test]
fn operations_that_are_not_there() {
    let world = World::new(&[(
        "guild.yml",
        "- model: m3\n  operations:\n    s: {steps: [a, nope]}\n    a: {exec: echo a}\n- model: ''\n  operations:\n    t: {steps: \
         [nope]}\n",
    )]);
    let said = world.gage("run m3:s -y");
    assert_eq!(
        said.err,
        "INFO: [gage] running a: m3:a\nINFO: [gage] running nope: m3:nope\ngage: operation 'nope' is not defined for model \
         'm3'\nTry 'gage operations m3' for a list of available operations.\n"
    );
    assert_eq!((said.code, said.out.as_str()), (1, "a\n"));
    assert_eq!(world.runs(), ["m3:a completed", "m3:s error"]);
    let said = world.gage("run t -y");
    assert_eq!(
        said.err,
        "INFO: [gage] running nope: nope\ngage: operation 'nope' is not defined for this project\nTry 'gage operations' for a \
         list of available operations.\n"
    );
    assert_eq!(world.runs()[0], "t error");
}

#[test]
fn a_file_in_the_place_of_a_link() {
    let world = World::new(&[("guild.yml", "a: {exec: echo a}\ns: {steps: [a]}\n"), ("d/a", "mine")]);
    let said = world.gage("run s --run-dir d -y");
    let path = world.path("d/a");
    assert!(
        said.err.contains("gage: unexpected step run link ") && said.err.ends_with("/a: expected symlink\n"),
        "{}",
        said.err
    );
    assert_eq!(
        (said.code, std::fs::read_to_string(path).unwrap().as_str()),
        (1, "mine")
    );
}

#[test]
fn what_else_runs_beside_steps_is_told() {
    let world = World::new(&[("guild.yml", "a: {exec: echo a}\ns: {main: guild.pass, steps: [a]}\n")]);
    let said = world.ok("run s -y");
    assert_eq!(
        said.err,
        "WARNING: operation 'main' and 'steps' both specified, ignoring 'steps'\n"
    );
    let world = World::new(&[("gage.toml", "[s]\nexec = \"true\"\nsteps = [\"a\"]\n")]);
    let said = world.ok("run s -y");
    assert_eq!(
        said.err,
        "WARNING: operation 'exec' and 'steps' both specified, ignoring 'steps'\n"
    );
}

#[test]
fn a_project_that_is_gone_is_told() {
    let world = World::new(&[("guild.yml", "a: {exec: echo a}\ns: {steps: [a]}\n")]);
    world.ok("run s --stage -y");
    let id = world.id("s", 0);
    std::fs::rename(world.path(""), world.path("../gone")).unwrap();
    let start = std::process::Command::new(env!("CARGO_BIN_EXE_gage"))
        .args(["run", "--start", &id, "-y"])
        .env("GAGE_RUNS", world.home())
        .current_dir("/")
        .output()
        .unwrap();
    let err = String::from_utf8(start.stderr).unwrap();
    assert!(
        err.contains("gage: the project of run ") && err.contains(" is gone: "),
        "{err}"
    );
    assert_eq!(start.status.code(), Some(1));
}
