"""What the Python tests share: where the program and the inputs are."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GNOMON_BUILD_DIR", ROOT / "build" / "release"))


@dataclass(frozen=True)
class Run:
    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def gnomon(*arguments: object, timeout: float = 300, cwd: Path = ROOT) -> Run:
    """Runs the program; a signal (crash) fails the test at once."""
    done = subprocess.run(
        [str(BUILD / "bin" / "gnomon"), *map(str, arguments)], capture_output=True, text=True, errors="replace", timeout=timeout, cwd=cwd, stdin=subprocess.DEVNULL
    )
    assert done.returncode >= 0, f"killed by signal {-done.returncode}: {done.stderr}"
    return Run(done.returncode, done.stdout, done.stderr)


def write_json(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


@pytest.fixture
def edge() -> dict[str, Any]:
    """The example design, small enough for tests."""
    return {
        "version": 1,
        "name": "edge",
        "clock_mhz": 500,
        "technology": "45nm",
        "cores": [
            {
                "name": "npu",
                "array": {"rows": 16, "cols": 16, "dataflow": "os"},
                "levels": [
                    {"name": "ifmap", "holds": ["ifmap"], "kib": 32},
                    {"name": "filter", "holds": ["filter"], "kib": 32},
                    {"name": "ofmap", "holds": ["ofmap"], "kib": 32},
                ],
                "vector": {"lanes": 16},
            }
        ],
        "interconnect": {"type": "bus", "bytes_per_cycle": 32},
        "memory": {"type": "ideal", "bytes_per_cycle": 32, "latency_cycles": 20},
    }
