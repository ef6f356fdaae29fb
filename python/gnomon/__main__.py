"""`python -m gnomon`, and the `gnomon` command of an installed package: the program that belongs to it."""

from __future__ import annotations

import os
import sys

from .campaign import program


def main() -> None:
    path = str(program())
    os.execv(path, [path, *sys.argv[1:]])


if __name__ == "__main__":
    main()
