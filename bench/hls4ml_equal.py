#!/usr/bin/env python3
"""Random networks of layers with a type for each number, beside hls4ml: outputs of gnomon's C++ and of hls4ml's, bit by bit.

    bench/hls4ml_equal.py [--networks 60] [--seed 1] [--vectors 25] [--keep DIR]

Fully connected and convolutional layers (1-d, 2-d, pooled), linear or relu; weights with zeros, accumulators that truncate and wrap, results that
round and saturate; reuse factors, both strategies, io_parallel and io_stream. Both programs are compiled with the ap_fixed headers that come with
hls4ml (`pip install hls4ml`; Vitis backend), so neither gnomon's types nor its evaluation take part. That gnomon's C++ equals its RTL and its
golden model is for `./gnomonw test -R hls_layers` to show. A network that gnomon refuses is counted with its reason.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("GNOMON_BUILD_DIR", ROOT / "build/release")) / "bin/gnomon"


def fixed(r: random.Random, bits: tuple[int, int], integer: tuple[int, int], *, free: bool = False) -> tuple[str, int, int, bool]:
    """A type's text, bits, fraction bits and sign; `free`: rounding, saturation and the missing sign are drawn too."""
    width = r.randint(*bits)
    whole = min(r.randint(*integer), width)
    signed = not free or r.random() < 0.6
    modes = f",{r.choice(['AP_TRN', 'AP_RND', 'AP_RND_CONV'])},{r.choice(['AP_WRAP', 'AP_SAT'])}" if free and r.random() < 0.7 else ""
    return f"ap_{'' if signed else 'u'}fixed<{width},{whole}{modes}>", width, width - whole, signed


def drawn(r: random.Random, kind: tuple[str, int, int, bool], zeros: float) -> int:
    if r.random() < zeros:
        return 0
    low, high = (-(1 << (kind[1] - 1)), (1 << (kind[1] - 1)) - 1) if kind[3] else (0, (1 << kind[1]) - 1)
    return r.randint(low, high)


def network(seed: int) -> dict[str, Any]:
    """A network as gnomon reads it."""
    r = random.Random(seed)
    dims = r.choice([0, 0, 1, 2])
    shape = {"channels": r.randint(1, 12)} if dims == 0 else {"channels": r.randint(1, 3), "width": r.randint(5, 10)}
    if dims == 2:
        shape["height"] = r.randint(5, 8)
    height, width, channels = shape.get("height", 1), shape.get("width", 1), shape["channels"]
    zeros = r.choice([0.0, 0.3, 0.8])
    layers: list[dict[str, Any]] = []

    def weighted(kind: str, inputs: int, size: int, **more: Any) -> None:
        types = {"weight": fixed(r, (2, 8), (1, 3)), "bias": fixed(r, (2, 10), (1, 4)), "accum": fixed(r, (8, 26), (3, 12)), "result": fixed(r, (3, 12), (1, 6), free=True)}
        layer = {"type": kind, "size": size, "activation": r.choice(["linear", "relu"]), "reuse_factor": 1, **more}
        layer["precision"] = {name: text for name, (text, *_) in types.items()}
        if layer["activation"] == "relu":
            layer["precision"]["activation"] = fixed(r, (2, 10), (1, 6), free=True)[0]
        layer["weights"] = [drawn(r, types["weight"], zeros) for _ in range(inputs * size)]
        layer["biases"] = [drawn(r, types["bias"], 0.1) for _ in range(size)]
        layers.append(layer)

    for _ in range(r.randint(1, 2) if dims else 0):
        kernel, stride, size = r.randint(1, 3), r.randint(1, 2), r.randint(1, 5)
        if width < kernel or (dims == 2 and height < kernel):
            break
        weighted(f"conv{dims}d", kernel ** dims * channels, size, kernel=kernel, stride=stride)
        width, height, channels = (width - kernel) // stride + 1, (height - kernel) // stride + 1 if dims == 2 else 1, size
        if r.random() < 0.4 and width >= 2 and (dims == 1 or height >= 2):
            layers.append({"type": "max_pool", "kernel": 2})
            width, height = width // 2, height // 2 if dims == 2 else 1
    if dims and r.random() < 0.7:
        layers.append({"type": "flatten"})
        channels, width, height, dims = channels * width * height, 1, 1, 0
    for _ in range(r.randint(1, 3) if dims == 0 else 0):
        size = r.randint(1, 12)
        weighted("dense", channels, size)
        channels = size
    return {"version": 1, "name": f"random{seed}", "precision": {"default": "ap_fixed<16,6>", "input": fixed(r, (3, 12), (1, 5))[0]}, "strategy": r.choice(["latency", "resource"]),
            "io": r.choice(["io_parallel", "io_stream"]), **shape, "layers": layers}


