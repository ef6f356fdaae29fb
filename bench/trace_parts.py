"""Long traces on a memory told from a part of the simulation: the error of throughput, row hits and energy on traces and devices that were not learned.

    gnomon dataset parts --of traces --out known.csv --count 700 --seed 1 --kinds stream,strided,random,blocks,mix,phases --memories ddr3-1600,ddr4-2400,ddr5-4800,lpddr4-3200,hbm3-6400
    gnomon dataset parts --of traces --out unseen.csv --count 100 --seed 2 --kinds hot,tiles,pointer,mix,phases --memories ddr4-3200,lpddr5-6400,hbm2-2000
    python bench/trace_parts.py --data known.csv --unseen unseen.csv [--folds 5]

Traces are dealt to folds by their number; each fold is predicted by a model (`gnomon surrogate train --family trees`) of the others, a table of --unseen by a
model of all. Printed is the root of the mean square error of throughput (of the peak of a port: 1), of the row hits' share and of the energy's logarithm, of the part alone and with the model's
correction, and how many of the 90 % intervals hold the truth. Columns of --unseen are those of --data; its mixes and phases are of its own kinds only.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import tempfile
from pathlib import Path

from agents import program
from part_to_whole import Row, read, write

IGNORED = "seed,row,port,ports,kind,memory,part_share,cycles,throughput"
TREES = '{"members": 3, "rounds": 120, "learning_rate": 0.05}'
TARGETS = ("part_error", "row_hit_error", "energy_error")


def predicted(names: list[str], learned: list[Row], asked: list[Row], folder: Path) -> list[dict[str, dict[str, float]]]:
    model = folder / "part.gnomon"
    train = [str(program()), "surrogate", "train", "--data", str(write(folder / "learned.csv", names, learned)), "--targets", ",".join(TARGETS), "--group", "trace", "--ignore", IGNORED,
             "--family", "trees", "--term", "never", "--learner-options", TREES, "--out", str(model)]
    subprocess.run(train, check=True, stdout=subprocess.DEVNULL)
    out = subprocess.run([str(program()), "surrogate", "predict", "--model", str(model), "--data", str(write(folder / "asked.csv", names, asked)), "--json"], check=True, capture_output=True, text=True)
    rows: list[dict[str, dict[str, float]]] = json.loads(out.stdout)["rows"]
    return rows


def root_mean_square(errors: list[float]) -> float:
    return math.sqrt(sum(e * e for e in errors) / len(errors)) if errors else math.nan


def report(what: str, rows: list[Row], answers: list[dict[str, dict[str, float]]]) -> None:
    shares = [float(row["part_share"]) for row in rows]
    print(f"{what}: {len(rows)} rows, parts of {100 * sum(shares) / len(shares):.1f} % of the whole's cycles in the mean")
    for target in TARGETS:
        alone: list[float] = []
        learned: list[float] = []
        held = 0
        for row, answer in zip(rows, answers, strict=True):
            if row[target] == "":
                continue
            truth, said = float(row[target]), answer[target]
            alone.append(truth)
            mean = said["mean"]
            if target == "part_error":  # a throughput is from 0 to 1
                told = float(row["told_throughput"])
                mean = min(1.0, max(0.0, told + mean)) - told
            learned.append(mean - truth)
            held += said["lower"] <= truth <= said["upper"]
        middle = sorted(abs(e) for e in learned)[len(learned) // 2]
        print(f"  {target:14} RMSE of the part alone {root_mean_square(alone):.4f}, with the model {root_mean_square(learned):.4f}; median error {middle:.4f}; intervals hold {100 * held / len(learned):.0f} %")
    for ports in ("1", "2"):
        some = [(row, answer) for row, answer in zip(rows, answers, strict=True) if row["ports"] == ports]
        errors = [answer["part_error"]["mean"] - float(row["part_error"]) for row, answer in some]
        print(f"  throughput, {'one trace' if ports == '1' else 'two traces'}: {len(some)} rows, RMSE {root_mean_square(errors):.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--unseen", type=Path, action="append", default=[], help="another table, of traces that --data does not have; may come several times")
    o = parser.parse_args()
    names, rows = read(o.data)
    with tempfile.TemporaryDirectory() as scratch:
        answers: list[dict[str, dict[str, float]]] = []
        asked: list[Row] = []
        for fold in range(o.folds):
            held = [row for row in rows if int(row["trace"]) % o.folds == fold]
            answers += predicted(names, [row for row in rows if int(row["trace"]) % o.folds != fold], held, Path(scratch))
            asked += held
        if asked:
            report("traces left out", asked, answers)
        for path in o.unseen:
            others, unseen = read(path)
            if others != names:
                raise SystemExit(f"{path}: has other columns than {o.data}")
            report(str(path), unseen, predicted(names, rows, unseen, Path(scratch)))


if __name__ == "__main__":
    main()
