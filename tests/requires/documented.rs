//! The example of `docs/pipelines.md` does what is said there.

use super::world::World;

#[test]
fn the_example_holds() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pipelines.md")).unwrap();
    let world = World::new(&[]);
    let mut shown = String::new();
    for block in text.split("\n```").skip(1).step_by(2) {
        let (kind, body) = block.split_once('\n').unwrap();
        match kind {
            "console" => shown.push_str(body),
            _ => world.write(body.lines().next().unwrap().trim_start_matches("# "), body),
        }
        shown.push('\n');
    }
    let mut commands = 0;
    for part in shown.split("$ gage ").skip(1) {
        let (line, expected) = part.split_once('\n').unwrap();
        let output = std::process::Command::new("sh")
            .args(["-c", "exec \"$@\" 2>&1", "sh", env!("CARGO_BIN_EXE_gage")])
            .args(shlex::split(line).unwrap())
            .current_dir(world.path(""))
            .env("GAGE_HOME", world.home().parent().unwrap())
            .env_remove("GAGE_RUNS")
            .output()
            .unwrap();
        let said = super::world::masked(&String::from_utf8(output.stdout).unwrap());
        assert_eq!(said.trim(), expected.trim(), "gage {line}");
        commands += 1;
    }
    assert_eq!(commands, 2);
}
