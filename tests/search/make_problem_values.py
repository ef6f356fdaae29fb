"""Writes data/problem_values.json: values of the built-in test problems by another implementation, pymoo (pip install pymoo).

Points are drawn in gnomon's coordinates; where gnomon shifts a problem, the shift is undone here before pymoo is asked.
"""

import json
from pathlib import Path

import numpy as np
from pymoo.problems import get_problem


def place(i):
    golden = (0.6180339887498949 * i) % 1.0
    return 0.12 + 0.56 * golden if golden < 0.5 else 0.32 + 0.56 * golden


def distance(x, i):
    return abs(x - place(i)) / max(place(i), 1 - place(i))


def moved(x, i, to):
    p = place(i)
    return to * x / p if x <= p else to + (1 - to) * (x - p) / (1 - p)


def back(name, x):
    """gnomon's point in the coordinates of the publication."""
    x = np.array(x)
    if name.startswith("zdt"):
        for i in range(2, 11):
            x[i - 1] = 10 * (moved(x[i - 1], i, 0.5) - 0.5) if name == "zdt4" else distance(x[i - 1], i)
    elif name == "dtlz7":
        for i in range(3, 8):
            x[i - 1] = distance(x[i - 1], i)
    elif name.startswith("dtlz"):
        for i in range(3, 8):
            x[i - 1] = moved(x[i - 1], i, 0.5)
    return x


rng = np.random.default_rng(1)
out = {}
cases = [(f"zdt{i}", f"zdt{i}", {"n_var": 10}) for i in (1, 2, 3, 4, 6)]
cases += [(f"dtlz{i}", f"dtlz{i}", {"n_var": 7, "n_obj": 3}) for i in (1, 2, 3, 4, 7)]
cases += [(f"wfg{i}", f"wfg{i}", {"n_var": 8, "n_obj": 3, "k": 4, "l": 4}) for i in range(1, 10)]
cases += [(f"g{i:02}", f"g{i}", {}) for i in (1, 2, 4, 6, 7, 8, 9, 10, 18, 24)]
cases += [(n, n, {}) for n in ("bnh", "tnk", "osy")]
for name, theirs, arguments in cases:
    problem = get_problem(theirs, **arguments)
    unit = name.startswith(("zdt", "dtlz"))
    low, high = (np.zeros(problem.n_var), np.ones(problem.n_var)) if unit else (problem.xl, problem.xu)
    rows = []
    for _ in range(4):
        x = [float(f"{v:.6g}") for v in rng.uniform(low, high)]
        answer = problem.evaluate(back(name, x)[None, :], return_values_of=["F", "G"])
        rows.append({"x": x, "f": answer[0][0].tolist(), "feasible": bool(np.all(answer[1][0] <= 0)) if problem.n_ieq_constr else True,
                     "broken": int(np.sum(answer[1][0] > 0)) if problem.n_ieq_constr else 0})
    if problem.n_eq_constr:
        raise SystemExit(name + " has equality constraints")
    out[name] = rows
Path(__file__).with_name("data").joinpath("problem_values.json").write_text(json.dumps(out, indent=0) + "\n")
