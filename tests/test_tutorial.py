"""The notebook ``docs/tutorial.ipynb`` runs as it stands, and its stored outputs are those of its cells."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import tiny as sample
from forks import python

pytestmark = pytest.mark.slow

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "tutorial.ipynb"
CELLS = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]

# As a kernel does it: one namespace, and the value of a last expression is shown, as HTML if it can be.
RUN = """
import ast, json, sys

namespace, shown = {}, []
for source in json.loads(sys.argv[1]):
    *statements, last = ast.parse(source).body
    value = None
    if isinstance(last, ast.Expr):
        exec(compile(ast.Module(statements, []), "cell", "exec"), namespace)
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)
    else:
        exec(compile(ast.Module([*statements, last], []), "cell", "exec"), namespace)
    as_html = getattr(value, "_repr_html_", None)
    shown.append(None if value is None else as_html() if as_html else repr(value))
print("SHOWN", json.dumps(shown))
"""


def stored(cell: dict[str, Any], kind: str) -> str:
    """What the notebook keeps of a cell: what it printed, or the value that it showed."""
    outputs = [output for output in cell["outputs"] if output["output_type"] == kind]
    if kind == "stream":
        return "".join("".join(output["text"]) for output in outputs if output["name"] == "stdout")
    return "".join("".join(o["data"].get("text/html", o["data"]["text/plain"])) for o in outputs)


def test_every_cell_runs_in_a_fresh_process_and_shows_what_is_stored(tmp_path: Path) -> None:
    sources = json.dumps(["".join(cell["source"]) for cell in CELLS])
    run = sample.run(RUN, sources, cwd=tmp_path, program=python)
    assert run.returncode == 0, run.stderr
    printed, _, shown = run.stdout.partition("SHOWN ")
    assert [value is not None for value in json.loads(shown)] == [bool(stored(c, "execute_result")) for c in CELLS]
    headers = [re.findall("<th>.*?</th>", value or "") for value in json.loads(shown)]
    assert headers == [re.findall("<th>.*?</th>", stored(cell, "execute_result")) for cell in CELLS]
    assert len(re.findall(r"^threshold 0.\d: precision \d", printed, re.MULTILINE)) == 5
    assert "expected a text, a list of tokens, a record (dict) or an Example, got 5" in printed
    metrics = json.loads((tmp_path / "tutorial_run" / "metrics.json").read_text())
    assert metrics["test"]["exact_span"]["triples"]["f1"] > 0.3 and metrics["seconds"] < 60
    assert "epoch 30/30  loss" in run.stderr


def test_the_notebook_is_small_and_complete() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 60_000
    assert not re.search(r"/(home|work|tmp|usr|root)/", text)
    assert all(cell["outputs"] for cell in CELLS[1:]) and [cell["execution_count"] for cell in CELLS] == [
        number for number, _ in enumerate(CELLS, 1)
    ]
    sentences = re.findall(r"^.*\|.*$", "".join(CELLS[0]["source"]), re.MULTILINE)
    assert len(sentences) == 40
    assert stored(CELLS[0], "stream") == ""
