"""The report in a real browser: a click on a point shows its details, and the page works without a network.

Usage: test_report_browser.py PROGRAM, where PROGRAM is the test worker that runs a campaign. Speaks W3C WebDriver to chromedriver with nothing
but the standard library. Ends with 77 (skipped) where Chromium is not installed.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

CAMPAIGN = """{"version": 1, "name": "browser </script><b>test</b>", "subject": "command", "command": ["unused"],
  "space": {"x": {"int": [0, 15]}, "y": {"int": [0, 15]}}, "objectives": [{"metric": "first"}, {"metric": "second"}],
  "constraints": [{"metric": "third", "max": 16}], "fidelity": "cycle", "budget": {"evaluations": 40}, "seed": 5}"""


class Browser:
    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.base = f"http://127.0.0.1:{port}"
        flags = (
            "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
            "--disable-component-update --disable-sync --window-size=1400,1000"
        ).split() + [f"--user-data-dir={folder}/profile"]
        capabilities = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": flags, "binary": shutil.which("chromium")},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        for _ in range(100):
            try:
                session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        else:
            raise RuntimeError("chromedriver does not answer")
        self.base += "/session/" + session["sessionId"]

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from error

    def run(self, script):
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def click(self, css):
        element = self.call("POST", "/element", {"using": "css selector", "value": css})
        name = next(iter(element.values()))
        self.call("POST", f"/element/{name}/click", {})

    def close(self):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(10)


def check(folder, worker):
    campaign = os.path.join(folder, "campaign.json")
    with open(campaign, "w", encoding="utf-8") as out:
        out.write(CAMPAIGN)
    subprocess.run([worker, "run", campaign, os.path.join(folder, "out"), "2"], check=True)
    with open(os.path.join(folder, "out", "trials.csv"), encoding="utf-8") as table:
        head, *rows = [line.rstrip("\n").split(",") for line in table]
    trials = {int(row[0]): dict(zip(head, row)) for row in rows}
    browser = Browser(folder)
    try:
        browser.call("POST", "/url", {"url": "file://" + os.path.join(folder, "out", "report.html")})
        assert browser.run("return document.getElementById('title').textContent") == "browser </script><b>test</b>"
        shown = browser.run("return [...document.querySelectorAll('#front-plot circle.dot')].map(c => [+c.dataset.trial, c.dataset.state])")
        assert len(shown) > 10, shown
        for number, state in shown:
            feasible = trials[number]["feasible"] == "1"
            assert (state in ("front", "feasible")) == feasible, (number, state)
        # Points may lie under others: one that is on top at its own centre is clicked.
        target = browser.run(
            "for (const c of document.querySelectorAll('#front-plot circle.dot')) { const r = c.getBoundingClientRect();"
            " if (document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2) === c && c.dataset.trial !== document.body.dataset.selected)"
            " return +c.dataset.trial; }"
        )
        browser.click(f"#front-plot circle.dot[data-trial='{target}']")
        assert browser.run("return document.getElementById('details-title').textContent") == f"of trial {target}"
        details = browser.run(
            "return Object.fromEntries([...document.querySelectorAll('#details tr')].map(r => [r.dataset.row, r.lastChild.textContent]))"
        )
        for name in ("x", "y", "first", "second", "third"):
            assert float(details[name]) == float(trials[target][name]), (name, details, trials[target])
        assert details["third <= 16"] == ("kept" if trials[target]["feasible"] == "1" else "broken")
        # A row of the front's table selects that design, and its layers are drawn.
        browser.run("document.querySelectorAll('#front-table tbody tr')[0].click()")
        row = browser.run("return +document.querySelector('#front-table tbody tr.selected').dataset.trial")
        assert browser.run("return +document.body.dataset.selected") == row
        assert browser.run("return document.querySelectorAll('#layers-time svg rect').length") > 0
        # Hovering shows the design.
        browser.run(
            "const c = document.querySelector(\"#front-plot circle.dot[data-state='front']\"), r = c.getBoundingClientRect();"
            "c.dispatchEvent(new MouseEvent('mousemove', {bubbles: true, clientX: r.x, clientY: r.y}));"
        )
        assert "on the front" in browser.run("return document.getElementById('tip').textContent")
        # Everything is inside the file, and nothing went wrong in it.
        assert browser.run("return performance.getEntriesByType('resource').length") == 0
        errors = [e for e in browser.call("POST", "/se/log", {"type": "browser"}) if e["level"] == "SEVERE"]
        assert not errors, errors
    finally:
        browser.close()


def main():
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        print("skipped: no chromium")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        check(folder, sys.argv[1])
    print("report: clicked, read, and as the table says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
