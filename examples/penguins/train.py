"""Tells the sex of a penguin from its measurements: a small neural network in plain Python.

Every number below is a hyperparameter. Nothing here knows of gage; `python train.py` runs it as it is.
"""

import csv
import math
import random

lr = 0.01  # learning rate
hidden = 4  # hidden units
act = "tanh"  # relu, tanh or sine
batch = 16  # examples per update
momentum = 0.0
l2 = 1e-4  # weight decay
init = 1.0  # scale of the first weights
epochs = 12
seed = 0

ACTIVATIONS = {
    # act: (value, derivative from value and input)
    "relu": (lambda z: max(z, 0.0), lambda a, z: 1.0 if z > 0 else 0.0),
    "tanh": (math.tanh, lambda a, z: 1.0 - a * a),
    "sine": (math.sin, lambda a, z: math.cos(z)),
}


def load(path="penguins.csv"):
    """Rows of (standardised measurements and species, 1 for male)."""
    rows = [r for r in csv.DictReader(open(path)) if "NA" not in (r["sex"], r["bill_length_mm"])]
    columns = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    x = [[float(r[c]) for c in columns] for r in rows]
    for j in range(len(columns)):
        mean = sum(v[j] for v in x) / len(x)
        sd = math.sqrt(sum((v[j] - mean) ** 2 for v in x) / len(x))
        for v in x:
            v[j] = (v[j] - mean) / sd
    species = sorted({r["species"] for r in rows})
    for v, r in zip(x, rows):
        v += [1.0 if r["species"] == s else 0.0 for s in species]
    return list(zip(x, [1.0 if r["sex"] == "male" else 0.0 for r in rows]))


def forward(net, x, f):
    w1, b1, w2, b2 = net
    z = [sum(w * v for w, v in zip(row, x)) + b for row, b in zip(w1, b1)]
    a = [f(v) for v in z]
    return z, a, sum(w * v for w, v in zip(w2, a)) + b2[0]


def loss(net, data, f):
    """Mean negative log likelihood, and the share of wrong answers."""
    total = wrong = 0.0
    for x, y in data:
        s = forward(net, x, f)[2]
        m = s if y else -s
        total += math.log1p(math.exp(-abs(m))) + max(-m, 0.0)
        wrong += (s > 0) != bool(y)
    return total / len(data), wrong / len(data)


def train(data, rng):
    f, df = ACTIVATIONS[act]
    d = len(data[0][0])
    w1 = [[rng.gauss(0, init / math.sqrt(d)) for _ in range(d)] for _ in range(hidden)]
    w2 = [rng.gauss(0, init / math.sqrt(hidden)) for _ in range(hidden)]
    net = (w1, [0.0] * hidden, w2, [0.0])
    flat = [*w1, net[1], w2, net[3]]
    speed = [[0.0] * len(p) for p in flat]
    for _ in range(epochs):
        rng.shuffle(data)
        for start in range(0, len(data), batch):
            part = data[start : start + batch]
            grad = [[l2 * w for w in p] for p in flat]
            for x, y in part:
                z, a, s = forward(net, x, f)
                g = (1 / (1 + math.exp(-min(max(s, -30), 30))) - y) / len(part)
                for i in range(hidden):
                    grad[-2][i] += g * a[i]
                    h = g * w2[i] * df(a[i], z[i])
                    grad[-3][i] += h
                    row = grad[i]
                    for j in range(d):
                        row[j] += h * x[j]
                grad[-1][0] += g
            for p, v, g in zip(flat, speed, grad):
                for i in range(len(p)):
                    v[i] = momentum * v[i] - lr * g[i]
                    p[i] += v[i]
    return net, f


def main():
    data = load()
    random.Random(1).shuffle(data)
    folds, scores = 3, []
    for k in range(folds):
        test = data[k::folds]
        rest = [row for i, row in enumerate(data) if i % folds != k]
        net, f = train(rest, random.Random(seed))
        scores.append(loss(net, test, f))
    print(f"loss: {sum(s[0] for s in scores) / folds:.5f}")
    print(f"error: {sum(s[1] for s in scores) / folds:.4f}")


main()
