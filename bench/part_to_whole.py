"""The whole of two networks on one DRAM device from a part of the simulation: the error of the throughput on pairs of networks that were not learned.

    gnomon dataset parts --out parts.csv --count 700 --seed 1
    gnomon dataset parts --out zoo.csv --count 60 --seed 2 --networks zoo:resnet18,zoo:mobilenet_v1,zoo:squeezenet,...
    python bench/part_to_whole.py --data parts.csv [--folds 10] [--unseen zoo.csv] [--options JSON]

Pairs are dealt to folds by their number; each fold is predicted by a model (`gnomon surrogate train --family ensemble`) of the others; a table of --unseen by a model
of all. Printed is the root of
the mean square error of throughput (MACs per cycle and PE: 1 is peak) of the part alone and of the part with the model's correction (column part_error), for all
rows and where at least 0.8 of the core's cycles are of kinds that are in the part.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

from agents import program

Row = dict[str, str]
IGNORED = ["seed", "row", "core", "latency_cycles", "part_share", "throughput"]


def write(path: Path, names: list[str], rows: list[Row]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def predicted(names: list[str], learned: list[Row], asked: list[Row], folder: Path, options: list[str]) -> list[float]:
    model = folder / "part.gnomon"
    train = [str(program()), "surrogate", "train", "--data", str(write(folder / "learned.csv", names, learned)), "--targets", "part_error", "--group", "network",
             "--ignore", ",".join(IGNORED), "--family", "ensemble", "--term", "never", "--out", str(model), *options]
    subprocess.run(train, check=True, stdout=subprocess.DEVNULL)
    out = subprocess.run([str(program()), "surrogate", "predict", "--model", str(model), "--data", str(write(folder / "asked.csv", names, asked)), "--json"], check=True, capture_output=True, text=True)
    return [row["part_error"]["mean"] for row in json.loads(out.stdout)["rows"]]


def read(path: Path) -> tuple[list[str], list[Row]]:
    """Columns without their units, and rows."""
    with path.open(newline="") as file:
        lines = list(csv.reader(file))
    names = [name.split(" ")[0] for name in lines[0]]
    return names, [dict(zip(names, line)) for line in lines[1:]]


def report(what: str, rows: list[Row], answers: list[float]) -> None:
    errors: list[tuple[float, float, float]] = []  # without and with the model; share of the work that the part shows
    for row, error in zip(rows, answers, strict=True):
        truth, most = float(row["throughput"]), float(row["compute_throughput"])
        bare = truth - float(row["part_error"]) * most
        errors.append((bare - truth, min(most, max(0.0, bare + error * most)) - truth, float(row["sampled_share"])))
    print(what)
    for label, least in (("all", 0.0), ("sampled_share >= 0.8", 0.8)):
        some = [e for e in errors if e[2] >= least]
        alone, learned = ((sum(e[at] ** 2 for e in some) / len(some)) ** 0.5 for at in (0, 1))
        print(f"  {label:22}{len(some):6d} rows   RMSE of the part alone {alone:.4f}, with the model {learned:.4f}; median error {statistics.median(abs(e[1]) for e in some):.4f}")
    shares = sorted(float(row["part_share"]) for row in rows)
    print(f"  part of the whole's cycles: mean {sum(shares) / len(shares):.4f}, 90 % of them at most {shares[int(0.9 * len(shares))]:.4f}, largest {shares[-1]:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--unseen", type=Path, help="another table, of networks that --data does not have")
    parser.add_argument("--options", help="JSON of the ensemble's own options")
    o = parser.parse_args()
    options = ["--learner-options", o.options] if o.options else []
    names, rows = read(o.data)
    with tempfile.TemporaryDirectory() as scratch:
        answers: list[float] = []
        asked: list[Row] = []
        for fold in range(o.folds):
            held = [row for row in rows if int(row["network"]) % o.folds == fold]
            answers += predicted(names, [row for row in rows if int(row["network"]) % o.folds != fold], held, Path(scratch), options)
            asked += held
        report("pairs of networks left out", asked, answers)
        if o.unseen:
            others, unseen = read(o.unseen)
            if others != names:
                raise SystemExit(f"{o.unseen}: has other columns than {o.data}")
            report(f"{o.unseen}", unseen, predicted(names, rows, unseen, Path(scratch), options))


if __name__ == "__main__":
    main()
