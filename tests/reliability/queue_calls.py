#!/usr/bin/env python3
"""Kills the supervisor of a staged run at every system call that it makes, one at a time, then serves the home.

    tests/reliability/queue_calls.py [--gage PATH] [--step N] [--short]

The supervisor is `gage exec`; what it does between claiming the run and the start of its program, and after, is what
a worker of `gage queue` does. After each kill a queue goes over the home: a run whose program was not started is
started, any other is left alone. Needs strace; exits with 77 without it.

With --short the programs end before the queue comes. A supervisor killed in the moment between the start of a program
and the note of it then leaves nothing by which it could be told from one that did not start it, and its program is
started again. These are counted.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

SKIPPED = 77
# Seconds that a program takes.
SHORT, LONG = "0.05", "2"
FILE = "op:\n  exec: sh -c 'echo $RUN_ID >> \"$MARKS\"; sleep $NAP'\n"


class Wrong(Exception):
    """What must not happen did."""


class Place:
    def __init__(self, gage, place):
        self.gage = str(Path(gage).resolve())
        self.place = place
        self.runs = place / "runs"
        self.marks = place / "marks"
        self.env = {**os.environ, "GAGE_RUNS": str(self.runs), "MARKS": str(self.marks)}
        self.env.pop("GAGE_HOME", None)

    def run(self, *words, before=(), nap=SHORT):
        command = [*before, self.gage, *words]
        return subprocess.run(
            command, cwd=self.place, env={**self.env, "NAP": nap}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
        )

    def starts(self):
        return len(self.marks.read_text().split()) if self.marks.exists() else 0

    def run_dir(self):
        return str(next(path for path in self.runs.iterdir() if path.name.isalnum()))


def staged(gage, place):
    """A home with one staged run, to be copied."""
    home = Place(gage, place)
    (place / "gage.yaml").write_text(FILE)
    made = home.run("run", "op", "--stage", "-y")
    if made.returncode != 0:
        raise Wrong(f"staging ends with {made.returncode}: {made.stderr}")
    # Staged long ago: no queue waits for it to settle.
    stamp = next(home.runs.glob("*.meta/staged"))
    os.utime(stamp, (time.time() - 60,) * 2)
    return home


def count(home, place):
    shutil.copytree(home.runs, place / "runs", symlinks=True)
    home = Place(home.gage, place)
    log = place / "calls"
    ended = home.run("exec", home.run_dir(), before=["strace", "-qq", "-o", str(log)])
    if ended.returncode != 0 or home.starts() != 1:
        raise Wrong(f"a run ends with {ended.returncode} under strace: {ended.stderr}")
    names = (re.match(r"(\w+)\(", line) for line in log.read_text(errors="replace").splitlines())
    return Counter(name[1] for name in names if name)


def play(home, place, name, number, nap):
    shutil.copytree(home.runs, place / "runs", symlinks=True)
    home = Place(home.gage, place)
    inject = ["-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={number}"]
    met = home.run("exec", home.run_dir(), before=["strace", "-qq", "-o", "/dev/null", *inject], nap=nap)
    # A program that lost its supervisor runs on for a moment; it may not have come to its first word.
    began = home.starts()
    time.sleep(0.1)
    began = max(began, home.starts())
    served = home.run("queue", "--once", "-q")
    if served.returncode != 0:
        raise Wrong(f"{name} {number}: the queue ends with {served.returncode}: {served.stderr}")
    for _ in range(200):
        listed = home.run("runs", "-s").stdout
        if "running" not in listed:
            break
        time.sleep(0.05)
    starts = home.starts()
    problem = None
    if starts not in (1, 2) or (starts == 2 and began != 1):
        problem = f"{starts} starts"
    if "completed" not in listed and "terminated" not in listed:
        problem = "its status is not final"
    if starts == 2 and nap != SHORT:
        problem = "started twice"
    if "completed" not in listed and starts == 2:
        problem = "started again and not brought to its end"
    if "terminated" in listed and met.returncode == 0:
        problem = "terminated, and nobody was killed"
    left = [path.name for path in home.runs.iterdir() if ".lease." in path.name]
    if left:
        problem = f"{left} left behind"
    if problem:
        raise Wrong(f"{name} {number}: {problem}\n{listed}{served.stderr}")
    if starts == 2:
        return "ended and started again"
    if met.returncode == 0:
        return "met nobody"
    return "started by the queue" if began == 0 else "left as they were"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gage", default="target/release/gage")
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="programs that end before the queue comes")
    args = parser.parse_args()
    probe = ["strace", "-qq", "-o", "/dev/null", "true"]
    if not shutil.which("strace") or subprocess.run(probe, stderr=subprocess.DEVNULL).returncode != 0:
        print("skipped: strace is not installed (apt-get install strace), or may not trace here")
        return SKIPPED
    place = Path(tempfile.mkdtemp(prefix="gage-queue-calls-"))
    try:
        (place / "staged").mkdir()
        (place / "count").mkdir()
        home = staged(args.gage, place / "staged")
        calls = count(home, place / "count")
        every = [(name, number) for name in sorted(calls) for number in range(1, calls[name] + 1)]
        came = Counter()
        again = []
        for at, (name, number) in enumerate(every[:: args.step]):
            directory = place / str(at)
            directory.mkdir()
            result = play(home, directory, name, number, SHORT if args.short else LONG)
            came[result] += 1
            if result == "ended and started again":
                again.append(f"{name} {number}")
            shutil.rmtree(directory)
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(f"{sum(came.values())} kills at {len(every)} system calls of {len(calls)} sorts:", end=" ")
    print(", ".join(f"{number} {word}" for word, number in sorted(came.items())))
    print(f"started again: {', '.join(again) or 'none'}")
    print("every run was started, none is left unfinished, none is started twice but those")
    return 0


if __name__ == "__main__":
    sys.exit(main())
