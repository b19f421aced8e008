//! Files of the project, configuration files, modules, and the `depends` of gage files.

use super::world::World;

#[test]
fn files_are_copied_and_are_no_source_code_besides() {
    let world = World::new(&[
        (
            "guild.yml",
            "a:\n  exec: 'true'\n  requires:\n  - file: data\n  - {file: notes/n.txt, path: in}\n  - {file: big, target-type: \
             link, select: 'x.*'}\n",
        ),
        ("data/a.csv", "1"),
        ("data/sub/b.csv", "2"),
        ("notes/n.txt", "n"),
        ("big/x1", "x"),
        ("big/y", "y"),
        ("code.py", "pass\n"),
    ]);
    let said = world.ok("run a -y");
    assert_eq!(
        said.err,
        "Resolving file:data dependency\nResolving file:notes/n.txt dependency\nResolving file:big dependency\n"
    );
    let run = world.id("a", 0);
    let manifest = world.file(&run, "meta/manifest");
    let kinds: Vec<String> = manifest
        .lines()
        .map(|line| {
            let parts: Vec<&str> = line.split(' ').collect();
            format!("{} {}", parts[0], parts[2])
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "s code.py",
            "s guild.yml",
            "d data/a.csv",
            "d data/sub/b.csv",
            "d in/n.txt",
            "d x1"
        ]
    );
    assert_eq!(
        std::fs::read_link(world.place(&run, "x1")).unwrap(),
        world.path("big/x1")
    );
}

#[test]
fn what_is_there_is_kept_unless_it_is_to_be_replaced() {
    let world = World::new(&[
        (
            "guild.yml",
            "keep: {exec: cat a.txt, requires: [{file: a.txt}, {file: other/a.txt}]}\nreplace: {exec: cat a.txt, requires: \
             [{file: a.txt}, {file: other/a.txt, replace-existing: yes}]}\n",
        ),
        ("a.txt", "first\n"),
        ("other/a.txt", "second\n"),
    ]);
    let said = world.ok("run keep -y");
    assert_eq!(said.out, "first\n");
    let id = world.id("keep", 0);
    let warning = format!(
        "WARNING: {}/a.txt already exists, skipping copy\n",
        world.home().join(id).display()
    );
    assert!(said.err.ends_with(&super::world::masked(&warning)), "{}", said.err);
    assert_eq!(world.ok("run replace -y").out, "second\n");
}

#[test]
fn digests_are_checked() {
    const DIGEST: &str = "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0";
    let world = World::new(&[
        (
            "guild.yml",
            &format!(
                "good: {{exec: 'true', requires: {{file: a.txt, sha256: {DIGEST}}}}}\nbad: {{exec: 'true', requires: {{file: \
                 a.txt, sha256: abc}}}}\n"
            ),
        ),
        ("a.txt", "aaa"),
    ]);
    world.ok("run good -y");
    let said = world.gage("run bad -y");
    let reason = format!("'a.txt' has an unexpected sha256 (expected abc but got {DIGEST})\n");
    assert!(said.err.ends_with(&reason), "{}", said.err);
    assert_eq!(world.runs(), ["good completed"]);
}

#[test]
fn configuration_gets_flag_values() {
    let world = World::new(&[
        (
            "guild.yml",
            "a:\n  exec: cat conf.yml\n  flags: {lr: 0.1, model.layers: 2}\n  requires: {config: conf.yml, params: {seed: 7, lr: 9}}\n",
        ),
        ("conf.yml", "# Settings\nlr: 1  # rate\nmodel:\n  layers: 1\nseed: 0\n"),
    ]);
    let said = world.ok("run a lr=0.5 -y");
    assert_eq!(said.out, "# Settings\nlr: 0.5  # rate\nmodel:\n  layers: 2\nseed: 7\n");
    assert_eq!(
        std::fs::read_to_string(world.path("conf.yml")).unwrap().lines().nth(1),
        Some("lr: 1  # rate")
    );
}

