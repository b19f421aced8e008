#!/usr/bin/env python3
"""Time of one proposal: gage's optimizers beside Optuna's, in one run on one machine.

    python3 optimizers/benches/peers.py [--gage "target/release/gage study serve --stdio"] [--sizes 20,100,1000,10000]

Makes a virtual environment of its own under target/peers and installs Optuna there, with torch for its Gaussian process
(without torch that one is left out). Both sides have seen the same function at as many points; then the processor time
of ask and tell is measured, the median of a few means. gage is driven over its JSON lines in a child process, so its
figures contain reading and writing the lines.

Beside the times: the growth from the last size but one to the last, as the exponent b of n^b (n log n is about 1.12
from 1000 to 10 000); the costliest of the first few proposals at the last size, when all results are new; and of gage
the most memory its process had there.
"""
import argparse
import glob
import importlib.util
import json
import math
import os
import random
import shlex
import statistics
import subprocess
import sys
import time
import venv
import warnings

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
FOLDER = os.path.join(ROOT, "target", "peers")
PYTHON = os.path.join(FOLDER, "bin", "python")
PACKAGES = ["optuna>=4", "cmaes", "numpy", "scipy"]
GAGE = ["random", "sobol", "tpe", "gp", "forest", "gbrt", "cmaes", "turbo", "auto"]
OPTUNA = ["random", "tpe", "cmaes", "gp"]
REPEATS = 5
STEPS = 4
# A mean that took longer than this is not repeated, and with a peer no larger size is tried: a process over ten times
# the points would take a thousand times as long.
SLOW_MS = 500.0
# A size that took longer than this ends the series of its optimizer.
PATIENCE_S = 60.0


def objective(point):
    return sum((i + 1) * (x - 0.57) ** 2 for i, x in enumerate(point))


def points(d, n):
    draw = random.Random(d * 100003 + n)
    return [[draw.random() for _ in range(d)] for _ in range(n)]


