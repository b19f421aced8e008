#!/usr/bin/env python3
"""Kills the driver of a small batch at every system call that it makes, one at a time, and resumes.

    tests/reliability/every_call.py [--gage PATH] [--step N] [--errors]

The calls of the driver's own thread are counted once; then the batch is run again and again, and killed at the first,
second, third ... call of each sort. With --errors such a call does not kill the driver but fails, as on a full disk or
where too many files are open. With --step N only every Nth is tried. Needs strace; exits with 77 without it.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from study import Study, Wrong, kill

SKIPPED = 77
TRIALS = 2
# What a call can fail with.
FULL = ["mkdir", "mkdirat", "write", "pwrite64", "rename", "renameat", "link", "linkat", "symlink", "symlinkat"]
ERRORS = {**dict.fromkeys(FULL, "ENOSPC"), "open": "EMFILE", "openat": "EMFILE", "pipe2": "EMFILE"}
ERRORS |= {"clone": "EAGAIN", "clone3": "EAGAIN", "vfork": "EAGAIN", "syncfs": "EIO"}


def words(jobs=1):
    return ["run", "op", "x=[1,2]", "nap=0", "--jobs", str(jobs), "--keep-batch", "-y"]


def traced(*rules):
    return ["strace", "-qq", "-o", "/dev/null", *(word for rule in rules for word in ("-e", rule))]


def count(gage, place):
    """How often the driver makes which call."""
    study = Study(gage, place)
    log = place / "calls"
    driver = study.start(words(), before=["strace", "-qq", "-o", str(log)])
    if driver.wait(timeout=120) != 0:
        raise Wrong(f"the batch ends with {driver.returncode} under strace: {(place / 'said').read_text()}")
    names = (re.match(r"(\w+)\(", line) for line in log.read_text(errors="replace").splitlines())
    return Counter(name[1] for name in names if name)


def play(gage, place, name, number, errors):
    """One batch that meets its fate at one call. Gives what it came to."""
    study = Study(gage, place)
    try:
        fate = f"error={ERRORS[name]}:when={number}" if errors else f"signal=KILL:when={number}"
        driver = study.start(words(), before=traced(f"trace={name}", f"inject={name}:{fate}"))
        driver.wait(timeout=120)
        killed = driver.returncode != 0
        batches = study.batches()
        if batches:
            code, said = study.run("run", "--resume", "-y")
            if code != 0:
                raise Wrong(f"resuming ends with {code}: {said}")
            study.check(batches[0], TRIALS)
            code, said = study.run("batch", "replay", batches[0])
            if code != 0:
                raise Wrong(f"the replay ends with {code}: {said}")
        elif list(study.marks.iterdir()):
            raise Wrong("a trial was run, and there is no batch")
        study.check_alone()
        return "nothing was made yet" if not batches else "met and resumed" if killed else "met and finished"
    except (Wrong, OSError) as wrong:
        journal = [path.read_text() for path in study.runs.glob("*.meta/study.jsonl")]
        raise Wrong("\n".join([*journal, (place / "said").read_text(), f"{name} {number}: {wrong}"])) from None
    finally:
        for pid in study.processes():
            kill(pid)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gage", default="target/release/gage")
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--errors", action="store_true", help="the call fails instead")
    args = parser.parse_args()
    works = shutil.which("strace") and subprocess.run([*traced(), "true"], stderr=subprocess.DEVNULL).returncode == 0
    if not works:
        print("skipped: strace is not installed (apt-get install strace), or may not trace here")
        return SKIPPED
    place = Path(tempfile.mkdtemp(prefix="gage-calls-"))
    try:
        (place / "count").mkdir()
        calls = count(args.gage, place / "count")
        if args.errors:
            calls = Counter({name: calls[name] for name in ERRORS if calls[name]})
        every = [(name, number) for name in sorted(calls) for number in range(1, calls[name] + 1)]
        came = Counter()
        for at, (name, number) in enumerate(every[:: args.step]):
            directory = place / str(at)
            directory.mkdir()
            came[play(args.gage, directory, name, number, args.errors)] += 1
            shutil.rmtree(directory)
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(place, ignore_errors=True)
    what = "failing calls" if args.errors else "kills"
    print(f"{sum(came.values())} {what} at {len(every)} system calls of {len(calls)} sorts:", end=" ")
    print(", ".join(f"{number} {word}" for word, number in sorted(came.items())))
    print("0 lost, 0 run twice, 0 left running, every replay agrees")
    return 0


if __name__ == "__main__":
    sys.exit(main())
