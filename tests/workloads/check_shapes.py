"""Shapes of random small ONNX models: gnomon's importer against onnx.shape_inference, and against real execution by onnx.reference.

    check_shapes.py --dump WORKLOAD_DUMP [--cases N] [--seed N] [--only Conv]

Every operator that the importer knows has a generator here; each case is one model. The truth is the shape and element type of every
tensor that onnx.shape_inference derives (data propagation on). Where constant folding decides a shape, the model is also executed by
onnx.reference on real data, and the shape of the result is the truth. The seed of a failing case is printed.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, shape_inference

from shape_cases import CHAINS, GENERATORS, Model

try:
    from onnx.reference import ReferenceEvaluator
except ImportError:  # Debian 12's onnx has none
    ReferenceEvaluator = None

NAMES = {TensorProto.FLOAT: "f32", TensorProto.INT64: "i64", TensorProto.BOOL: "boolean", TensorProto.UINT8: "u8", TensorProto.INT8: "i8", TensorProto.INT32: "i32",
         TensorProto.FLOAT16: "f16", TensorProto.DOUBLE: "f64", TensorProto.BFLOAT16: "bf16"}
NEWEST = onnx.defs.onnx_opset_version()


def executed(model):
    """Shapes of the outputs when the model runs."""
    feeds = {}
    for value in model.graph.input:
        shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
        feeds[value.name] = np.ones(shape, helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
    outputs = ReferenceEvaluator(model).run(None, feeds)
    return {value.name: list(out.shape) for value, out in zip(model.graph.output, outputs)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dump", required=True)
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--seed", type=int, default=20240611)
    parser.add_argument("--only")
    options = parser.parse_args()
    generators = [g for g in GENERATORS + CHAINS if not options.only or options.only in g.__name__]
    print(f"onnx {onnx.__version__}, seed {options.seed}, {options.cases} cases, opsets 7 to {min(NEWEST, 23)}, "
          f"{'with' if ReferenceEvaluator else 'without'} execution")
    models, infos = [], []
    with tempfile.TemporaryDirectory() as folder:
        attempt = 0
        while len(models) < options.cases:
            generator = generators[attempt % len(generators)]
            rng = random.Random(f"{options.seed}-{attempt}")
            attempt += 1
            if attempt > 20 * options.cases:
                print("too many random models are refused by onnx itself")
                return 1
            m = Model(rng, rng.randint(13 if generator in CHAINS else 7, min(NEWEST, 23)))
            generator(m)
            model = m.build()
            try:
                inferred = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
            except Exception as error:  # a window that does not fit, an operator of a later opset
                if "Inference" in type(error).__name__ or "No Op registered" in str(error):
                    continue
                raise
            truth = {}
            for value in [*inferred.graph.value_info, *inferred.graph.output]:
                shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
                if value.type.tensor_type.HasField("shape") and all(d > 0 for d in shape):
                    truth[value.name] = {"shape": shape, "dtype": NAMES.get(value.type.tensor_type.elem_type)}
            ran = executed(model) if m.run and ReferenceEvaluator else {}
            path = os.path.join(folder, f"{len(models)}.onnx")
            onnx.save(model, path)
            models.append(path)
            infos.append((f"{generator.__name__} (attempt {attempt - 1}, opset {m.opset})", model, truth, ran))
        lines = []
        for start in range(0, len(models), 200):
            done = subprocess.run([options.dump, *models[start:start + 200]], capture_output=True, text=True, check=True)
            lines += done.stdout.splitlines()
    wrong = compared = folded = 0
    for line, (label, model, truth, ran) in zip(lines, infos):
        found = json.loads(line)
        differences = []
        if "error" in found:
            differences.append(found["error"])
        else:
            for name, value in truth.items():
                mine = found["tensors"].get(name)
                if mine is None:
                    continue  # folded away, or an optional output that nobody reads
                compared += 1
                if mine["shape"] != value["shape"] or (value["dtype"] and mine["dtype"] != value["dtype"]):
                    differences.append(f"{name}: gnomon {mine}, onnx {value}")
            for value in model.graph.output[:1]:
                if value.name not in found["tensors"]:
                    differences.append(f"output {value.name} is missing")
            for name, shape in ran.items():
                folded += 1
                if found["tensors"].get(name, {}).get("shape") != shape:
                    differences.append(f"{name}: gnomon {found['tensors'].get(name)}, executed {shape}")
        if differences:
            wrong += 1
            if wrong <= 10:
                print(f"FAILED {label}: {'; '.join(differences)}")
                print("   ", helper.printable_graph(model.graph).replace("\n", "\n    "))
    print(f"{len(lines)} models, {compared} tensors compared with onnx.shape_inference, {folded} with execution, {wrong} models wrong")
    return 1 if wrong or len(lines) != len(infos) or compared < len(infos) // 2 else 0


if __name__ == "__main__":
    sys.exit(main())
