//! `gage show`, `gage info`: everything about one run.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value as Json, json};

use super::filters::FilterArgs;
use super::{CommandResult, Context, choose, eprint_line, print};
use crate::batch::overview::Overview;
use crate::batch::resume;
use crate::flags::{FlagValues, Value};
use crate::report::info::{self, More};
use crate::report::{Screen, json as shapes, study};
use crate::run::meta;
use crate::scalars;
use crate::store::RunRow;

/// System attributes with a line or a section of their own, or of no use to a reader.
const SHOWN_ELSEWHERE: &[&str] = &[
    "sourcecode_digest",
    "vcs_commit",
    "deps",
    "pidfile",
    "plugins",
    "run_params",
];

/// Show a run
#[derive(Args)]
pub struct InfoArgs {
    /// Run to show (default: the newest)
    #[arg(value_name = "RUN")]
    run: Option<String>,

    /// Show comments
    #[arg(short, long)]
    comments: bool,

    /// Show the environment added to the run's
    #[arg(short = 'e', long = "env")]
    environment: bool,

    /// Show resolved dependencies
    #[arg(short, long)]
    dependencies: bool,

    /// Show the manifest: type, digest and path of every file
    #[arg(short, long)]
    manifest: bool,

    /// Show plugins
    #[arg(short, long)]
    plugins: bool,

    /// Show system scalars as well
    #[arg(short = 's', long)]
    all_scalars: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    filters: FilterArgs,
}

pub fn run(args: InfoArgs, context: &Context) -> CommandResult {
    let mut row = choose::one(context, &args.filters, args.run.as_deref(), "gage show")?;
    let (scalars, warnings) = scalars::of_run(&row.run.dir(), &row.run.meta(""));
    row.scalars = scalars;
    for warning in warnings {
        eprint_line(&format!("WARNING: {warning}"));
    }
    let mut all = more(&row);
    let overview = match resume::is_batch(&row.run) {
        true => Overview::read(&row.run).ok(),
        false => None,
    };
    all.progress = overview.as_ref().map(study::standing);
    all.comments = args.comments;
    all.all_scalars = args.all_scalars;
    let attribute = |name: &str| {
        meta::read_json(&row.run.meta(&format!("sys/{name}.json")))
            .ok()
            .flatten()
    };
    if args.environment || args.json {
        all.environment = Some(environment(&row));
    }
    if args.dependencies || args.json {
        let deps = attribute("deps").unwrap_or(Json::Null);
        all.dependencies = Some(if args.json { deps } else { by_name(&deps) });
    }
    if args.plugins {
        all.plugins = Some(attribute("plugins").unwrap_or(Json::Null));
    }
    if args.manifest || args.json {
        let text = std::fs::read_to_string(row.run.meta("manifest")).unwrap_or_default();
        all.manifest = Some(text.lines().map(str::to_string).collect());
    }
    if args.json {
        print(&json_text(&row, &all, overview.as_ref()));
    } else {
        print(&info::text(&row, &all, &context.here(), &Screen::stdout()));
    }
    Ok(0)
}

/// What every form of `show` says beyond the row.
pub fn more(row: &RunRow) -> More {
    let text = |name: &str| meta::read_json(&row.run.meta(name)).ok().flatten();
    let steps = steps(row);
    More {
        vcs_commit: text("sys/vcs_commit.json").and_then(|v| v.as_str().map(str::to_string)),
        pid: meta::read_number(&row.run.meta("proc/lock")).and_then(|pid| u32::try_from(pid).ok()),
        attributes: attributes(row),
        proto_flags: row.batch.then(|| flags(text("proto/config.json"))),
        steps,
        ..More::default()
    }
}

/// System attributes that have no line of their own, in name order.
fn attributes(row: &RunRow) -> BTreeMap<String, Json> {
    let Ok(entries) = std::fs::read_dir(row.run.meta("sys")) else {
        return BTreeMap::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let name = file.strip_suffix(".json")?;
            if SHOWN_ELSEWHERE.contains(&name) {
                return None;
            }
            let value = meta::read_json(&entry.path()).ok().flatten()?;
            Some((name.to_string(), value))
        })
        .collect()
}

fn flags(json: Option<Json>) -> FlagValues {
    match json {
        Some(Json::Object(map)) => map.iter().map(|(k, v)| (k.clone(), Value::from_json(v))).collect(),
        _ => FlagValues::new(),
    }
}

fn environment(row: &RunRow) -> BTreeMap<String, String> {
    let json = meta::read_json(&row.run.meta("proc/env.json")).ok().flatten();
    let map = json.as_ref().and_then(Json::as_object);
    map.into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_string())))
        .collect()
}

/// Dependencies by name, in their order, for people.
fn by_name(deps: &Json) -> Json {
    let mut map = serde_json::Map::new();
    for entry in deps.as_array().into_iter().flatten() {
        let shown = ["source", "run", "sha256", "files"];
        let shown = shown
            .iter()
            .filter_map(|key| Some((key.to_string(), entry.get(*key)?.clone())));
        let mut name = entry["name"].as_str().unwrap_or_default().to_string();
        if map.contains_key(&name) {
            name = format!("{name} ({})", entry["source"].as_str().unwrap_or_default());
        }
        map.insert(name, Json::Object(shown.collect()));
    }
    Json::Object(map)
}

/// Links of the run directory to runs beside it: the steps of a steps run.
fn steps(row: &RunRow) -> Vec<(String, String)> {
    if row.batch {
        return Vec::new();
    }
    let Ok(entries) = std::fs::read_dir(row.run.dir()) else {
        return Vec::new();
    };
    let home = row
        .run
        .home()
        .canonicalize()
        .unwrap_or_else(|_| row.run.home().to_path_buf());
    let mut steps: Vec<(String, String)> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|t| t.is_symlink()))
        .filter_map(|entry| {
            let target = entry.path().canonicalize().ok()?;
            let id = target.file_name()?.to_str()?;
            let is_run = target.parent() == Some(&home) && home.join(format!("{id}.meta")).is_dir();
            is_run.then(|| (entry.file_name().to_string_lossy().into_owned(), id.to_string()))
        })
        .collect();
    let began = |id: &String| meta::read_number(&row.run.home().join(format!("{id}.meta/initialized")));
    steps.sort_by_cached_key(|(name, id)| (began(id), name.clone()));
    steps
}

fn json_text(row: &RunRow, more: &More, overview: Option<&Overview>) -> String {
    let mut map = shapes::run(row);
    map.insert("vcs_commit".into(), json!(more.vcs_commit));
    map.insert("pid".into(), json!(more.pid));
    map.insert("attributes".into(), json!(more.attributes));
    map.insert("environment".into(), json!(more.environment));
    map.insert("dependencies".into(), more.dependencies.clone().unwrap_or(Json::Null));
    map.insert("manifest".into(), json!(more.manifest));
    if let Some(flags) = &more.proto_flags {
        map.insert("proto_flags".into(), json!(flags));
    }
    if let Some(overview) = overview {
        let batch = study::json(&row.operation, overview, false);
        let named = ["planned", "ended", "counts", "best"].map(|name| (name.to_string(), batch[name].clone()));
        map.insert("progress".into(), Json::Object(named.into_iter().collect()));
    }
    if !more.steps.is_empty() {
        let steps = more
            .steps
            .iter()
            .map(|(name, id)| (name.clone(), Json::from(id.as_str())));
        map.insert("steps".into(), Json::Object(steps.collect()));
    }
    let text = serde_json::to_string_pretty(&Json::Object(map)).expect("a JSON value can be written");
    text + "\n"
}