#[test]
fn named_resources_modules_and_dep() {
    let world = World::new(&[
        (
            "guild.yml",
            "- model: m\n  resources:\n    stuff: {path: in, sources: [{file: a.txt}, 'b.txt', {module: json}]}\n  operations:\n    \
             a: {exec: ls in, requires: stuff}\n    b: {exec: 'true', requires: {module: no_such_module.x, help: Try pip.}}\n",
        ),
        ("a.txt", "a"),
        ("b.txt", "b"),
        ("out/c.txt", "c"),
    ]);
    let said = world.ok("run m:a -y");
    assert_eq!(
        (said.out.as_str(), said.err.as_str()),
        ("a.txt\nb.txt\n", "Resolving stuff dependency\n")
    );
    let said = world.gage("run m:b -y");
    assert_eq!(
        said.err,
        "Resolving module:no_such_module.x dependency\ngage: run failed because a dependency was not met: could not resolve \
         'module:no_such_module.x' in module:no_such_module.x resource: No module named no_such_module.x\nTry pip.\n"
    );
    let said = world.ok("run m:a -D out/c.txt -D b.txt -y");
    assert_eq!(
        said.err,
        "Resolving stuff dependency\nResolving file:out/c.txt dependency\nResolving file:b.txt dependency\n"
    );
    let run = world.id("m:a", 0);
    assert_eq!(world.file(&run, "c.txt"), "c");
    let manifest = world.file(&run, "meta/manifest");
    assert!(
        manifest.contains(" b.txt\n") && !manifest.contains("s 3e23"),
        "{manifest}"
    );
}

#[test]
fn archives_are_unpacked_unless_they_are_wanted_whole() {
    let world = World::new(&[(
        "guild.yml",
        "a: {exec: find . -type f, requires: {file: d.tar, select: '.*b'}}\nb: {exec: 'true', requires: {file: d.tar, unpack: no}}\n",
    )]);
    world.write("d/a", "1");
    world.write("d/b", "2");
    let tar = std::process::Command::new("tar")
        .args(["cf", "d.tar", "d"])
        .current_dir(world.path(""))
        .status();
    assert!(tar.unwrap().success());
    world.ok("run a -y");
    assert_eq!(world.file(&world.id("a", 0), "b"), "2");
    world.ok("run b -y");
    assert!(world.place(&world.id("b", 0), "d.tar").is_file());
}

#[test]
fn depends_of_a_gage_file() {
    let world = World::new(&[
        (
            "gage.toml",
            "[train]\nexec = \"sh train.sh\"\n[[train.depends]]\nfiles = \"data/*.csv\"\n\
             [score]\nexec = \"cat model.bin\"\ndepends = { run-select = \"train\", files = \"model.bin\" }\n\
             [report]\nexec = \"cat all.json\"\ndepends = { type = \"runs-summary\", runs-select = \"train\", \
             summary-filename = \"all.json\" }\n\
             [none]\nexec = \"true\"\ndepends = { files = \"nope/*.csv\" }\n",
        ),
        (
            "train.sh",
            "echo model > model.bin; echo '--- summary ---'; echo 'acc: 1'; echo '---'\n",
        ),
        ("data/a.csv", "1"),
        ("data/b.txt", "2"),
    ]);
    let said = world.gage("run score -y");
    assert!(
        said.err
            .ends_with("gage: cannot resolve dependency: no runs match 'train'\n"),
        "{}",
        said.err
    );
    world.ok("run train -y");
    let train = world.id("train", 0);
    assert_eq!(world.file(&train, "data/a.csv"), "1");
    assert!(
        world
            .file(&train, "meta/manifest")
            .contains("d 6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b data/a.csv")
    );
    let said = world.ok("run score -y");
    assert_eq!((said.out.as_str(), said.code), ("model\n", 0));
    assert_eq!(world.runs()[0], "score completed train=SHORT");
    let lines = world.ok("run report -y").out;
    assert!(lines.contains("\"acc\":1") && lines.lines().count() == 1, "{lines}");
    let said = world.gage("run none -y");
    assert_eq!(
        said.err,
        "gage: cannot resolve dependency: no files match 'nope/*.csv'\n"
    );
    assert_eq!(world.runs().len(), 3);
}
