#!/usr/bin/env python3
"""What gage costs per trial, beside a bare shell loop and xargs in the same run.

    cargo build --release && python3 benches/trials.py [target/release/gage [directory]]

Prints `name  value  budget  ok|over`. CPU is that of the whole process tree, user and system. The directory is
/dev/shm where there is one: on a disk the cost of a trial is that of the file system, which the first line tells.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

GAGE = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/release/gage")
PLACE = sys.argv[2] if len(sys.argv) > 2 else ("/dev/shm" if os.path.isdir("/dev/shm") else None)
REPEATS = 3

TRAIN = """import math
x = 1.0
total = 0.0
for i in range(20000):
    total += math.sin(i * x)
print(f"loss: {total:.6f}")
"""


def run(command, cwd, env):
    """CPU and wall seconds of a command and everything it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command} failed: {done.stderr.decode()[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall


def median(command, cwd, env, prepare=lambda: None, repeats=REPEATS):
    figures = []
    for _ in range(repeats):
        prepare()
        figures.append(run(command, cwd, env))
    return statistics.median(f[0] for f in figures), statistics.median(f[1] for f in figures)


def report(name, value, budget, least=False):
    good = value >= budget if least else value <= budget
    print(f"{name}  {value:.3f}  {budget}  {'ok' if good else 'over'}", flush=True)


def main():
    with tempfile.TemporaryDirectory(dir=PLACE) as dir:
        print(f"floor: 22 small files in {os.path.dirname(dir)} (ms)  {files(dir):.3f}")
        env = dict(os.environ, GAGE_HOME=os.path.join(dir, "home"), PYTHONDONTWRITEBYTECODE="1", NO_COLOR="1")

        def clean():
            shutil.rmtree(env["GAGE_HOME"], ignore_errors=True)

        project = os.path.join(dir, "project")
        os.mkdir(project)
        with open(os.path.join(project, "train.py"), "w") as f:
            f.write(TRAIN)
        with open(os.path.join(project, "gage.toml"), "w") as f:
            f.write('[nothing]\nexec = ["true"]\nsourcecode = false\n[nothing.flags]\nx = 1\n'
                    '[slow]\nexec = ["sleep", "0.5"]\nsourcecode = false\n[slow.flags]\nx = 1\n')

        # (a) a grid of a Python script beside the bare loop
        grid = [GAGE, "run", "train.py", "x=range[1:20]", "-y"]
        loop = ["sh", "-c", "for i in $(seq 20); do python3 train.py; done"]
        cpu, _ = median(grid, project, env, clean)
        bare, _ = median(loop, project, env)
        report("20-trial grid of a Python script / bare loop (CPU)", cpu / bare, 1.15)

        # (b), (d) 1000 x true
        trials = [GAGE, "run", "nothing", "x=range[1:1000]", "-y"]
        xargs = ["sh", "-c", "seq 1000 | xargs -P1 -n1 true"]
        cpu, wall = median(trials, project, env, clean)
        bare_cpu, bare_wall = median(xargs, project, env)
        report("1000 trials of true / xargs -P1 (wall)", wall / bare_wall, 2.5)
        report("gage's own CPU per trial (ms)", cpu - bare_cpu, 2.0)

        # (c) two at a time, of trials that wait
        one, two = (median([GAGE, "run", "slow", "x=range[1:8]", "-y", "--jobs", n], project, env, clean)[1] for n in "12")
        report("--jobs 1 / --jobs 2, trials that sleep (wall)", one / two, 1.8, least=True)

        # (e) memory of driver and worker, while 1000 trials are planned
        clean()
        grid = subprocess.Popen([GAGE, "run", "nothing", "x=range[1:1000]", "-y"], cwd=project, env=env,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        driver, worker = 0.0, 0.0
        while grid.poll() is None:
            driver = max(driver, private_mb(grid.pid))
            for child in children(grid.pid):
                if command(child).startswith("gage") or "worker" in command(child):
                    worker = max(worker, private_mb(child))
            time.sleep(0.02)
        report("memory of the scheduler, 1000 trials (MB)", driver, 30)
        report("memory of one supervisor (MB)", worker, 4)


def files(dir):
    """CPU milliseconds of what a trial's records cost at least: 22 small files in a new directory."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    for i in range(200):
        path = os.path.join(dir, f"floor-{i}")
        os.mkdir(path)
        for j in range(22):
            fd = os.open(os.path.join(path, str(j)), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            os.write(fd, b"x" * 50)
            os.close(fd)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000 / 200


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


def command(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as f:
            return f.read().replace("\0", " ")
    except OSError:
        return ""


def private_mb(pid):
    """Memory that no other process shares."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            lines = [l.split() for l in f]
    except OSError:
        return 0.0
    return sum(int(l[1]) for l in lines if l[0] in ("Private_Clean:", "Private_Dirty:")) / 1024


if __name__ == "__main__":
    main()
