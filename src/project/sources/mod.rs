//! What an operation needs before it runs, understood: the sources of its `requires` and the entries of its
//! `depends`. Says what is meant and what is wrong with it; finds no file and no run.

mod patterns;
mod read;

use regex::Regex;
use serde_json::{Map, Value as Json};

use super::fields::SOURCE_KEYS;
use super::{OpDef, ProjectError};
use crate::flags::{Data, FlagValues};

/// One requirement: some sources under a name.
#[derive(Debug, Clone)]
pub struct Resource {
    pub name: String,
    pub sources: Vec<Source>,
}

/// Where files come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// A file or directory of the project.
    File(String),
    Url(String),
    /// A run of one of these operations.
    Operation(Vec<String>),
    /// A file of the project with flag values, and these, written into it.
    Config {
        path: String,
        params: FlagValues,
    },
    /// Nothing but a Python module that can be imported.
    Module(String),
    /// Files of the project that match patterns, at the same paths.
    ProjectFiles(Vec<String>),
    /// Files of the newest run that an expression, or operation name, describes.
    RunFiles {
        select: String,
        files: Vec<String>,
    },
    /// The summaries of all runs that an expression describes, as JSON lines in a file.
    Summaries {
        select: String,
        file: String,
    },
}

/// One source, with what is to become of its files.
#[derive(Debug, Clone)]
pub struct Source {
    pub origin: Origin,
    /// Its own name.
    pub name: Option<String>,
    /// Regular expressions; a path is taken if one matches at its beginning.
    pub select: Vec<Regex>,
    /// Of the paths that match, the one with the smallest (or largest) number in the group.
    pub select_min: Option<Regex>,
    pub select_max: Option<Regex>,
    /// Pattern, and what it is replaced with (`${1}` for a group).
    pub rename: Vec<(Regex, String)>,
    /// Directory below the run directory.
    pub target_path: Option<String>,
    /// Link or copy, if it says.
    pub link: Option<bool>,
    pub preserve_path: bool,
    pub unpack: bool,
    pub sha256: Option<String>,
    pub optional: bool,
    pub warn_if_empty: bool,
    pub fail_if_empty: bool,
    pub flag_name: Option<String>,
    pub replace_existing: bool,
    pub always_resolve: bool,
    /// What to do when it cannot be had.
    pub help: Option<String>,
}

impl Source {
    /// `operation:upstream`, `file:data.csv`; an address as it is.
    pub fn uri(&self) -> String {
        match &self.origin {
            Origin::File(path) => format!("file:{path}"),
            Origin::Url(url) => url.clone(),
            Origin::Operation(names) => format!("operation:{}", names.join(",")),
            Origin::Config { path, .. } => format!("config:{path}"),
            Origin::Module(name) => format!("module:{name}"),
            Origin::ProjectFiles(files) => format!("files:{}", files.join(",")),
            Origin::RunFiles { select, .. } => format!("run-select:{select}"),
            Origin::Summaries { select, .. } => format!("runs-select:{select}"),
        }
    }

    /// An entry of `depends`, whose errors and lines are its own.
    pub fn is_depends(&self) -> bool {
        matches!(
            self.origin,
            Origin::ProjectFiles(_) | Origin::RunFiles { .. } | Origin::Summaries { .. }
        )
    }

    fn plain(origin: Origin) -> Source {
        Source {
            origin,
            name: None,
            select: Vec::new(),
            select_min: None,
            select_max: None,
            rename: Vec::new(),
            target_path: None,
            link: None,
            preserve_path: false,
            unpack: true,
            sha256: None,
            optional: false,
            warn_if_empty: true,
            fail_if_empty: false,
            flag_name: None,
            replace_existing: false,
            always_resolve: false,
            help: None,
        }
    }
}

/// Everything that an operation needs, in its order.
pub fn of(op: &OpDef) -> Result<Vec<Resource>, ProjectError> {
    let read = op.requires.iter().map(|required| resource(required, op));
    let depends = op.depends.iter().map(depends);
    read.chain(depends).map(|r| r.map_err(ProjectError::new)).collect()
}

/// What one `--dep` adds to an operation's `requires`: a path, an address, or `TYPE:VALUE`. Relative paths are taken
/// from `cwd`.
pub fn given(text: &str, cwd: &std::path::Path) -> Json {
    match text.split_once(':') {
        Some((kind, value)) if SOURCE_KEYS.contains(&kind) => serde_json::json!({kind: value}),
        _ if text.contains("://") => serde_json::json!({"url": text}),
        _ => serde_json::json!({"file": cwd.join(text), "name": format!("file:{text}")}),
    }
}

