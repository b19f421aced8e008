"""Tells the sex of a penguin from its measurements: a nearest-neighbour classifier in plain Python.

Every number below is a hyperparameter. Nothing here knows of gage; `python train.py` runs it as it is.
"""

import csv
import math
import random

neighbours = 15
kernel = "flat"  # how a neighbour's vote falls with its distance: flat, triangle or gauss
bandwidth = 1.0  # of the kernel, in units of the distance to the farthest neighbour
smoothing = 1.0  # votes that both answers begin with
# How much a difference in each measurement counts.
bill_length = 1.0
bill_depth = 1.0
flipper = 1.0
mass = 1.0
species = 1.0

KERNELS = {
    "flat": lambda u: 1.0,
    "triangle": lambda u: max(1.0 - u, 0.0),
    "gauss": lambda u: math.exp(-0.5 * u * u),
}


def load(path="penguins.csv"):
    """Rows of (standardised measurements, species, 1 for male)."""
    rows = [r for r in csv.DictReader(open(path)) if "NA" not in (r["sex"], r["bill_length_mm"])]
    columns = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    x = [[float(r[c]) for c in columns] for r in rows]
    for j in range(len(columns)):
        mean = sum(v[j] for v in x) / len(x)
        sd = math.sqrt(sum((v[j] - mean) ** 2 for v in x) / len(x))
        for v in x:
            v[j] = (v[j] - mean) / sd
    return [(v, r["species"], float(r["sex"] == "male")) for v, r in zip(x, rows)]


def chance_of_male(train, x, kind):
    weights = (bill_length, bill_depth, flipper, mass)
    near = sorted(
        (sum((w * (a - b)) ** 2 for w, a, b in zip(weights, x, y)) + (species if kind != k else 0.0) ** 2, male)
        for y, k, male in train
    )[:neighbours]
    width = bandwidth * math.sqrt(near[-1][0]) + 1e-12
    votes = [smoothing, smoothing]
    for d, male in near:
        votes[int(male)] += KERNELS[kernel](math.sqrt(d) / width)
    return votes[1] / (votes[0] + votes[1])


def main():
    data = load()
    random.Random(1).shuffle(data)
    folds = 4
    loss = wrong = 0.0
    for i, (x, kind, male) in enumerate(data):
        train = [row for j, row in enumerate(data) if j % folds != i % folds]
        p = chance_of_male(train, x, kind)
        p = min(max(p, 1e-6), 1 - 1e-6)
        loss -= math.log(p if male else 1 - p)
        wrong += (p > 0.5) != bool(male)
    print(f"loss: {loss / len(data):.5f}")
    print(f"error: {wrong / len(data):.4f}")


main()
