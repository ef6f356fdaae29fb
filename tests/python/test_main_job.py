"""The main job, examples/edge-resnet50.json: all agents run it to the end, and the model-based ones search better than chance."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import BUILD, ROOT, gnomon

sys.path.insert(0, str(ROOT / "bench"))
os.environ.setdefault("GNOMON_BUILD_DIR", str(BUILD))
import agents as bench_agents  # noqa: E402

CAMPAIGN = ROOT / "examples/edge-resnet50.json"


def test_bayes_and_nsga2_beat_random() -> None:
    """Median hypervolume over 5 seeds at 300 evaluations, one reference point for all runs."""
    volumes = bench_agents.compare(CAMPAIGN, ["random", "nsga2", "bayes"], seeds=5, budget=300, fidelity="analytical")
    medians = {agent: statistics.median(values) for agent, values in volumes.items()}
    assert medians["nsga2"] > medians["random"], volumes
    assert medians["bayes"] > medians["random"], volumes


@pytest.mark.parametrize("agent", ["random", "sobol", "nsga2", "bayes", "ppo", "ippo"])
def test_every_agent_runs_the_main_job_to_the_end(tmp_path: Path, agent: str) -> None:
    run = gnomon("run", CAMPAIGN, "--agent", agent, "--fidelity", "analytical", "--out", tmp_path, "--json", timeout=600)
    assert run.status == 0, run.err
    summary = run.json()
    assert summary["trials"] == 300 and summary["failed"] == 0 and summary["feasible"] > 0
    with (tmp_path / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    parameters = [name for name in rows[0] if name.startswith(("cores.", "memory.", "clock"))]
    assert len({tuple(row[name] for name in parameters) for row in rows}) == 300
    for row in rows:
        assert int(row["cores.npu.array.rows"]) * int(row["cores.npu.array.cols"]) <= 4096


def small_campaign(folder: Path) -> Path:
    text = "\n".join(line for line in CAMPAIGN.read_text().splitlines() if not line.lstrip().startswith("//"))
    campaign = json.loads(text)
    campaign["design"] = str(ROOT / "examples/designs/edge.json")
    campaign["budget"] = {"evaluations": 64}
    path = folder / "campaign.json"
    path.write_text(json.dumps(campaign))
    return path


def test_same_bytes_with_any_number_of_workers_and_after_kills(tmp_path: Path) -> None:
    """Cycle fidelity in worker processes: 1 and 4 workers, and a run killed with SIGKILL at 20 random moments, end with the same trials.csv."""
    path = small_campaign(tmp_path)
    for jobs in (1, 4):
        assert gnomon("run", path, "--jobs", jobs, "--out", tmp_path / f"jobs{jobs}").status == 0
    wanted = (tmp_path / "jobs1/trials.csv").read_bytes()
    assert (tmp_path / "jobs4/trials.csv").read_bytes() == wanted
    seed = random.randrange(2**32)
    print("seed", seed)
    moments = random.Random(seed)
    kills = 0
    for _ in range(200):
        if kills == 20:
            break
        process = subprocess.Popen([str(BUILD / "bin/gnomon"), "run", str(path), "--jobs", "2", "--out", str(tmp_path / "killed")],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.02, 0.6))
        if process.poll() is None:
            kills += 1
            process.send_signal(signal.SIGKILL)
            process.wait()
        else:
            # Faster than the kill: nothing is left to break, so begin again.
            shutil.rmtree(tmp_path / "killed")
    assert gnomon("run", path, "--jobs", 2, "--out", tmp_path / "killed").status == 0
    assert (tmp_path / "killed/trials.csv").read_bytes() == wanted
    assert kills == 20
