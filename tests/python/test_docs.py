"""Documents that say what the program says: kept equal here. GNOMON_UPDATE_GOLDEN=1 rewrites them."""

from __future__ import annotations

import os
import re

from conftest import ROOT, gnomon


def test_the_glossary_defines_every_metric() -> None:
    rows = ["| metric | unit | meaning | definition | of |", "|---|---|---|---|---|"]
    for item in gnomon("list", "metrics", "--json").json()["items"]:
        metric = gnomon("explain", item["metric"], "--json").json()
        rows.append(f"| `{metric['name']}` | {metric['unit']} | {metric['summary']} | {metric['definition']} | {metric['subjects']} |")
    path = ROOT / "docs/glossary.md"
    text = path.read_text()
    wanted = re.sub(r"(<!-- metrics: begin -->\n).*?(<!-- metrics: end -->)", lambda at: at[1] + "\n".join(rows) + "\n" + at[2], text, flags=re.DOTALL)
    if os.environ.get("GNOMON_UPDATE_GOLDEN") == "1":
        path.write_text(wanted)
    assert text == wanted, "docs/glossary.md differs from `gnomon explain`: run the tests once with GNOMON_UPDATE_GOLDEN=1"


def test_links_between_documents_lead_somewhere() -> None:
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        prose = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", prose):
            if not target.startswith("http"):
                assert (path.parent / target).exists(), f"{path.name}: {target}"
