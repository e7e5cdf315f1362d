"""English rules that negate the verb between two mentions: "was born in" becomes "was not born in".

A rule reads all tokens between the two mentions: an optional lead-in, which is a comma, "who" or a short apposition
between commas, then the verb, then at most six words without punctuation, conjunction, pronoun or second verb. So the
verb is that of the first mention, and the second mention is in its clause. Other words do not change.
"""

# ruff: noqa: SIM905  (lists of words are easier to read as text)

from collections.abc import Sequence
from typing import NamedTuple

RULES = {
    "be + participle": "was born in -> was not born in",
    "be + noun or preposition": "is the capital of -> is not the capital of",
    "auxiliary + verb": "has lived in -> has not lived in",
    "past or present": "lives in -> does not live in",
    "participle alone": ", born in -> , not born in",
}

PLACE = frozenset("in at near on outside".split())
WORK = frozenset("for at in as with under on".split())


class Verb(NamedTuple):
    """The forms of a verb, and the words of which one has to follow it; none for a verb with an object."""

    base: str
    third: str
    past: str
    participle: str
    followed_by: frozenset[str] = frozenset()


def _verb(forms: str, followed_by: frozenset[str] = frozenset()) -> Verb:
    """Read ``base third past participle``; a regular verb is its base alone."""
    base, *others = forms.split()
    if not others:
        stem, ending = (base[:-1], "ie") if base.endswith("ry") else (base.removesuffix("e"), "e")
        others = [f"{stem}ies" if ending == "ie" else f"{base}es" if base.endswith("sh") else f"{base}s"]
        others.append(f"{stem}{ending}d")
    return Verb(base, others[0], others[1], others[-1], followed_by)


_OBJECT = (
    "kill", "murder", "assassinate", "poison", "shoot shoots shot", "stab stabs stabbed", "slay slays slew slain",
    "found", "head", "chair", "direct", "manage", "own", "join", "marry", "succeed", "acquire", "employ", "represent",
    "lead leads led", "buy buys bought", "edit", "govern", "produce", "manufacture", "invent", "design", "publish",
    "discover", "compose", "contain", "border", "write writes wrote written", "build builds built",
    "inhibit", "activate", "induce", "regulate", "phosphorylate", "suppress suppresses suppressed", "cause", "treat",
    "express expresses expressed", "bind binds bound", "reduce", "prevent",
)  # fmt: skip
_FOLLOWED = {
    PLACE: ("live", "reside", "die", "teach teaches taught"),
    WORK: ("work", "serve", "play"),
    frozenset({"from"}): ("graduate", "come comes came come"),
    frozenset({"to"}): ("belong",),
}
VERBS = [_verb(forms) for forms in _OBJECT]
VERBS += [_verb(forms, follow) for follow, several in _FOLLOWED.items() for forms in several]
PARTICIPLES = {verb.participle: verb for verb in VERBS}
FINITE = {form: verb for verb in VERBS for form in (verb.third, verb.past)}
BASES = {verb.base: verb for verb in VERBS}
PLAIN = frozenset({"live", "reside", "belong", "contain"})  # plain forms that are no nouns
STATES = frozenset("born based located situated headquartered buried stationed".split())  # and are no past tense
NOUNS = frozenset(
    "one another part home president director chairman chairwoman head leader chief mayor governor secretary "
    "minister ambassador editor professor member founder owner spokesman spokeswoman author manager capital king "
    "queen".split()
)
DETERMINERS = frozenset({"a", "an", "the"})
PREPOSITIONS = frozenset("of in at for from near with to on by".split())
BE = frozenset("is are was were".split())
AUXILIARIES = frozenset("has have had will would can could may might must should".split())
ADVERBS = frozenset("originally previously formerly currently fatally also now still".split())
NEGATORS = frozenset("not n't 't n’t ’t never no nobody neither nor without denied denies".split())
# Words after which another clause may begin; "may" is rather the month.
CLAUSE = NEGATORS | BE | AUXILIARIES - {"may"} | frozenset(
    "and or but who whom whose which that what because while when where after before if although though since until "
    "as than he she it they we i you said says had been be".split()
)  # fmt: skip
LONGEST_REST = 6


