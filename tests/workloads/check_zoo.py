"""The files of gnomon.zoo against the built-in models: same counts, same tensors, same operators.

    check_zoo.py --dump WORKLOAD_DUMP --zoo ZOO_PY

Also executes the two ends of a file's life: the command line writes it, onnx.checker accepts it.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

import onnx


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dump", required=True)
    parser.add_argument("--zoo", required=True)
    options = parser.parse_args()
    spec = importlib.util.spec_from_file_location("zoo", options.zoo)
    zoo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(zoo)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        cases = [(name, 1, None) for name in zoo.MODELS] + [("resnet18", 2, None), ("bert_base", 3, 77), ("gpt2_decode", 2, 100)]
        for name, batch, seq in cases:
            path = os.path.join(folder, f"{name}.onnx")
            command = [sys.executable, options.zoo, name, "-o", path, "--batch", str(batch), *(["--seq", str(seq)] if seq else [])]
            subprocess.run(command, check=True)
            onnx.checker.check_model(path)
            reference = f"zoo:{name}" + (f"?seq={seq}" if seq else "")
            built, written = (json.loads(subprocess.run([options.dump, *arguments], capture_output=True, text=True, check=True).stdout)
                              for arguments in (["--batch", str(batch), reference], [path]))
            for side in (built, written):
                side.pop("seconds", None)
            same = built == written and "error" not in built
            print(f"{name} batch {batch} seq {seq}: {os.path.getsize(path)} bytes, {built.get('macs')} MACs: {'same' if same else 'DIFFERS'}")
            if not same:
                print("  ", [(key, str(built.get(key))[:200], str(written.get(key))[:200]) for key in {*built, *written} if built.get(key) != written.get(key)])
            wrong += not same
    for arguments, code in ((["resnet51", "-o", "x"], 2), (["resnet18", "-o", "/nonexistent/x.onnx"], 3), (["resnet18", "--seq", "3", "-o", "x"], 3)):
        done = subprocess.run([sys.executable, options.zoo, *arguments], capture_output=True, text=True)
        if done.returncode != code or not done.stderr or "Traceback" in done.stderr:
            print(f"{arguments}: exit {done.returncode}, not {code}: {done.stderr}")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