class Gage:
    """A study over JSON lines, opened with all of its `n` trials as starts, which cost nothing."""

    def __init__(self, command, optimizer, d, n):
        self.process = subprocess.Popen(
            shlex.split(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "RAYON_NUM_THREADS": "1"})
        space = [{"name": f"x{i}", "type": "float", "low": 0.0, "high": 1.0} for i in range(d)]
        options = {} if optimizer in ("random", "sobol") else {"random-starts": n}
        self.call({"op": "open", "space": space, "direction": "minimize", "seed": 1, "optimizer": optimizer,
                   "options": options})
        for _ in range(n):
            self.step()

    def call(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def step(self):
        trial = self.call({"op": "ask"})
        self.call({"op": "tell", "id": trial["id"], "value": objective(trial["params"].values())})

    def clock(self):
        # Nanoseconds on a processor of all threads; exact, because the child sleeps while it is read.
        threads = glob.glob(f"/proc/{self.process.pid}/task/*/schedstat")
        return sum(int(open(name).read().split()[0]) for name in threads) / 1e9

    def peak_mb(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Optuna:
    """A study in memory, filled with finished trials."""

    def __init__(self, sampler, d, n):
        import optuna
        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        make = {
            "random": lambda: optuna.samplers.RandomSampler(seed=1),
            "tpe": lambda: optuna.samplers.TPESampler(seed=1, multivariate=True),
            "cmaes": lambda: optuna.samplers.CmaEsSampler(seed=1),
            "gp": lambda: optuna.samplers.GPSampler(seed=1),
        }
        self.study = optuna.create_study(sampler=make[sampler]())
        self.d = d
        space = {f"x{i}": optuna.distributions.FloatDistribution(0.0, 1.0) for i in range(d)}
        for point in points(d, n):
            params = {f"x{i}": x for i, x in enumerate(point)}
            trial = optuna.trial.create_trial(params=params, distributions=space, value=objective(point))
            self.study.add_trial(trial)

    def step(self):
        trial = self.study.ask()
        self.study.tell(trial, objective([trial.suggest_float(f"x{i}", 0.0, 1.0) for i in range(self.d)]))

    def clock(self):
        return time.process_time()

    def peak_mb(self):
        return None  # All of them share this process.

    def close(self):
        pass


def measure(side):
    """Milliseconds of processor time of one ask and the tell after it: the costliest of the first few, and the median of
    some means. Some proposals cost more than others (a model is not fitted every time), so neither the smallest nor a
    single one would be fair."""
    def mean(steps):
        start = side.clock()
        for _ in range(steps):
            side.step()
        return (side.clock() - start) / steps * 1e3

    first, means = max(mean(1) for _ in range(STEPS)), []
    while len(means) < REPEATS and (not means or means[-1] <= SLOW_MS):
        means.append(mean(STEPS))
    return first, statistics.median(means)


def series(maker, name, d, sizes, command):
    """Milliseconds at each size until one is too slow; the costliest first proposal and the memory at the last."""
    times, first, peak = [], None, None
    for n in sizes:
        start = time.time()
        side = Gage(command, name, d, n) if maker == "gage" else Optuna(name, d, n)
        try:
            first, usual = measure(side)
            times.append(usual)
            peak = side.peak_mb()
        finally:
            side.close()
        if time.time() - start > PATIENCE_S or (maker == "optuna" and times[-1] > SLOW_MS):
            break
    return times, first, peak


def line(times, first, peak, sizes):
    cells = "".join(f"{ms:11.3f}" for ms in times) + f"{'-':>11}" * (len(sizes) - len(times))
    growth = "-"
    if len(times) == len(sizes) > 1:
        growth = f"{math.log(times[-1] / times[-2]) / math.log(sizes[-1] / sizes[-2]):.2f}"
    return cells + f"{growth:>8}{first:>9.1f}" + f"{'-' if peak is None else f'{peak:.0f} MB':>9}"


def run(arguments):
    import optuna
    sizes = [int(n) for n in arguments.sizes.split(",")]
    dims = [int(d) for d in arguments.dims.split(",")]
    only = arguments.only.split(",") if arguments.only else None
    rows = [("gage", name) for name in GAGE] + [("optuna", name) for name in OPTUNA]
    if importlib.util.find_spec("torch") is None:
        rows.remove(("optuna", "gp"))
        print("torch is not installed in target/peers: Optuna's gp is left out")
    version = subprocess.check_output([shlex.split(arguments.gage)[0], "--version"], text=True).strip()
    print(f"{version}, Optuna {optuna.__version__}, Python {sys.version.split()[0]}, one thread, ms of processor time")
    print(f"{'':14} {'d':>3}" + "".join(f"{n:>11}" for n in sizes) + f"{'growth':>8}{'first':>9}{'memory':>9}")
    for d in dims:
        for maker, name in rows:
            if only is None or name in only:
                measured = series(maker, name, d, sizes, arguments.gage)
                print(f"{maker + ' ' + name:14} {d:>3}" + line(*measured, sizes), flush=True)


def install():
    venv.create(FOLDER, with_pip=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet"]
    subprocess.check_call([*pip, *PACKAGES])
    # Large, and not to be had everywhere; only one row needs it.
    subprocess.call([*pip, "torch"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gage", default=os.path.join(ROOT, "target", "release", "gage") + " study serve --stdio")
    parser.add_argument("--sizes", default="20,100,1000,10000")
    parser.add_argument("--dims", default="5,8,20")
    parser.add_argument("--only", help="names of optimizers, such as gp,tpe; without it all")
    arguments = parser.parse_args()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    if os.path.realpath(sys.prefix) == os.path.realpath(FOLDER):
        run(arguments)
        return
    if not os.path.exists(PYTHON):
        install()
    os.execv(PYTHON, [PYTHON, os.path.abspath(__file__), *sys.argv[1:]])


if __name__ == "__main__":
    main()
