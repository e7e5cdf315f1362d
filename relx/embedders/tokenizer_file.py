"""Read ``tokenizer.json`` safely: a file can neither multiply a text nor end the process.

The library builds whatever the file describes. A normalizer may replace a letter by a megabyte, a template may put a
million pieces before a sentence, a pattern may take exponential time, and faults inside the library are panics, which
no ``except Exception`` catches.
"""

import base64
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tokenizers import Tokenizer

from relx.errors import RelxError, is_panic

# Unicode's own normal forms turn one character into up to 18, and SentencePiece's files hold them.
MOST_GROWTH = 256
MOST_STEPS = 32
MOST_SPECIAL_PIECES = 64
LONGEST_PATTERN = 1_000
LONGEST_AFFIX = 16
LONGEST_WORD = 10_000
# Parts that hold no steps, or that relx does not use.
UNREAD = ("model", "added_tokens", "decoder")
# Scripts that a tokenizer seldom knows.
RARE = ("\ua66e", "\U00013000", "\ua000")


def read_tokenizer(content: bytes) -> Tokenizer:
    """Read a tokenizer, without truncation and padding. Raises RelxError for a damaged or unsafe file."""
    try:
        tree = json.loads(content)
        _require_bounded(tree)
        with panics_as_errors():
            tokenizer = Tokenizer.from_str(content.decode())
    except RelxError:
        raise
    except (Exception, RecursionError) as error:  # the library raises all sorts, and so does a tree of another shape
        raise RelxError(f"tokenizer.json is damaged: {type(error).__name__}: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Raise RuntimeError for a panic of the library's Rust code, which is no Exception."""
    try:
        yield
    except BaseException as error:
        if not is_panic(error):
            raise
        raise RuntimeError(str(error)) from error


def require_pieces(tokenizer: Tokenizer, rows: int) -> None:
    """Raise RelxError for a tokenizer that does not fit an embedding table of ``rows`` rows, or knows no words."""
    pieces = tokenizer.get_vocab()
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special}
    if len(pieces.keys() - special - {"\u2581"}) < 2:
        raise RelxError("its tokenizer has only special pieces, so every word would be unknown")
    highest = max(pieces, key=pieces.__getitem__)
    if pieces[highest] >= rows:
        raise RelxError(
            f"its tokenizer has pieces up to number {pieces[highest]} ({highest!r}), but the model has {rows} rows; "
            "use the tokenizer that the model was trained with, or resize_token_embeddings and save the model again"
        )
    if any(piece >= rows for piece in tokenizer.encode(["a"], is_pretokenized=True).ids):
        raise RelxError(f"its tokenizer adds pieces around a sentence that are not among the model's {rows} rows")
    for character in RARE:
        try:
            with panics_as_errors():
                found = tokenizer.encode(["a", character], is_pretokenized=True, add_special_tokens=False)
        except Exception as error:  # the library raises a bare Exception
            raise RelxError(f"its tokenizer has no piece for unknown words ({error})") from error
        if 1 not in found.word_ids:
            raise RelxError(f"its tokenizer has no piece for unknown words: it drops {character!r}")


def _require_bounded(tree: Any) -> None:
    """Raise RelxError for steps that can multiply a text, or take time without end."""
    growth, steps = 1, 0
    for node in _nodes({key: value for key, value in tree.items() if key not in UNREAD}):
        steps += "type" in node
        growth *= _growth(node)
        if isinstance(pattern := node.get("Regex"), str):
            _require_linear(pattern)
        if any(len(node.get(key) or "") > LONGEST_AFFIX for key in ("prepend", "replacement", "str_rep")):
            raise RelxError("tokenizer.json is unsafe: it puts long texts between words")
        if "single" in node and _special_pieces(node) > MOST_SPECIAL_PIECES:
            raise RelxError(f"tokenizer.json is unsafe: more than {MOST_SPECIAL_PIECES} special pieces a sentence")
    if growth > MOST_GROWTH or steps > MOST_STEPS:
        raise RelxError(f"tokenizer.json is unsafe: it makes a text more than {MOST_GROWTH} times as long")
    _require_bounded_model(tree["model"])


def _require_bounded_model(model: dict[str, Any]) -> None:
    affixes = (model.get(key) or "" for key in ("continuing_subword_prefix", "end_of_word_suffix"))
    if any(len(affix) > LONGEST_AFFIX for affix in affixes):
        raise RelxError("tokenizer.json is unsafe: a prefix or suffix of pieces is too long")
    if (model.get("max_input_chars_per_word") or 0) > LONGEST_WORD:
        raise RelxError(f"tokenizer.json is unsafe: max_input_chars_per_word is more than {LONGEST_WORD}")
    if model.get("dropout"):
        raise RelxError("tokenizer.json splits words at random (dropout); set its dropout to null")


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _nodes(item)


def _growth(step: dict[str, Any]) -> int:
    """Return the number of characters into which a step can turn one."""
    if step.get("type") == "Replace":
        return 1 + len(step["content"]) if "Regex" in step["pattern"] else max(1, len(step["content"]))
    if step.get("type") == "Precompiled":
        return max(1, _longest_mapping(step["precompiled_charsmap"] or ""))
    return 1


def _longest_mapping(charsmap: str) -> int:
    """Measure the longest text in a character map of SentencePiece: the size of a trie, the trie, the texts."""
    content = base64.b64decode(charsmap)
    start = 4 + struct.unpack_from("<I", content)[0] if content else 0
    if start > len(content):
        raise RelxError("tokenizer.json is damaged: its precompiled_charsmap is truncated")
    return max((len(text.decode("utf-8", "replace")) for text in content[start:].split(b"\0")), default=1)


def _special_pieces(template: dict[str, Any]) -> int:
    sizes = {name: len(token["ids"]) for name, token in template["special_tokens"].items()}
    return sum(sizes[part["SpecialToken"]["id"]] for part in template["single"] if "SpecialToken" in part)


def _require_linear(pattern: str) -> None:
    """Raise RelxError for a repetition of a repetition, such as ``(a+)+``."""
    repeats = [False]
    place = 0
    while place < len(pattern):
        character, place = pattern[place], place + 1
        if character == "\\":
            place += 1
        elif character == "[":
            place = _end_of_class(pattern, place)
        elif character == "(":
            repeats.append(False)
        elif _repeats_without_end(pattern, place - 1):
            repeats[-1] = True
        elif character == ")" and len(repeats) > 1:
            inner = repeats.pop()
            if inner and _repeats_without_end(pattern, place):
                raise RelxError(f"tokenizer.json is unsafe: the pattern {pattern[:60]!r} can take unlimited time")
            repeats[-1] |= inner
    if len(pattern) > LONGEST_PATTERN:
        raise RelxError(f"tokenizer.json is unsafe: a pattern of more than {LONGEST_PATTERN} characters")


def _end_of_class(pattern: str, place: int) -> int:
    """Return the place after a class of characters, which may hold others."""
    depth = 1
    while place < len(pattern) and depth:
        depth += {"[": 1, "]": -1}.get(pattern[place], 0)
        place += 2 if pattern[place] == "\\" else 1
    return place


def _repeats_without_end(pattern: str, place: int) -> bool:
    rest = pattern[place : place + 12]
    return rest[:1] in ("*", "+") or (rest[:1] == "{" and ",}" in rest)
