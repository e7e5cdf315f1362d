"""A few labelled sentences with everything that a component may ask of one."""

from itertools import accumulate

from relx.data.example import Entity, Example, Relation

Mention = tuple[int, int, str]


def _sentence(text: str, *relations: tuple[Mention, str, Mention], others: tuple[Mention, ...] = ()) -> Example:
    tokens = text.split(" ") if text else []
    found = [Relation(Entity(*head), name, Entity(*tail)) for head, name, tail in relations]
    mentions = dict.fromkeys([m for r in found for m in (r.head, r.tail)] + [Entity(*other) for other in others])
    starts = list(accumulate((len(token) + 1 for token in tokens[:-1]), initial=0)) if tokens else []
    return Example(
        tokens,
        sorted(mentions, key=lambda mention: mention.span),
        found,
        text=text,
        offsets=[(start, start + len(token)) for start, token in zip(starts, tokens, strict=True)],
        pos_tags=["NNP" if token[0].isupper() else "NN" if token.isalpha() else "." for token in tokens],
        heads=list(range(len(tokens))),
        deprels=["root" if place == 0 else "dep" for place in range(len(tokens))],
    )


# Of several lengths, 0 and 1 among them; mentions of one word and of several; relations that go forwards, backwards and
# share a mention; an entity without relation, a sentence without entity.
SENTENCES = (
    _sentence("Ada Lovelace was born in London .", ((0, 2, "PER"), "born_in", (5, 6, "LOC"))),
    _sentence("Acme Corp , which is in New York , hired Grace Hopper .", ((0, 2, "ORG"), "based_in", (6, 8, "LOC")),
              ((10, 12, "PER"), "works_for", (0, 2, "ORG"))),
    _sentence("Oslo is where Linus was born .", ((3, 4, "PER"), "born_in", (0, 1, "LOC"))),
    _sentence(""),
    _sentence("Edith works for Intel in Oslo .", ((0, 1, "PER"), "works_for", (3, 4, "ORG")), others=((5, 6, "LOC"),)),
    _sentence("London", others=((0, 1, "LOC"),)),
    _sentence("Nothing happens here ."),
    _sentence("Alan Turing was born in London and worked for Acme Corp , as everybody knows .",
              ((0, 2, "PER"), "born_in", (5, 6, "LOC")), others=((9, 11, "ORG"),)),
)  # fmt: skip
