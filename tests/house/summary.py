"""Counts the GoogleTest cases of one test run.

usage: summary.py FOLDER   (the JSON reports that GTEST_OUTPUT=json:FOLDER/ leaves)

ctest counts programs and takes a skipped case for a passed one; here skipped cases are counted and listed apart.
"""

import json
import pathlib
import sys


def count(folder):
    """Returns (passed, failed, skipped): a number and two lists of names."""
    passed, failed, skipped = 0, [], []
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            failed.append(f"{path.stem} (its report is not complete)")
            continue
        for suite in report["testsuites"]:
            for case in suite["testsuite"]:
                name = f"{suite['name']}.{case['name']}"
                if "failures" in case:
                    failed.append(name)
                elif case["result"] == "SKIPPED":
                    skipped.append(name)
                elif case["result"] == "COMPLETED":
                    passed += 1
    return passed, failed, skipped


def main():
    passed, failed, skipped = count(sys.argv[1])
    for name in failed:
        print(f"failed: {name}")
    for name in skipped:
        print(f"skipped: {name}")
    print(f"gtest cases: {passed} passed, {len(failed)} failed, {len(skipped)} skipped")


if __name__ == "__main__":
    main()
