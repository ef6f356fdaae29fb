#!/usr/bin/env python3
"""Writes README.md here from the headers of the models: what they learned from, how well they answer, their ranges. Called by make.sh."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
HEAD = """# Shipped models

Trained models that come with gnomon, inside its library: `--model network`, `gnomon.Surrogate.load("network")`, `gnomon_surrogate_load("network", ...)`.
`surrogate/models/make.sh` makes them, and this page by `card.py`. The header of each file (its first line) has the range and unit of every feature, every
target's choice and why, and all scores below; `gnomon surrogate evaluate --model NAME --data TABLE` scores it on other labels.
"""
WHAT = {
    "accelerator": """Latency and energy of one operator (convolution, also grouped and depthwise, matrix product, attention, vector work) on a core with three levels of 1 to 16 banks and an ideal, DDR3, DDR4, LPDDR4 or HBM2 memory, at 45, 28, 16 and 7 nm. Features: those of `layer_features()`
(`gnomon/surrogate/features.hpp`), as `gnomon dataset operators` writes them, the analytical model's answers among them. Labels: the cycle model, on 5,000 random designs with four operators each. Groups: designs.""",
    "design": """LUT, FF, DSP and BRAM (xcup), cell area, flip-flops and fmax (osu018) of a complete accelerator: array, levels' banks, transfers, address generators, requantisation, vector unit, sequencer. Features: a design's description, taken from its JSON
(`--data design.json`) or from the columns that `gnomon dataset designs` writes, and what physics derives from it (`design_features()` in `gnomon/surrogate/features.hpp`). Labels: yosys 0.23 for xcup and with
the OSU 0.18 um library, OpenSTA, complete RTL, composed (docs/rtl.md): memories are not in the area, fmax is the slowest block's. Groups: arrays. Each size, dataflow and number format is one of few arrays, so answers
about arrays never seen are less certain than the number of rows suggests.""",
    "kernel": """LUT, FF, DSP and BRAM (xcup) of a kernel from its JSON (`--data kernel.json`): compiled, scheduled and bound, its hardware is counted (`gnomon/hls/kernel_hardware.hpp`) and takes the place of
synthesis. Labels: yosys 0.23, flat, of 239 variants of the 31 kernels of `examples/kernels`, with their own and random directives. The scores are of other directives of known kernels; of kernels never seen, whole kernels
held out, the median errors are about twice as large (docs/surrogate.md). Trees do not go beyond the sizes they saw.""",
    "network": """LUT, FF, DSP, BRAM, cycles and II of a layered network as hls4ml builds it. Features: the columns `layers`, `precision_bits`, `strategy`, `io`, ... of a table of `gnomon dataset layers`
(docs/labels.md), from which an analytical model of the layers is filled in. Labels: yosys 0.23 for xcup, composed, and the timing model, on 3,400 random networks; the 896 exemplar networks (`test`) were
never learned.""",
    "part": """For `gnomon simulate --beside --part 0.05 --model part`: what the throughput told from a part of the simulation lacks of the whole's, as a share of the throughput that compute alone allows.
Features: those of `part_features()` (`gnomon/sim/part.hpp`). Labels: whole simulations of 480 pairs of random networks on random designs of two cores with a DRAM device. Groups: pairs of networks.""",
    "part-trace": """For `gnomon memory --part 0.05 --model part-trace`: what throughput (of a port's peak), the share of row hits and the energy (logarithm) told from a part of the simulation of memory traces lack of
the whole's. Features: those of `trace_part_features()` (`gnomon/sim/trace_part.hpp`). Labels: whole simulations of one or two random traces of 40,000 to 300,000 requests on 700 random controllers of all devices. Groups: traces.
The correction is small beside the part's own error, which is mostly chance; what the model adds is the interval.""",
}
LIMITS = """## Limits

Rows outside the ranges are flagged, and their intervals are wider, not trusted. `accelerator` knows random designs: a campaign that simulates learns more about its own (`gnomon surrogate train` on its
folder). `network` knows our generator of layers, and `design` the arrays of our RTL that its ranges and docs/labels.md name: figures of a vendor's tool differ.
"""


def short(value: float) -> str:
    return f"{value:.3g}"


def feature(f: dict[str, Any]) -> str:
    if f.get("categories"):
        return f"{f['name']} {'/'.join(f['categories'])}"
    return f"{f['name']} {short(f['low'])} to {short(f['high'])}" + (f" {f['unit']}" if f.get("unit") else "")


def card(name: str, what: str) -> str:
    with (HERE / f"{name}.gnomon").open("rb") as file:
        header = json.loads(file.readline())
    info = header.get("model", header)
    lines = [
        f"## {name}\n", what + "\n",
        f"Training: {info['training_rows']} rows, label kind \"{info['label_kind']}\" by {info['label_tool']}, table SHA-256 `{info['training_sha256'][:16]}...`, seed {info['seed']}.\n",
        "| rows of | target | rows | R2 | SMAPE % | RMSE | median error % | coverage | mean width |", "|---|---|---|---|---|---|---|---|---|",
    ]
    for part in info["metrics"]:
        if part["split"] == "train":
            continue
        lines += [
            f"| {part['split']} | `{s['target']}` | {s['rows']} | {s['r2']:.4f} | {s['smape_percent']:.2f} | {short(s['rmse'])} | {s['median_error_percent']:.2f} | "
            f"{s['coverage']:.2f} | {short(s['mean_width'])} |" for s in part["scores"]
        ]
    return "\n".join(lines) + "\n\nRanges: " + ", ".join(feature(f) for f in info["features"]) + ".\n"


def main() -> None:
    (HERE / "README.md").write_text("\n".join([HEAD, *(card(name, what) for name, what in WHAT.items()), LIMITS]))


if __name__ == "__main__":
    main()
