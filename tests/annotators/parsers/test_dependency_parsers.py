import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import tiny as sample
from corpora import CORPORA

from relx.annotators.annotation import identities
from relx.annotators.parsers.given import GivenParses
from relx.annotators.parsers.linear_chain import ChainParser
from relx.annotators.parsers.parser import DependencyParser, Parse
from relx.annotators.parsers.stanza import StanzaParser
from relx.annotators.taggers.stanza import StanzaTagger
from relx.annotators.tokenizers.stanza import StanzaTokenizer
from relx.archive import load
from relx.data.example import Example
from relx.data.json_form import example_to_json, to_line
from relx.errors import DataError, RelxError
from relx.predictors import Predictor
from relx.readers import read

TINY = Path(__file__).resolve().parents[3] / "fixtures/tiny_stanza"
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


@pytest.mark.parametrize(
    "kept", ["[[4], 1]", "[4]", "[[9, 1, 4, 0, 6, 4, 4], [1]]", '[[1], ["root"]]', "[[2, 1, 2, 0, 4, 4, 4], %s]"]
)
def test_kept_values_that_are_no_trees_are_found_anew(parser, kept, caplog):
    assert parser.parse([ADA]) == [ADA_PARSE]
    with closing(sqlite3.connect(f"{parser.cache}/annotations.sqlite")) as database, database:
        labels = json.dumps(ADA_PARSE.deprels)
        database.execute("UPDATE annotations SET value = ?", (kept.replace("%s", labels),))
    assert parser.parse([ADA]) == [ADA_PARSE]
    assert "1 annotations are damaged or of another form; relx computes them again" in caplog.text


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

    def test_it_has_learned_its_treebank(self, parser):
        gold = list(read(TINY / "dev.conllu"))
        found = parser.parse([example.tokens for example in gold])
        assert all(map(is_tree, found))
        pairs = [
            (head == given and relation == label)
            for example, parse in zip(gold, found, strict=True)
            for head, relation, given, label in zip(*parse, example.dependency_heads, example.deprels, strict=True)
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
        assert same.identity() == parser.identity() != other.identity()

    def test_missing_models_are_one_error_that_names_the_command(self, tmp_path):
        with pytest.raises(RelxError) as error:
            parser_of(tmp_path, tmp_path).parse([ADA])
        assert str(error.value).startswith(
            f"no Stanza models (pos, lemma, depparse) for 'en' in {tmp_path} (it has none"
        )
        assert "stanza.download('en', model_dir='FOLDER')" in str(error.value)
        assert str(error.value).endswith("-o dependency_parser.model_dir=FOLDER")
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("file", ["resources.json", "depparse.pt"])
    @pytest.mark.parametrize("damage", ["missing", "empty", "cut", "garbage"])
    def test_a_file_that_is_missing_or_damaged_among_others_is_named(self, damage, file, tmp_path, capfd):
        path = shutil.copytree(TINY, tmp_path / "damaged") / file
        content = path.read_bytes()
        path.unlink()
        if damage != "missing":
            path.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "garbage": b"garbage" * 99}[damage])
        with pytest.raises(RelxError) as error:
            parser_of(tmp_path / "cache", path.parent).parse([ADA])
        assert str(error.value).startswith(f"{path}: {'missing, though' if damage == 'missing' else 'damaged; '}")
        assert str(error.value).endswith("-o dependency_parser.model_dir=FOLDER")
        assert capfd.readouterr() == ("", ""), "Stanza itself says nothing"

    def test_no_folder_is_named_by_nothing(self):
        with pytest.raises(ValueError, match="^model_dir: expected a folder, got ''"):
            StanzaParser(model_dir="")

    @pytest.mark.slow
    @pytest.mark.parametrize("fault", ["raise OSError('no such library')", "import no_such_module", "1 / 0"])
    def test_a_broken_package_is_one_error(self, fault, tmp_path):
        (tmp_path / "stanza.py").write_text(fault)
        use = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from relx.errors import RelxError
