//! Everything about one run as `name: value` lines. Empty values have nothing after the colon.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::place::Here;
use super::{Paint, Screen, listing, number, time};
use crate::flags::FlagValues;
use crate::store::RunRow;

/// What a row does not know, read from the run's meta files; absent sections are not shown.
#[derive(Debug, Clone, Default)]
pub struct More {
    pub vcs_commit: Option<String>,
    pub pid: Option<u32>,
    pub steps: Vec<(String, String)>,
    /// How far a batch is.
    pub progress: Option<String>,
    pub attributes: BTreeMap<String, Json>,
    pub proto_flags: Option<FlagValues>,
    pub comments: bool,
    pub environment: Option<BTreeMap<String, String>>,
    pub dependencies: Option<Json>,
    /// Lines of the manifest.
    pub manifest: Option<Vec<String>>,
    pub plugins: Option<Json>,
    pub all_scalars: bool,
}

/// The lines, each with its line end.
pub fn text(row: &RunRow, more: &More, here: &Here, screen: &Screen) -> String {
    let mut out = Lines {
        text: String::new(),
        screen: *screen,
    };
    let status = listing::status(row);
    let time = |us: Option<i64>| us.map(time::local).unwrap_or_default();
    out.field("id", row.run.id());
    out.field("operation", &row.operation);
    out.field(
        "from",
        &row.project.as_deref().map(|p| here.tilde(p)).unwrap_or_default(),
    );
    out.painted("status", &status, Paint::of_status(&status));
    out.field("started", &time(row.started));
    out.field("stopped", &time(row.stopped));
    out.field("marked", if row.marked { "yes" } else { "no" });
    out.field("label", row.label.as_deref().unwrap_or_default());
    out.field(
        "sourcecode_digest",
        row.sourcecode_digest.as_deref().unwrap_or_default(),
    );
    out.field("vcs_commit", more.vcs_commit.as_deref().unwrap_or_default());
    out.field("run_dir", &here.tilde(&row.run.dir()));
    out.field("command", &command(&row.cmd));
    out.field("exit_status", &row.exit.map(|e| e.to_string()).unwrap_or_default());
    out.field("pid", &more.pid.map(|p| p.to_string()).unwrap_or_default());
    out.heading("tags");
    for tag in &row.tags {
        out.line(2, &format!("- {tag}"));
    }
    out.heading("flags");
    out.flags(&row.flags);
    out.heading("scalars");
    for scalar in &row.scalars {
        if more.all_scalars || !scalar.is_system() {
            let value = number::short(scalar.last_val);
            out.line(2, &format!("{}: {value} (step {})", scalar.key(), scalar.last_step));
        }
    }
    sections(&mut out, row, more);
    out.text
}

/// Sections that are there only when they have something to say.
fn sections(out: &mut Lines, row: &RunRow, more: &More) {
    if let Some(progress) = &more.progress {
        out.field("progress", progress);
    }
    if !more.steps.is_empty() {
        out.heading("steps");
        for (name, id) in &more.steps {
            out.line(2, &format!("{name}: {id}"));
        }
    }
    if !more.attributes.is_empty() {
        out.heading("attributes");
        for (name, value) in &more.attributes {
            out.value(2, name, value);
        }
    }
    if let Some(flags) = &more.proto_flags {
        out.heading("proto-flags");
        out.flags(flags);
    }
    if more.comments {
        out.heading("comments");
        out.text.push_str(&comments(row, 2));
    }
    if let Some(environment) = &more.environment {
        out.heading("environment");
        for (name, value) in environment {
            out.line(2, &format!("{name}: {value}"));
        }
    }
    for (name, value) in [("dependencies", &more.dependencies), ("plugins", &more.plugins)] {
        if let Some(value) = value {
            out.heading(name);
            out.inner(2, value);
        }
    }
    if let Some(manifest) = &more.manifest {
        out.heading("manifest");
        for line in manifest {
            out.line(2, line);
        }
    }
}

