"""The command line: output, help, and exit codes as the contract gives them (0 ok, 1 run failed, 2 usage, 3 invalid input, 4 unsupported,
5 nothing feasible, 130 interrupted)."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from conftest import BUILD, ROOT, gnomon, write_json

COMMANDS = ["run", "simulate", "cosim", "hls", "synth", "surrogate", "memory", "dataset", "compare", "report", "list", "explain", "validate", "schema", "doctor", "completion"]
UNBUILT: list[str] = []


def problem_campaign(**changes: Any) -> dict[str, Any]:
    campaign = {
        "version": 1,
        "name": "zdt",
        "subject": "problem",
        "problem": "zdt1",
        "objectives": [{"metric": "f1", "goal": "min"}, {"metric": "f2", "goal": "min"}],
        "agent": {"name": "random", "batch": 4},
        "budget": {"evaluations": 24},
        "fidelity": "analytical",
        "seed": 3,
    }
    campaign.update(changes)
    return campaign


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    run = gnomon(command, "--help")
    assert run.status == 0
    assert "Example" in run.out and f"gnomon {command}" in run.out


def test_help_lists_every_command_and_the_exit_codes() -> None:
    run = gnomon("--help")
    assert run.status == 0
    for command in COMMANDS + UNBUILT:
        assert f"\n  {command} " in run.out
    assert "130 interrupted" in run.out


@pytest.mark.parametrize("command", UNBUILT)
def test_names_of_the_contract_that_are_not_built_are_refused(command: str) -> None:
    run = gnomon(command, "--anything", "x")
    assert run.status == 4
    assert "not built" in run.err and run.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["smulate"], 'unknown command "smulate"; did you mean "simulate"?'),
        (["simulate", "--arhc", "x", "--workload", "y"], 'did you mean "--arch"?'),
        (["list", "agent"], 'did you mean "agents"?'),
        (["schema", "desing"], 'did you mean "design"?'),
        (["completion", "tcsh"], "allowed: bash, zsh, fish"),
        ([], "subcommand"),
    ],
)
def test_usage_errors_name_what_was_meant(arguments: list[str], message: str) -> None:
    run = gnomon(*arguments)
    assert run.status == 2
    assert message in run.err
    assert run.out == ""


def test_version_names_the_commit() -> None:
    run = gnomon("--version")
    assert run.status == 0
    assert run.out.startswith("gnomon 0.") and "(" in run.out


@pytest.mark.parametrize("kind", ["agents", "dataflows", "fidelities", "metrics", "models", "problems", "technologies"])
def test_list_gives_items(kind: str) -> None:
    assert len(gnomon("list", kind).out.splitlines()) > 2
    document = gnomon("list", kind, "--json").json()
    assert document["kind"] == kind and document["items"]


def test_explain_every_metric() -> None:
    for item in gnomon("list", "metrics", "--json").json()["items"]:
        run = gnomon("explain", item["metric"])
        assert run.status == 0 and item["summary"] in run.out
    run = gnomon("explain", "utilisation")
    assert run.status == 3 and 'did you mean "utilization"?' in run.err


@pytest.mark.parametrize("kind", ["campaign", "design", "kernel", "mapping", "workload"])
def test_schema_is_a_sound_schema(kind: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = gnomon("schema", kind).json()
    jsonschema.Draft202012Validator.check_schema(schema)


def test_examples_are_valid_and_obey_their_schemas() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    design_schema, campaign_schema = (gnomon("schema", kind).json() for kind in ("design", "campaign"))
    for path in sorted((ROOT / "examples").rglob("*.json")):
        run = gnomon("validate", path)
        assert run.status == 0, run.err
        text = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("//"))
        kind = run.out.split(": ")[1].split(",")[-1].split(":")[0].strip()
        schema = {"design": design_schema, "campaign": campaign_schema}.get(kind.removeprefix("ok").strip())
        if schema:
            jsonschema.validate(json.loads(text), schema)


def test_completion_knows_commands_and_options() -> None:
    script = gnomon("completion", "bash").out
    done = subprocess.run(
        ["bash", "-c", 'source /dev/stdin; COMP_WORDS=(gnomon simulate --wor); COMP_CWORD=2; _gnomon; echo "${COMPREPLY[@]}"'],
        input=script, capture_output=True, text=True, check=True,
    )
    assert done.stdout.strip() == "--workload"
    assert gnomon("completion", "zsh").status == 0 and gnomon("completion", "fish").status == 0


def test_doctor_finds_its_parts() -> None:
    run = gnomon("doctor", "--json")
    parts = {part["name"]: part for part in run.json()["parts"]}
    assert {"yosys", "osu018", "sta", "nextpnr-ice40", "iverilog"} <= set(parts)
    for name in ("SystemC", "verilator", "g++", "python module"):
        assert parts[name]["found"], parts[name]
        assert any(digit in parts[name]["version"] for digit in "0123456789")
    assert run.status == 0


def test_simulate_gives_the_contract_fields(tmp_path: Path, edge: dict[str, Any]) -> None:
    design = write_json(tmp_path / "edge.json", edge)
    run = gnomon("simulate", "--arch", design, "--workload", "zoo:resnet18", "--fidelity", "cycle", "--json")
    assert run.status == 0, run.err
    document = run.json()
    fields = ("name op macs latency_cycles compute_cycles stall_cycles utilization dram_read_bytes dram_write_bytes "
              "sram_read_bytes sram_write_bytes energy_pj mapping").split()
    for row in [document["total"], *document["layers"]]:
        assert all(field in row for field in fields), row
    total = document["total"]
    assert all(field in total for field in ("latency_s", "area_um2", "power_w", "peak_memory_bytes"))
    assert sum(layer["latency_cycles"] for layer in document["layers"]) == total["latency_cycles"]
    assert sum(layer["macs"] for layer in document["layers"]) == total["macs"]
    assert sum(document["energy_breakdown_pj"].values()) == pytest.approx(total["energy_pj"], rel=1e-9)
    assert total["energy_pj"] * 1e-12 == pytest.approx(total["power_w"] * total["latency_s"], rel=1e-9)
    assert total["utilization"] == pytest.approx(total["macs"] / (total["latency_cycles"] * 256), rel=1e-9)
    assert set(document["provenance"]) == {"version", "commit", "input_sha256", "seed"}
    assert all(layer["stall_cycles"] == layer["latency_cycles"] - layer["compute_cycles"] for layer in document["layers"])
    # The mapping that comes out goes in again and gives the same answer.
    mapping = write_json(tmp_path / "mapping.json", total["mapping"])
    again = gnomon("simulate", "--arch", design, "--workload", "zoo:resnet18", "--mapping", mapping, "--json").json()
    assert again["total"] == total


def test_simulate_prints_a_table(tmp_path: Path, edge: dict[str, Any]) -> None:
    (tmp_path / "gemm.csv").write_text("Layer,M,N,K,\nfc,64,32,128,\n")
    run = gnomon("simulate", "--arch", write_json(tmp_path / "d.json", edge), "--workload", tmp_path / "gemm.csv")
    assert run.status == 0
    assert "latency_cycles" in run.out and "energy in" in run.out


BAD_DESIGNS: list[tuple[str, Any, str]] = [
    ("misspelt key", lambda d: d["cores"][0]["array"].update(datafow=d["cores"][0]["array"].pop("dataflow")), '/cores/0/array/datafow: unknown key "datafow"; did you mean "dataflow"?'),
    ("wrong type", lambda d: d["cores"][0]["array"].update(rows="16"), '/cores/0/array/rows: found the text "16"; allowed: a whole number'),
    ("negative size", lambda d: d["cores"][0]["levels"][0].update(kib=-4), "/cores/0/levels/0/kib: found -4; allowed: a number above 0"),
    ("fraction", lambda d: d["cores"][0]["array"].update(rows=16.5), "/cores/0/array/rows: found 16.5"),
    ("unknown dataflow", lambda d: d["cores"][0]["array"].update(dataflow="wss"), '/cores/0/array/dataflow: unknown value "wss"; did you mean "ws"?'),
    ("zero clock", lambda d: d.update(clock_mhz=0), "/clock_mhz: found 0"),
    ("no cores", lambda d: d.update(cores=[]), "/cores"),
    ("unknown technology", lambda d: d.update(technology="46nm"), "/technology"),
    ("nothing holds the filter", lambda d: d["cores"][0]["levels"].pop(1), "filter"),
    ("same name twice", lambda d: d["cores"][0]["levels"][1].update(name="ifmap"), "ifmap"),
]


@pytest.mark.parametrize(("label", "spoil", "message"), BAD_DESIGNS, ids=[label for label, _, _ in BAD_DESIGNS])
def test_bad_designs_are_refused_with_their_place(tmp_path: Path, edge: dict[str, Any], label: str, spoil: Any, message: str) -> None:
    spoil(edge)
    path = write_json(tmp_path / "bad.json", edge)
    for arguments in (["simulate", "--arch", path, "--workload", "zoo:resnet18"], ["validate", path]):
        run = gnomon(*arguments)
        assert run.status == 3, run.err
        assert message in run.err and str(path) in run.err
        assert run.out == ""


def test_all_errors_of_a_file_at_once(tmp_path: Path, edge: dict[str, Any]) -> None:
    edge["cores"][0]["array"].update(rows=-1, dataflow="x")
    edge["clok"] = 3
    run = gnomon("validate", write_json(tmp_path / "bad.json", edge))
    assert run.status == 3 and len(run.err.splitlines()) >= 3


def test_what_no_model_computes_yet_is_unsupported(tmp_path: Path, edge: dict[str, Any]) -> None:
    edge["cores"][0]["array"]["dataflow"] = "rs"
    run = gnomon("simulate", "--arch", write_json(tmp_path / "d.json", edge), "--workload", "zoo:resnet18")
    assert run.status == 4 and "rs" in run.err


def test_a_level_too_small_for_any_tile_says_so(tmp_path: Path, edge: dict[str, Any]) -> None:
    edge["cores"][0]["levels"][2]["kib"] = 0.0005
    run = gnomon("simulate", "--arch", write_json(tmp_path / "d.json", edge), "--workload", "zoo:resnet18")
    assert run.status == 3 and "ofmap" in run.err and "bytes" in run.err


@pytest.mark.parametrize(
    ("name", "content", "status", "message"),
    [
        ("empty.csv", b"", 3, "empty.csv"),
        ("header.csv", b"Layer,M,N,K,\n", 3, "header.csv"),
        ("negative.csv", b"Layer,M,N,K,\nfc,-4,3,2,\n", 3, "negative.csv"),
        ("words.csv", b"Layer,M,N,K,\nfc,a,3,2,\n", 3, "words.csv"),
        ("truncated.onnx", b"\x08\x07\x12\x04test\x3a\xff\xff\x03", 3, "truncated.onnx"),
        ("text.onnx", b"this is no model", 3, "text.onnx"),
        ("broken.json", b'{"version": 1, ', 3, "broken.json"),
        ("odd.txt", b"x", 3, "odd.txt"),
    ],
)
def test_bad_workloads(tmp_path: Path, edge: dict[str, Any], name: str, content: bytes, status: int, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    run = gnomon("simulate", "--arch", write_json(tmp_path / "d.json", edge), "--workload", tmp_path / name)
    assert run.status == status, run.err
    assert message in run.err and run.out == ""


def test_missing_files(tmp_path: Path) -> None:
    run = gnomon("simulate", "--arch", tmp_path / "none.json", "--workload", "zoo:resnet18")
    assert run.status == 3 and "none.json: no such file" in run.err
    run = gnomon("simulate", "--arch", ROOT / "examples/designs/edge.json", "--workload", "zoo:resnet19")
    assert run.status == 3 and "resnet18" in run.err
    assert gnomon("run", tmp_path / "none.json").status == 3
    assert gnomon("report", tmp_path).status == 3


def test_rules_that_exclude_everything(tmp_path: Path) -> None:
    campaign = json.loads("\n".join(line for line in (ROOT / "examples/edge-resnet50.json").read_text().splitlines() if not line.lstrip().startswith("//")))
    campaign["design"] = str(ROOT / "examples/designs/edge.json")
    campaign["rules"] = ["cores.npu.array.rows > 4096"]
    run = gnomon("run", write_json(tmp_path / "c.json", campaign), "--out", tmp_path / "out")
    assert run.status == 3 and "cores.npu.array.rows > 4096" in run.err
    assert not (tmp_path / "out" / "campaign.sqlite").exists()


def test_run_leaves_its_files_and_resumes(tmp_path: Path) -> None:
    path = write_json(tmp_path / "zdt.json", problem_campaign())
    first = gnomon("run", path, "--out", tmp_path / "out", "--json")
    assert first.status == 0, first.err
    summary = first.json()
    assert summary["trials"] == 24 and summary["failed"] == 0
    assert all(key in summary for key in ("feasible", "best", "pareto", "hypervolume", "evaluations_by_fidelity", "seconds"))
    for name in ("campaign.sqlite", "trials.csv", "pareto.csv", "summary.json", "report.html"):
        assert (tmp_path / "out" / name).stat().st_size > 0
    trials = (tmp_path / "out/trials.csv").read_bytes()
    again = gnomon("run", path, "--out", tmp_path / "out", "--json")
    assert again.status == 0 and (tmp_path / "out/trials.csv").read_bytes() == trials
    # A larger budget goes on; the earlier trials stay as they are.
    more = gnomon("run", path, "--out", tmp_path / "out", "--budget", 32, "--json")
    assert more.json()["trials"] == 32
    assert (tmp_path / "out/trials.csv").read_bytes().startswith(trials)
    # Another campaign in the same folder is refused, with the difference.
    other = gnomon("run", path, "--out", tmp_path / "out", "--seed", 4)
    assert other.status == 3 and "/seed" in other.err
    fresh = gnomon("run", path, "--out", tmp_path / "out", "--seed", 4, "--fresh", "--json")
    assert fresh.status == 0 and fresh.json()["trials"] == 24
    assert gnomon("report", tmp_path / "out").status == 0


def test_dry_run_runs_nothing(tmp_path: Path) -> None:
    run = gnomon("run", write_json(tmp_path / "zdt.json", problem_campaign()), "--out", tmp_path / "out", "--dry-run", "--json")
    assert run.status == 0 and run.json()["evaluations"] == 24
    assert not (tmp_path / "out").exists()


def test_nothing_feasible_is_exit_5(tmp_path: Path) -> None:
    campaign = problem_campaign(constraints=[{"metric": "f2", "max": -1}])
    run = gnomon("run", write_json(tmp_path / "zdt.json", campaign), "--out", tmp_path / "out", "--json")
    assert run.status == 5 and run.json()["feasible"] == 0


def test_agents_refuse_what_they_are_not_for(tmp_path: Path) -> None:
    path = write_json(tmp_path / "zdt.json", problem_campaign())
    run = gnomon("run", path, "--out", tmp_path / "out", "--agent", "ga")
    assert run.status == 4 and 'agent "ga" takes at most 1 objective; found 2' in run.err
    run = gnomon("run", path, "--out", tmp_path / "out", "--agent", "baies")
    assert run.status == 3 and 'did you mean "bayes"?' in run.err


def test_interrupt_saves_and_the_same_command_goes_on(tmp_path: Path) -> None:
    campaign = problem_campaign(subject="command", command=["/bin/sh", "-c", "sleep 0.05; cat >/dev/null; echo '{\"f1\": 1, \"f2\": 2}'"],
                                space={"x": {"real": [0, 1]}}, budget={"evaluations": 200})
    del campaign["problem"]
    path = write_json(tmp_path / "c.json", campaign)
    command = [str(BUILD / "bin/gnomon"), "run", str(path), "--out", str(tmp_path / "out"), "--jobs", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "out/campaign.sqlite").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    talk = process.communicate(timeout=60)[1]
    assert process.returncode == 130, talk
    assert "goes on" in talk
    done = gnomon("run", path, "--out", tmp_path / "out", "--budget", 40, "--json")
    assert done.status in (0, 130) and done.json()["trials"] >= 1


def test_no_colour_and_no_bar_off_a_terminal(tmp_path: Path) -> None:
    run = gnomon("run", write_json(tmp_path / "zdt.json", problem_campaign()), "--out", tmp_path / "out")
    assert "\x1b" not in run.err + run.out and "\r" not in run.err


def test_cosim_of_a_layer(tmp_path: Path, edge: dict[str, Any]) -> None:
    (tmp_path / "gemm.csv").write_text("Layer,M,N,K,\nfc,40,20,24,\nproj,10,10,10,\n")
    design = write_json(tmp_path / "d.json", edge)
    run = gnomon("cosim", "--arch", design, "--workload", tmp_path / "gemm.csv", "--layer", "fc", "--json")
    assert run.status == 0, run.err
    document = run.json()
    assert document["outputs_match"] is True and document["mismatches"] == 0 and document["first_mismatch"] is None
    assert document["cycle_difference"] == 0 and document["rtl_cycles"] == document["model_cycles"] > 0
    stalled = gnomon("cosim", "--arch", design, "--workload", tmp_path / "gemm.csv", "--layer", "fc", "--stall", "0.3", "--seed", 5, "--json").json()
    assert stalled["outputs_match"] is True and stalled["stalls_injected"] > 0 and stalled["cycle_difference"] == 0
    wrong = gnomon("cosim", "--arch", design, "--workload", tmp_path / "gemm.csv", "--layer", "fd")
    assert wrong.status == 3 and 'did you mean "fc"?' in wrong.err


def test_surrogate_learns_from_a_campaign(tmp_path: Path) -> None:
    campaign = problem_campaign(budget={"evaluations": 120})
    assert gnomon("run", write_json(tmp_path / "zdt.json", campaign), "--out", tmp_path / "out").status == 0
    model = tmp_path / "m.gnomon"
    run = gnomon("surrogate", "train", "--data", tmp_path / "out", "--targets", "f1,f2", "--out", model)
    assert run.status == 0, run.err
    evaluated = gnomon("surrogate", "evaluate", "--model", model, "--data", tmp_path / "out/trials.csv", "--json")
    assert evaluated.status == 0, evaluated.err
    predicted = gnomon("surrogate", "predict", "--model", model, "--data", tmp_path / "out/trials.csv", "--json").json()
    row = predicted["rows"][0]
    assert {"mean", "lower", "upper"} <= set(row["f1"]) and isinstance(row["in_range"], bool)
    broken = tmp_path / "broken.gnomon"
    broken.write_bytes(model.read_bytes()[:-7])
    assert gnomon("surrogate", "predict", "--model", broken, "--data", tmp_path / "out/trials.csv").status == 3


def accelerator_campaign(**changes: Any) -> dict[str, Any]:
    text = "\n".join(line for line in (ROOT / "examples/quick-mlp.json").read_text().splitlines() if not line.lstrip().startswith("//"))
    campaign = json.loads(text)
    campaign["design"] = str(ROOT / "examples/designs/edge.json")
    campaign["workloads"] = [{"model": str(ROOT / "examples/workloads/mlp.csv")}]
    campaign.update(changes)
    return campaign


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": {"cores.npu.array.dataflow": {"categorical": ["os", "wss"]}}}, '/space/cores.npu.array.dataflow: wss: unknown value "wss"; did you mean "ws"?'),
        ({"space": {"cores.npu.array.rows": {"int": [8, 1030]}}}, "/space/cores.npu.array.rows: 1030: found 1030; allowed: a whole number from 1 to 1024"),
        ({"space": {"cores.npo.array.rows": {"int": [8, 16]}}}, 'did you mean "npu"?'),
        ({"objectives": [{"metric": "lut", "goal": "min"}]}, "/objectives/0/metric"),
        ({"objectives": [{"metric": "latncy_s", "goal": "min"}]}, 'did you mean "latency_s"?'),
        ({"fidelity": "surrogate"}, "surrogate_model"),
        ({"workloads": [{"model": "zoo:resnet18", "weight": 0}]}, "/workloads/0/weight"),
        ({"rules": ["cores.npu.array.rows >"]}, "/rules/0"),
        ({"budget": {"evaluations": 0}}, "/budget/evaluations"),
        ({"design": "nowhere.json"}, "nowhere.json"),
    ],
)
def test_bad_campaigns_are_refused_before_anything_runs(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    run = gnomon("run", write_json(tmp_path / "c.json", accelerator_campaign(**changes)), "--out", tmp_path / "out")
    assert run.status == 3, run.err
    assert message in run.err and str(tmp_path) in run.err
    assert not (tmp_path / "out").exists()


def test_programs_that_fail_flood_or_are_not_there_cost_their_trials(tmp_path: Path) -> None:
    for number, command in enumerate((["yes"], ["/nowhere/program"], ["false"])):
        campaign = problem_campaign(subject="command", command=command, space={"x": {"real": [0, 1]}}, budget={"evaluations": 2})
        del campaign["problem"]
        run = gnomon("run", write_json(tmp_path / "c.json", campaign), "--out", tmp_path / f"out{number}", "--json", timeout=120)
        assert run.status == 1, run.err
        assert run.json()["failed"] == 2 and "every evaluation failed" in run.err


def test_lost_output_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([str(BUILD / "bin/gnomon"), "list", "metrics"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "stdout" in done.stderr


@pytest.mark.parametrize("seed", ["-1", "99999999999999999999999", "x"])
def test_seeds_beyond_their_range_are_refused(tmp_path: Path, seed: str) -> None:
    run = gnomon("run", write_json(tmp_path / "zdt.json", problem_campaign()), "--out", tmp_path / "out", "--seed", seed)
    assert run.status == 2 and "--seed" in run.err
