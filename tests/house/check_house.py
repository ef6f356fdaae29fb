"""Checks the rules of the house that no compiler checks.

usage: check_house.py CHECK [--root FOLDER] [--links FILE]

Each check returns its findings, lines of the form `place: what is wrong; what is allowed`; any finding is exit status 1.
Standard library only. test_check_house.py shows each check failing on a broken sample.
"""

import argparse
import io
import pathlib
import posixpath
import re
import subprocess
import sys
import tokenize

REQUIRED_FOLDERS = "base workloads arch sim hls surrogate search cli python examples bench docs tests".split()

# Who may include or link whom. `sim` is two targets: the analytical model, free of SystemC, and the cycle-level model.
ANALYTICAL = {"base", "workloads", "arch", "sim-analytical"}
CYCLE = ANALYTICAL | {"sim-cycle", "systemc"}
ALLOWED = {
    "base": {"base"},
    "workloads": {"base", "workloads"},
    "arch": {"base", "workloads", "arch"},
    "sim-analytical": ANALYTICAL,
    "sim-cycle": CYCLE,
    "hls": CYCLE | {"hls"},
    "surrogate": ANALYTICAL | {"surrogate"},
    "search": {"base", "workloads", "arch", "search"},
    "cli": (CYCLE | {"hls", "surrogate", "search", "cli"}) - {"systemc"},
    "python": (CYCLE | {"hls", "surrogate", "search", "python"}) - {"systemc"},
}
# Rooms and public headers of sim that belong to the cycle-level model.
CYCLE_ROOMS = {"cycle", "memory"}
CYCLE_HEADERS = {"cycle", "part", "session", "tlm"}
CODE = {".cpp", ".hpp", ".h", ".py"}
LONGEST_FILE_LINES = 700
LARGEST_FILE_BYTES = 1_000_000


def files(root):
    """Paths of the repository's files, relative to root: what git tracks or would add; without git, all but build products."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listing = subprocess.run(command, capture_output=True, check=True).stdout
        paths = [pathlib.PurePosixPath(name) for name in listing.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [pathlib.PurePosixPath(path.relative_to(root).as_posix()) for path in root.rglob("*")]
        left_out = {"build", ".venv", "out", "dist", "__pycache__", ".git"}
        paths = [path for path in paths if not left_out & set(path.parts)]
    return sorted(path for path in set(paths) if (root / path).is_file() and not (root / path).is_symlink())


def text(root, path):
    """The file's text, or None when it is not text."""
    try:
        return (root / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def unit_of_header(name):
    """The part of the house that a public header belongs to; name as written in the include: gnomon/<folder>/..."""
    parts = pathlib.PurePosixPath(name).parts
    if parts[1] != "sim":
        return parts[1]
    return "sim-cycle" if parts[2].split(".")[0] in CYCLE_HEADERS else "sim-analytical"


def unit_of_file(path):
    """The part of the house that a source or header belongs to, or None for what may use everything (tests, bench, examples)."""
    folder = path.parts[0]
    if folder == "sim":
        if "include" in path.parts:
            return unit_of_header("/".join(path.parts[path.parts.index("include") + 1:]))
        return "sim-cycle" if CYCLE_ROOMS & set(path.parts) else "sim-analytical"
    return folder if folder in ALLOWED else None


def unit_of_target(folder, name):
    """The part of the house that a CMake target belongs to, from the folder that makes it and its name."""
    if name.endswith("systemc"):
        return "systemc"
    if folder == "sim":
        return "sim-cycle" if "cycle" in name else "sim-analytical"
    return folder


def includes(source):
    """(line number, what is included) of every include."""
    for number, line in enumerate(source.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if match:
            yield number, match[1]


def private_header(path, name, known):
    """The file that `#include "name"` in path means, where it is one of ours: beside path, or under its folder's src."""
    for start in (path.parent, pathlib.PurePosixPath(path.parts[0]) / "src"):
        candidate = pathlib.PurePosixPath(posixpath.normpath(start / name))
        if candidate in known:
            return candidate
    return None


def check_includes(root):
    findings = []
    known = set(files(root))
    for path in sorted(known):
        unit = unit_of_file(path)
        if unit is None or path.suffix not in CODE - {".py"}:
            continue
        for number, name in includes(text(root, path) or ""):
            if name.startswith("gnomon/"):
                other = unit_of_header(name)
                if other not in ALLOWED[unit]:
                    allowed = ", ".join(sorted(ALLOWED[unit] - {"systemc"}))
                    findings.append(f"{path}:{number}: {unit} includes {name} of {other}; allowed: {allowed}")
            elif re.match(r"(systemc|tlm|sysc/|tlm_core/|tlm_utils/)", name):
                public = "include" in path.parts
                opted_in = public and path.name == "tlm.h" and unit == "sim-cycle"
                hidden = not public and (unit == "sim-cycle" or (unit == "hls" and "cosim" in path.parts))
                if not (opted_in or hidden):
                    findings.append(f"{path}:{number}: includes <{name}>; SystemC is allowed in sources of sim's cycle room, in "
                                    "sources of hls' cosim room and in gnomon/sim/tlm.h")
            elif name.startswith("verilated") and unit != "hls":
                findings.append(f"{path}:{number}: includes {name}; Verilator is allowed in hls only")
            elif other := private_header(path, name, known):
                if other.parts[0] != path.parts[0]:
                    findings.append(f"{path}:{number}: includes {other}, a private header of another folder")
                elif unit == "sim-cycle" and unit_of_file(other) != unit or unit_of_file(other) not in ALLOWED[unit]:
                    findings.append(f"{path}:{number}: includes {other}; the analytical and the cycle-level model share no private code")
    return findings


def check_links(_root, links):
    """links: lines `folder target: library library ...`, as CMake knows them."""
    lines = [line.partition(":") for line in pathlib.Path(links).read_text(encoding="utf-8").splitlines()]
    units = {}
    for left, _, _ in lines:
        folder, target = left.split()
        units[target] = unit_of_target(folder, target)
    findings = []
    for left, _, libraries in lines:
        target = left.split()[1]
        if units[target] == "systemc":
            continue
        # Aliases are gnomon::X for gnomon_X; a library may stand inside a generator expression.
        for library in re.findall(r"\bgnomon(?:::|_)\w+|\bgnomon\b", libraries):
            other = units.get(library.replace("::", "_"))
            if other not in ALLOWED[units[target]]:
                allowed = ", ".join(sorted(ALLOWED[units[target]]))
                findings.append(f"{target}: {units[target]} links {library} of {other}; allowed: {allowed}")
    return findings


def without_comments(source):
    """C++ source with comments and string literals blanked, line numbers kept."""
    pattern = r'R"([^()\s\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|' + r"'(?:\\.|[^'\\\n])+'|//[^\n]*|/\*.*?\*/"
    return re.sub(pattern, lambda match: "\n" * match[0].count("\n") + " ", source, flags=re.DOTALL)


def shell_uses(path, source):
    """(line number, what) of every start of a shell."""
    if path.suffix == ".py":
        tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline)
                  if token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE)]
        for one, two, three in zip(tokens, tokens[1:], tokens[2:]):
            if (one.string, two.string) in (("os", "."),) and three.string in ("system", "popen"):
                yield one.start[0], f"os.{three.string}"
            if (one.string, two.string, three.string) == ("shell", "=", "True"):
                yield one.start[0], "shell=True"
    else:
        for number, line in enumerate(without_comments(source).splitlines(), 1):
            # A type's name before it makes it a variable.
            calls = re.sub(r"\b[A-Z]\w*\s+(system|popen)\(", "variable(", line)
            for match in re.finditer(r"(?<![\w.>])(?:std::|::)?(system|popen)\s*\(", calls):
                yield number, match[1] + "()"


