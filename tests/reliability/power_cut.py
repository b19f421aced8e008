#!/usr/bin/env python3
"""Cuts the power: whatever has not been brought to the disk is gone.

    tests/reliability/power_cut.py [--gage PATH] [--cuts 20] [--seed N] [--unsaved]

A batch runs on an ext4 file system of its own, in a file. At a random moment that file is copied: the copy is the
disk as a power cut would have left it, since what the system had not written yet is not in it. Of what the progress
line had called done by then everything must be there, byte for byte. Then the copy takes the place of the disk, the
machine seems to have been started again, and `gage run --resume` has to reach the planned number of trials without
running again what was called done.

With --unsaved the call that brings files to the disk does nothing: the check must then fail. Needs root and loop
devices; exits with 77 where it cannot have them.
"""

import argparse
import fcntl
import filecmp
import os
import pty
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

from study import Study, Wrong, kill

TRIALS = 12
SKIPPED = 77
# Besides its result a program leaves a file, as programs do.
PROGRAM = """\
echo "$RUN_ID" >> "$MARKS/started.$RUN_ID"
sleep ${FLAG_NAP}
head -c 50000 /dev/urandom > model
echo "loss: $FLAG_X"
"""


class CannotCut(Exception):
    pass


class Disk:
    """A file system in a file, mounted."""

    def __init__(self, place):
        self.image, self.mounted = place / "disk", place / "mounted"
        self.mounted.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(64 << 20)
        self.call("mkfs.ext4", "-q", "-F", self.image)
        # Nothing is to be written for as long as nobody asks for it.
        self.mount()

    def mount(self):
        self.call("mount", "-o", "loop,commit=300", self.image, self.mounted)

    def unmount(self):
        subprocess.run(["umount", self.mounted], stderr=subprocess.DEVNULL)

    def call(self, *words):
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise CannotCut(f"{words[0]}: {done.stdout.strip()}")

    def copy(self, to):
        """What the disk holds at one moment: two copies in a row that are the same."""
        last = None
        for _ in range(200):
            data = self.image.read_bytes()
            if data == last:
                to.write_bytes(data)
                return True
            last = data
        return False


