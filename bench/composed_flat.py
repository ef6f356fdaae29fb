"""Composed labels against one flat synthesis of the same networks.

    gnomon dataset layers --out layers.csv --count 3000 --conv 400 --exemplars --flat 200
    python bench/composed_flat.py layers.csv.flat.csv

prints, for every resource, the median and the quantiles of |composed / flat - 1| over the networks (DSP and BRAM: how many are equal).
"""

import csv
import sys


def quantile(values: list[float], q: float) -> float:
    values = sorted(values)
    place = q * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def main(path: str) -> None:
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    print(f"{len(rows)} networks of {path}")
    print(f"{'resource':10}{'median %':>10}{'90 % of them':>14}{'largest %':>11}{'mean signed %':>15}{'equal':>8}")
    for name in ("lut", "ff", "dsp", "bram"):
        composed = [float(row["composed_" + name]) for row in rows]
        flat = [float(row[name]) for row in rows]
        signed = [100 * (a / b - 1) if b else (0.0 if a == b else 100.0) for a, b in zip(composed, flat)]
        size = [abs(v) for v in signed]
        equal = sum(a == b for a, b in zip(composed, flat))
        print(f"{name:10}{quantile(size, 0.5):10.2f}{quantile(size, 0.9):14.2f}{max(size):11.2f}{sum(signed) / len(signed):15.2f}{equal:8d}")


if __name__ == "__main__":
    main(sys.argv[1])
