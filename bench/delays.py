#!/usr/bin/env python3
"""Delays of operators, measured: each is synthesised by yosys for the OSU 0.18 um library as its emitted expression stands in the RTL, and OpenSTA
gives the slowest path from its inputs to its outputs (edges of 0.2 ns, loads of 0.06 pF - about three gates -, no wires). Writes the table that chaining uses.

    .venv/bin/python bench/delays.py [--jobs 2] [--check] [--out hls/src/schedule/delay_table.hpp]

`--check` compares with the table that is there instead of writing. With `--depth xcup` (or xc7, ice40) it prints the logic depth of the same
operators after technology mapping instead (`ltp` of yosys): these targets have no timing here, and a depth times a delay per level
(`--level-ns`, declared, not measured) is all that can be said.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "hls/src/schedule/delay_table.hpp"
LIBERTY = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
WIDTHS = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64]
# A product of w x w bits grows with the square: the widest ones are left to extrapolation.
OPERATORS: dict[str, tuple[list[int], str]] = {
    "add": (WIDTHS, "module op(input [{w1}:0] a, b, output [{w1}:0] y); assign y = a + b; endmodule"),
    "multiply": ([2, 4, 8, 12, 16, 24, 32], "module op(input signed [{w1}:0] a, b, output signed [{p1}:0] y); assign y = a * b; endmodule"),
    "less": (WIDTHS, "module op(input signed [{w1}:0] a, b, output y); assign y = a < b; endmodule"),
    "equal": (WIDTHS, "module op(input [{w1}:0] a, b, output y); assign y = a == b; endmodule"),
    "shift": (WIDTHS[1:], "module op(input signed [{w1}:0] a, input [5:0] n, output signed [{w1}:0] y); assign y = a >>> n; endmodule"),
    "choose": ([2, 4, 8, 16, 32, 64, 128, 256], "module op(input [{w1}:0] a, input [{s1}:0] s, output y); assign y = a[s]; endmodule"),
    "zeros": ([2, 4, 8, 16, 32, 64], "module op(input [{w1}:0] a, output [6:0] y); assign y = {chain}7'd{w}; endmodule"),
    "logic": ([1], "module op(input a, b, output y); assign y = a ^ b; endmodule"),
}
SYNTHESIS = f"read_verilog -sv op.sv; synth -top op -flatten; abc -D 1000 -liberty {LIBERTY}; opt_clean -purge; write_verilog -noattr netlist.v"
TIMING = f"""read_liberty {LIBERTY}
read_verilog netlist.v
link_design op
create_clock -name c -period 1000
set_input_delay 0 -clock c [all_inputs]
set_input_transition 0.2 [all_inputs]
set_load 0.06 [all_outputs]
set_output_delay 0 -clock c [all_outputs]
report_checks -path_delay max -format end
exit
"""


def text_of(name: str, width: int) -> str:
    chain = "".join(f"a[{width - 1 - i}] ? 7'd{i} : " for i in range(width))
    return OPERATORS[name][1].format(w=width, w1=width - 1, p1=2 * width - 1, s1=max(1, (width - 1).bit_length()) - 1, chain=chain)


def tool(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]}: {(done.stderr or done.stdout)[-800:]}")
    return done.stdout


def delay_ns(name: str, width: int) -> float:
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        (folder / "op.sv").write_text(text_of(name, width))
        tool(folder, "yosys", "-q", "-p", SYNTHESIS)
        (folder / "run.tcl").write_text(TIMING)
        said = tool(folder, "sta", "-no_splash", "-exit", "run.tcl")
        found = re.findall(r"(-?\d+\.\d+)", said)
        if not found:
            raise SystemExit(f"sta gave no path of {name} {width}: {said[-400:]}")
        return round(1000 - float(found[-1]), 3)


def depth(name: str, width: int, target: str) -> int:
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        (folder / "op.sv").write_text(text_of(name, width))
        synth = f"synth_xilinx -family {target} -flatten -noiopad -noclkbuf -nodsp" if target != "ice40" else "synth_ice40"
        said = tool(folder, "yosys", "-p", f"read_verilog -sv op.sv; {synth} -top op; ltp -noff")
        found = re.search(r"length=(\d+)", said)
        return int(found[1]) if found else 0


def table(measured: dict[str, list[tuple[int, float]]], tools: str) -> str:
    modules = "".join(text_of(name, width) for name, points in measured.items() for width, _ in points)
    inputs = hashlib.sha256((modules + SYNTHESIS + TIMING + LIBERTY.read_text() + tools).encode()).hexdigest()
    text = f"""#pragma once

// Made by bench/delays.py with {tools} and osu018_stdcells.lib.
// sha256 of the modules, the commands, the library and the versions: {inputs}

#include <utility>
#include <vector>

namespace gnomon::hls::measured {{

/// Width in bits (`choose`: inputs) and ns from inputs to outputs.
using Delays = std::vector<std::pair<int, double>>;

"""
    for name, points in measured.items():
        text += f"inline const Delays {name}{{" + ", ".join(f"{{{w}, {ns:g}}}" for w, ns in points) + "};\n"
    return text + "\n}  // namespace gnomon::hls::measured\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--depth", choices=["xcup", "xc7", "ice40"])
    parser.add_argument("--level-ns", type=float, default=0.5)
    parser.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args()
    work = [(name, width) for name, (widths, _) in OPERATORS.items() for width in widths]
    with ThreadPoolExecutor(options.jobs) as pool:
        if options.depth:
            levels = list(pool.map(lambda job: depth(job[0], job[1], options.depth), work))
            for (name, width), n in zip(work, levels):
                print(f"{name:9} {width:4} {n:4} levels {n * options.level_ns:7.2f} ns at {options.level_ns:g} ns a level")
            return
        values = list(pool.map(lambda job: delay_ns(job[0], job[1]), work))
    measured: dict[str, list[tuple[int, float]]] = {}
    for (name, width), ns in zip(work, values):
        measured.setdefault(name, []).append((width, ns))
    yosys = " ".join(tool(ROOT, "yosys", "-V").split()[:2])
    sta = "OpenSTA " + tool(ROOT, "sta", "-version").strip()
    text = table(measured, f"{yosys} and {sta}")
    if options.check:
        same = options.out.read_text() == text
        print("the table is what the tools give" if same else "the tools give another table")
        sys.exit(0 if same else 1)
    options.out.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
