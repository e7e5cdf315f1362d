"""The Dockerfile, without Docker: each of its instructions is checked, and its last ones are run."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from servers import serving

pytest.importorskip("fastapi")
ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
INSTRUCTIONS = [line.split(None, 1) for line in TEXT.splitlines() if line and not line.startswith("#")]
SOURCES = "constraints.txt setup.cfg setup.py pyproject.toml README.md LICENSE relx experiments fixtures"


def arguments(name: str) -> list[str]:
    return [rest for instruction, rest in INSTRUCTIONS if instruction == name]


def health(command: list[str], port: int) -> int:
    assert command[0] == "python"
    asked = [word.replace(":8000/", f":{port}/") for word in command[1:]]
    return subprocess.run([sys.executable, *asked], capture_output=True).returncode


def test_what_it_copies_is_there() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert [name for name in SOURCES.split() if name in ignored or not (ROOT / name).exists()] == []
    assert arguments("COPY") == ["constraints.txt .", ". .", "--from=build /venv /venv"]
    assert "PATH=/venv/bin:$PATH" in arguments("ENV")[0]


def test_what_it_installs_is_what_is_tested() -> None:
    pip, torch, own = (line for line in arguments("RUN") if " install " in line)
    assert "--upgrade pip" in pip
    assert "$(grep '^torch==' constraints.txt)" in torch
    assert own.endswith("-c constraints.txt '.[serve]'")
    images = {line.split()[0] for line in arguments("FROM")}
    [python] = re.findall(r"python:(3\.\d+)-slim", " ".join(images))
    assert len(images) == 1 and f"Python :: {python}" in (ROOT / "setup.cfg").read_text()


def test_the_program_does_not_run_as_root() -> None:
    [user] = arguments("USER")
    [added] = [line.split()[-1] for line in arguments("RUN") if line.startswith("useradd")]
    assert user == added != "root"
    order = [name for name, _ in INSTRUCTIONS]
    assert order.index("USER") < order.index("ENTRYPOINT") < order.index("CMD")


def test_it_serves_an_archive_and_is_found_healthy(archive: str) -> None:
    program, command, *options = json.loads(arguments("ENTRYPOINT")[0])
    assert (program, command, *json.loads(arguments("CMD")[0])) == ("relx", "serve", "/models/model.tar.gz")
    assert options == ["--host", "0.0.0.0", "--port", "8000"] and arguments("EXPOSE") == ["8000"]
    check = json.loads(arguments("HEALTHCHECK")[0].partition(" CMD ")[2])
    with serving(*options, archive) as server:  # takes a free port in place of 8000
        assert health(check, server.port) == 0
        server.stop()
        assert health(check, server.port) != 0
