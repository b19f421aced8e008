#!/usr/bin/env python3
"""What docs/optimizers.md claims beyond the plain tables, measured: parallel trials, noise, many parameters.

    python3 optimizers/benches/claims.py [parallel] [noise] [wide] [half] --engines tpe,cmaes --seeds 0,1,2

Makes a virtual environment of its own under target/claims with the COCO functions in it. Every line is a mean score
over problems and seeds: 0 is the optimum, 1 the median of what random search finds with the whole budget.

parallel: 8 trials at a time beside one; also the loss as a share of the sequential score's distance to random.
noise: three COCO functions with noise whose deviation is a tenth of the distance between the optimum and what random
       search finds, beside the same without noise; judged by the true value of the point that was observed to be best.
wide: 50 parameters of which 5 matter, 200 trials.
half: all of the above problems without noise, after half of the trials and all of them, with the mean rank.
"""
import argparse
import json
import os
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
import venv

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
FOLDER = os.path.join(ROOT, "target", "claims")
PYTHON = os.path.join(FOLDER, "bin", "python")
PACKAGES = ["coco-experiment", "numpy"]
SLOTS = 8
# Function, instance, dimension, number of trials.
COCO = [(8, 3, 5, 100), (10, 3, 5, 100), (15, 3, 5, 100), (21, 3, 5, 100), (6, 3, 10, 150), (17, 3, 3, 60)]
NOISY = COCO[:3]


class Problem:
    """A function over floats and categories, its optimum and what random search finds of it."""

    def __init__(self, name, space, function, budget, optimum):
        self.name, self.space, self.function, self.budget, self.optimum = name, space, function, budget, optimum
        draw = random.Random(name)
        values = [function(self.sample(draw)) for _ in range(40 * budget)]
        found = [min(draw.sample(values, budget)) for _ in range(101)]
        self.random = statistics.median(found)

    def sample(self, draw):
        return {p["name"]: draw.choice(p["choices"]) if p["type"] == "categorical" else draw.uniform(p["low"], p["high"])
                for p in self.space}

    def score(self, value):
        return min((value - self.optimum) / (self.random - self.optimum), 2.0)


def floats(count, low, high):
    return [{"name": f"x{i}", "type": "float", "low": low, "high": high} for i in range(count)]


def coco(function, instance, dimension, budget):
    import cocoex
    suite = cocoex.Suite("bbob", f"instances: {instance}", f"dimensions: {dimension} function_indices: {function}")
    problem = suite.get_problem(0)
    # The suite writes its best point into a file of the working directory.
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        problem._best_parameter("print")
        with open(os.listdir(folder)[0]) as file:
            best = [float(x) for x in file.read().split()]
        os.chdir(here)
    optimum = problem(best)

    def value(point, problem=problem, suite=suite):
        return problem([point[f"x{i}"] for i in range(dimension)])

    return Problem(f"f{function:02}-d{dimension:02}", floats(dimension, -5.0, 5.0), value, budget, optimum)


def mixed():
    """A learning rate whose best value depends on the method, and what goes with it."""
    best = {"a": 0.2, "b": 0.6, "c": 0.75}
    offset = {"a": 0.3, "b": 0.0, "c": 0.1}

    def value(p):
        t = offset[p["m"]] + 4.0 * (p["x0"] - best[p["m"]]) ** 2 + 0.5 * abs(p["x1"] - 0.3) + (p["x2"] - p["x1"]) ** 2
        return t + {"p": 0.0, "q": 0.15}[p["n"]]

    space = floats(3, 0.0, 1.0) + [{"name": "m", "type": "categorical", "choices": ["a", "b", "c"]},
                                   {"name": "n", "type": "categorical", "choices": ["p", "q"]}]
    return Problem("mixed", space, value, 60, 0.0)


def wide():
    """The five that matter lie off the centre and off the bounds."""
    def quadratic(p):
        z = [p[f"x{i}"] - c for i, c in zip((4, 13, 21, 33, 47), (0.22, -0.41, 0.13, 0.37, -0.18))]
        return sum((i + 1) * t * t for i, t in enumerate(z)) + 0.6 * z[0] * z[3]

    def rosenbrock(p):
        z = [1.0 + 2.0 * (p[f"x{i}"] - c) for i, c in zip((2, 9, 26, 38, 45), (0.1, -0.3, 0.25, -0.15, 0.05))]
        return sum(10.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in zip(z, z[1:]))

    space = floats(50, -1.0, 1.0)
    return [Problem("wide-quadratic", space, quadratic, 200, 0.0), Problem("wide-valley", space, rosenbrock, 200, 0.0)]