/// Each comment: number, author and time, then its text.
pub fn comments(row: &RunRow, indent: usize) -> String {
    let mut out = Lines {
        text: String::new(),
        screen: Screen::PLAIN,
    };
    for (index, comment) in row.comments.iter().enumerate() {
        let time = i64::try_from(comment.timestamp).map(time::local).unwrap_or_default();
        out.line(indent, &format!("[{}] {} {time}", index + 1, comment.author));
        for line in comment.text.lines() {
            out.line(indent + 2, line);
        }
    }
    out.text
}

/// A command as one would type it.
fn command(cmd: &Json) -> String {
    match cmd {
        Json::String(text) => text.clone(),
        Json::Array(words) => {
            let words: Vec<&str> = words.iter().filter_map(Json::as_str).collect();
            shlex::try_join(words.iter().copied()).unwrap_or_else(|_| words.join(" "))
        }
        _ => String::new(),
    }
}

struct Lines {
    text: String,
    screen: Screen,
}

impl Lines {
    fn line(&mut self, indent: usize, text: &str) {
        self.text.extend(std::iter::repeat_n(' ', indent));
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn heading(&mut self, name: &str) {
        Paint::Dim.write(&mut self.text, &format!("{name}:"), &self.screen);
        self.text.push('\n');
    }

    fn field(&mut self, name: &str, value: &str) {
        self.painted(name, value, Paint::Plain);
    }

    fn painted(&mut self, name: &str, value: &str, paint: Paint) {
        Paint::Dim.write(&mut self.text, &format!("{name}:"), &self.screen);
        if !value.is_empty() {
            self.text.push(' ');
            paint.write(&mut self.text, &value.replace('\n', "\\n"), &self.screen);
        }
        self.text.push('\n');
    }

    fn flags(&mut self, flags: &FlagValues) {
        for (name, value) in flags {
            self.line(
                2,
                &format!("{name}: {}", crate::flags::encode(value).replace('\n', "\\n")),
            );
        }
    }

    /// `name: value`, maps and lists below it.
    fn value(&mut self, indent: usize, name: &str, value: &Json) {
        match value {
            Json::Object(map) if !map.is_empty() => {
                self.line(indent, &format!("{name}:"));
                self.inner(indent + 2, value);
            }
            Json::Array(items) if !items.is_empty() => {
                self.line(indent, &format!("{name}:"));
                self.inner(indent + 2, value);
            }
            Json::Null => self.line(indent, &format!("{name}:")),
            Json::String(text) => self.line(indent, &format!("{name}: {}", text.replace('\n', "\\n"))),
            other => self.line(indent, &format!("{name}: {other}")),
        }
    }

    fn inner(&mut self, indent: usize, value: &Json) {
        match value {
            Json::Object(map) => {
                for (name, value) in map {
                    self.value(indent, name, value);
                }
            }
            Json::Array(items) => {
                for item in items {
                    match item {
                        Json::Object(_) | Json::Array(_) => {
                            self.line(indent, "-");
                            self.inner(indent + 2, item);
                        }
                        Json::String(text) => self.line(indent, &format!("- {}", text.replace('\n', "\\n"))),
                        other => self.line(indent, &format!("- {other}")),
                    }
                }
            }
            Json::Null => {}
            other => self.line(indent, &other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn commands_are_as_typed() {
        assert_eq!(command(&json!(["python", "op.py"])), "python op.py");
        assert_eq!(command(&json!(["sh", "-c", "echo $x"])), "sh -c 'echo $x'");
        assert_eq!(command(&json!("echo $x")), "echo $x");
        assert_eq!(command(&Json::Null), "");
    }

    #[test]
    fn values_nest_by_indentation() {
        let mut lines = Lines {
            text: String::new(),
            screen: Screen::PLAIN,
        };
        lines.heading("attributes");
        lines.value(
            2,
            "platform",
            &json!({"python": null, "cpus": 2, "names": ["a", {"b": 1}]}),
        );
        lines.field("pid", "");
        assert_eq!(
            lines.text,
            "attributes:\n  platform:\n    python:\n    cpus: 2\n    names:\n      - a\n      -\n        b: 1\npid:\n"
        );
    }
}
