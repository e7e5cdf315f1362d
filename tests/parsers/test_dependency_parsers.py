import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny as sample
from corpora import CORPORA

from relx.data.example import Example
from relx.data.json_form import example_to_json, to_line
from relx.errors import DataError, RelxError
from relx.parsers.chain import ChainParser
from relx.parsers.given import GivenParses
from relx.parsers.parser import Parse
from relx.parsers.stanza import StanzaParser
from relx.predictors import Predictor
from relx.readers import read
from relx.taggers.stanza import StanzaTagger
from relx.tokenizers.stanza import StanzaTokenizer

TINY = Path(__file__).resolve().parents[2] / "fixtures/tiny_stanza"
REAL = CORPORA / "models/stanza_en_small"
ADA, RAIN = ["Ada", "Keller", "was", "born", "in", "Lyon", "."], ["Rain", "fell", "in", "Oslo", "."]
ADA_PARSE = Parse([4, 1, 4, 0, 6, 4, 4], ["nsubj:pass", "flat", "aux:pass", "root", "case", "obl", "punct"])


def parser_of(cache, folder=TINY, **options):
    return StanzaParser(model_dir=str(folder), cache=str(cache), **options)


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A parser whose pipeline is loaded, which takes a moment."""
    parser = parser_of(tmp_path_factory.mktemp("cache"))
    parser.parse([ADA])
    return parser


@pytest.fixture
def parser(warm, tmp_path):
    """The same with an empty cache."""
    fresh = parser_of(tmp_path / "cache")
    vars(fresh)["_pipeline"] = warm._pipeline
    return fresh


def is_tree(parse):
    """One root, from which every token is reached."""
    for token in range(1, len(parse.heads) + 1):
        seen = set()
        while token and token not in seen:
            seen.add(token)
            token = parse.heads[token - 1]
        if token:
            return False
    return parse.heads.count(0) == 1


class TestStanza:
    def test_a_sentence(self, parser):
        assert parser.parse([ADA]) == [ADA_PARSE]

    def test_it_has_learnt_its_treebank(self, parser):
        gold = list(read(TINY / "dev.conllu"))
        found = parser.parse([example.tokens for example in gold])
        assert all(map(is_tree, found))
        pairs = [
            (head == given and relation == label)
            for example, parse in zip(gold, found, strict=True)
            for head, relation, given, label in zip(*parse, example.heads, example.deprels, strict=True)
        ]
        assert sum(pairs) / len(pairs) > 0.95

    def test_any_tokens_get_a_head_each(self, parser):
        odd = [[], [""], ["", "Ada", ""], ["a b", "\x00", "\ud800", " ", "\n", "\u200b", "x" * 500], [], ADA]
        parses = parser.parse(odd)
        assert [(len(heads), len(deprels)) for heads, deprels in parses] == [(len(tokens),) * 2 for tokens in odd]
        assert all(is_tree(parse) for parse in parses if parse.heads)
        assert parser.parse([]) == []

    def test_a_sentence_is_parsed_the_same_alone_and_among_others(self, parser, warm):
        assert parser.parse([RAIN, ADA * 9, ADA])[2] == warm.parse([ADA])[0]

    def test_nothing_is_parsed_twice(self, parser):
        parses = parser.parse([ADA, RAIN])
        again = parser_of(parser.cache)
        assert again.parse([RAIN, ADA, RAIN]) == [parses[1], parses[0], parses[1]]
        assert "_pipeline" not in vars(again), "not even the models were loaded"

    def test_a_tagger_and_a_parser_share_a_cache_and_not_their_answers(self, parser):
        parser.parse([ADA])
        tagger = StanzaTagger(model_dir=str(TINY), cache=parser.cache)
        assert tagger.tag([ADA]) == [["NNP", "NNP", "VBD", "VBN", "IN", "NNP", "."]]
        assert parser_of(parser.cache).parse([ADA]) == [ADA_PARSE]

    @pytest.mark.parametrize("model", ["pos.pt", "lemma.pt", "depparse.pt"])
    def test_another_model_parses_anew_and_a_moved_one_does_not(self, model, parser, tmp_path):
        for name in ("same", "other"):
            shutil.copytree(TINY, tmp_path / name)
        with open(tmp_path / "other" / model, "ab") as file:
            file.write(b"\0")
        same, other = (parser_of(parser.cache, tmp_path / name) for name in ("same", "other"))
        assert same.models.identity() == parser.models.identity() != other.models.identity()

    def test_missing_models_are_one_error_that_names_the_command(self, tmp_path):
        with pytest.raises(RelxError) as error:
            parser_of(tmp_path, tmp_path).parse([ADA])
        assert str(error.value).startswith(f"no Stanza models (pos, lemma, depparse) for 'en' in {tmp_path} (Resources")
        assert f"stanza.download('en', model_dir='{tmp_path}')" in str(error.value)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
    def test_a_model_that_is_missing_or_damaged_among_others(self, damage, tmp_path):
        folder = shutil.copytree(TINY, tmp_path / "damaged")
        model = folder / "depparse.pt"
        if damage == "missing":
            model.unlink()
        else:
            model.write_bytes(model.read_bytes()[: {"empty": 0, "cut": 999}[damage]])
        with pytest.raises(RelxError, match="stanza.download") as error:
            parser_of(tmp_path / "cache", folder).parse([ADA])
        assert "()" not in str(error.value), "it has a reason"

    def test_it_is_imported_on_use_only(self):
        code = "import sys, relx.parsers.stanza as module; module.StanzaParser(); print('stanza' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"

    def test_the_same_folder_serves_a_tokenizer(self):
        text = "Ada Keller (born in Lyon) taught in Oslo. Lyon's team, the Rovers, won."
        [tokens] = StanzaTokenizer(model_dir=str(TINY)).tokenize([text])
        words = "Ada Keller ( born in Lyon ) taught in Oslo . Lyon 's team , the Rovers , won ."
        assert " ".join(tokens.words) == words
        assert [text[start:end] for start, end in tokens.offsets] == tokens.words

    @pytest.mark.skipif(not REAL.exists(), reason="needs a Stanza model")
    def test_a_real_model(self, tmp_path):
        [parse] = parser_of(tmp_path, REAL).parse([["Ann", "Lee", "lives", "in", "Lyon", "."]])
        assert parse.heads == [3, 1, 0, 5, 3, 3]
        assert parse.deprels == ["nsubj", "flat", "root", "case", "obl", "punct"]


class TestChain:
    def test_every_token_depends_on_the_one_before(self):
        expected = [Parse([0, 1, 2], ["root", "dep", "dep"]), Parse([], []), Parse([0], ["root"])]
        assert ChainParser().parse([["a", "b", "c"], [], ["a"]]) == expected


class TestFilling:
    def test_only_what_is_missing(self):
        examples = [Example(["a", "b"]), Example(["a", "b"], heads=[2, 0], id="given"), Example([])]
        filled = ChainParser().fill(examples)
        assert [example.heads for example in filled] == [[0, 1], [2, 0], []]
        assert [example.deprels for example in filled] == [["root", "dep"], None, []]
        assert examples[0].heads is None, "the caller's sentences stay as they are"
        assert filled[1].id == "given"

    def test_given_heads_must_be_there(self):
        parsed = [Example(ADA, heads=[0] * 7)]
        assert GivenParses().fill(parsed) == parsed
        with pytest.raises(DataError, match="1 sentences have no heads, .* is 'given'; the first: 'Rain fell"):
            GivenParses().fill([*parsed, Example(RAIN)])


def experiment(parser, labels=False):
    """The overrides of the tiny experiment for the encoder of the bidirection-interactive model, and its parser."""
    lstm = {"type": "lstm", "hidden_size": 8, "directions": "averaged"}
    encoder = {"type": "compose", "encoders": [lstm, {"type": "gcn", "labels": labels}]}
    return f"model.encoder={json.dumps(encoder)}", f"dependency_parser={json.dumps(parser)}"


def test_an_experiment_parses_once_and_its_archive_parses_raw_text(tiny, tmp_path, caplog, capsys):
    caplog.set_level("INFO", "relx")
    stanza = {"type": "stanza", "model_dir": str(TINY), "cache": str(tmp_path / "cache")}
    for run, expected in (("one", 1), ("two", 0)):
        caplog.clear()
        sample.train(tiny, tmp_path / run, *experiment(stanza, labels=True), epochs=1)
        assert caplog.text.count("sentences are not in") == expected, "the splits hold the same sentences"
    archive = str(tmp_path / "two/model.tar.gz")
    predictor = Predictor.load(archive)
    [example] = predictor(["Ada Keller was born in Lyon."])
    assert (example.heads, example.deprels) == tuple(ADA_PARSE)
    assert predictor([example_to_json(example)])[0].heads == ADA_PARSE.heads

    from relx.commands import main

    assert main(["evaluate", archive, str(tiny.parent / "dev.jsonl")]) == 0
    assert "triples" in capsys.readouterr().out


def test_heads_that_the_data_give_are_used(tiny, tmp_path):
    for split in ("train", "dev", "test"):
        examples = ChainParser().fill(list(read(tiny.parent / f"{split}.jsonl")))
        (tmp_path / f"{split}.jsonl").write_text("".join(to_line(example_to_json(e)) + "\n" for e in examples))
    overrides = experiment({"type": "given"}, labels=True)
    sample.train(tiny, tmp_path / "run", *overrides, epochs=1, data=str(tmp_path))
    predictor = Predictor.load(tmp_path / "run/model.tar.gz")
    assert len(predictor([{"tokens": ["a", "b"], "heads": [0, 1], "deprels": ["root", "dep"]}])) == 1
    with pytest.raises(DataError, match="the dependency_parser is 'given'; the first: 'Ada'"):
        predictor([["Ada"]])


def test_without_a_parser_the_heads_are_missed(tiny, tmp_path):
    with pytest.raises(DataError, match="no heads, which the encoder 'gcn' needs: 'Ann Lee .*dependency_parser"):
        sample.train(tiny, tmp_path / "run", experiment(None)[0], epochs=1)
