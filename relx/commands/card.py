"""``relx card``: the model card of an archive, Markdown with the metadata that the Hugging Face Hub reads."""

import argparse
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from relx.commands.common import add_archive_argument, open_output
from relx.registry import components, kinds
from relx.scoring import UnknownProtocol, find_protocol, metric_rows
from relx.utils.text import LONGEST_NAME, json_text, printable

if TYPE_CHECKING:
    from jinja2 import Environment

    from relx.archive_file import ArchiveFacts

LONGEST_TEXT = 500
MOST_ROWS = 200
FEW = 10
TAGS = ("relx", "relation-extraction", "named-entity-recognition")
PARTS = {"train": "training"}
RATIOS = ("precision", "recall", "f1")
# Markup; and what makes links of addresses, equations of dollars.
_SPECIAL = re.compile(r"([\\`*_\[\]|~#!@$]|:(?=//)|(?<=www)\.)")
_BEGINS_BLOCK = re.compile(r"^(\d*)([-+=.)])(?=\s|$|[-=]{2})")
_VERSION = re.compile(r"\d[\w.+!-]{0,40}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``relx card``."""
    add_archive_argument(parser)
    parser.add_argument("--name", help="the name of the model (default: the name of its run or of the archive)")


def run(args: argparse.Namespace) -> int:
    """Print the card. The model is not built, so plugins need not be there. Raises ArchiveError."""
    from relx.archive_file import name_of, read_facts

    facts = read_facts(args.archive)
    with open_output(None) as output:
        output.write(model_card(facts, args.name or name_of(args.archive)))
    return 0


def model_card(facts: "ArchiveFacts", name: str) -> str:
    """Return the card of a model with this name.

    All text of the archive is escaped. Of a path only the name of the file is shown.
    """
    from markupsafe import Markup

    known = facts.to_json()
    metrics, config = facts.metrics, facts.config
    rows = metric_rows(metrics)[1:][:MOST_ROWS]
    split, types = _by_type(metrics)
    head = _type(_object(known["model"]).get("head"))
    version = str(_object(known["versions"]).get("relx"))
    pin = f"=={version}" if _VERSION.fullmatch(version) else ""
    template = files("relx.commands").joinpath("card.md").read_text(encoding="utf-8")
    return _environment().from_string(template).render(
        yaml=lambda value: Markup(json_text(value)),
        name=printable(name, LONGEST_NAME),
        tags=[*TAGS, *([printable(head, LONGEST_NAME)] if head else [])],
        results=_results(metrics, known),
        version=f" {version}" if pin else "",
        pin=Markup(pin),
        head=head,
        head_summary=_summary(head),
        relations=known["relations"][:MOST_ROWS],
        entity_types=known["entity_types"][:MOST_ROWS],
        plugins=_plugins(known["plugins"]),
        data=[*_data(known["data"])],
        scores=rows,
        protocols=[*_protocols({row[1] for row in rows})],
        types_of=split,
        types=types,
        calibration=facts.calibration and facts.calibration.summary(),
        calibration_errors=[*_calibration_errors({} if facts.calibration is None else facts.calibration.facts)],
        reach=_reach(config),
        limits=[*_limits(metrics), *_rare(types)],
        training=[*_training(known, config, metrics)],
    )  # fmt: skip


def markdown(text: str) -> str:
    """Return a text of any origin such that Markdown shows it as it is: no links, no markup, no second line."""
    escaped = _SPECIAL.sub(r"\\\1", html.escape(printable(text, LONGEST_TEXT), quote=False))
    return _BEGINS_BLOCK.sub(r"\1\\\2", escaped)


def _environment() -> "Environment":
    """Return what fills the template: every value is escaped but those that are marked."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True,
        finalize=lambda value: value if isinstance(value, Markup) else markdown(str(value)),
    )  # fmt: skip
    environment.filters["join"] = lambda values, by: Markup(by.join(markdown(str(value)) for value in values))
    return environment


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _type(part: Any) -> str:
    return str(_object(part).get("type") or "")


def _number(value: Any) -> str:
    return f"{value:,}" if type(value) is int else "unknown"


def _percents(counts: Any) -> list[str] | None:
    """Return precision, recall and F1 in percent; None if the archive has no such numbers."""
    try:
        return [f"{100 * float(counts[ratio]):.1f}" for ratio in RATIOS]
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _summary(head: str) -> str:
    """Return what relx says of a head; nothing of one that is not installed."""
    heads = next(components(kind) for kind in kinds() if kind.name == "head")
    return heads[head].summary if head in heads else ""


def _plugins(plugins: Any) -> list[str]:
    records = map(_object, plugins if isinstance(plugins, list) else ())
    return [str(record.get("distribution") or PurePath(str(record.get("include"))).name) for record in records]


def _data(data: Any) -> Iterator[tuple[str, ...]]:
    for split, facts in list(_object(data).items())[:MOST_ROWS]:
        of = _object(facts)
        file = PurePath(str(of.get("path") or "unknown")).name
        yield split, file, _number(of.get("sentences")), _number(of.get("triples")), str(of.get("sha256") or "unknown")


def _scored(metrics: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the split by whose scores the model is judged, and its report by the first protocol."""
    for split in ("test", "validation"):
        for report in _object(metrics.get(split)).values():
            return split, _object(report)
    return "", {}


def _by_type(metrics: Mapping[str, Any]) -> tuple[str, list[tuple[str, ...]]]:
    """Return a row for each relation type, the most frequent first, and what was scored."""
    split, report = _scored(metrics)
    found = []
    for type, counts in _object(report.get("per_relation")).items():
        ratios, gold = _percents(counts), _object(counts).get("gold")
        if ratios and isinstance(gold, int):
            found.append((gold, type, ratios))
    rows = [(type, _number(gold), *ratios) for gold, type, ratios in sorted(found, key=lambda row: (-row[0], row[1]))]
    return f"{split}, {report.get('protocol')}", rows[:MOST_ROWS]


def _results(metrics: Mapping[str, Any], known: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the scores as the Hub's metadata have them."""
    split, report = _scored(metrics)
    values = _percents(report.get("triples"))
    if values is None:
        return []
    file = PurePath(str(_object(_object(known["data"]).get(split)).get("path") or split)).name
    protocol = printable(str(report.get("protocol")), LONGEST_NAME)
    return [
        {
            "task": {"type": "token-classification", "name": "Relation extraction"},
            "dataset": {"name": printable(file, LONGEST_NAME), "type": "relx", "split": split},
            "metrics": [
                {"type": ratio, "value": float(value), "name": f"{ratio} of triples, {protocol}"}
                for ratio, value in zip(RATIOS, values, strict=True)
            ],
        }
    ]


def _protocols(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in sorted(names):
        try:
            yield name, find_protocol(name).meaning
        except UnknownProtocol:
            continue


def _calibration_errors(facts: Mapping[str, Any]) -> Iterator[str]:
    from relx.calibration.calibration import TASKS

    for task in TASKS:
        of = _object(facts.get(task))
        try:
            errors = [f"{100 * float(of[f'calibration_error_{when}']):.1f}" for when in ("before", "after")]
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        yield f"Expected calibration error of {task} on the validation data: {errors[0]} % before, {errors[1]} % after."


def _reach(config: Mapping[str, Any]) -> str:
    window = _object(config.get("dataset_reader")).get("window")
    if isinstance(window, int) and window > 1:
        return f"It was trained on windows of {window:,} sentences, and relates mentions within such a window only."
    return "It was trained on single sentences, and does not relate mentions of different sentences reliably."


def _limits(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the form of the head loses whatever the model learns, as the oracle check counted it."""
    oracle = _object(metrics.get("oracle"))
    if not oracle:
        yield "The archive does not say which triples the form of the head cannot express."
    for key, found in list(oracle.items())[:MOST_ROWS]:
        split, of = PARTS.get(key, key), _object(found)
        what = "entities" if "entities" in of else "triples"
        values = _percents(of.get("entities", of))
        if values is None:
            continue
        bound = "at most " if of.get("at_most") else ""
        protocol = of.get("protocol") or of.get("entity_protocol")
        ratios = f"precision {values[0]} %, recall {values[1]} %, F1 {values[2]} %"
        yield f"The best score of {what} that the head can reach on the {split} data is {bound}{ratios} ({protocol})."
        for kind, said in (
            ("losses", f"{what} cannot be expressed"),
            ("wrong", f"wrong {what} come with correct ones"),
        ):
            for cause, count in list(_object(of.get(kind)).items())[:MOST_ROWS]:
                yield f"{_number(count)} {said} ({split} data): {cause}."
    for key, said in (("interrupted", "was interrupted"), ("failure", "ended with a failure")):
        if metrics.get(key):
            yield f"The training {said}; this is the best model until then."


def _rare(types: Iterable[tuple[str, ...]]) -> Iterator[str]:
    rare = [row[0] for row in types if len(row[1]) == 1 and int(row[1]) < FEW]
    if rare:
        yield f"The scores of these relations rest on fewer than {FEW} gold triples: {', '.join(rare)}."


def _training(
    known: Mapping[str, Any], config: Mapping[str, Any], metrics: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    yield "date", str(known["date"] or "unknown")
    for part, value in _object(known["model"]).items():
        if _type(value):
            yield part, ", ".join([_type(value), *_pretrained(value)])
    numbers = [count for count in _object(known["weights"]).values() if isinstance(count, int)]
    yield "weights", f"{sum(numbers):,}"
    yield "epochs", f"{_number(metrics.get('epochs'))}, the best one {_number(metrics.get('best_epoch'))}"
    yield "seed", str(config.get("seed"))
    for part, value in known["annotators"].items():
        yield part, _type(value) or str(value)
    for part, identity in _object(known["trained_with"]).items():
        yield f"{part}: model", str(identity)
    yield "versions", ", ".join(f"{library} {version}" for library, version in known["versions"].items())


def _pretrained(part: Any) -> Iterator[str]:
    """Yield the names of the models and vectors that a part began with; of a path only its end."""
    for key, value in _object(part).items():
        if key in ("model", "vectors") and isinstance(value, str):
            is_hub_name = re.fullmatch(r"[\w.-]+/[\w.-]+", value)
            yield f"{key} {value if is_hub_name else PurePath(value).name}"
        for item in value if isinstance(value, list) else [value]:
            yield from _pretrained(item)
