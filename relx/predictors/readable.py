"""Predictions for people."""

from typing import Any

from relx.text import printable


def readable(answer: dict[str, Any]) -> str:
    """A sentence and, below it, its triples with their scores."""
    if "error" in answer:
        return printable(f"line {answer['line']}: {answer['error']}")
    triples = (f"    {_triple(relation, answer['entities'])}" for relation in answer["relations"])
    return "\n".join(map(printable, [answer.get("text") or " ".join(answer["tokens"]), *triples]))


def _triple(relation: dict[str, Any], entities: list[dict[str, Any]]) -> str:
    head, tail = (_mention(relation[argument], entities)["text"] for argument in ("head", "tail"))
    score = f"  ({relation['score']:.2f})" if "score" in relation else ""
    return f"{head}  --{relation['type']}->  {tail}{score}"


def _mention(argument: int | dict[str, Any], entities: list[dict[str, Any]]) -> dict[str, Any]:
    """The entity of a number, or the mention that stands there itself."""
    return argument if isinstance(argument, dict) else entities[argument]
