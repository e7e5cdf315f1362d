"""What is published beside the code: bounds of dependencies, the citation, the workflows."""

import configparser
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

import relx
from relx.commands import _parser

ROOT = Path(__file__).resolve().parents[1]
NOT_INSTALLED_TOGETHER = {"docs", "spacy"}  # spaCy 3.8 needs numpy 2; the site is built with constraints.txt only
FILES = {"tests", ".ci", "benchmarks"}


def setup() -> configparser.ConfigParser:
    found = configparser.ConfigParser()
    found.read(ROOT / "setup.cfg", encoding="utf-8")
    return found


def requirements(lines: str) -> list[Requirement]:
    return [Requirement(line) for line in lines.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def lowest(requirement: Requirement) -> str:
    [bound] = [part.version for part in requirement.specifier if part.operator in (">=", "==")]
    return re.sub(r"(\.0)+$", "", bound)


def workflow() -> dict[str, Any]:
    return yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))


def commands() -> list[str]:
    return [step["run"] for job in workflow()["jobs"].values() for step in job["steps"] if "run" in step]


class TestBounds:
    def test_the_lowest_versions_that_are_tested_are_the_lower_bounds(self) -> None:
        extras = setup()["options.extras_require"]
        of_extras = [extras[name] for name in extras if name not in NOT_INSTALLED_TOGETHER]
        bounds: dict[str, set[str]] = {}
        for requirement in requirements("\n".join([setup()["options"]["install_requires"], *of_extras])):
            bounds.setdefault(requirement.name, set()).add(lowest(requirement))
        tested = {one.name: {lowest(one)} for one in requirements((ROOT / "constraints-lowest.txt").read_text())}
        assert bounds == tested

    def test_each_version_that_is_tested_is_allowed(self) -> None:
        extras = setup()["options.extras_require"]
        allowed = requirements("\n".join([setup()["options"]["install_requires"], *extras.values()]))
        pinned = {one.name: lowest(one) for one in requirements((ROOT / "constraints.txt").read_text())}
        assert [str(one) for one in allowed if one.name in pinned and pinned[one.name] not in one.specifier] == []

    def test_the_workflows_run_each_python_that_is_declared(self) -> None:
        named = re.findall(r"Python :: (3\.\d+)", setup()["metadata"]["classifiers"])
        assert workflow()["jobs"]["linux"]["strategy"]["matrix"]["python"] == named
        assert setup()["options"]["python_requires"] == f">={named[0]}"


class TestCitation:
    def test_it_is_that_of_this_version(self) -> None:
        cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
        assert cited["version"] == relx.__version__
        assert cited["license"] == setup()["metadata"]["license"]

    def test_its_papers_have_the_title_and_the_address_that_the_pages_give(self) -> None:
        cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
        pages = " ".join(
            " ".join(page.read_text(encoding="utf-8").split()) for page in (ROOT / "docs/systems").glob("*.md")
        )
        published = [paper for paper in cited["references"] if paper["type"] != "generic"]
        assert len(published) == 3
        for paper in published:
            assert f"*{paper['title']}*" in pages and f"({paper['url']})" in pages, paper["title"]


class TestWorkflows:
    @pytest.mark.parametrize("command", commands())
    def test_a_command_names_what_exists(self, command: str) -> None:
        program, *arguments = (word for word in shlex.split(command) if word not in ("python", "-m"))
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        if program == "make":
            assert arguments[0] in targets
        elif Path(program).name == "relx":
            _parser().parse_args(arguments)
        for word in (program, *arguments):
            if Path(word).parts[:1] and Path(word).parts[0] in FILES or word.startswith("constraints"):
                assert (ROOT / word).exists(), word
            for extra in re.findall(r"\.\[([\w,]+)\]", word):
                assert set(extra.split(",")) <= set(setup()["options.extras_require"]), word

    def test_actions_have_a_version_and_jobs_an_end(self) -> None:
        for name, job in workflow()["jobs"].items():
            assert job["timeout-minutes"] <= 60, name
            assert all(re.fullmatch(r"[\w/-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step), name
