"""Counts of ONNX graphs taken without gnomon: shapes by onnx.shape_inference, counts by the definitions of graph.hpp.

    count_onnx.py --dump WORKLOAD_DUMP      compares gnomon's importer with this count on every file of $GNOMON_DATA/onnx
    count_onnx.py --table                   prints the table that tests/workloads/data/onnx_counts.csv holds

macs: convolutions and matrix products, padding taps included. weights: elements of real-valued constants that are read, each once.
activations: elements that nodes write, constants and views (reshape, dropout and the like) left out.
Exit code 77: $GNOMON_DATA is not set.
"""

import argparse
import glob
import json
import math
import os
import subprocess
import sys

import onnx
from onnx import TensorProto, numpy_helper, shape_inference

VIEWS = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"}


def count(path):
    model = shape_inference.infer_shapes(onnx.load(path), strict_mode=True)
    graph = model.graph
    shapes, types = {}, {}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        shapes[value.name] = [d.dim_value for d in value.type.tensor_type.shape.dim]
        types[value.name] = value.type.tensor_type.elem_type
    constants = set()
    for tensor in graph.initializer:
        shapes[tensor.name], types[tensor.name] = list(tensor.dims), tensor.data_type
        constants.add(tensor.name)
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer if t.data_type == TensorProto.INT64}
    sources = set(constants)
    for node in graph.node:
        if node.op_type == "ConstantOfShape":
            shapes[node.output[0]] = [int(n) for n in values[node.input[0]]]
            sources.add(node.output[0])
        if node.op_type in ("ConstantOfShape", "Constant") or all(name in constants for name in node.input):
            constants.update(node.output)
    read = {name for node in graph.node for name in node.input}
    result = {"macs": 0, "weights": 0, "activations": 0}
    for name in sources & read:
        if types.get(name, TensorProto.FLOAT) == TensorProto.FLOAT:
            result["weights"] += math.prod(shapes[name])
    wanted = read | {value.name for value in graph.output}
    for node in graph.node:
        if node.output[0] in constants:
            continue
        out = math.prod(shapes[node.output[0]])
        if node.op_type == "Conv":
            result["macs"] += out * math.prod(shapes[node.input[1]][1:])
        elif node.op_type == "Gemm":
            transposed = any(a.name == "transA" and a.i for a in node.attribute)
            result["macs"] += out * shapes[node.input[0]][0 if transposed else 1]
        elif node.op_type == "MatMul":
            result["macs"] += out * shapes[node.input[0]][-1]
        if node.op_type not in VIEWS:
            result["activations"] += out + sum(math.prod(shapes[n]) for n in node.output[1:] if n in wanted)
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dump")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    data = os.environ.get("GNOMON_DATA")
    if not data:
        print("skipped: GNOMON_DATA is not set, so the nine real ONNX graphs are not there")
        return 77
    files = sorted(glob.glob(os.path.join(data, "onnx", "*.onnx")))
    if not files:
        print(f"no ONNX files in {data}/onnx")
        return 1
    wrong = 0
    for path in files:
        truth = count(path)
        name = os.path.basename(path)
        if options.table:
            print(",".join([name, *(str(truth[key]) for key in ("macs", "weights", "activations"))]))
            continue
        done = subprocess.run([options.dump, path], capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        found = {key: found.get(key, found.get("error")) for key in truth}
        print(f"{name}: {truth} {'agrees' if truth == found else f'DIFFERS, gnomon: {found}'}")
        wrong += truth != found
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