def parsed(text: str) -> tuple[int, bool]:
    """Fraction bits and sign of a type."""
    found = re.fullmatch(r"ap_(u?)fixed<(\d+),(\d+).*>", text)
    assert found
    return int(found[2]) - int(found[3]), not found[1]


def peer(net: dict[str, Any], inputs: list[list[int]], folder: Path) -> list[list[float]]:
    """hls4ml's outputs."""
    import hls4ml.model.graph
    import numpy as np

    height, width, channels = net.get("height", 1), net.get("width", 1), net["channels"]
    dims = 2 if "height" in net else 1 if "width" in net else 0
    shape = [*([height] if dims == 2 else []), *([width] if dims else []), channels]
    layers: list[dict[str, Any]] = [{"class_name": "InputLayer", "name": "x", "input_shape": shape}]
    named: dict[str, Any] = {"x": {"Precision": {"result": net["precision"]["input"]}}}
    last = net["precision"]["input"]
    for i, layer in enumerate(net["layers"]):
        name, kind = f"l{i}", layer["type"]
        if kind == "flatten":
            layers.append({"class_name": "Reshape", "name": name, "target_shape": [height * width * channels]})
            channels, height, width, dims = height * width * channels, 1, 1, 0
        elif kind == "max_pool":
            pool = {"class_name": f"MaxPooling{dims}D", "name": name, "pool_op": "Max", "data_format": "channels_last", "n_filt": channels, "padding": "valid", "n_in": width, "n_out": width // 2,
                    "pool_width": 2, "stride_width": 2, "pad_left": 0, "pad_right": 0, "pool_height": 2, "stride_height": 2, "pad_top": 0, "pad_bottom": 0, "count_pad": False,
                    "in_width": width, "in_height": height, "out_width": width // 2, "out_height": height // 2}
            layers.append(pool)
            named[name] = {"Precision": {"result": last, "accum": last}}
            width, height = width // 2, height // 2 if dims == 2 else 1
        else:
            types = layer["precision"]
            weights = np.array(layer["weights"], float) / 2.0 ** parsed(types["weight"])[0]
            both = {"name": name, "weight_data": None, "bias_data": np.array(layer["biases"], float) / 2.0 ** parsed(types["bias"])[0]}
            size = layer["size"]
            if kind == "dense":
                layers.append({**both, "class_name": "Dense", "n_in": channels, "n_out": size, "weight_data": weights.reshape(channels, size)})
            else:
                k, s = layer["kernel"], layer["stride"]
                wide, high = (width - k) // s + 1, (height - k) // s + 1
                layers.append({**both, "class_name": f"Conv{dims}D", "data_format": "channels_last", "n_chan": channels, "n_filt": size, "padding": "valid", "filt_width": k, "stride_width": s,
                               "in_width": width, "out_width": wide, "pad_left": 0, "pad_right": 0, "dilation_width": 1,
                               "weight_data": weights.reshape(*[k] * dims, channels, size),
                               **({"filt_height": k, "stride_height": s, "in_height": height, "out_height": high, "pad_top": 0, "pad_bottom": 0, "dilation_height": 1} if dims == 2 else {})})
                width, height = wide, high if dims == 2 else 1
            channels = size
            named[name] = {"Precision": {key: types[key] for key in ("weight", "bias", "accum", "result")}, "ReuseFactor": layer["reuse_factor"], "Strategy": net["strategy"].capitalize()}
            last = types["result"]
            if layer["activation"] == "relu":
                layers.append({"class_name": "Activation", "name": f"{name}r", "activation": "relu", "n_in": width * height * channels})
                last = types["activation"]
                named[f"{name}r"] = {"Precision": {"result": last}}
    config = {"Backend": "Vitis", "OutputDir": str(folder / "hls4ml"), "ProjectName": "network", "IOType": net["io"], "Part": "xcu250-figd2104-2L-e", "ClockPeriod": 5,
              "HLSConfig": {"Model": {"Precision": "ap_fixed<16,6>", "ReuseFactor": 1, "Strategy": "Latency"}, "LayerName": named}}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        model = hls4ml.model.graph.ModelGraph.from_layer_list(config, layers)
        model.compile()
        values = np.array(inputs, float) / 2.0 ** parsed(net["precision"]["input"])[0]
        out = model.predict(np.ascontiguousarray(values.reshape(len(inputs), *shape)))
    return [list(map(float, row)) for row in out.reshape(len(inputs), -1)]


def own(net: dict[str, Any], inputs: list[list[int]], folder: Path, types: Path) -> list[list[float]] | str:
    """What gnomon's C++ gives, or why there is none."""
    (folder / "net.json").write_text(json.dumps(net))
    done = subprocess.run([BINARY, "hls", "--kernel", folder / "net.json", "--out", folder / "own"], capture_output=True, text=True)
    if done.returncode:
        return done.stderr.split(": ", 2)[-1].strip()
    text = (folder / "own/network.cpp").read_text()
    top = text[text.index("void gnomon_network("):]
    found = re.search(r"\(const (.+) in\[(\d+)\], (.+) out\[(\d+)\]\)", top)
    streams = re.search(r"\(hls::stream<gnomon_vector<(.+), (\d+)> >& in, hls::stream<gnomon_vector<(.+), (\d+)> >& out\)", top)
    vectors = "{" + ", ".join("{" + ", ".join(map(str, row)) + "}" for row in inputs) + "}"
    main = f'#include "own/network.cpp"\n#include <cstdio>\nstatic const long long inputs[{len(inputs)}][{len(inputs[0])}] = {vectors};\nint main() {{\n  for (const auto& row : inputs) {{\n'
    if found:
        main += (f"    {found[1]} x[{found[2]}];\n    {found[3]} y[{found[4]}];\n    for (int i = 0; i < {found[2]}; ++i) x[i] = gnomon_raw<{found[1]}>(row[i]);\n"
                 f'    gnomon_network(x, y);\n    for (const auto& v : y) std::printf("%.17g ", v.to_double());\n')
    else:
        assert streams, top[:200]
        main += (f"    hls::stream<gnomon_vector<{streams[1]}, {streams[2]}> > x(\"x\");\n    hls::stream<gnomon_vector<{streams[3]}, {streams[4]}> > y(\"y\");\n"
                 f"    for (int i = 0; i < {len(inputs[0])}; i += {streams[2]}) {{\n      gnomon_vector<{streams[1]}, {streams[2]}> v;\n"
                 f"      for (int c = 0; c < {streams[2]}; ++c) v.v[c] = gnomon_raw<{streams[1]}>(row[i + c]);\n      x.write(v);\n    }}\n    gnomon_network(x, y);\n"
                 f'    while (!y.empty()) {{\n      const auto v = y.read();\n      for (const auto& e : v.v) std::printf("%.17g ", e.to_double());\n    }}\n')
    main += '    std::printf("\\n");\n  }\n}\n'
    (folder / "main.cpp").write_text(main)
    subprocess.run(["g++", "-std=c++17", "-O1", "-w", "-I", types, folder / "main.cpp", "-o", folder / "main"], check=True)
    out = subprocess.run([folder / "main"], check=True, capture_output=True, text=True).stdout
    return [list(map(float, line.split())) for line in out.splitlines()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1, help="of the first network; the others follow")
    parser.add_argument("--vectors", type=int, default=25, help="inputs of each network")
    parser.add_argument("--keep", type=Path, help="folder for the files of networks that differ")
    options = parser.parse_args()
    try:
        import hls4ml
    except ImportError:
        print("hls4ml is not installed: pip install hls4ml", file=sys.stderr)
        return 1
    types = Path(hls4ml.__file__).parent / "templates/vivado/ap_types"
    compared: collections.Counter[str] = collections.Counter()
    equal: collections.Counter[str] = collections.Counter()
    refused: collections.Counter[str] = collections.Counter()
    values = 0
    for seed in range(options.seed, options.seed + options.networks):
        net = network(seed)
        r = random.Random(f"inputs {seed}")
        width = int(net["precision"]["input"].split("<")[1].split(",")[0])
        count = net["channels"] * net.get("width", 1) * net.get("height", 1)
        inputs = [[r.randint(-(1 << (width - 1)), (1 << (width - 1)) - 1) for _ in range(count)] for _ in range(options.vectors)]
        with tempfile.TemporaryDirectory() as name:
            folder = options.keep / str(seed) if options.keep else Path(name)
            folder.mkdir(parents=True, exist_ok=True)
            ours = own(net, inputs, folder, types)
            if isinstance(ours, str):
                refused[re.sub(r"\d+", "N", ours)[:100]] += 1
                continue
            theirs = peer(net, inputs, folder)
        kinds = {layer["type"] for layer in net["layers"]}
        kind = "conv2d" if "conv2d" in kinds else "conv1d" if "conv1d" in kinds else "dense"
        compared[kind] += 1
        equal[kind] += ours == theirs
        values += sum(map(len, ours))
        if ours != theirs:
            wrong = sum(a != b for x, y in zip(ours, theirs, strict=True) for a, b in zip(x, y, strict=True))
            print(f"seed {seed}: {wrong} of {sum(map(len, ours))} outputs differ ({net['strategy']}, {net['io']}, {' '.join(layer['type'] for layer in net['layers'])})", flush=True)
    print(f"\nhls4ml {hls4ml.__version__}, networks {options.seed} to {options.seed + options.networks - 1}, {options.vectors} inputs each: {values} outputs\n\n| networks | compared | all outputs equal |\n|---|---|---|")
    for kind in sorted(compared):
        print(f"| {kind} | {compared[kind]} | {equal[kind]} |")
    for reason, count in refused.most_common():
        print(f"{count} refused: {reason}")
    return 0 if compared == equal else 1


if __name__ == "__main__":
    sys.exit(main())