def check_text(root):
    """No notes to self, no paths of one machine, no shell."""
    words = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b")
    machine = re.compile(r"(?<![\w./:*-])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + r"me/\w+", "Us" + r"ers/\w+"]) + ")/")
    findings = []
    for path in files(root):
        source = text(root, path)
        if source is None:
            continue
        for number, line in enumerate(source.splitlines(), 1):
            if match := words.search(line):
                findings.append(f"{path}:{number}: {match[0]}; open points belong to the issue tracker")
            if match := machine.search(line):
                findings.append(f"{path}:{number}: {match[0]}, a path of one machine; use a path relative to the file or GNOMON_DATA")
        if path.suffix in CODE:
            for number, what in shell_uses(path, source):
                findings.append(f"{path}:{number}: {what}; start programs from argument vectors")
    return findings


def check_folders(root):
    findings = [f"{folder}: missing folder" for folder in REQUIRED_FOLDERS if not (root / folder).is_dir()]
    findings += [f"{folder}: no README.md (what it is, what it depends on, entry points)"
                 for folder in REQUIRED_FOLDERS if (root / folder).is_dir() and not (root / folder / "README.md").is_file()]
    return findings


def check_sizes(root):
    findings = []
    for path in files(root):
        size = (root / path).stat().st_size
        if size > LARGEST_FILE_BYTES:
            findings.append(f"{path}: {size} bytes; at most {LARGEST_FILE_BYTES}")
        elif path.suffix in CODE | {".sv", ".v", ".cmake", ".sh", ".js", ""}:
            lines = len((text(root, path) or "").splitlines())
            if lines > LONGEST_FILE_LINES and path.name != "LICENSE":
                findings.append(f"{path}: {lines} lines; at most {LONGEST_FILE_LINES}: a longer file is two")
    return findings


CHECKS = {"includes": check_includes, "links": check_links, "text": check_text, "folders": check_folders, "sizes": check_sizes}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("check", choices=sorted(CHECKS))
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--links", type=pathlib.Path, help="for the check of links: the file that CMake wrote")
    options = parser.parse_args()
    arguments = [options.links] if options.check == "links" else []
    findings = CHECKS[options.check](options.root, *arguments)
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
