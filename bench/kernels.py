#!/usr/bin/env python3
"""The shipped kernels and networks: interval, depth, cycles, and LUT, FF, DSP and BRAM by yosys; writes docs/kernels.md.

    .venv/bin/python bench/kernels.py [--target xcup] [--jobs 2] [--only NAME ...] [--out docs/kernels.md]

Cycles are those of the schedule (which co-simulation meets to the cycle, tests/hls/test_compile.cpp) with ports that never wait. Kernels
whose synthesis is refused by its size caps have no resources.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HEAD = """# The shipped kernels

`examples/kernels/*.json`, compiled with their directives: the largest interval of a pipelined loop (`ii`), the stages of the deepest pipeline, the
cycles that a run computes (`latency`, with data-dependent control as seeded inputs decide it) and those with loading and draining of tensors through
ports of one element a cycle (`total`), multipliers and dividers after sharing and the operations that they serve, and resources of the emitted
SystemVerilog by {tool} for `{target}`. LUT counts logic, distributed RAM and shift registers by the LUTs that they take; BRAM are blocks of 36 Kib.
There is no timing for this target. Kernels that are bound to an array (`matmul`, `matmul_narrow`) have the array's figures: `latency` is that of the co-simulation, a multiplier stands
in every PE. The networks of layers at the end (`examples/networks/*.json`) have the interval and latency of an image, and composed resources.

| kernel | ii | depth | latency | total | units / operations | LUT | FF | DSP | BRAM |
|---|---|---|---|---|---|---|---|---|---|
"""


def program() -> Path:
    return Path(os.environ.get("GNOMON_BUILD_DIR", ROOT / "build/release")) / "bin/gnomon"


def run(*arguments: object) -> tuple[dict[str, Any] | None, str]:
    done = subprocess.run([str(program()), *map(str, arguments), "--json"], capture_output=True, text=True, check=False)
    return (json.loads(done.stdout), "") if done.returncode == 0 else (None, done.stderr.strip())


def is_array(kernel: Path) -> bool:
    text = re.sub(r"^\s*//.*$", "", kernel.read_text(), flags=re.MULTILINE)
    return any("array" in bind for bind in json.loads(text).get("directives", {}).get("bind", []))


def measure(kernel: Path, target: str) -> dict[str, Any]:
    network = kernel.parent.name == "networks"
    if is_array(kernel):
        compiled, why = run("cosim", "--kernel", kernel)
    else:
        with tempfile.TemporaryDirectory() as folder:
            compiled, why = run("hls", "--kernel", kernel, "--out", folder)
    if compiled is None:
        raise SystemExit(f"{kernel.name}: {why}")
    resources, why = run("synth", "--kernel", kernel, "--target", target, *([] if network else ["--flat"]))
    return {"name": kernel.stem, "compiled": compiled, "resources": resources, "why": why}


def figure(value: float | None) -> str:
    return "-" if value is None else f"{value:g}" if value != int(value) else str(int(value))


def row(measured: dict[str, Any]) -> str:
    c, r = measured["compiled"], measured["resources"] or {}
    units = f"{len(c['units'])} / {sum(u['operations'] for u in c['units'])}" if c.get("units") else "-"
    cells = [measured["name"], c.get("ii", "-"), c.get("depth_cycles", "-"), c.get("latency_cycles", c.get("rtl_cycles")), c.get("total_cycles", "-"), units]
    return "| " + " | ".join([*map(str, cells), *(figure(r.get(key)) for key in ("lut", "ff", "dsp", "bram"))]) + " |\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="xcup")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    kernels = [path for kind in ("kernels", "networks") for path in sorted((ROOT / "examples" / kind).glob("*.json")) if not options.only or path.stem in options.only]
    with ThreadPoolExecutor(options.jobs) as pool:
        measured = list(pool.map(lambda kernel: measure(kernel, options.target), kernels))
    tool = next((m["resources"]["tool"] for m in measured if m["resources"]), "yosys")
    text = HEAD.format(tool=tool, target=options.target) + "".join(map(row, measured))
    for m in measured:
        if m["why"]:
            text += f"\n{m['name']}: {m['why'].splitlines()[0].removeprefix('error: ').strip()}\n"
    text += f"\nBy `bench/kernels.py{'' if options.target == 'xcup' else ' --target ' + options.target} --out docs/kernels.md`.\n"
    if options.out:
        options.out.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
