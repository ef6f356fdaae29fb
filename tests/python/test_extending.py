"""docs/extending.md, applied: the steps on that page, and only they, add an agent and a dataflow."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

from conftest import BUILD, ROOT

PAGE = (ROOT / "docs/extending.md").read_text()


def blocks() -> list[tuple[str, str]]:
    """(instruction, code) of each code block; the instruction is its first comment line."""
    found = re.findall(r"^```(?:cpp|cmake)\n(?://|#) ([^\n]*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert len(found) == 6
    return found


def apply(instruction: str, code: str, tree: Path) -> Path:
    """Applies one step to a copy of the file in `tree`; gives the file."""
    if at := re.fullmatch(r"new file: (\S+)", instruction):
        path = tree / at[1]
        assert not (ROOT / at[1]).exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
        return path
    at = re.fullmatch(r"in (\S+), (after|replace) `(.*)`", instruction)
    assert at, instruction
    name, how, anchor = at.groups()
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text() if path.exists() else (ROOT / name).read_text()
    assert text.count(anchor) == 1, f"{name} has {text.count(anchor)} times {anchor!r}"
    path.write_text(text.replace(anchor, code.rstrip("\n") if how == "replace" else anchor + "\n" + code.rstrip("\n")))
    return path


def compile_command(source: str) -> list[str]:
    """How the build compiles a file of the repository, without its source and output."""
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        if entry["file"] == str(ROOT / source):
            words = shlex.split(entry["command"])
            words = [word for word in words if not word.endswith("ccache") and word != "-c"]
            at = words.index("-o")
            del words[at : at + 2]
            return [word for word in words if word != str(ROOT / source)]
    raise AssertionError(f"{source} is not in the build")


def build(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]


def test_the_agent_of_the_page_works(tmp_path: Path) -> None:
    steps = blocks()[:4]
    for instruction, code in steps:
        apply(instruction, code, tmp_path)
    assert "src/agents/hillclimb.cpp" in (tmp_path / "search/CMakeLists.txt").read_text()
    # The changed files are compiled and linked in front of the library that has all the others.
    flags = compile_command("search/src/agents/random.cpp")
    objects = []
    for source in ("agents.cpp", "hillclimb.cpp"):
        target = tmp_path / (source + ".o")
        build([flags[0], f"-I{tmp_path}/search/src", *flags[1:], "-c", str(tmp_path / "search/src/agents" / source), "-o", str(target)])
        objects.append(str(target))
    program = tmp_path / "conformance"
    libraries = [str(BUILD / f"{name}/libgnomon_{name}.a") for name in ("search", "arch", "workloads", "base")]
    tests = [str(path) for path in (BUILD / "tests/search/CMakeFiles/test_search.dir").glob("test_agents.cpp.o")]
    assert tests
    onnx = subprocess.run(["sh", "-c", "ls /usr/lib/*/libonnx.so /usr/lib/*/libprotobuf.so 2>/dev/null"], capture_output=True, text=True).stdout.split()
    build(["g++", *tests, *objects, *libraries, *onnx, "-lsqlite3", "-lz", "-lfmt", "-lgtest", "-lgtest_main", "-lpthread", "-o", str(program)])
    run = subprocess.run([str(program), "--gtest_filter=*hillclimb*"], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stdout[-4000:]
    passed = re.search(r"\[  PASSED  \] (\d+) tests?", run.stdout)
    assert passed and int(passed[1]) >= 8, run.stdout[-2000:]


def test_the_dataflow_of_the_page_is_its_two_lines(tmp_path: Path) -> None:
    """Without them the name is nowhere (see the next test); with them, all is as it was."""
    (enumerator, words), (line, code) = blocks()[4:]
    for instruction, text, without in ((enumerator, words.rstrip("\n"), "{ os, ws }"), (line, code, "")):
        name = instruction.split(",")[0].removeprefix("in ")
        original = (ROOT / name).read_text()
        assert original.count(text) == 1
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(original.replace(text, without))
        assert apply(instruction, text, tmp_path).read_text() == original


def test_only_the_named_file_knows_dataflows() -> None:
    """No product source but the table tells `os`, `ws` and `is` apart by name. Left out: RTL, which is emitted per family, and a closed-form
    test problem that has a parameter of its own with these values."""
    named = re.compile(r'"(?:os|ws|is)"|Dataflow::(?:os|ws|is)\b')
    found = set()
    for folder in ("base", "workloads", "arch", "sim", "surrogate", "search", "cli", "python"):
        for path in (ROOT / folder).rglob("*.[ch]pp"):
            if path.name != "problems.cpp" and named.search(re.sub(r"//[^\n]*", "", path.read_text())):
                found.add(str(path.relative_to(ROOT)))
    assert found == {"arch/src/dataflow.cpp"}, found
