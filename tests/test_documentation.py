"""The examples of the documentation are run."""

import ast
import json
import re
import shlex
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest
import tiny as sample
from experiment_files import trees

from relx.commands import main
from relx.commands.common import experiment_class
from relx.config import load, override, require_valid
from relx.predictors.given import relating
from relx.registry import components, kinds

ROOT = Path(__file__).resolve().parents[1]
FACTS = [
    ("Ada was born in London", "Ada", "born_in", "London"),
    ("Grace was born in York", "Grace", "born_in", "York"),
    ("Linus works for Intel", "Linus", "works_for", "Intel"),
    ("Edith works for Oxfam", "Edith", "works_for", "Oxfam"),
]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def write_components(folder: Path) -> None:
    """The classes of the guide as one module, and their tests as another."""
    *written, tests = sorted(blocks("writing_components.md", "python"), key=lambda block: block.startswith("# test_"))
    (folder / "mine.py").write_text("\n\n".join(written))
    (folder / "test_mine.py").write_text(tests)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: None) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_components_of_the_guide_train_and_predict(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_components(workplace)
    (experiment,) = blocks("writing_components.md", "jsonnet")
    (workplace / "experiment.jsonnet").write_text(experiment)
    (workplace / "train.tsv").write_text("".join("\t".join(fact) + "\n" for fact in FACTS))
    (workplace / "text.txt").write_text("".join(f"{fact[0]}\n" for fact in FACTS))
    common = ["--include", "mine.py"]

    assert main(["check", "experiment.jsonnet", "--var", "data=train.tsv", *common]) == 0
    assert main(["train", "experiment.jsonnet", "--var", "data=train.tsv", *common]) == 0
    capsys.readouterr()
    assert main(["predict", "runs/experiment/model.tar.gz", "text.txt", "--text", *common]) == 0
    predicted = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["text"] for line in predicted] == [fact[0] for fact in FACTS]
    assert [relation["type"] for line in predicted for relation in line["relations"]] == [fact[2] for fact in FACTS]


@pytest.mark.slow
def test_the_tests_of_the_guide_pass(workplace: Path) -> None:
    write_components(workplace)
    options = ["-q", "-p", "no:cacheprovider", "--rootdir=."]
    run = sample.run(*options, "test_mine.py", cwd=workplace, program=pytest.main)
    assert run.returncode == 0 and "37 passed" in run.stdout, run.stdout