class Study:
    def __init__(self, command, engine, problem, seed, slots):
        environment = {**os.environ, "RAYON_NUM_THREADS": "1"}
        self.process = subprocess.Popen(shlex.split(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)
        self.call({"op": "open", "space": problem.space, "direction": "minimize", "seed": seed, "optimizer": engine,
                   "options": {}, "slots": slots})

    def call(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def run(command, engine, problem, seed, slots=1, noise=0.0):
    """Scores after half of the trials and after all of them. With several slots, trials last equally long, so that
    each proposal is made while `slots - 1` of the trials before it run."""
    study = Study(command, engine, problem, seed, slots)
    draw = random.Random(f"{problem.name} {seed}")
    running, seen = [], (float("inf"), None)
    scores = {}
    told = 0

    def tell():
        nonlocal seen, told
        trial = running.pop(0)
        true = problem.function(trial["params"])
        observed = true + noise * draw.gauss(0.0, 1.0)
        study.call({"op": "tell", "id": trial["id"], "value": observed})
        seen = min(seen, (observed, true))
        told += 1
        scores[told] = problem.score(seen[1])

    for _ in range(problem.budget):
        running.append(study.call({"op": "ask"}))
        if len(running) == slots:
            tell()
    while running:
        tell()
    study.close()
    return scores[problem.budget // 2], scores[problem.budget]


def mean(values):
    return sum(values) / len(values)


def table(arguments):
    seeds = [int(s) for s in arguments.seeds.split(",")]
    engines = arguments.engines.split(",")
    noiseless = [coco(*c) for c in COCO] + [mixed()]
    scores = {}

    def of(engine, problem, **how):
        key = (engine, problem.name, tuple(sorted(how.items())))
        if key not in scores:
            scores[key] = [run(arguments.gage, engine, problem, seed, **how) for seed in seeds]
        return scores[key]

    def whole(engine, problems, **how):
        return mean([mean([full for _, full in of(engine, p, **how)]) for p in problems])

    if "parallel" in arguments.what:
        print(f"{'parallel':12}{'1 slot':>9}{f'{SLOTS} slots':>9}{'loss':>9}   (loss: share of 1 - sequential)")
        for engine in engines:
            one, many = whole(engine, noiseless), whole(engine, noiseless, slots=SLOTS)
            print(f"{engine:12}{one:9.3f}{many:9.3f}{(many - one) / max(1.0 - one, 1e-9):9.1%}", flush=True)
    if "noise" in arguments.what:
        print(f"{'noise':12}{'without':>9}{'with':>9}{'kept':>9}   (kept: share of what is gained on random search)")
        for engine in engines:
            names = {f"f{f:02}-d{d:02}" for f, _, d, _ in NOISY}
            problems = [p for p in noiseless if p.name in names]
            clean = whole(engine, problems)
            noisy = mean([mean([full for _, full in of(engine, p, noise=0.1 * (p.random - p.optimum))]) for p in problems])
            print(f"{engine:12}{clean:9.3f}{noisy:9.3f}{(1.0 - noisy) / max(1.0 - clean, 1e-9):9.1%}", flush=True)
    if "wide" in arguments.what:
        problems = wide()
        print(f"{'wide':12}" + "".join(f"{p.name:>16}" for p in problems))
        for engine in engines:
            cells = [mean([full for _, full in of(engine, p)]) for p in problems]
            print(f"{engine:12}" + "".join(f"{c:16.3f}" for c in cells), flush=True)
    if "half" in arguments.what:
        full = {e: [mean([f for _, f in of(e, p)]) for p in noiseless] for e in engines}
        half = {e: [mean([h for h, _ in of(e, p)]) for p in noiseless] for e in engines}
        rank = {e: mean([1 + sum(full[o][k] < full[e][k] for o in engines) for k in range(len(noiseless))])
                for e in engines}
        print(f"{'all':12}{'half':>9}{'full':>9}{'rank':>9}   (rank: mean over problems, among these engines)")
        for engine in engines:
            print(f"{engine:12}{mean(half[engine]):9.3f}{mean(full[engine]):9.3f}{rank[engine]:9.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=[], help="parallel, noise, wide, half; all without one")
    parser.add_argument("--gage", default=os.path.join(ROOT, "target", "release", "gage") + " study serve --stdio")
    parser.add_argument("--engines", default="tpe,cmaes,forest,gp,auto")
    parser.add_argument("--seeds", default="0,1,2")
    arguments = parser.parse_args()
    arguments.what = arguments.what or ["parallel", "noise", "wide", "half"]
    if os.path.realpath(sys.prefix) == os.path.realpath(FOLDER):
        table(arguments)
        return
    if not os.path.exists(PYTHON):
        venv.create(FOLDER, with_pip=True)
        subprocess.check_call([PYTHON, "-m", "pip", "install", "--quiet", *PACKAGES])
    os.execv(PYTHON, [PYTHON, os.path.abspath(__file__), *sys.argv[1:]])


if __name__ == "__main__":
    main()