class Terminal:
    """A terminal that remembers how many trials its progress line has called done."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
        self.done, self.text = 0, b""
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self.text += data
            for match in re.finditer(rb"(\d+)/%d done" % TRIALS, self.text[-4096:]):
                self.done = max(self.done, int(match[1]))

    def close(self):
        os.close(self.slave)


def cut(args, luck, place):
    """One power cut. Gives the number of trials that had been called done, and of those that were run again."""
    disk = Disk(place)
    terminal = Terminal()
    study = Study(args.gage, place, home=disk.mounted / "home")
    try:
        (study.project / "trial.sh").write_text(PROGRAM)
        words = ["run", "op", "x=[0:1000]", "-o", "tpe", "-m", str(TRIALS), "nap=0.05", "--random-seed", "7"]
        words += ["--jobs", "4", "--keep-batch", "-y"]
        before = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=syncfs", "-e", "inject=syncfs:retval=0"]
        driver = subprocess.Popen(
            [*(before if args.unsaved else []), study.gage, *words],
            cwd=study.project,
            env=dict(study.environment, TERM="xterm"),
            stdin=subprocess.DEVNULL,
            stdout=terminal.slave,
            stderr=terminal.slave,
            start_new_session=True,
        )
        wanted = luck.randint(0, TRIALS)
        deadline = time.monotonic() + 60
        while terminal.done < wanted and driver.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(luck.choice([0, 0.01, 0.1]) * luck.random())
        called_done = terminal.done
        ended = driver.poll() == 0
        if not disk.copy(place / "copy"):
            raise Wrong("the disk is written to without an end")
        for pid in [driver.pid, *study.processes()]:
            kill(pid)
        driver.wait()
        study.check_alone()
        shutil.copytree(study.home, place / "whole", symlinks=True)
        disk.unmount()
        os.rename(place / "copy", disk.image)
        disk.mount()
        look(study, place / "whole", TRIALS if ended else called_done)
        rerun = resume(study, place, called_done)
        return called_done, rerun
    finally:
        for pid in study.processes():
            kill(pid)
        terminal.close()
        disk.unmount()


def look(study, whole, called_done):
    """Everything of what was called done is there."""
    if called_done == 0:
        return
    batch = next(iter(study.batches()), None)
    if batch is None:
        raise Wrong(f"{called_done} trials were called done, and there is no batch")
    ends = [event["ended"] for event in study.events(batch) if "ended" in event]
    if len(ends) < called_done:
        raise Wrong(f"{called_done} trials were called done, the journal knows of {len(ends)}")
    runs = study.trials(batch)
    for end in ends[:called_done]:
        for run in runs.get(end["trial"], []) or [None]:
            if run is None or study.meta(run, "proc/exit") != "0":
                raise Wrong(f"trial {end['trial']} was called done, and its run {run} has no end")
            for part in (f"{run}.meta", run):
                differences = compare(whole / "runs" / part, study.runs / part)
                if differences:
                    raise Wrong(f"of trial {end['trial']}, which was called done, {differences} differ")


def compare(expected, found):
    """Files below a directory that are missing or not the same."""
    names = [path.relative_to(expected) for path in expected.rglob("*") if path.is_file()]
    same, *other = filecmp.cmpfiles(expected, found, names, shallow=False)
    return [str(name) for names in other for name in names if str(name) != "log/runner"]


def resume(study, place, called_done):
    """Goes on as after a restart of the machine. Gives how many trials were run again."""
    finished = {}
    if study.batches():
        events = study.events(study.batches()[0])
        finished = {e["ended"]["trial"]: e["ended"] for e in events if "ended" in e}
    boot = place / "boot_id"
    boot.write_text("00000000-0000-4000-8000-000000000000\n")
    script = 'mount --bind "$1" /proc/sys/kernel/random/boot_id && shift && exec "$@"'
    words = ["run", "--resume", "-y"]
    if not study.batches():
        if called_done:
            raise Wrong("the batch is gone")
        return 0
    before = ["unshare", "--mount", "sh", "-c", script, "sh", str(boot)]
    driver = study.start(words, before=before)
    code = driver.wait(timeout=120)
    batch = study.batches()[0]
    if code != 0 and called_done == 0:
        # The batch itself had not been saved: said plainly, and nothing was promised.
        return 0
    if code != 0:
        raise Wrong(f"resuming ends with {code}: {(place / 'said').read_text()}")
    events = study.events(batch)
    again = {e["ended"]["trial"]: e["ended"] for e in events if "ended" in e}
    if sorted(again) != list(range(TRIALS)):
        raise Wrong(f"the trials {sorted(again)} ended, {TRIALS} were planned")
    for number, end in finished.items():
        if again[number] != end:
            raise Wrong(f"the result of trial {number} was {end}, now it is {again[number]}")
    for number, runs in study.trials(batch).items():
        completed = [run for run in runs if study.meta(run, "proc/exit") == "0"]
        if len(completed) != 1:
            raise Wrong(f"trial {number} completed as {completed}")
    code, said = study.run("batch", "replay", batch)
    if code != 0:
        raise Wrong(f"the replay ends with {code}: {said}")
    study.check_alone()
    return len(list(study.marks.glob("started.*"))) - TRIALS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gage", default="target/release/gage")
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--unsaved", action="store_true", help="let the saving do nothing")
    args = parser.parse_args()
    luck = random.Random(args.seed)
    place = Path(tempfile.mkdtemp(prefix="gage-power-"))
    done = rerun = 0
    try:
        for number in range(1, args.cuts + 1):
            directory = place / str(number)
            directory.mkdir()
            try:
                one, again = cut(args, luck, directory)
            except CannotCut as reason:
                print(f"skipped: a disk of its own needs root and loop devices ({reason})")
                return SKIPPED
            except Wrong as wrong:
                print(f"cut {number} (seed {args.seed}): {wrong}", file=sys.stderr)
                return 1
            done, rerun = done + one, rerun + again
            shutil.rmtree(directory)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(f"{args.cuts} power cuts: {done} trials had been called done, and were there to the last byte;")
    print(f"{rerun} that had not been were run again; every batch reached its {TRIALS} trials, every replay agrees")
    return 0


if __name__ == "__main__":
    sys.exit(main())
