//! Several gages at work on the same runs at once.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::study::{Study, said, wait_for};

#[test]
fn a_batch_has_one_driver() {
    let script = "touch $MARKS/up.$FLAG_X
while [ ! -e $MARKS/go ]; do sleep 0.02; done
echo loss: $FLAG_X; echo once >> $MARKS/ended.$FLAG_X";
    let study = Study::new(script);
    let mut driver = study
        .command(&[], "run op x=[1,2,3,4] --jobs 2 --keep-batch -y")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("a trial", || study.mark("up.1").exists());
    let (code, text) = study.gage("run --resume -y");
    assert_eq!(code, 1, "{text}");
    let host = gage::run::process::host();
    let words = format!("is being carried out by process {} on {host}", driver.id());
    assert!(text.contains(&words), "{text}");
    kill(Pid::from_raw(driver.id() as i32), Signal::SIGKILL).unwrap();
    driver.wait().unwrap();
    // All want to go on with it; one does.
    let others: Vec<_> = (0..4)
        .map(|_| {
            let mut command = study.command(&[], "run --resume -y");
            std::thread::spawn(move || {
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                said(command)
            })
        })
        .collect();
    wait_for("all but one to be refused", || {
        others.iter().filter(|o| o.is_finished()).count() == 3
    });
    std::fs::write(study.mark("go"), "").unwrap();
    let ends: Vec<(i32, String)> = others.into_iter().map(|other| other.join().unwrap()).collect();
    assert_eq!(ends.iter().filter(|(code, _)| *code == 0).count(), 1, "{ends:?}");
    for (_, text) in ends.iter().filter(|(code, _)| *code != 0) {
        assert!(
            text.contains("is being carried out by process") && text.contains(host),
            "{text}"
        );
    }
    study.check_complete(4);
    study.check_alone();
    for x in 1..=4 {
        assert_eq!(
            std::fs::read_to_string(study.mark(&format!("ended.{x}"))).unwrap(),
            "once\n"
        );
    }
}

#[test]
fn listing_while_others_delete() {
    let study = Study::new("true");
    study.ok("run op x=range[1:40] --jobs 2 -y");
    let count = || {
        let listed: serde_json::Value = serde_json::from_str(&study.ok("runs --all --json")).unwrap();
        listed.as_array().unwrap().len()
    };
    assert_eq!(count(), 40);
    let left = AtomicUsize::new(2);
    let delete = || {
        let end = study.gage("runs delete -y");
        left.fetch_sub(1, Ordering::SeqCst);
        end
    };
    let list = |words: &str| {
        let mut times = 0;
        while times == 0 || left.load(Ordering::SeqCst) > 0 {
            let (code, text) = study.gage(words);
            assert_eq!(code, 0, "gage {words}: {text}");
            times += 1;
        }
    };
    std::thread::scope(|scope| {
        let deleters = [scope.spawn(delete), scope.spawn(delete)];
        scope.spawn(|| list("runs --json"));
        list("compare --csv -");
        for deleter in deleters {
            let (code, text) = deleter.join().unwrap();
            assert_eq!(code, 0, "{text}");
        }
    });
    assert_eq!(study.ok("runs --json").trim(), "[]");
    // Deleted by one or the other, and by nobody twice: all can be restored.
    study.ok("runs restore -y");
    assert_eq!(count(), 40);
}
