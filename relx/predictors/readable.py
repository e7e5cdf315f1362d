"""Predictions for people."""

from typing import Any


def readable(answer: dict[str, Any]) -> str:
    """A sentence and, below it, its triples with their scores."""
    if "error" in answer:
        return f"line {answer['line']}: {answer['error']}"
    entities = answer["entities"]
    lines = [answer.get("text") or " ".join(answer["tokens"])]
    for relation in answer["relations"]:
        head, tail = entities[relation["head"]]["text"], entities[relation["tail"]]["text"]
        lines.append(f"    {head}  --{relation['type']}->  {tail}  ({relation['score']:.2f})")
    return "\n".join(lines)
