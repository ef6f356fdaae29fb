"""Composed labels against one flat synthesis of the same networks, arrays and complete designs.

    gnomon dataset layers --out layers.csv.gz --count 3000 --conv 400 --exemplars --flat 200
    python bench/composed_flat.py --networks layers.csv.gz.flat.csv [--arrays 100] [--cells 30] [--complete 6] [--cell-networks 12] [--keep FOLDER] --out docs/results/composed-flat.txt

prints, for every resource, the median and the quantiles of |composed / flat - 1| (DSP and BRAM: how many are equal). Networks come from the command above, which
writes both figures as they come. Arrays are drawn here (os, ws, is; with and without overlap; int4, int8, int16; 1x1 to 6x6, for the library 1x1 to 2x2), synthesised both
ways by `gnomon synth` for xcup (--arrays) and for the OSU 0.18 um library (--cells), and kept in tables in --keep, which a second run takes up. So are complete designs (--complete: 2x2 to
3x3, one and two lanes; `gnomon synth --complete` with and without --flat, for xcup; the flat run has everything but the levels' banks, which are added) and dense networks of one and two
layers (--cell-networks for the library, --ice40-networks for ice40). Kernels are synthesised flat in every case: nothing is composed there.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from agents import program

NAMES = {"xcup": ("lut", "ff", "dsp", "bram"), "ice40": ("lut", "ff", "dsp", "bram"), "osu018": ("area_um2", "ff")}
LARGEST = {"xcup": 6, "osu018": 2}  # rows and columns of an array: a flat run over standard cells takes ten times as long


def quantile(values: list[float], q: float) -> float:
    values = sorted(values)
    place = q * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def compare(rows: list[dict[str, str]], what: str, target: str = "xcup") -> str:
    out = f"{len(rows)} {what}\n{'resource':10}{'median %':>10}{'90 % of them':>14}{'largest %':>11}{'mean signed %':>15}{'equal':>8}\n"
    for name in NAMES[target]:
        composed = [float(row["composed_" + name]) for row in rows]
        flat = [float(row[name]) for row in rows]
        signed = [100 * (a / b - 1) if b else (0.0 if a == b else 100.0) for a, b in zip(composed, flat)]
        size = [abs(v) for v in signed]
        equal = sum(a == b for a, b in zip(composed, flat))
        out += f"{name:10}{quantile(size, 0.5):10.2f}{quantile(size, 0.9):14.2f}{max(size):11.2f}{sum(signed) / len(signed):15.2f}{equal:8d}\n"
    return out


def design(number: int, target: str) -> dict[str, Any]:
    draw = random.Random(number)
    flow, overlap, bits = ("os", "ws", "is")[number % 3], number // 3 % 2 == 1, (4, 8, 16)[number // 6 % 3]
    array = {"rows": draw.randint(1, LARGEST[target]), "cols": draw.randint(1, LARGEST[target]), "dataflow": flow, "precision": f"int{bits}", "accumulator_bits": {4: 16, 8: 24, 16: 40}[bits], "overlap": overlap}
    levels = [{"name": name, "holds": [name], "kib": 4} for name in ("ifmap", "filter", "ofmap")]
    return {"version": 1, "name": f"array{number}", "clock_mhz": 500, "cores": [{"name": "npu", "array": array, "levels": levels, "vector": {"lanes": 1}}],
            "memory": {"type": "ideal", "bytes_per_cycle": 8, "latency_cycles": 0}}


def complete(number: int) -> dict[str, Any]:
    draw = random.Random(1000 + number)
    flow, bits = ("os", "ws", "is")[number % 3], (8, 4, 16)[number // 3 % 3]
    array = {"rows": draw.randint(2, 3), "cols": draw.randint(2, 3), "dataflow": flow, "precision": f"int{bits}", "accumulator_bits": {4: 16, 8: 24, 16: 48}[bits], "overlap": draw.random() < 0.5}
    levels = [{"name": name, "holds": [name], "kib": draw.choice((2, 4))} for name in ("ifmap", "filter", "ofmap")]
    return {"version": 1, "name": f"complete{number}", "clock_mhz": 500, "cores": [{"name": "npu", "array": array, "levels": levels, "vector": {"lanes": draw.choice((1, 2))}}],
            "memory": {"type": "ideal", "bytes_per_cycle": draw.choice((1, 2)) * max(1, bits // 8), "latency_cycles": draw.randint(5, 30)}}


def network(number: int) -> dict[str, Any]:
    draw = random.Random(2000 + number)
    bits, reuse = draw.choice((4, 6, 8)), number % 2  # unrolled, or a multiplier for every neuron (two from eight inputs on)
    sizes = [draw.randint(4, 8) for _ in range(2 + number // 2 % 2)]
    layers = []
    for before, size in zip(sizes, sizes[1:]):
        # Tables of eight words are memories, which the library has only in a flat run: nothing to compare.
        layers.append({"type": "dense", "size": size, "activation": draw.choice(("relu", "linear", "relu")), "reuse_factor": (1, before if before < 8 else before // 2)[reuse]})
    return {"version": 1, "name": f"network{number}", "precision_bits": bits, "strategy": "resource" if reuse else "latency", "weight_seed": number, "channels": sizes[0], "layers": layers}


KINDS = {"arrays": ("--arch", design), "complete": ("--arch", lambda number, target: complete(number)), "networks": ("--kernel", lambda number, target: network(number))}


def both_ways(kind: str, count: int, target: str, folder: Path) -> list[dict[str, str]]:
    """Both figures of `count` arrays, complete designs or networks; what the folder has of them is not synthesised again."""
    option, make = KINDS[kind]
    names, keep = NAMES[target], folder / f"{kind}-{target}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    fields = [kind.removesuffix("s"), *names, *("composed_" + name for name in names)]
    done: list[dict[str, str]] = []
    if keep.exists():
        with keep.open(newline="") as file:
            done = [row for row in csv.DictReader(file) if row[fields[-1]]][:count]
    for number in range(len(done), count):
        row = {fields[0]: str(number)}
        with tempfile.TemporaryDirectory() as scratch:
            file_name = Path(scratch) / "subject.json"
            file_name.write_text(json.dumps(make(number, target)))
            for prefix, flag in (("", ["--flat"]), ("composed_", [])):
                run = subprocess.run([str(program()), "synth", option, str(file_name), "--target", target, "--no-timing", "--json", *flag, *(["--complete"] if kind == "complete" else [])], capture_output=True, text=True, check=False)
                if run.returncode != 0:
                    raise SystemExit(run.stderr)
                result = json.loads(run.stdout)
                row |= {prefix + name: f"{result[name]:g}" for name in names}
        done.append(row)
        with keep.open("w", newline="") as out:
            writer = csv.DictWriter(out, fields, lineterminator="\n")
            writer.writeheader()
            writer.writerows(done)
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=Path, help="OUT.flat.csv of `gnomon dataset layers --flat N`")
    parser.add_argument("--arrays", type=int, default=0, help="arrays to synthesise both ways for xcup")
    parser.add_argument("--cells", type=int, default=0, help="the same for the OSU 0.18 um library")
    parser.add_argument("--complete", type=int, default=0, help="complete designs, for xcup")
    parser.add_argument("--cell-networks", type=int, default=0, help="dense networks, for the OSU 0.18 um library")
    parser.add_argument("--ice40-networks", type=int, default=0, help="the same for ice40")
    parser.add_argument("--keep", type=Path, default=Path("composed-flat"), help="folder of their figures")
    parser.add_argument("--out", type=Path, help="also write the result here")
    options = parser.parse_args()
    text, fpga = "", list[dict[str, str]]()
    if options.networks:
        with options.networks.open(newline="") as file:
            fpga = list(csv.DictReader(file))
        text += compare(fpga, "networks of layers of the test set, the smallest (`gnomon dataset layers --flat`), for xcup")
    for count, target in ((options.arrays, "xcup"), (options.cells, "osu018")):
        if not count:
            continue
        arrays = both_ways("arrays", count, target, options.keep)
        for bits in (4, 8, 16):
            some = [row for row in arrays if f"int{bits}" == design(int(row["array"]), target)["cores"][0]["array"]["precision"]]
            if some:
                kinds = {json.dumps(design(int(row["array"]), target)["cores"]) for row in some}
                text += ("\n" if text else "") + compare(some, f"int{bits} arrays ({len(kinds)} different) with their levels, 1x1 to {LARGEST[target]}x{LARGEST[target]}, for {target}", target)
        if target == "xcup":
            fpga += arrays
    if options.complete:
        designs = both_ways("complete", options.complete, "xcup", options.keep)
        text += ("\n" if text else "") + compare(designs, "complete designs, 2x2 to 3x3, one and two lanes, with their levels, for xcup")
        fpga += designs
    for count, target in ((options.cell_networks, "osu018"), (options.ice40_networks, "ice40")):
        if count:
            text += ("\n" if text else "") + compare(both_ways("networks", count, target, options.keep), f"dense networks of one and two layers, 4 to 8 neurons each, for {target}", target)
    if sum(map(bool, (options.networks, options.arrays, options.complete))) > 1:
        text += "\n" + compare(fpga, "networks, arrays and complete designs together, for xcup")
    if not text:
        parser.error("give --networks, --arrays, --cells, --complete, --cell-networks or --ice40-networks")
    sys.stdout.write(text)
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
