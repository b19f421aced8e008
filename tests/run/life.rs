//! A run's life, file for file.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gage::project::{Command, OpDef};
use gage::run::{
    Caller, Event, Exit, Run, RunSpec, Staging, Status, Stream, Supervise, Template, create, stage, status, supervise,
};

/// A runs home and a project, both temporary.
pub struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("project")).unwrap();
        Place { dir }
    }

    pub fn home(&self) -> std::path::PathBuf {
        self.dir.path().join("runs")
    }

    pub fn project(&self) -> std::path::PathBuf {
        self.dir.path().join("project")
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.project().join(name), text).unwrap();
    }

    pub fn template(&self, files: &[&str]) -> Template {
        let files: Vec<String> = files.iter().map(|f| f.to_string()).collect();
        Template::read(&self.project(), &files, None, &["**/* text".to_string()]).unwrap()
    }

    /// A staged run of a command.
    pub fn staged(&self, command: Command) -> Run {
        let run = create(&self.home(), &spec(command)).unwrap();
        stage(&run, &staging(&Template::default())).unwrap();
        run
    }

    pub fn shell(&self, text: &str) -> Run {
        self.staged(Command::Shell(text.into()))
    }
}

pub fn spec(command: Command) -> RunSpec {
    RunSpec {
        opdef: OpDef {
            name: "test".into(),
            ..OpDef::default()
        },
        namespace: Some("test".into()),
        command: Some(command),
        ..RunSpec::default()
    }
}

pub fn staging(template: &Template) -> Staging<'_> {
    Staging {
        source: template,
        dependencies: &[],
        resolved: "",
        unmet: None,
        caller: Caller::here(),
        stop: None,
    }
}

/// Executes a run and gives its end and its output by stream.
pub fn execute(run: &Run) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = supervise(
        run,
        &mut Supervise {
            on: &mut |event| {
                if let Event::Output { stream, bytes } = event {
                    match stream {
                        Stream::Out => out.extend_from_slice(bytes),
                        Stream::Err => err.extend_from_slice(bytes),
                    }
                }
            },
            stop: None,
            stop_after: None,
            adopt: false,
            stdin: false,
            fresh: false,
            caller: Caller::here(),
        },
    )
    .unwrap();
    (
        exit,
        String::from_utf8_lossy(&out).into_owned(),
        String::from_utf8_lossy(&err).into_owned(),
    )
}