from relx.annotators.parsers.stanza import StanzaParser
from relx.annotators.tokenizers.stanza import StanzaTokenizer
parser, tokenizer = StanzaParser(model_dir={str(TINY)!r}, cache={str(tmp_path)!r}), StanzaTokenizer()
for use in (lambda: parser.parse([["Ada"]]), lambda: tokenizer.tokenize(["Ada"])):
    try:
        use()
    except RelxError as error:
        print(error)
"""
        said = subprocess.run([sys.executable, "-c", use], capture_output=True, text=True)
        assert said.stdout.count("the package stanza cannot be imported (") == 2, said.stderr
        assert said.stdout.count("pip install") == 2

    def test_models_in_stanzas_own_layout_are_told_apart_by_their_content(self, tmp_path):
        (tmp_path / "resources.json").write_text('{"en": {"alias": "xx"}, "xx": {}}')
        models = [tmp_path / "xx" / kind / "default.pt" for kind in ("pos", "lemma", "depparse", "pretrain")]
        others = [tmp_path / "xx/ner/default.pt", tmp_path / "de/pos/default.pt"]
        for path in (*models, *others):
            path.parent.mkdir(parents=True)
            path.write_bytes(b"one")
        seen = {parser_of(tmp_path, tmp_path).identity()}
        for path in others:
            path.write_bytes(b"two")
        assert {parser_of(tmp_path, tmp_path).identity()} == seen, "the pipeline is made of no such model"
        for path in models:
            path.write_bytes(b"two")
            seen.add(parser_of(tmp_path, tmp_path).identity())
        assert len(seen) == 1 + len(models)

    def test_it_is_imported_on_use_only(self):
        code = (
            "import sys, relx.annotators.parsers.stanza as module; "
            "module.StanzaParser(); print('stanza' in sys.modules)"
        )
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


class Wrong(DependencyParser):
    """A parser that answers whatever it is told to."""

    def __init__(self, *answers):
        self.answers = answers

    def parse(self, sentences):
        return self.answers


class TestFilling:
    def test_the_trees_of_the_data_are_replaced(self, caplog):
        caplog.set_level("INFO", "relx")
        examples = [Example(["a", "b"]), Example(["a", "b"], dependency_heads=[2, 0], id="given"), Example([])]
        filled = ChainParser().fill(examples)
        assert [example.dependency_heads for example in filled] == [[0, 1], [0, 1], []]
        assert [example.deprels for example in filled] == [["root", "dep"], ["root", "dep"], []]
        assert (examples[0].dependency_heads, examples[1].dependency_heads) == (None, [2, 0]), (
            "the caller's sentences stay as they are"
        )
        assert filled[1].id == "given"
        assert "1 of 3 sentences came with a tree; that of ChainParser replaces it" in caplog.text
        caplog.clear()
        assert ChainParser().fill([]) == [] and "replaces it" not in caplog.text

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (Parse([0, 3], ["a", "b"]), "heads[1]: expected 0 (root) or a token's number, 1 to 2, got 3"),
            (Parse([0, 2], ["a", "b"]), "heads[1]: a token cannot be its own head; 0 says that it is a root"),
            (Parse([2, 1], ["a", "b"]), "heads[0]: the heads lead in a circle, 1 to 2 to 1, and to no root (0)"),
            (Parse([0], ["a", "b"]), "heads: expected a list with one item for each of the 2 tokens, got 1"),
            (Parse([0, 1], ["a"]), "deprels: expected a list with one item for each of the 2 tokens, got 1"),
            (Parse([0, "1"], ["a", "b"]), "heads[1]: expected int, got '1'"),
            (Parse([0, 1], ["a", None]), "deprels[1]: expected str, got None"),
            (Parse((0, 1), ["a", "b"]), "heads: expected a list with one item for each of the 2 tokens, got tuple"),
            ([[0, 1], ["a", "b"]], "expected a Parse, got list"),
        ],
    )
    def test_an_answer_that_is_no_tree_is_one_error(self, answer, message):
        with pytest.raises(RelxError) as error:
            Wrong(Parse([0], ["root"]), answer).fill([Example(["c"]), Example(["a", "b"])])
        assert str(error.value) == f"Wrong gave a wrong answer: {message}; the sentence is 'a b'"

    @pytest.mark.parametrize("number", [0, 2])
    def test_too_few_or_too_many_answers_are_one_error(self, number):
        with pytest.raises(RelxError, match=f"^Wrong: expected an answer for each of 1 sentences, got {number}$"):
            Wrong(*[Parse([0], ["root"])] * number).fill([Example(["a"])])

    def test_no_answer_is_one_error(self, monkeypatch):
        monkeypatch.setattr(Wrong, "parse", lambda self, sentences: None)
        with pytest.raises(RelxError, match="^Wrong: expected an answer for each of 1 sentences, got NoneType$"):
            Wrong().fill([Example(["a"])])

    def test_given_heads_must_be_there(self):
        parsed = [Example(ADA, dependency_heads=[0] * 7)]
        assert GivenParses().fill(parsed) == parsed
        with pytest.raises(DataError, match="^a sentence has no heads, .*-o 'dependency_parser=.*; 'Rain fell"):
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
    assert (example.dependency_heads, example.deprels) == tuple(ADA_PARSE)
    given = {**example_to_json(example), "heads": [0] * 7}
    assert predictor([given])[0].dependency_heads == ADA_PARSE.heads, "the model has learned from the parser's trees"

    from relx.commands import main

    assert main(["evaluate", archive, str(tiny.parent / "dev.jsonl")]) == 0
    assert "triples" in capsys.readouterr().out


def test_an_archive_knows_the_models_of_its_parser_and_prediction_warns_of_others(tiny, tmp_path, caplog):
    models = shutil.copytree(TINY, tmp_path / "models")
    stanza = {"type": "stanza", "model_dir": str(models), "cache": str(tmp_path / "cache")}
    sample.train(tiny, tmp_path / "run", *experiment(stanza), epochs=1)
    archive = tmp_path / "run/model.tar.gz"
    other = shutil.copytree(TINY, tmp_path / "other")
    with open(other / "depparse.pt", "ab") as file:
        file.write(b"\0")

    def warnings(*overrides):
        caplog.clear()
        predictor = Predictor.load(archive, overrides=overrides)
        assert [predictor([["Ada", "sang"]])[0].tokens for _ in range(2)] == [["Ada", "sang"]] * 2
        return caplog.text.count("the dependency_parser has other models, or another version")

    assert load(archive).meta["trained_with"] == {"dependency_parser": parser_of(tmp_path, models).identity()}
    assert warnings() == 0
    assert warnings(f"dependency_parser.model_dir={TINY}") == 0, "the same models elsewhere"
    assert warnings('dependency_parser={"type": "linear_chain"}') == 0, "told to do without"
    assert warnings(f"dependency_parser.model_dir={other}") == 1
    shutil.copy(other / "depparse.pt", models)
    assert warnings() == 1, "put in the place of those of the training"


def test_an_archive_is_written_though_the_models_are_gone(tmp_path):
    assert identities(dependency_parser=parser_of(tmp_path, tmp_path), pos_tagger=None) == {}


def test_heads_that_the_data_give_are_used(tiny, tmp_path):
    for split in ("train", "dev", "test"):
        examples = ChainParser().fill(list(read(tiny.parent / f"{split}.jsonl")))
        (tmp_path / f"{split}.jsonl").write_text("".join(to_line(example_to_json(e)) + "\n" for e in examples))
    overrides = experiment({"type": "given"}, labels=True)
    sample.train(tiny, tmp_path / "run", *overrides, epochs=1, data=str(tmp_path))
    predictor = Predictor.load(tmp_path / "run/model.tar.gz")
    assert len(predictor([{"tokens": ["a", "b"], "heads": [0, 1], "deprels": ["root", "dep"]}])) == 1
    with pytest.raises(DataError, match="the dependency_parser is 'given'; .*; 'Ada'$"):
        predictor([["Ada"]])


def test_without_a_parser_the_heads_are_missed(tiny, tmp_path):
    with pytest.raises(DataError, match="no heads, which the encoder 'gcn' needs: 'Ann Lee .*dependency_parser"):
        sample.train(tiny, tmp_path / "run", experiment(None)[0], epochs=1)