def test_the_readmes_commands_for_your_own_data(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Your own data")[1].split("\n## ")[0]
    record, commands = re.findall(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    (workplace / "experiments").symlink_to(ROOT / "experiments")
    (workplace / "mine").mkdir()
    for split in ("train", "dev", "test"):
        (workplace / "mine" / f"{split}.jsonl").write_text(record)
    (workplace / "new.txt").write_text("Alan Turing was born in London.\n")
    for line in commands.splitlines():
        program, *words = shlex.split(line.partition(" > ")[0], comments=True)
        smaller = ["--var", "hidden=8", "--var", "epochs=1"] if words[0] == "train" else []
        assert (program, main([*words, *smaller])) == ("relx", 0), capsys.readouterr().err
    assert len(commands.splitlines()) == 4
    assert '"text": "Alan Turing was born in London.' in capsys.readouterr().out


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(ROOT).as_posix() for page in PAGES])
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", prose)
    for link in (link for link in links if "://" not in link):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """The places of a page that a link can name, as GitHub makes them of its headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_guide_has_an_example_for_each_kind(workplace: Path) -> None:
    own = {kind.name for kind in kinds() if kind.reference.module.startswith("relx.")}
    headings = re.findall(r"^### (\w+)$", (ROOT / "docs" / "writing_components.md").read_text(), re.MULTILINE)
    assert set(headings) == own


def test_every_argument_of_an_example_is_described() -> None:
    """The docstrings of examples are what the rules ask of components: each argument has a line in ``Args:``."""
    modules = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*example*/**/relx_*.py")]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    modules += re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    classes = [
        node
        for module in (*modules, *blocks("writing_components.md", "python"))
        for node in ast.walk(ast.parse(module))
        if isinstance(node, ast.ClassDef) and any(".register(" in ast.unparse(d) for d in node.decorator_list)
    ]
    assert len(classes) > 15
    for component in classes:
        described = re.findall(
            r"^    (\w+): ", (ast.get_docstring(component) or "").partition("Args:\n")[2], re.MULTILINE
        )
        made = [node for node in component.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
        assert described == [argument.arg for init in made for argument in init.args.args[1:]], component.name


def test_a_kind_of_ones_own_is_checked(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_components(workplace)
    (experiment,) = blocks("writing_components.md", "jsonnet")
    (workplace / "experiment.jsonnet").write_text(experiment)
    noise = '{"type":"noisy","optimizer":{"type":"adam"},"noise":{"type":"gaussian","until":%s}}'
    command = ["check", "experiment.jsonnet", "--var", "data=x", "--include", "mine.py", "-o"]
    assert main([*command, "trainer.optimizer=" + noise % 3]) == 0
    assert main([*command, "trainer.optimizer=" + noise % '"x"']) == 2
    assert "trainer.optimizer.noise.until: expected a whole number" in capsys.readouterr().err
    assert "gaussian" in components(next(kind for kind in kinds() if kind.name == "noise"))


def test_the_experiments_of_the_guide_are_valid(workplace: Path) -> None:
    written = blocks("experiments.md", "jsonnet")
    names = [re.match(r"// (\w+\.jsonnet)\n", text) for text in written]
    assert len(written) == 3
    for name, text in zip(names, written, strict=True):
        assert name is not None
        (workplace / name[1]).write_text(text)
    assert [main(["check", str(name[1])]) for name in names if name is not None] == [0, 0, 0]
    assert main(["check", "smallest.jsonnet", "-o", "trainer.epochs=3", "-o", "model.head.entity_task=false"]) == 0
    assert main(["check", "varied.jsonnet", "--var", "data=/corpora/nyt10", "--var", "hidden=100"]) == 0


def test_the_experiments_about_embedders_are_valid(workplace: Path) -> None:
    for text in blocks("embedders.md", "jsonnet"):
        (workplace / "written.jsonnet").write_text(text)
        assert main(["check", "written.jsonnet"]) == 0


def test_the_systems_that_copy_words_are_valid_and_those_of_the_experiments(workplace: Path) -> None:
    (text,) = blocks("systems/interactive.md", "jsonnet")
    (workplace / "copy.jsonnet").write_text(text)
    systems = ("copyre_one", "copyre_multi", "copyre_one_code", "copyre_multi_code", "copymtl_one", "copymtl_multi")
    rows = [{"head": name} for name in systems]
    for row, ours in zip(rows, trees("interactive_webnlg", rows), strict=True):
        written = load("copy.jsonnet", row)
        require_valid(written, experiment_class(), "copy.jsonnet")
        assert ours["model"]["head"] == {"dropout": 0.2, **written["model"]["head"]}


def test_the_problems_that_the_guide_shows(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workplace / "smallest.jsonnet").write_text(blocks("experiments.md", "jsonnet")[0])
    overrides = ["model.head.type=htm", 'trainer.epochs="10"', "trainer.optimiser=1"]
    assert main(["check", "smallest.jsonnet", *(word for o in overrides for word in ("-o", o))]) == 2
    page = (ROOT / "docs" / "experiments.md").read_text()
    shown = re.search(r"^    (error: .*?)\n\n", page, re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert capsys.readouterr().err.split() == shown[1].split()


@pytest.mark.parametrize("file", sorted((ROOT / "experiments").glob("*.jsonnet")), ids=lambda file: file.stem)
def test_an_experiment_is_valid_shows_its_model_and_imports_corpora_and_signatures_only(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    imported = set(re.findall(r"import '([^']+)'", text))
    allowed = ("corpora", "nyt10_signatures")
    assert imported <= {f"relx/{name}.libsonnet" for name in allowed}
    tree = load(file)
    require_valid(tree, experiment_class(), str(file))
    model = tree["model"]
    for part in ("embedder", "encoder", "head"):
        if part in model:
            assert f"type: '{model[part]['type']}'" in text
    assert all(f"  {key}: {{" in text for key in ("data_loader", "trainer"))


COMMAND = re.compile(r"\brelx (?:train|tune|data|find-lr) experiments/\w+\.jsonnet(?:[^`\n\\]|\\\n)*")


def documented_commands() -> list[str]:
    found = (match for page in PAGES for match in COMMAND.findall(page.read_text(encoding="utf-8")))
    return sorted({command.split(" | ")[0].replace("\\\n", " ") for command in found})


@pytest.mark.slow
def test_every_command_of_the_documentation_that_runs_an_experiment_is_valid() -> None:
    commands = documented_commands()
    assert len(commands) > 30
    options = {command: list(pairwise(shlex.split(command))) for command in commands}
    of_file = defaultdict(list)
    for command in commands:
        of_file[Path(shlex.split(command)[2]).stem].append(command)
    for name, group in of_file.items():
        rows = [dict(v.split("=", 1) for option, v in options[command] if option == "--var") for command in group]
        for command, tree in zip(group, trees(name, rows), strict=True):
            overrides = [value for option, value in options[command] if option == "-o"]
            require_valid(override(tree, overrides), experiment_class(), command)


@pytest.mark.parametrize(
    ("name", "variable", "valid"),
    [
        ("hmt_nyt10", "format", "brat, conll04, dygie, hrl, jsonl, spert, triples"),
        ("hmt_nyt10", "head", "hmt, novel_tagging"),
        ("hmt_nyt11", "format", "brat, conll04, dygie, hrl, jsonl, spert, triples"),
        ("rin_nyt", "format", "brat, conll04, dygie, hrl, jsonl, spert, triples"),
        ("rin_nyt", "encoder", "transformer, words"),
        ("rin_nyt", "pos", "given, stanza"),
        ("rin_nyt", "variant", "exact, star"),
        ("rin_nyt", "head", "bilstm, bilstm_s, rin, rin_v2"),
        ("rin_webnlg", "head", "bilstm, bilstm_s, rin, rin_v2"),
        ("rin_webnlg", "without", "entities, relations, words"),
    ],
)
def test_a_published_experiment_lists_what_a_variable_may_be(
    name: str, variable: str, valid: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["check", f"experiments/{name}.jsonnet", "--var", f"{variable}=nope"]) == 2
    assert f"{variable} is nope; choose one of: {valid}\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "files"),
    [
        ("corpora/webnlg", ["corpora/webnlg/train_triples.json", "corpora/webnlg/val_triples.json"]),
        ("corpora/conll04_%s.json", ["corpora/conll04_train.json", "corpora/conll04_dev.json"]),
    ],
)
def test_a_published_experiment_finds_its_files_in_a_folder_or_by_a_pattern(data: str, files: list[str]) -> None:
    tree = load(ROOT / "experiments/rin_webnlg.jsonnet", {"data": data, "format": "triples"})
    assert [tree["train_data_path"], tree["validation_data_path"]] == files


def test_the_page_on_schemas_shows_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", str(ROOT / "fixtures" / "abstracts" / "train")]) == 0
    (shown,) = blocks("schema.md", "json")
    printed = json.loads(capsys.readouterr().out)["relations"]
    assert json.loads(shown)["relations"]["expressed_in"] == printed["expressed_in"]
    (code,), (_, output) = blocks("schema.md", "python"), blocks("schema.md", "text")
    exec(code, {})
    assert capsys.readouterr().out == output


def test_the_guide_names_the_heads_that_relate_given_entities() -> None:
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    named = re.search(r"^The heads (.*?)\s+can\s+do\s+this", guide, re.MULTILINE | re.DOTALL)
    assert named is not None and re.findall(r"`(\w+)`", named[1]) == relating()
