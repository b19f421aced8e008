//! What gage costs per run beside the bare spawn of the same program: making, staging, supervising, finalizing.
//! Prints `name  value  budget  ok|over` (processor time of gage's own process, children apart).

use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use gage::flags::Value;
use gage::project::{Command, ConfigSelect, OpDef};
use gage::run::{Caller, Naming, Run, Staging, Supervise, Template, compose, create, stage, supervise, system_attrs};
use nix::sys::resource::{UsageWho, getrusage};

const RUNS: u32 = 200;

fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("usage of this process");
    let time =
        |t: nix::sys::time::TimeVal| Duration::new(t.tv_sec() as u64, 0) + Duration::from_micros(t.tv_usec() as u64);
    time(usage.user_time()) + time(usage.system_time())
}

/// Processor time per run, in milliseconds.
fn measure(name: &str, budget_ms: f64, mut each: impl FnMut(u32)) -> f64 {
    each(0);
    let (before, began) = (cpu(), Instant::now());
    for i in 1..=RUNS {
        each(i);
    }
    let ms = (cpu() - before).as_secs_f64() * 1e3 / f64::from(RUNS);
    let wall = began.elapsed().as_secs_f64() * 1e3 / f64::from(RUNS);
    let verdict = if ms <= budget_ms { "ok" } else { "over" };
    println!("{name:34} {ms:7.3} ms CPU  {wall:7.3} ms wall  budget {budget_ms:.1} ms  {verdict}");
    ms
}

fn main() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let project = place.path().join("project");
    std::fs::create_dir(&project).expect("a project");
    let mut files = vec!["train.py".to_string()];
    std::fs::write(
        project.join("train.py"),
        "lr = 0.1\nname = 'x'\n".to_string() + &"print(lr)\n".repeat(100),
    )
    .expect("a script");
    for i in 0..21 {
        let name = format!("module_{i}.py");
        std::fs::write(project.join(&name), "x = 1\n".repeat(300)).expect("a file");
        files.push(name);
    }
    let home = place.path().join("runs");
    let template = Template::read(&project, &files, None, &[]).expect("a template");
    let mut opdef = OpDef {
        name: "train".into(),
        project_dir: project.clone(),
        config: vec![ConfigSelect {
            keys: vec!["train.py".into()],
            ..ConfigSelect::default()
        }],
        ..OpDef::default()
    };
    opdef.exec.run = Some(Command::Words(vec!["/bin/true".into()]));

    let floor = measure("bare spawn of the same program", 10.0, |_| {
        let mut child = Process::new("/bin/true");
        child.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
        child.output().expect("true");
    });
    let mut runs: Vec<Run> = Vec::new();
    let made = measure("make", 2.0, |i| runs.push(make(&home, &opdef, i)));
    let mut next = runs.iter();
    let staged = measure("stage, 22 files, one rewritten", 2.0, |_| {
        let staging = Staging {
            source: &template,
            dependencies: &[],
            resolved: "",
            unmet: None,
            caller: Caller::here(),
            stop: None,
        };
        stage(next.next().expect("a run"), &staging).expect("staged");
    });
    let mut next = runs.iter();
    let supervised = measure("supervise and finalize", 2.0, |_| {
        let mut how = Supervise {
            on: &mut |_| {},
            stop: None,
            stop_after: None,
            adopt: false,
            stdin: false,
            fresh: false,
            caller: Caller::here(),
        };
        supervise(next.next().expect("a run"), &mut how).expect("executed");
    });
    let whole = made + staged + supervised - floor;
    let verdict = if whole <= 2.0 { "ok" } else { "over" };
    println!("gage's own CPU per trial           {whole:7.3} ms            budget 2.0 ms (aim 1.0)  {verdict}");
}

fn make(home: &Path, opdef: &OpDef, i: u32) -> Run {
    let flags = [("lr".to_string(), Value::Float(f64::from(i) / 7.0))].into();
    let (mut spec, _) = compose(opdef, &flags, &Naming::default(), &Default::default());
    spec.attrs.extend(system_attrs());
    spec.attrs.insert("random_seed".into(), i.into());
    create(home, &spec).expect("a run")
}
