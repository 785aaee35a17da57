#!/usr/bin/env python3
"""Set up and run Croton from a checkout, with nothing but Python 3.11 or newer and pip.

    python3 dev.py demo     trains a contractive autoencoder on handwritten digits and writes report/
    python3 dev.py test     layer test, ruff, type checking and the tests
    python3 dev.py setup    only makes .venv and installs the package into it

The first call makes `.venv` beside this file; later calls reuse it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "installed"


def run(*command: str | Path) -> None:
    """Run a command from the root and stop with its status if it fails."""
    print("$", " ".join(str(part) for part in command), flush=True)
    status = subprocess.run([str(part) for part in command], cwd=ROOT).returncode
    if status:
        sys.exit(status)


def setup(extras: str) -> None:
    """Make the virtual environment and install the package with its extras, unless that is done already."""
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    done = STAMP.read_text().split() if STAMP.exists() else []
    if done[:1] == [wanted] and set(extras.split(",")) <= set(done[1:]):
        return
    if not PYTHON.exists():
        print(f"making {VENV}", flush=True)
        venv.create(VENV, with_pip=True)
    have = set(done[1:]) if done[:1] == [wanted] else set()
    names = sorted(have | set(extras.split(",")))
    run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", f".[{','.join(names)}]")
    STAMP.write_text(" ".join([wanted, *names]))


def demo(arguments: list[str]) -> None:
    setup("demo")
    run(PYTHON, "examples/contractive_autoencoder.py", *arguments)


def test(arguments: list[str]) -> None:
    setup("demo,test")
    run(PYTHON, "-m", "ruff", "check", ".")
    run(PYTHON, "-m", "mypy")
    run(PYTHON, "-m", "pytest", "-n", str(os.cpu_count() or 1), *arguments)


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - this file runs before anything is installed
        sys.exit(f"Croton needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    command, arguments = (sys.argv[1:2] or ["help"])[0], sys.argv[2:]
    if command == "demo":
        demo(arguments)
    elif command == "test":
        test(arguments)
    elif command == "setup":
        setup("demo,test")
    else:
        print(__doc__)
        sys.exit(0 if command in ("help", "-h", "--help") else 2)


if __name__ == "__main__":
    main()