/// All files of a directory with their permissions.
pub fn listing(dir: &Path) -> Vec<String> {
    fn walk(dir: &Path, below: &str, found: &mut BTreeMap<String, u32>) {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{below}{}", entry.file_name().into_string().unwrap());
            match entry.path().is_dir() {
                true => walk(&entry.path(), &format!("{name}/"), found),
                false => drop(found.insert(name, entry.metadata().unwrap().permissions().mode() & 0o777)),
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(dir, "", &mut found);
    // Written without what the umask may have taken from others.
    found
        .into_iter()
        .map(|(name, mode)| format!("{} {name}", if mode & 0o200 == 0 { "r-" } else { "rw" }))
        .collect()
}

pub fn log(run: &Run) -> Vec<String> {
    let text = fs::read_to_string(run.meta("log/runner")).unwrap();
    text.lines().map(|l| l.split_once(' ').unwrap().1.to_string()).collect()
}

pub fn meta(run: &Run, name: &str) -> String {
    fs::read_to_string(run.meta(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

const SAY: &str = "msg = \"Hi there\"\nprint(msg)\n";

#[test]
fn a_run_from_staging_to_the_end() {
    let place = Place::new();
    place.write("say.py", SAY);
    let template = place.template(&["say.py"]);
    let mut spec = spec(Command::Words(vec!["python".into(), "say.py".into()]));
    spec.opdef.exec.stage_sourcecode = Some(Command::Shell("python -c \"print('Stage source')\"".into()));
    let run = create(&place.home(), &spec).unwrap();
    assert_eq!(status::of(&run), Status::Pending);
    assert!(!run.dir().exists());

    assert_eq!(stage(&run, &staging(&template)).unwrap(), Vec::<String>::new());
    assert_eq!(status::of(&run), Status::Staged);
    let staged = [
        "r- __schema__",
        "r- config.json",
        "r- id",
        "r- initialized",
        "rw log/files",
        "rw log/runner",
        "rw manifest",
        "r- opdef.json",
        "r- opref",
        "r- output/10_sourcecode",
        "r- output/10_sourcecode.index",
        "r- proc/cmd.json",
        "r- proc/env.json",
        "r- staged",
    ];
    assert_eq!(listing(&run.meta("")), staged);
    assert_eq!(meta(&run, "output/10_sourcecode"), "Stage source\n");
    assert_eq!(listing(&run.dir()), ["r- say.py"]);
    let manifest = "s 3f9c639e1d6b056c071b44752ea97c694127291443065afa2689bf78ef3b8fb0 say.py\n";
    assert_eq!(meta(&run, "manifest"), manifest);

    // The project is not needed any more.
    fs::remove_dir_all(place.project()).unwrap();
    let (exit, out, err) = execute(&run);
    assert_eq!((exit.code, out.as_str(), err.as_str()), (0, "Hi there\n", ""));
    assert_eq!(exit.problems, Vec::<String>::new());
    assert_eq!((exit.status, status::of(&run)), (Status::Completed, Status::Completed));
    let ended = [
        "r- __schema__",
        "r- config.json",
        "r- id",
        "r- initialized",
        "r- log/files",
        "r- log/runner",
        "r- manifest",
        "r- opdef.json",
        "r- opref",
        "r- output/10_sourcecode",
        "r- output/10_sourcecode.index",
        "r- output/40_run",
        "r- output/40_run.index",
        "r- proc/cmd.json",
        "r- proc/env.json",
        "r- proc/exit",
        "r- staged",
        "r- started",
        "r- stopped",
    ];
    assert_eq!(listing(&run.meta("")), ended);
    assert_eq!(
        (meta(&run, "output/40_run"), meta(&run, "proc/exit")),
        ("Hi there\n".into(), "0".into())
    );
    assert_eq!(meta(&run, "manifest"), manifest);
    assert!(!run.lease_file().exists());
    let index = gage::run::output::read_index(&fs::read(run.meta("output/40_run.index")).unwrap());
    assert_eq!(index.len(), 1);
    let time = |name: &str| meta(&run, name).parse::<u64>().unwrap();
    assert!(time("initialized") < time("staged") && time("staged") < time("started"));
    assert!(time("started") / 1000 <= index[0].0 && index[0].0 <= time("stopped") / 1000);
    let log = log(&run);
    let want = [
        "Writing meta id",
        "Writing meta opdef",
        "Writing meta config",
        "Writing meta proc cmd",
        "Writing meta proc env",
        "Writing meta initialized",
        "Copying source code (see log/files): ['**/* text']",
        "Running stage-sourcecode (see output/10_sourcecode): python -c \"print('Stage source')\"",
        "Exit code for stage-sourcecode: 0",
        "Finalizing staged files (see manifest)",
        "Writing meta staged",
        "Writing meta started",
        "Starting run process: ['python', 'say.py']",
        "Writing meta proc/lock",
        "Writing meta stopped",
        "Writing meta proc/exit",
        "Deleting meta proc/lock",
        "Finalizing run files (see manifest)",
    ];
    assert_eq!(log, want);
    let files = meta(&run, "log/files");
    assert!(files.starts_with("a s 1") && files.ends_with(" say.py\n"), "{files}");
}

#[test]
fn hooks_are_logged_by_phase_and_what_a_run_makes_is_listed() {
    let place = Place::new();
    place.write("b.txt", "b");
    place.write("a.txt", "a");
    let mut spec = spec(Command::Shell(
        "echo new > out.txt; chmod +x out.txt; chmod u+w a.txt; echo x >> a.txt".into(),
    ));
    let exec = &mut spec.opdef.exec;
    exec.stage_sourcecode = Some(Command::Shell("echo s > made.txt".into()));
    exec.stage_runtime = Some(Command::Shell(
        "mkdir -p .venv/bin && echo r > .venv/bin/activate; echo x >> b.txt".into(),
    ));
    exec.stage_dependencies = Some(Command::Shell("echo d > data.csv; test \"$run_dir\" = \"$PWD\"".into()));
    exec.finalize = Some(Command::Shell("echo bye; exit 5".into()));
    let run = create(&place.home(), &spec).unwrap();
    stage(&run, &staging(&place.template(&["a.txt", "b.txt"]))).unwrap();
    let (exit, ..) = execute(&run);
    assert_eq!((exit.code, exit.problems), (0, vec![]));
    let columns = |name: &str, skip: usize| -> Vec<String> {
        let text = meta(&run, name);
        let line = |l: &str| {
            let parts: Vec<&str> = l.split(' ').collect();
            parts
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != skip)
                .map(|(_, p)| *p)
                .collect::<Vec<_>>()
                .join(" ")
        };
        text.lines().map(line).collect()
    };
    let manifest = [
        "s a.txt",
        "s b.txt",
        "s made.txt",
        "r .venv/bin/activate",
        "d data.csv",
        "g out.txt",
    ];
    assert_eq!(columns("manifest", 1), manifest);
    let events = [
        "a s a.txt",
        "a s b.txt",
        "a s made.txt",
        "a r .venv/bin/activate",
        "m s b.txt",
        "a d data.csv",
        "m s a.txt",
        "a g out.txt",
    ];
    assert_eq!(columns("log/files", 2), events);
    assert_eq!(meta(&run, "output/50_finalize"), "bye\n");
    let log = log(&run).join("\n");
    assert!(log.contains("Exit code for finalize: 5"), "{log}");
    assert!(log.contains("File \"a.txt\" was modified during the run"), "{log}");
    assert!(
        listing(&run.dir()).iter().all(|l| l.starts_with("r- ")),
        "{:?}",
        listing(&run.dir())
    );
    let mode = fs::metadata(run.dir().join("out.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o100, 0o100, "executable bits are kept");
}

#[test]
fn a_failing_hook_ends_staging_with_its_code() {
    let place = Place::new();
    let mut spec = spec(Command::Shell("true".into()));
    spec.opdef.exec.stage_runtime = Some(Command::Shell("echo no runtime; exit 3".into()));
    let run = create(&place.home(), &spec).unwrap();
    let error = stage(&run, &staging(&Template::default())).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.exit_code()),
        ("error running stage-runtime (exit code 3)", 3)
    );
    assert_eq!(
        (meta(&run, "proc/exit").as_str(), status::of(&run)),
        ("3", Status::Error)
    );
    assert_eq!(meta(&run, "output/20_runtime"), "no runtime\n");
    assert!(!run.meta("staged").exists());
}

#[test]
fn a_run_can_be_started_again_in_place() {
    let place = Place::new();
    let run = place.shell("echo $((1 + 1)); if [ -e made ]; then exit 4; fi; echo > made");
    assert_eq!(execute(&run).0.code, 0);
    let before = meta(&run, "started");
    assert_eq!(execute(&run).0.code, 4);
    assert_eq!(
        (meta(&run, "output/40_run").as_str(), meta(&run, "proc/exit").as_str()),
        ("2\n", "4")
    );
    assert!(meta(&run, "started") > before);
    assert_eq!(meta(&run, "manifest").lines().count(), 1, "{}", meta(&run, "manifest"));
    assert!(listing(&run.meta("")).iter().all(|l| l.starts_with("r- ")));
}

#[test]
fn configuration_is_applied_to_the_copy_only() {
    let place = Place::new();
    place.write("say.py", SAY);
    for hook in [None, Some(Command::Shell("echo > made".into()))] {
        let mut spec = spec(Command::Words(vec!["python".into(), "say.py".into()]));
        spec.opdef.exec.stage_sourcecode = hook;
        spec.opdef.config = vec![gage::project::ConfigSelect {
            keys: vec!["say.py".into()],
            ..Default::default()
        }];
        spec.flags.insert("msg".into(), "Ho there".into());
        let run = create(&place.home(), &spec).unwrap();
        stage(&run, &staging(&place.template(&["say.py"]))).unwrap();
        let patch = "--- say.py\n+++ say.py\n@@ -1,2 +1,2 @@\n-msg = \"Hi there\"\n+msg = \"Ho there\"\n print(msg)\n";
        assert_eq!(meta(&run, "log/patched"), patch);
        assert_eq!(meta(&run, "config.json"), "{\n  \"msg\": \"Ho there\"\n}");
        let digest = "5731a9341311c35130d58b168042305320d140ed9c1b8f8f9f48133637cd2903";
        assert!(meta(&run, "manifest").contains(&format!("s {digest} say.py\n")));
        assert_eq!(meta(&run, "log/files").matches("say.py").count(), 1);
        assert!(listing(&run.dir()).contains(&"r- say.py".to_string()));
        let (exit, out, _) = execute(&run);
        assert_eq!((exit.code, out.as_str()), (0, "Ho there\n"));
        assert!(!log(&run).iter().any(|l| l.contains("modified")), "{:?}", log(&run));
        assert_eq!(fs::read_to_string(place.project().join("say.py")).unwrap(), SAY);
    }
}

#[test]
fn printed_scalars_are_recorded() {
    let place = Place::new();
    let run = place.shell("printf 'loss: 0.5\\nx'; echo 'acc: 1' >&2; printf 'loss: 0.1'; sleep 0");
    let mut seen = Vec::new();
    let exit = supervise(
        &run,
        &mut Supervise {
            on: &mut |event| {
                if let Event::Scalar(s) = event {
                    seen.push((s.tag.clone(), s.step, s.value));
                }
            },
            stop: None,
            stop_after: None,
            adopt: false,
            stdin: false,
            fresh: false,
            caller: Caller::here(),
        },
    );
    assert_eq!(exit.unwrap().code, 0);
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        seen,
        [
            ("acc".to_string(), 0, 1.0),
            ("loss".to_string(), 0, 0.5),
            ("xloss".to_string(), 0, 0.1)
        ]
    );
    let (tags, _) = gage::scalars::of_run(&run.dir(), &run.meta(""));
    let found: Vec<(&str, f64)> = tags.iter().map(|t| (t.tag.as_str(), t.last_val)).collect();
    assert_eq!(found, [("acc", 1.0), ("loss", 0.5), ("xloss", 0.1)]);
    assert!(listing(&run.meta("scalars")).iter().all(|l| l.starts_with("r- ")));
}

#[test]
fn attributes_that_are_asked_for_are_stored() {
    let place = Place::new();
    let mut spec = spec(Command::Shell(
        "echo 'model: big'; echo 'random_seed: 5'; echo 'a/b: c'".into(),
    ));
    spec.opdef.output_attrs = Some(true.into());
    spec.attrs.insert("random_seed".into(), 7.into());
    let run = create(&place.home(), &spec).unwrap();
    stage(&run, &staging(&Template::default())).unwrap();
    execute(&run);
    assert_eq!(
        (meta(&run, "sys/model.json"), meta(&run, "sys/random_seed.json")),
        ("\"big\"".into(), "7".into())
    );
    assert_eq!(fs::read_dir(run.meta("sys")).unwrap().count(), 2);
}

#[test]
fn a_hook_that_is_stopped_leaves_a_terminated_run() {
    let place = Place::new();
    let mut spec = spec(Command::Shell("true".into()));
    spec.opdef.exec.stage_runtime = Some(Command::Shell("sleep 1000".into()));
    let run = create(&place.home(), &spec).unwrap();
    let stop = gage::run::StopFlag::new().unwrap();
    stop.stop();
    let template = Template::default();
    let staging = Staging {
        stop: Some(&stop),
        ..staging(&template)
    };
    assert_eq!(stage(&run, &staging).unwrap_err().exit_code(), 143);
    assert_eq!(
        (meta(&run, "proc/exit").as_str(), status::of(&run)),
        ("-15", Status::Terminated)
    );
}
