#!/usr/bin/env python3
"""Kills drivers, workers, programs and everything at once, at random moments, and resumes each time.

    tests/reliability/kills.py [--gage PATH] [--kills 200] [--seed N] [--jobs 4] [--keep]

Each batch is killed a few times, resumed with `gage run --resume` until it is done, and then looked at: no trial
lost, none run twice, nobody left running, and `gage batch replay` agrees. A batch under --deterministic whose programs
were left alone must have proposed what it proposes when nothing happens.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from study import Study, Wrong, kill

TRIALS = 16
KINDS = {
    "grid": ["x=[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]"],
    "random": ["x=[0:1000]", "-o", "random", "-m", str(TRIALS)],
    "tpe": ["x=[0:1000]", "-o", "tpe", "-m", str(TRIALS)],
    "deterministic": ["x=[0:1000]", "-o", "tpe", "-m", str(TRIALS), "--deterministic"],
}


class Round:
    """One batch, killed until it was killed often enough."""

    def __init__(self, args, luck, kind, place, kills):
        self.study = Study(args.gage, place)
        self.luck, self.kind, self.left, self.jobs = luck, kind, kills, args.jobs
        self.terminated, self.done = set(), Counter()
        self.words = ["run", "op", *KINDS[kind], "nap=0.1", "--random-seed", "7", "--jobs", str(args.jobs)]
        self.words += ["--keep-batch", "-y"]
        self.batch = None

    def play(self):
        driver = self.study.start(self.words)
        while self.left > 0:
            if not self.strike(driver):
                break
            if driver.poll() is None and self.killed_driver:
                driver.wait()
            if self.killed_driver:
                if self.luck.random() < 0.5:
                    time.sleep(self.luck.uniform(0, 0.4))
                driver = self.study.start(self.again())
        code = driver.wait(timeout=120)
        if code != 0:
            raise Wrong(f"the last driver ended with {code}")
        self.batch = self.study.batches()[0]
        code, said = self.study.run("run", "--resume", self.batch, "-y")
        if code != 0:
            raise Wrong(f"resuming a finished batch: {code} {said}")
        values = self.study.check(self.batch, TRIALS, self.terminated)
        self.study.check_alone()
        code, said = self.study.run("batch", "replay", self.batch)
        if code != 0:
            raise Wrong(f"the replay ends with {code}: {said}")
        return values

    def again(self):
        """Goes on with the batch, or starts it if it was killed before there was one."""
        if not self.study.batches():
            return self.words
        return ["run", "--resume", "-y"]

    def strike(self, driver):
        """Kills somebody after a while. False when the batch came to its end meanwhile."""
        self.killed_driver = False
        time.sleep(self.luck.choice([0, 0.02, 0.1, 0.3, 0.6]) * self.luck.random() + 0.001)
        if driver.poll() is not None:
            return False
        target = self.luck.choice(["driver", "driver", "worker", "program", "program and worker", "all"])
        if target != "driver" and target != "program" and not self.may_lose():
            target = "driver"
        workers, programs = self.study.workers(), self.study.programs()
        if target == "driver" or (target != "all" and not (workers and programs)):
            kill(driver.pid)
            self.killed_driver, target = True, "driver"
        elif target == "worker":
            kill(self.luck.choice(workers))
        elif target == "program":
            pid, run = self.luck.choice(sorted(programs.items()))
            self.terminated.add(run)
            kill(pid)
        elif target == "program and worker":
            pid, run = self.luck.choice(sorted(programs.items()))
            self.terminated.add(run)
            for pid in self.luck.sample([pid, *workers], len(workers) + 1):
                kill(pid)
        else:
            found = self.study.processes()
            entries = (entry for _, environment in found.values() for entry in environment)
            self.terminated.update(entry[7:].decode() for entry in entries if entry.startswith(b"RUN_ID="))
            everybody = [driver.pid, *found]
            for pid in self.luck.sample(everybody, len(everybody)):
                kill(pid)
            self.killed_driver = True
        self.done[target] += 1
        self.left -= 1
        return True

    def may_lose(self):
        """False when a trial that is under way was lost before: a third time it would be given up, by design."""
        batches = self.study.batches()
        events = self.study.events(batches[0]) if batches else []
        ended = {event["ended"]["trial"] for event in events if "ended" in event}
        return not any(event["again"]["trial"] not in ended for event in events if "again" in event)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gage", default="target/release/gage")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--keep", action="store_true", help="keep the directory of a round that went wrong")
    args = parser.parse_args()
    luck = random.Random(args.seed)
    place = Path(tempfile.mkdtemp(prefix="gage-kills-"))
    done, rounds, calm = Counter(), 0, {}
    try:
        while sum(done.values()) < args.kills:
            kind = list(KINDS)[rounds % len(KINDS)]
            rounds += 1
            directory = place / str(rounds)
            directory.mkdir()
            kills = min(luck.randint(1, 8), args.kills - sum(done.values()))
            round = Round(args, luck, kind, directory, kills)
            try:
                values = round.play()
                if kind != "tpe" and not round.terminated:
                    if kind not in calm:
                        calm[kind] = Round(args, luck, kind, place / f"calm-{kind}", 0).play()
                    if values != calm[kind]:
                        raise Wrong(f"it proposed {values}, undisturbed {calm[kind]}")
            except Wrong as wrong:
                journal = [path.read_text() for path in round.study.runs.glob("*.meta/study.jsonl")]
                said = (directory / "said").read_text()
                print(*journal, said, sep="\n", file=sys.stderr)
                print(f"round {rounds} ({kind}, seed {args.seed}): {wrong}", file=sys.stderr)
                if args.keep:
                    print(f"kept in {directory}", file=sys.stderr)
                else:
                    clear(round.study, place)
                return 1
            done.update(round.done)
            shutil.rmtree(directory)
        shutil.rmtree(place)
    finally:
        if not args.keep:
            shutil.rmtree(place, ignore_errors=True)
    killed = ", ".join(f"{count} {name}" for name, count in sorted(done.items()))
    print(f"{sum(done.values())} kills ({killed}) in {rounds} batches of {TRIALS} trials, {args.jobs} at a time:")
    print("0 lost, 0 run twice, 0 left running, every replay agrees")
    return 0


def clear(study, place):
    for pid in study.processes():
        kill(pid)
    shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
