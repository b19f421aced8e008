//! `docs/commands.md` is what the program says of itself, so that the two cannot disagree.

use std::path::Path;

#[test]
fn the_reference_is_what_help_says() {
    let mut text = String::from(
        "# Commands\n\n\
         What `gage COMMAND --help` prints, for every command. Options of several letters behind one dash (`-Fo`) are \
         named in brackets.\n",
    );
    let mut gage = gage::cli::command().term_width(100);
    gage.build();
    section(&mut text, &mut gage, 2);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    snapbox::Assert::new()
        .action_env("SNAPSHOTS")
        .eq(text, snapbox::Data::read_from(&path, None).raw());
}

fn section(text: &mut String, command: &mut clap::Command, level: usize) {
    let name = command.get_bin_name().unwrap_or("gage").to_string();
    let help = command.render_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    text.push_str(&format!(
        "\n{} {name}\n\n```\n{}\n```\n",
        "#".repeat(level),
        lines.join("\n").trim_end()
    ));
    for inner in command.get_subcommands_mut() {
        if !inner.is_hide_set() && inner.get_name() != "help" {
            section(text, inner, 2);
        }
    }
}