class Negation(NamedTuple):
    """The rule that applies, and the tokens ``start`` to ``end`` between the mentions that ``tokens`` replace."""

    rule: str
    start: int
    end: int
    tokens: tuple[str, ...]


def is_subject(before: Sequence[str]) -> bool:
    """Return whether a mention behind these tokens may be the subject of the verb that follows; not behind "of the"."""
    words = [token.lower() for token in before]
    while words and words[-1] in DETERMINERS:
        words.pop()
    return not words or words[-1] not in PREPOSITIONS


def negation(between: Sequence[str]) -> Negation | None:
    """Return how to negate the verb among the tokens between two mentions; None where no rule is sure."""
    words = [token.lower() for token in between]
    if not NEGATORS.isdisjoint(words):
        return None
    start = _after_lead_in(words)
    verb = start + (words[start : start + 1] != [] and words[start] in ADVERBS)
    found = _at_verb(words, start, verb)
    if found is None:
        return None
    negated, after = found
    return negated if _is_one_clause(words[after:]) else None


def _at_verb(words: list[str], start: int, at: int) -> tuple[Negation, int] | None:
    """Return the negation of the verb at a place, and where the words after the verb begin."""
    word, behind = (words[at] if at < len(words) else ""), words[at + 1 :]
    skipped = int(bool(behind) and behind[0] in ADVERBS)
    following = behind[skipped] if skipped < len(behind) else ""
    after = at + skipped + 2
    if word in BE and (following in PARTICIPLES or following in STATES):
        return Negation("be + participle", at + 1, at + 1, ("not",)), after
    if (
        word in BE
        and words[-1] in PREPOSITIONS | {"the"}
        and (following in NOUNS | DETERMINERS or following in PREPOSITIONS - {"by"})
    ):
        return Negation("be + noun or preposition", at + 1, at + 1, ("not",)), after
    if word in AUXILIARIES and (following in PARTICIPLES or following in BASES):
        return Negation("auxiliary + verb", at + 1, at + 1, ("not",)), after
    if word in AUXILIARIES and following == "been" and words[after : after + 1] and words[after] in PARTICIPLES:
        return Negation("auxiliary + verb", at + 1, at + 1, ("not",)), after + 1
    if (word in STATES and following in PLACE) or (word in PARTICIPLES and following == "by"):
        return (Negation("participle alone", at, at, ("not",)), at + 1) if at == start else None
    verb = FINITE.get(word) or (BASES[word] if word in PLAIN else None)
    if verb is None or (verb.followed_by and following not in verb.followed_by) or words[:at] == [","]:
        return None
    auxiliary = "did" if word == verb.past else "does" if word == verb.third else "do"
    return Negation("past or present", start, at + 1, (auxiliary, "not", *words[start:at], verb.base)), at + 1


def _after_lead_in(words: list[str]) -> int:
    """Return where the verb may be: after nothing, a comma, ``, 74 ,`` or ``, a mathematician ,``, and ``who``."""
    start = 0
    if words[:1] == [","]:
        end = words.index(",", 1) if "," in words[1:] else 0
        inside = words[1:end]
        apposition = inside and (inside[0].isdigit() or inside[0] in NOUNS | DETERMINERS) and _is_one_clause(inside)
        start = end + 1 if apposition else 1
    return start + (words[start : start + 1] != [] and words[start] in {"who", "which", "that"})


def _is_one_clause(words: list[str]) -> bool:
    plain = all(word.replace("-", "").replace(".", "").replace("'", "").isalnum() for word in words)
    verbs = CLAUSE.union(FINITE, STATES)
    return plain and len(words) <= LONGEST_REST and verbs.isdisjoint(words)
