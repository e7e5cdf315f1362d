"""The tags that the data contain."""

from collections.abc import Sequence

from relx.annotators.annotation import missing_annotation
from relx.annotators.taggers.tagger import POSTagger
from relx.errors import DataError


@POSTagger.register("given")
class GivenTags(POSTagger):
    """No tagger: every sentence must come with its tags (``pos_tags``)."""

    def tag(self, sentences: Sequence[list[str]]) -> list[list[str]]:
        """Raise DataError, because the data must contain the tags of each of these sentences."""
        raise DataError(missing_annotation(sentences, "pos_tags", "pos_tagger"))
