#!/usr/bin/env python3
"""RTL of arrays and complete designs: seconds from a design to its checked co-simulation (first, and from the cache), clock cycles per
CPU-second in Verilator; seconds and figures of synthesis; labelled networks per hour.

    .venv/bin/python bench/rtl.py [--synth]
    .venv/bin/python bench/rtl.py --labels N
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from agents import ROOT, program


def run(cache: Path, *arguments: object) -> tuple[dict[str, Any], float, float]:
    """The document, wall seconds and CPU seconds of all children."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([str(program()), *map(str, arguments), "--json"], env={**os.environ, "XDG_CACHE_HOME": str(cache)}, stdout=subprocess.PIPE, check=True)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return json.loads(done.stdout), wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def design(size: int, dataflow: str, overlap: bool) -> dict[str, Any]:
    return {
        "version": 1,
        "name": f"{dataflow}{size}",
        "clock_mhz": 800,
        "cores": [
            {
                "name": "npu",
                "array": {"rows": size, "cols": size, "dataflow": dataflow, "overlap": overlap},
                "levels": [{"name": name, "holds": [name], "kib": 64, "banks": 8} for name in ("ifmap", "filter", "ofmap")],
                "vector": {"lanes": size},
            }
        ],
        "memory": {"type": "ideal", "bytes_per_cycle": 32, "latency_cycles": 50},
    }


def labels(count: int, cache: Path) -> None:
    print("| labels of fully connected networks | networks | CPU s, no block known before | networks per hour on two cores |\n|---|---|---|---|")
    for target in ("osu018", "xcup"):
        table, before = cache / f"{target}.csv", resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([str(program()), "dataset", "layers", "--out", str(table), "--count", str(count), "--conv", "0", "--target", target, "--seed", "1"],
                       env={**os.environ, "XDG_CACHE_HOME": str(cache / target)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"| {target} | {count} | {cpu:.0f} | {2 * 3600 * count / cpu:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synth", action="store_true", help="synthesis too (minutes)")
    parser.add_argument("--labels", type=int, default=0, metavar="N", help="label N fully connected networks per target instead (1000: 45 minutes)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache, arch = Path(folder) / "cache", Path(folder) / "design.json"
        if options.labels > 0:
            labels(options.labels, Path(folder))
            return
        short, long = Path(folder) / "short.csv", Path(folder) / "long.csv"
        short.write_text("Layer,M,N,K,\nshort,64,64,256,\n")
        long.write_text("Layer,M,N,K,\nlong,1024,512,1024,\n")
        arch.write_text(json.dumps(design(2, "os", False)))
        run(cache, "cosim", "--arch", arch, "--workload", short)  # Verilator's runtime, compiled once per cache
        print("| array | first, s (CPU s) | from the cache, s (CPU s) | cycles per CPU-second |\n|---|---|---|---|")
        for size in (16, 32):
            for dataflow in ("os", "ws", "is"):
                for overlap in (False, True):
                    arch.write_text(json.dumps(design(size, dataflow, overlap)))
                    _, first, first_cpu = run(cache, "cosim", "--arch", arch, "--workload", short)
                    _, cached, cached_cpu = run(cache, "cosim", "--arch", arch, "--workload", short)
                    document, _, cpu = run(cache, "cosim", "--arch", arch, "--workload", long)
                    assert document["outputs_match"] and document["cycle_difference"] == 0
                    rate = document["rtl_cycles"] / max(cpu - cached_cpu, 1e-6)
                    name = f"{dataflow} {size} x {size}{', overlap' if overlap else ''}"
                    print(f"| {name} | {first:.2f} ({first_cpu:.2f}) | {cached:.2f} ({cached_cpu:.2f}) | {rate / 1e3:.0f} k |", flush=True)
        print("\n| complete design, LeNet-5 | first, s (CPU s) | from the cache, s (CPU s) | cycles |\n|---|---|---|---|")
        for dataflow in ("os", "ws", "is"):
            arch.write_text(json.dumps(design(16, dataflow, True)))
            lenet = ("cosim", "--arch", arch, "--workload", ROOT / "examples/workloads/lenet5.json", "--whole")
            document, first, first_cpu = run(cache, *lenet)
            assert document["outputs_match"] and document["cycle_difference"] == 0
            _, cached, cached_cpu = run(cache, *lenet)
            print(f"| {dataflow} 16 x 16, overlap | {first:.2f} ({first_cpu:.2f}) | {cached:.2f} ({cached_cpu:.2f}) | {document['rtl_cycles']} |", flush=True)
        if not options.synth:
            return
        print("\n| array | target | LUT | FF | DSP | BRAM | area um2 | fmax MHz | CPU s |\n|---|---|---|---|---|---|---|---|---|")
        for size, target in ((4, "xcup"), (8, "xcup"), (16, "xcup"), (8, "xc7"), (2, "ice40"), (8, "osu018"), (16, "osu018")):
            for dataflow in ("os", "ws"):
                arch.write_text(json.dumps(design(size, dataflow, False)))
                document, _, cpu = run(cache, "synth", "--arch", arch, "--target", target)
                figures = " | ".join("" if document[key] is None else f"{document[key]:.6g}" for key in ("lut", "ff", "dsp", "bram", "area_um2", "fmax_mhz"))
                print(f"| {dataflow} {size} x {size} | {target} | {figures} | {cpu:.1f} |", flush=True)


if __name__ == "__main__":
    main()