fn resource(required: &Json, op: &OpDef) -> Result<Resource, String> {
    let (name, inline) = match required {
        Json::String(name) => (Some(name.as_str()), Map::new()),
        Json::Object(map) => (map.get("resource").and_then(Json::as_str), map.clone()),
        other => {
            return Err(format!(
                "invalid dependency value {}: expected a string or mapping",
                Data::from(other)
            ));
        }
    };
    let Some(name) = name else {
        return inline_resource(inline);
    };
    let none = Json::Null;
    let defined = op.resources.get(name).unwrap_or(&none);
    let (sources, mut attributes) = match defined {
        Json::Array(_) => (Some(defined), Map::new()),
        Json::Object(map) => (map.get("sources"), map.clone()),
        _ => (None, Map::new()),
    };
    // What the operation says of the resource comes over what the resource says of itself.
    attributes.extend(inline.clone());
    let called = inline.get("name").and_then(Json::as_str).unwrap_or(name);
    let mut sources = sources_of(sources, &attributes)?;
    if name.contains(':')
        && called == name
        && let [only] = sources.as_mut_slice()
        && only.uri() == name
    {
        // `file:data.csv` and `operation:prepare` are sources and no names.
        return Ok(Resource {
            name: default_name(only),
            sources,
        });
    }
    Ok(Resource {
        name: called.to_string(),
        sources,
    })
}

fn inline_resource(map: Map<String, Json>) -> Result<Resource, String> {
    let name = map.get("name").and_then(Json::as_str).map(str::to_string);
    if map.contains_key("sources") {
        let sources = sources_of(map.get("sources"), &map)?;
        let name = name.or_else(|| sources.first().map(default_name)).unwrap_or_default();
        return Ok(Resource { name, sources });
    }
    let source = read::source(&Json::Object(map), &Map::new())?;
    Ok(Resource {
        name: name.unwrap_or_else(|| default_name(&source)),
        sources: vec![source],
    })
}

/// An operation's name, else what the source is.
fn default_name(source: &Source) -> String {
    match &source.origin {
        Origin::Operation(names) => names.join(","),
        _ => source.uri(),
    }
}

