"""Which candidates are returned, and with which score: without a calibration and with one."""

from dataclasses import replace

import pytest

from relx.calibration.calibration import Calibration, TaskCalibration
from relx.calibration.curves import Logistic, least_score
from relx.calibration.decision import Decision
from relx.calibration.min_score import MinScore, parse
from relx.data.example import Entity, Example, Relation
from relx.data.vocabulary import Vocabulary
from relx.errors import ConfigError
from relx.heads.head import Thresholds, prediction

ANN, ROME, ACME = Entity(0, 1, "PER", score=0.9), Entity(2, 3, "LOC", score=0.6), Entity(4, 5, "ORG", score=0.4)
TOKENS = ["Ann", "in", "Rome", "for", "Acme"]
GOLD = Example(TOKENS, [ANN, ROME, ACME], [Relation(ANN, "born_in", ROME), Relation(ANN, "works_for", ACME)])
FOUND = [
    Relation(ANN, "born_in", ROME, 0.7),
    Relation(ANN, "works_for", ACME, 0.3),
    Relation(ACME, "born_in", ROME, 0.5),
]


BEST_LABEL = Thresholds()


def vocabulary() -> Vocabulary:
    made = Vocabulary([GOLD])
    made.relations()
    made.fact("entity_types", lambda: "data")
    made.namespace("entity_types", lambda example: (e.type or "" for e in example.entities))
    made.close()
    return made


def decided(
    min_score: MinScore | None = None,
    calibration: Calibration | None = None,
    own: Thresholds = BEST_LABEL,
    found: Example | None = None,
) -> tuple[list[str], list[str]]:
    """The types of the entities, and the relations with their scores."""
    decision = Decision(own, vocabulary(), calibration, min_score)
    example = decision(found or prediction(Example(TOKENS), [ANN, ROME, ACME], FOUND))
    relations = [f"{r.head.type} {r.type} {r.tail.type} {r.score:.2f}" for r in example.relations]
    assert all(r.head in example.entities and r.tail in example.entities for r in example.relations)
    return [str(e.type) for e in example.entities], relations


ALL = ["PER born_in LOC 0.70", "PER works_for ORG 0.30", "ORG born_in LOC 0.50"]


class TestMinimumScores:
    def test_without_any_all_candidates_are_returned(self) -> None:
        assert decided() == (["PER", "LOC", "ORG"], ALL)

    def test_a_number_bounds_entities_and_relations(self) -> None:
        assert decided(0.4) == (["PER", "LOC", "ORG"], [ALL[0], ALL[2]])
        assert decided(0.65) == (["PER"], [])

    def test_a_relation_needs_both_its_arguments(self) -> None:
        assert decided({"entities": 0.5}) == (["PER", "LOC"], [ALL[0]])
        assert decided({"ORG": 0.5}) == (["PER", "LOC"], [ALL[0]])

    def test_types_have_bounds_of_their_own(self) -> None:
        assert decided({"born_in": 0.6})[1] == ALL[:2]
        assert decided({"relations": 0.6, "works_for": 0.1})[1] == ALL[:2]
        assert decided({"relations": 0.6}) == (["PER", "LOC", "ORG"], ALL[:1])

    def test_an_entity_found_only_as_an_argument_goes_with_its_last_relation(self) -> None:
        found = prediction(Example(TOKENS), [ANN], FOUND)
        assert decided(0.3, found=found) == (["PER", "LOC", "ORG"], ALL)
        assert decided({"relations": 0.6}, found=found) == (["PER", "LOC"], ALL[:1])
        assert decided({"relations": 0.8}, found=found) == (["PER"], [])

    def test_a_bound_below_the_heads_threshold_asks_for_less_probable_candidates(self) -> None:
        own = Thresholds(0.5, 0.5)
        assert Decision(own, vocabulary(), None, 0.6).at is None
        at = Decision(own, vocabulary(), None, {"born_in": 0.2}).at
        assert at is not None
        assert at == pytest.approx((0.5, 0.2))
        # The other types keep the threshold of the head.
        assert decided({"born_in": 0.2}, own=Thresholds(0.0, 0.5))[1] == [ALL[0], ALL[2]]

    def test_nothing_is_decoded_below_one_percent(self) -> None:
        assert Decision(Thresholds(0.5, 0.5), vocabulary(), None, 0.0).at == (0.01, 0.01)
        assert Decision(Thresholds(0.0, 0.5), vocabulary(), None, 0.0).at == (0.0, 0.01)

    def test_predictions_without_scores_cannot_be_bounded(self) -> None:
        found = prediction(Example(TOKENS), [ANN._replace(score=None)], [])
        assert decided(found=found)[0] == ["PER"]
        with pytest.raises(ConfigError, match="have no scores"):
            decided(0.5, found=found)


