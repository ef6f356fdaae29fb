"""Kernels through the program: what `gnomon hls` says of units, registers and banks, and kernels that it must refuse, with their place."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT, gnomon, write_json


def kernel(**changes: Any) -> dict[str, Any]:
    """A running sum of products; `changes` replace keys of the file."""
    return {
        "version": 1,
        "name": "dot",
        "tensors": [
            {"name": "x", "kind": "input", "type": "int8", "shape": [16]},
            {"name": "y", "kind": "input", "type": "int8", "shape": [16]},
            {"name": "s", "kind": "output", "type": "int32", "shape": [16]},
        ],
        "loops": [{"name": "i", "extent": 15}],
        "body": [
            {"name": "a", "op": "load", "tensor": "x", "index": ["i"]},
            {"name": "b", "op": "load", "tensor": "y", "index": ["i"]},
            {"name": "c", "op": "load", "tensor": "s", "index": ["i"]},
            {"name": "d", "op": "mac", "type": "int32", "args": ["a", "b", "c"]},
            {"op": "store", "tensor": "s", "index": ["i + 1"], "args": ["d"]},
        ],
        **changes,
    }


def body(place: int, **changes: Any) -> list[dict[str, Any]]:
    ops: list[dict[str, Any]] = kernel()["body"]
    ops[place].update(changes)
    return ops


def deadlock() -> dict[str, Any]:
    """Two processes of which each waits for the other's first element."""
    ops: list[dict[str, Any]] = []
    for loop, reads, writes in (("i", "back", "forth"), ("j", "forth", "back")):
        ops += [{"name": f"r{loop}", "op": "read", "stream": reads, "in": loop}, {"op": "write", "stream": writes, "args": [f"r{loop}"], "in": loop}]
    streams = [{"name": name, "kind": "local", "type": "int8", "depth": 4} for name in ("forth", "back")]
    loops = [{"name": "i", "extent": 4, "process": "p"}, {"name": "j", "extent": 4, "in": "", "process": "q"}]
    return {"version": 1, "name": "ring", "processes": ["p", "q"], "tensors": [], "streams": streams, "loops": loops, "body": ops}


def renamed(name: str) -> dict[str, Any]:
    return kernel(name=name)


def tensor(**changes: Any) -> list[dict[str, Any]]:
    tensors: list[dict[str, Any]] = kernel()["tensors"]
    tensors[0].update(changes)
    return tensors


def wide(op: str, **types: str) -> dict[str, Any]:
    """x and y of 64 bits whose points are 64 bits apart, through one operation."""
    tensors = [{**t, "type": types.get(t["name"], t["type"])} for t in kernel()["tensors"]]
    return kernel(tensors=tensors, body=body(3, op=op, type=types["d"], args=["a", "b"]))


BAD = [
    ("a value as an index", kernel(body=body(1, index=["a"])), "/body/1/index/0", "must be declared"),
    ("a product of loops", kernel(body=body(0, index=["i*i"])), "/body/0/index/0", "product of two loops"),
    ("a width over 64", kernel(tensors=tensor(type="int65")), "/tensors/0/type", "int65"),
    ("a width of 0", kernel(tensors=tensor(type="uint0")), "/tensors/0/type", "uint0"),
    ("an interval below the recurrence", kernel(directives={"pipeline": {"ii": 1}, "clock_ns": 3}), "/directives/pipeline/ii", "recurrences in loop"),
    ("more banks than elements", kernel(directives={"partition": {"x": [{"kind": "cyclic", "factor": 17}]}}), "/directives/partition/x/0/factor", "17 banks"),
    ("a dimension that there is not", kernel(directives={"partition": {"x": [{"kind": "block", "dim": 1, "factor": 2}]}}), "/directives/partition/x/0/dim", "1 dimensions"),
    ("two partitions of a dimension", kernel(directives={"partition": {"x": [{"kind": "complete"}, {"kind": "complete"}]}}), "/directives/partition/x/1/dim", "twice"),
    ("streams that block for ever", deadlock(), "/body/0", "deadlock"),
    ("a shell's words as a name", renamed("a; rm -rf"), "/name", "is not a name"),
    ("a keyword as a name", renamed("module"), "/name", "module"),
    ("a name that is not ASCII", renamed("mat\u00fcl"), "/name", "is not a name"),
    ("a keyword as a tensor", kernel(tensors=tensor(name="always")), "/tensors/0/name", "always"),
    ("a type of the emitted C++ as a tensor", kernel(tensors=tensor(name="ap_int")), "/tensors/0/name", "emitted C++"),
    ("a namespace of the emitted C++ as a loop", kernel(loops=[{"name": "hls", "extent": 15}]), "/loops/0/name", "emitted C++"),
    ("a macro of C as a tensor", kernel(tensors=tensor(name="INT32_MAX")), "/tensors/0/name", "emitted C++"),
    ("a name that the emitters keep", kernel(tensors=tensor(name="gnomon_v0")), "/tensors/0/name", "emitted C++"),
    ("a quote in a loop's name", kernel(loops=[{"name": 'i"; $(reboot)', "extent": 15}]), "/loops/0/name", "is not a name"),
    ("an index outside", kernel(body=body(4, index=["i + 2"])), "/body/4/index/0", "runs from 2 to 16"),
    ("an operation that there is not", kernel(body=body(3, op="mca")), "/body/3/op", "mac"),
    ("a loop that ends itself by nothing", kernel(loops=[{"name": "i", "extent": 15, "while": "e"}]), "/loops/0/while", "unknown value"),
    ("a minimum of more than 126 bits", wide("min", x="uint64", y="ufixed<64,0>", d="ufixed<64,0>"), "/body/3", "more than 126 bits"),
    ("a quotient of more than 126 bits", wide("div", x="uint64", y="ufixed<64,0>", d="ufixed<64,0>"), "/body/3", "more than 126 bits"),
    ("a product that is all below the type's last bit", wide("mul", x="fixed<32,-32>", y="fixed<32,-32>", d="int8"), "/body/3", "more than 126 bits"),
    ("exp of too many bits", kernel(body=body(3, op="exp", type="int40", args=["c"])), "/body/3/type", "at most 32"),
]


