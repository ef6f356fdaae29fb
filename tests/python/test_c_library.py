"""The library for C, as docs/surrogate.md has users link it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import gnomon
import pytest
from conftest import BUILD, ROOT

PROGRAM = r"""
#include <gnomon/surrogate/gnomon_surrogate.h>
#include <math.h>
#include <stdio.h>
int main(void) {
  char error[512];
  gnomon_surrogate* model = gnomon_surrogate_load("network", error, sizeof error);
  if (!model) return puts(error), 1;
  printf("%zu %zu %s\n", gnomon_surrogate_features(model), gnomon_surrogate_targets(model), gnomon_surrogate_target_name(model, 0));
  gnomon_surrogate_free(model);
  return 0;
}
"""


def test_a_program_in_c_links_the_library(tmp_path: Path) -> None:
    """Truth: the same figures from Python. The commands are those of the page; nothing but the header's functions is visible."""
    if not shutil.which("cc") or not (BUILD / "surrogate/libgnomon_surrogate.so").exists():
        pytest.skip("no C compiler, or a build without the library")
    page = (ROOT / "docs/surrogate.md").read_text()
    install, link = re.search(r"^(cmake --install .*)\n(cc .*)$", page, re.MULTILINE).groups()  # type: ignore[union-attr]
    (tmp_path / "program.c").write_text(PROGRAM)
    for command in (install.replace("build/release", str(BUILD)), link):
        done = subprocess.run(shlex.split(command.replace("PREFIX", str(tmp_path / "p"))), cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    told = subprocess.run([tmp_path / "program"], capture_output=True, text=True)
    model = gnomon.Surrogate("network")
    assert told.stdout.split() == [str(len(model.features)), str(len(model.targets)), model.targets[0]], told.stderr
    symbols = subprocess.run(["nm", "-D", "--defined-only", tmp_path / "p/lib/libgnomon_surrogate.so"], capture_output=True, text=True).stdout
    ours = [line.split()[-1] for line in symbols.splitlines() if "gnomon" in line]
    assert ours and all(name.startswith("gnomon_surrogate_") for name in ours), ours