class TestCalibratedScores:
    CURVE = Logistic(1.0, -1.0)
    CALIBRATION = Calibration(
        TaskCalibration(), TaskCalibration(CURVE, {"works_for": Logistic(1.0, 2.0)}, threshold=0.25)
    )

    def test_the_threshold_and_the_bounds_are_calibrated_scores(self) -> None:
        assert decided(calibration=self.CALIBRATION)[1] == [
            "PER born_in LOC 0.46", "PER works_for ORG 0.76", "ORG born_in LOC 0.27",
        ]  # fmt: skip
        assert decided({"relations": 0.4}, self.CALIBRATION)[1] == ["PER born_in LOC 0.46", "PER works_for ORG 0.76"]

    def test_the_head_decodes_as_deep_as_the_lowest_threshold_needs(self) -> None:
        at = Decision(Thresholds(0.5, 0.5), vocabulary(), self.CALIBRATION, None).at
        assert at is not None
        lowest = least_score(self.CALIBRATION.relations.by_type["works_for"], 0.25)
        assert at == pytest.approx((0.5, lowest), abs=1e-6)

    def test_without_a_threshold_the_head_decides(self) -> None:
        open_ended = replace(self.CALIBRATION, relations=replace(self.CALIBRATION.relations, threshold=None))
        assert Decision(Thresholds(0.5, 0.5), vocabulary(), open_ended, None).at is None
        assert len(decided(calibration=open_ended)[1]) == 3


class TestFaults:
    @pytest.mark.parametrize("score", [-0.1, 1.1, float("nan"), True])
    def test_a_score_is_a_share(self, score: float) -> None:
        with pytest.raises(ConfigError, match="expected a number from 0 to 1"):
            decided(score)

    def test_all_faults_are_reported_together(self) -> None:
        with pytest.raises(ConfigError) as error:
            decided({"born_inn": 0.5, "works_for": 2, "LOCC": 0.1})
        assert str(error.value).splitlines() == [
            "minimum score born_inn=0.5: no such type; did you mean 'born_in'?",
            "minimum score works_for=2: expected a number from 0 to 1",
            "minimum score LOCC=0.1: no such type; did you mean 'LOC'?",
        ]

    def test_arguments_of_the_command_line(self) -> None:
        assert parse([]) is None
        assert parse(["0.6"]) == {"entities": 0.6, "relations": 0.6}
        assert parse(["a=b=0.5", "0.6", "relations=1"]) == {"entities": 0.6, "relations": 1.0, "a=b": 0.5}
        with pytest.raises(ConfigError, match="--min-score b=0.2: given twice"):
            parse(["b=1", "b=0.2"])
        with pytest.raises(ConfigError) as error:
            decided(parse(["1.5"]))
        assert str(error.value) == "minimum score 1.5: expected a number from 0 to 1"
        with pytest.raises(ConfigError) as error:
            decided(parse(["born_in=much", "works_for=", "Rome=1"]))
        assert str(error.value).splitlines() == [
            "minimum score born_in=much: expected a number from 0 to 1",
            "minimum score works_for=: expected a number from 0 to 1",
            "minimum score Rome=1.0: no such type; known: LOC, ORG, PER, born_in, entities, relations, works_for",
        ]