fn sources_of(sources: Option<&Json>, attributes: &Map<String, Json>) -> Result<Vec<Source>, String> {
    let items = match sources {
        None | Some(Json::Null) => &[],
        Some(Json::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    items.iter().map(|item| read::source(item, attributes)).collect()
}

/// An entry of `depends`.
fn depends(json: &Json) -> Result<Resource, String> {
    let fail = |reason: &str| format!("invalid dependency {}: {reason}", Data::from(json));
    let get = |key: &str| json.get(key).and_then(Json::as_str).map(str::to_string);
    let files = match json.get("files") {
        Some(Json::Array(items)) => Some(items.iter().filter_map(text).collect::<Vec<_>>()),
        Some(one) => text(one).map(|pattern| vec![pattern]),
        None => None,
    };
    let kind = get("type");
    let origin = match (kind.as_deref(), files, get("run-select"), get("runs-select")) {
        (Some("runs-summary"), _, _, select) | (None, None, None, select @ Some(_)) => Origin::Summaries {
            select: select.unwrap_or_default(),
            file: get("summary-filename").unwrap_or_else(|| "runs.json".into()),
        },
        (Some("run-files") | None, files, Some(select), _) => Origin::RunFiles {
            select,
            files: files.unwrap_or_else(|| vec!["**".into()]),
        },
        (Some("project-files") | None, Some(files), None, _) => Origin::ProjectFiles(files),
        (Some("project-files"), Some(files), _, _) => Origin::ProjectFiles(files),
        (Some("run-files"), ..) => return Err(fail("missing run-select")),
        (Some("project-files") | None, ..) => return Err(fail("missing files")),
        (Some(other), ..) => {
            return Err(fail(&format!(
                "unknown type '{other}' (one of project-files, run-files, runs-summary)"
            )));
        }
    };
    let name = match &origin {
        Origin::RunFiles { select, .. } => select.clone(),
        other => Source::plain(other.clone()).uri(),
    };
    let source = Source {
        link: json.get("link").and_then(Json::as_bool),
        preserve_path: true,
        unpack: false,
        fail_if_empty: true,
        ..Source::plain(origin)
    };
    Ok(Resource {
        name,
        sources: vec![source],
    })
}

fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resources(requires: Json, resources: Json) -> Result<Vec<Resource>, String> {
        let items = match requires {
            Json::Array(items) => items,
            one => vec![one],
        };
        let op = OpDef {
            requires: items,
            resources: resources.as_object().cloned().unwrap_or_default(),
            ..OpDef::default()
        };
        of(&op).map_err(|error| error.to_string())
    }

    #[test]
    fn names_and_origins() {
        let read = resources(
            json!([{"operation": "a, b"}, {"file": "x", "name": "data"}, "more", "file:y", {"resource": "more", "name": "z"},
                {"config": "c.yml", "params": {"k": 1}}, {"sources": ["q", "http://h/z.zip"], "path": "in"}]),
            json!({"more": [{"module": "numpy"}], "file:y": {"sources": [{"file": "y"}]}}),
        )
        .unwrap();
        let texts: Vec<String> = read
            .iter()
            .map(|r| {
                format!(
                    "{}={}",
                    r.name,
                    r.sources.iter().map(Source::uri).collect::<Vec<_>>().join("+")
                )
            })
            .collect();
        assert_eq!(
            texts,
            [
                "a,b=operation:a,b",
                "data=file:x",
                "more=module:numpy",
                "file:y=file:y",
                "z=module:numpy",
                "config:c.yml=config:c.yml",
                "file:q=file:q+http://h/z.zip"
            ]
        );
        assert_eq!(read[6].sources[1].target_path.as_deref(), Some("in"));
    }

    #[test]
    fn what_is_to_become_of_files() {
        let read = resources(
            json!({"file": "d", "select": ["a.*", "b"], "select-max": "m-([0-9]+)", "rename": "(.+)\\.txt x-\\1",
                "target-type": "link", "preserve-path": true, "unpack": false, "path": "p"}),
            json!({}),
        )
        .unwrap();
        let source = &read[0].sources[0];
        assert!(source.select[0].is_match("abc") && !source.select[0].is_match("ba"));
        assert_eq!(source.rename[0].0.replace("a.txt", source.rename[0].1.as_str()), "x-a");
        assert_eq!(
            (source.link, source.preserve_path, source.unpack),
            (Some(true), true, false)
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (source, error) in [
            (json!({"file": "x", "url": "y"}), "conflicting attributes (file, url)"),
            (json!({"file": ""}), "file is empty"),
            (json!({"file": "x", "select": "("}), "'(' is not a regular expression"),
            (
                json!({"file": "x", "select-min": "a"}),
                "'a' needs one group, which holds a number",
            ),
            (
                json!({"file": "x", "rename": "a"}),
                "invalid rename 'a': expected 'PATTERN SUB'",
            ),
            (
                json!({"file": "x", "target-type": "z"}),
                "invalid target-type 'z': expected 'link' or 'copy'",
            ),
            (
                json!({"file": "x", "optional": 3}),
                "invalid optional value 3: expected yes or no",
            ),
        ] {
            let text = resources(json!([source.clone()]), json!({})).unwrap_err();
            assert_eq!(text, format!("invalid source {}: {error}", Data::from(&source)));
        }
    }

    #[test]
    fn depends_has_three_kinds() {
        let op = |depends: Json| OpDef {
            depends: vec![depends],
            ..OpDef::default()
        };
        let origin = |depends: Json| of(&op(depends)).map(|mut r| r.remove(0).sources.remove(0).origin);
        assert_eq!(
            origin(json!({"files": "*.csv"})).unwrap(),
            Origin::ProjectFiles(vec!["*.csv".into()])
        );
        assert_eq!(
            origin(json!({"run-select": "train", "files": ["m", "n"]})).unwrap(),
            Origin::RunFiles {
                select: "train".into(),
                files: vec!["m".into(), "n".into()]
            }
        );
        assert_eq!(
            origin(json!({"type": "runs-summary", "runs-select": "a = 1"})).unwrap(),
            Origin::Summaries {
                select: "a = 1".into(),
                file: "runs.json".into()
            }
        );
        assert_eq!(
            origin(json!({"type": "run-files"})).unwrap_err().to_string(),
            "invalid dependency {'type': 'run-files'}: missing run-select"
        );
    }
}
