"""NYT10 and NYT11 as Takanobu et al. (2019) published them."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from relx.data.alignment import same_words
from relx.data.example import Entity, Example
from relx.data.json_validation import BadRecord, checked, items, required, shown
from relx.readers.json_reader import JsonReader
from relx.readers.mentions import Annotations, locate, mention_text
from relx.readers.reader import DatasetReader
from relx.readers.sentences import pretokenized, unquoted

SOURCE, TARGET, OTHER = "source", "target", "other"
UNTAGGED = "arguments without a tag; relx locates them by their text"
OTHER_WORDS = "arguments whose tags mark other words than their text; relx uses the tags"
_BEGINS = {4: SOURCE, 5: TARGET, 6: OTHER}
_INSIDE = {1: SOURCE, 2: TARGET, 3: OTHER}


class Mention(NamedTuple):
    """A span that tags mark, and its role in the relation."""

    role: str
    start: int
    end: int


@DatasetReader.register("hrl")
class HrlReader(JsonReader):
    """Read NYT10 and NYT11 of Takanobu et al. 2019: ``sentext`` and relations with a tag for each token.

    Args:
        occurrences: The places of a mention that the file names by its text alone: the ``first`` one in the sentence,
            or ``all`` of them.
    """

    def __init__(self, occurrences: Literal["first", "all"] = "first"):
        self.occurrences: Literal["first", "all"] = occurrences

    @classmethod
    def recognizes_record(cls, record: dict[str, Any]) -> bool:
        """Whether there is a ``sentext``."""
        return "sentext" in record

    def example(self, record: Any) -> Example:
        """Return the Example of one record. Raises BadRecord, which says what was expected."""
        record = checked(record, dict, "record")
        sentence = required(record, "sentext", str)
        annotations = Annotations(pretokenized(unquoted(sentence)), self.occurrences)
        for i, relation in enumerate(items(record, "relations", dict)):
            self._relation(relation, sentence, annotations, f"relations[{i}]")
        return annotations.finished()

    def _relation(self, record: dict[str, Any], sentence: str, annotations: Annotations, where: str) -> None:
        type = required(record, "rtext", str, where)
        tags = _fitted(items(record, "tags", int, where), sentence, annotations.example, f"{where}.tags")
        mentions = list(mentions_of(tags, f"{where}.tags"))
        for mention in mentions:
            annotations.at(mention.start, mention.end)
        if type == "None":
            return
        heads = self._argument([m for m in mentions if m.role == SOURCE], record, "em1", annotations, where)
        tails = self._argument([m for m in mentions if m.role == TARGET], record, "em2", annotations, where)
        annotations.relate(heads, type, tails)

    def _argument(
        self, mentions: list[Mention], record: dict[str, Any], key: str, annotations: Annotations, where: str
    ) -> list[Entity]:
        text = required(record, key, str, where)
        spans = [(start, end) for _, start, end in mentions]
        if not spans:
            self.note(UNTAGGED)
            return annotations.named(mention_text(text, f"{where}.{key}"))
        if self.occurrences == "first":
            named = [span for span in locate(annotations.example.tokens, text) if span in spans]
            spans = [*named, *spans][:1]
        found = [annotations.at(start, end) for start, end in spans]
        if not any(same_words(text, annotations.example.token_text(entity)) for entity in found):
            self.note(OTHER_WORDS)
        return found


def mentions_of(tags: Sequence[int], where: str) -> Iterator[Mention]:
    """Yield the spans that tags mark: one begins at each S_B, T_B, O_B, and at an inside tag after another role.

    Raises BadRecord for a number that is not a tag.
    """
    role, start = None, 0
    for i, tag in enumerate([*tags, 0]):
        if tag != 0 and tag not in _BEGINS and tag not in _INSIDE:
            raise BadRecord(f"{where}[{i}]: expected 0 to 6 (O, S_I, T_I, O_I, S_B, T_B, O_B), got {shown(tag)}")
        here = _BEGINS.get(tag) or _INSIDE.get(tag)
        if role is not None and (here != role or tag in _BEGINS):
            yield Mention(role, start, i)
        if here != role or tag in _BEGINS:
            role, start = here, i


def _fitted(tags: list[int], sentence: str, example: Example, where: str) -> list[int]:
    """Return the tags without those of stray quotes that were separate words."""
    words = sentence.split()
    if len(tags) == len(words):
        before = sum(1 for _ in _leading_quotes(words))
        tags = tags[before : before + len(example)]
    if len(tags) != len(example):
        raise BadRecord(f"{where}: expected a tag for each of the {len(example)} tokens of sentext, got {len(tags)}")
    return tags


def _leading_quotes(words: list[str]) -> Iterator[str]:
    for word in words:
        if word.strip('"'):
            return
        yield word