@pytest.mark.parametrize(("bad", "place", "words"), [pytest.param(*case[1:], id=case[0]) for case in BAD])
def test_bad_kernels_say_where_and_why(tmp_path: Path, bad: dict[str, Any], place: str, words: str) -> None:
    path = write_json(tmp_path / "kernel.json", bad)
    for command in (("hls", "--out", tmp_path / "out"), ("cosim",), ("synth", "--target", "xcup")):
        run = gnomon(*command[:1], "--kernel", path, *command[1:])
        assert run.status == 3, (run.status, run.err)
        assert f"kernel.json: {place}" in run.err and words in run.err, run.err
    assert not (tmp_path / "out").exists()


def test_the_good_one_is_good(tmp_path: Path) -> None:
    run = gnomon("hls", "--kernel", write_json(tmp_path / "kernel.json", kernel()), "--out", tmp_path / "out", "--json")
    assert run.status == 0, run.err
    document = run.json()
    assert document["schedule_verified"] is True
    assert {m["tensor"]: m["storage"] for m in document["memories"]} == {"x": "ram", "y": "ram", "s": "ram"}
    assert [(u["op"], u["operations"]) for u in document["units"]] == [("mul", 1)]


def squares() -> dict[str, Any]:
    """Three squares an iteration from one read port: three cycles, one multiplier."""
    ops: list[dict[str, Any]] = []
    for n in range(3):
        ops += [{"name": f"a{n}", "op": "load", "tensor": "x", "index": [f"3*i + {n}"]}, {"name": f"b{n}", "op": "mul", "type": "int16", "args": [f"a{n}", f"a{n}"]}]
    ops += [{"name": "c", "op": "add", "type": "int18", "args": ["b0", "b1"]}, {"name": "d", "op": "add", "type": "int18", "args": ["c", "b2"]}]
    ops += [{"op": "store", "tensor": "y", "index": ["i"], "args": ["d"]}]
    tensors = [{"name": "x", "kind": "input", "type": "int8", "shape": [48]}, {"name": "y", "kind": "output", "type": "int18", "shape": [16]}]
    return {"version": 1, "name": "squares", "tensors": tensors, "loops": [{"name": "i", "extent": 16}], "body": ops}


def test_shared_units_and_their_report(tmp_path: Path) -> None:
    """Units and registers stand in the report, in the table for people, and in the emitted text."""
    path = write_json(tmp_path / "squares.json", squares())
    run = gnomon("hls", "--kernel", path, "--out", tmp_path / "out", "--json")
    assert run.status == 0, run.err
    document = run.json()
    assert [u["operations"] for u in document["units"]] == [3] and document["ii"] == 3
    assert document["registers"]["count"] <= document["registers"]["values"]
    assert len(re.findall(r"\* \$signed\(", Path(document["files"][0]).read_text())) == 1
    run = gnomon("hls", "--kernel", path, "--out", tmp_path / "out")
    assert run.status == 0 and "operations" in run.out and "registers:" in run.out


def test_a_window_of_waves_and_a_second_simulator(tmp_path: Path) -> None:
    """Truth: the trace file's own header (first and last time; a cycle is 10 units, behind a reset of 2), and Icarus Verilog, where what was never set is x."""
    kernel_file, trace = ROOT / "examples/kernels/fir.json", tmp_path / "window.fst"
    run = gnomon("cosim", "--kernel", kernel_file, "--trace", trace, "--trace-cycles", 20, 50, "--icarus", "--stall", 0.3, "--json")
    assert run.status == 0, run.err
    replay = run.json()["steps"][0]["replay"]
    assert replay["mismatches"] == 0 and replay["cycles"] > 50 and "Icarus" in replay["tool"]
    header = trace.read_bytes()[:25]
    assert (int.from_bytes(header[9:17], "big"), int.from_bytes(header[17:25], "big")) == (10 * (2 + 20) + 5, 10 * (2 + 50))
    assert gnomon("cosim", "--kernel", kernel_file, "--system").status == 2


def test_a_while_kernel_in_rtl(tmp_path: Path) -> None:
    run = gnomon("cosim", "--kernel", ROOT / "examples/kernels/topk_64_p4.json", "--stall", 0.3, "--json")
    assert run.status == 0, run.err
    document = json.loads(run.out)
    assert document["outputs_match"] is True and document["cycle_difference"] == 0
