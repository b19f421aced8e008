//! Every row of the specification's tables of bad input that is about requirements.

use super::world::World;

const HINT: &str = "gage: guildfile in the current directory contains an error (see above for details)\n";

#[test]
fn definitions() {
    for (definition, text) in [
        (
            "a: {requires: 3}",
            "invalid dependency value 3: expected a string or mapping",
        ),
        (
            "a: {requires: {select: x}}",
            "invalid source {'select': 'x'}: missing required attribute (one of config, file, module, operation, url)",
        ),
    ] {
        let world = World::new(&[("guild.yml", definition)]);
        let said = world.gage("run a -y");
        assert_eq!(
            said.err,
            format!("ERROR: error in guild.yml: {text}\n{HINT}"),
            "{definition}"
        );
        assert_eq!(said.code, 1);
    }
    for (definition, text) in [
        (
            "a: {main: guild.pass, requires: foo}",
            "resource 'foo' required by operation 'a' is not defined",
        ),
        (
            "a: {main: guild.pass, requires: 'm2:x'}",
            "model 'm2' in resource 'm2:x' required by operation 'a' is not defined",
        ),
    ] {
        let world = World::new(&[("guild.yml", definition)]);
        let said = world.gage("run a -y");
        assert_eq!(
            said.err,
            format!("gage: invalid definition for operation 'a': {text}\n")
        );
        assert_eq!(said.code, 1);
    }
}

#[test]
fn unmet_requirements_leave_no_run() {
    const UNMET: &str = "gage: run failed because a dependency was not met: could not resolve ";
    for (requires, before, text) in [
        (
            "{file: nope.txt}",
            "Resolving file:nope.txt dependency\n",
            "'file:nope.txt' in file:nope.txt resource: cannot find source file 'nope.txt'",
        ),
        (
            "{operation: upstream}",
            "WARNING: cannot find a suitable run for required resource 'upstream'\nResolving upstream dependency\n",
            "'operation:upstream' in upstream resource: no suitable run for upstream",
        ),
        (
            "{config: nope.yml}",
            "Resolving config:nope.yml dependency\n",
            "'config:nope.yml' in config:nope.yml resource: cannot find source file 'nope.yml'",
        ),
        (
            "{file: guild.yml, path: ../..}",
            "Resolving file:guild.yml dependency\n",
            "'file:guild.yml' in file:guild.yml resource: its target '../../guild.yml' is not below the run directory",
        ),
    ] {
        let world = World::new(&[("guild.yml", &format!("a: {{main: guild.pass, requires: {requires}}}\n"))]);
        let said = world.gage("run a -y");
        assert_eq!(said.err, format!("{before}{UNMET}{text}\n"));
        assert_eq!((said.code, world.runs().len()), (1, 0));
        let forced = world.ok("run a --force-deps -y");
        assert!(
            forced.err.ends_with(&format!("WARNING: {}{text}\n", &UNMET[6..])),
            "{}",
            forced.err
        );
        assert_eq!(world.runs().len(), 1);
    }
}

#[test]
fn what_is_optional_is_left_out() {
    let project = "a: {main: guild.pass, requires: [{operation: nope, optional: yes}, {file: nope, optional: yes}]}\n";
    let world = World::new(&[("guild.yml", project)]);
    let said = world.ok("run a -y");
    assert_eq!(said.err, "Resolving nope dependency\nResolving file:nope dependency\n");
}

#[test]
fn the_preview_warns_and_goes_on() {
    use std::io::Write;
    let world = World::new(&[("guild.yml", "a: {main: guild.pass, requires: {operation: up}}\n")]);
    let mut child = world
        .command("run a")
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"n\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(
        err.starts_with("WARNING: cannot find a suitable run for required resource 'up'\nYou are about to run a\n"),
        "{err}"
    );
    assert_eq!(output.status.code(), Some(0));
}
