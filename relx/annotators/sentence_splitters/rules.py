"""Sentences by punctuation, abbreviations and the look of the next word."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from relx.annotators.sentence_splitters.splitter import SentenceSplitter, Span, visible_spans

# What may close after the marks that end a sentence: quotes, brackets, references such as [12], faces such as :) and,
# where raised numbers became plain ones, references such as 12,13.
_CLOSING = r"""(?:["'”’»)\]}]|\[\d+(?:[,–-]\s?\d+)*\]|\s(?:[)\]}]|''|[:;]-?[)(])(?!\S))*"""
_MARKS = r"(?<![.!?…])[.!?…]+(?:\s[.!?…]+(?!\S))*"
_RAISED = r"(?:(?<=[a-z)]\.)\d{1,3}(?:[,–-]\d{1,3})*(?!\S))?"
_FOREIGN = "。！？｡।॥۔؟።"
_END = re.compile(rf"({_MARKS})({_RAISED}{_CLOSING})(?!\S)|[{_FOREIGN}]+[”’」』）)]*")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")
_LINE = re.compile(r"[^\n]+")
_NEXT = re.compile(r"\s*([\"'“‘«(\[{¿¡*#•-]*)\s*(\S*)")
_WORD_BEFORE = re.compile(r"[^\s(\[{\"'“‘«/—–]*$")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# No sentence ends after these, whatever follows.
_BEFORE_NAMES = _words("""
    mr mrs ms mx dr drs prof profs rev hon gov sen rep gen col capt cpt maj lt sgt cpl pvt adm cmdr st ste mt ft
    messrs mme mlle pres supt insp det e.g i.e eg ie viz cf vs v approx ca esp incl resp nr
""")
# No sentence ends after these if a number follows.
_BEFORE_NUMBERS = _words("""
    no nos fig figs eq eqs eqn ref refs sec sect ch chap vol vols p pp art tab suppl app ex para cap jan feb mar apr
    jun jul aug sep sept oct nov dec
""")
# A sentence may end after these, but only if the next word has a capital.
_ABBREVIATIONS = _words("""
    al etc inc corp co ltd bros llc plc jr sr dept univ assn govt est ed eds ave blvd rd hwy pt bldg rm apt jan feb
    apr jun jul aug sept oct nov dec mon tue tues wed thu thurs fri fig figs no nos vol vols pp temp conc spp sp
    subsp var syn anon tel ext avg std obs expt prep i.v i.p i.m s.c p.o u.s u.k u.n d.c a.m p.m ph.d b.c a.d m.d
    b.a m.a
""")
# A sentence ends after these, except before lower case and numbers.
_UNITS = _words("""
    max min hr hrs sec wk wks yr yrs mo mos lb lbs oz kg mg km cm mm ml wt soln p.m a.m etc
""")
_LETTERS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]$|[^\W\d_]$")
# Words that rarely follow an abbreviation within a sentence, and often begin one.
_STARTERS = _words("""
    The This That These Those There Then Thus It Its He She We They You I In On At As After Before When While If But
    And Or So However Moreover Furthermore Although Because Since For From To What Why How Who Where Our His Her
    Their My A An No Not Both All Each Here Therefore Finally Also With Let Please Thanks Yes
""")
# Lower-case words that may begin a sentence: p53, mRNA, pH, c-Myc, β-catenin.
_NAME_LIKE = re.compile(r"[a-z]+\d|[a-z]{1,4}[A-Z]|[^\W\d_]{1,5}-\w|[α-ω]")
_LIST_NUMBER = re.compile(r"(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})$")

_NARROWEST, _WIDEST = 40, 120


@SentenceSplitter.register("rules")
class RuleSplitter(SentenceSplitter):
    """Split by rules, made for English and usable for any language with such marks.

    A sentence ends at a full stop, a question mark or an exclamation mark, with the quotes and brackets that close
    after it, if a blank follows and the words before and after it agree: abbreviations, initials and numbers of lists
    do not end a sentence. It also ends at the marks of Chinese, Japanese, Hindi, Arabic and Amharic, at a blank line,
    and at the end of a line, unless all lines of a paragraph are broken at one width.
    """

    def split(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the spans of the sentences of each text, in a time linear in its length."""
        return [visible_spans(text, pairwise([0, *_ends(text), len(text)])) for text in texts]


def _ends(text: str) -> Iterator[int]:
    """Yield the ends of the sentences of a text, in order."""
    for start, end in _lines(text):
        begin = start
        for match in _END.finditer(text, start, end):
            if match[1] is None or _is_end(text, begin, match, end):
                yield match.end()
                begin = match.end()
        yield end


def _lines(text: str) -> Iterator[Span]:
    """Yield the stretches of a text within which only marks end sentences: lines, or paragraphs of broken lines."""
    start = 0
    for end in [*(match.start() for match in _PARAGRAPH.finditer(text)), len(text)]:
        lines = [match.span() for match in _LINE.finditer(text, start, end) if not match[0].isspace()]
        if _is_wrapped(text, lines):
            yield lines[0][0], lines[-1][1]
        else:
            yield from lines
        start = end


def _is_wrapped(text: str, lines: Sequence[Span]) -> bool:
    """Return whether the lines of a paragraph were broken at one width, with no room for the next word."""
    width = max((end - start for start, end in lines), default=0)
    if len(lines) < 2 or not _NARROWEST <= width <= _WIDEST:
        return False
    for (start, end), (following, stop) in pairwise(lines):
        first = len(text[following:stop].split(None, 1)[0])
        if end - start + 1 + first <= width:
            return False
    return len(lines) > 2 or text[lines[1][0] : lines[1][1]].lstrip()[0].islower()


def _is_end(text: str, begin: int, match: re.Match[str], stop: int) -> bool:
    """Return whether a sentence that begins at ``begin`` ends with the marks of a match and what closes after them."""
    following = _NEXT.match(text, match.end(), stop)
    opening, word = following.groups() if following is not None else ("", "")
    if not word:
        return True
    is_lower = word[0].islower() and not _NAME_LIKE.match(word)
    if match[1] == "." and not match[2]:
        before = _WORD_BEFORE.search(text, max(begin, match.start() - 60), match.start())
        last = before[0] if before else ""
        is_first = match.start() - begin <= len(last) + 4 and text[begin : match.start()].strip(" *#") == last
        return _full_stop_ends(last, is_first, word)
    return not is_lower or not match[2] and len(match[1]) == 1


def _full_stop_ends(last: str, is_first: bool, word: str) -> bool:
    """Return whether a full stop after the word ``last`` ends the sentence, before ``word``."""
    key, is_lower = last.lower(), word[0].islower()
    if is_first and _LIST_NUMBER.match(last) or key in _BEFORE_NAMES:
        return False
    if word[0].isdigit() and key in _BEFORE_NUMBERS:
        return False
    if key in _UNITS:
        return not is_lower and not word[0].isdigit()
    if _LETTERS.match(last) or key in _ABBREVIATIONS:
        return word.rstrip(",'’:;.!?") in _STARTERS
    return True
