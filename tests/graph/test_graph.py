"""``relx graph``: what is merged, what each form holds, and what is refused."""

import csv
import json
from pathlib import Path

import pytest

from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.commands import main
from relx.data.document import Document, DocumentMention, DocumentRelation
from relx.data.document_json import document_to_json
from relx.data.example import Entity
from relx.data.json_form import example_from_json
from relx.graph import GraphStore, found_triples


def sentence(text, *triples, **fields):
    """A record: each triple is (head, its type, relation, tail, its type, score)."""
    entities, relations = [], []
    for head, head_type, relation, tail, tail_type, score in triples:
        for words, type in ((head, head_type), (tail, tail_type)):
            start = text.index(words)
            entities.append({"characters": [start, start + len(words)], "type": type})
        relations.append({"head": len(entities) - 2, "type": relation, "tail": len(entities) - 1, "score": score})
    return {"text": text, "entities": entities, "relations": relations, **fields}


ANN = sentence(
    "Ann Lee left New York.",
    ("Ann Lee", "PER", "left", "New York", "LOC", 0.5),
    id="a",
    meta={"document": "d", "start": 10},
)
AGAIN = sentence("ANN LEE left New York.", ("ANN LEE", "PER", "left", "New York", "LOC", 0.75), id="b")
QUOTED = '"\u00dc`b\'er\\"'
ODD = sentence(
    f"The {QUOTED} firm; = x", (QUOTED, "Org`1", "is `so`", "x", None, None), ("x", None, "of", "firm", "T;", 0.25)
)


def corpus(folder: Path, *records) -> str:
    """The file of these records, split into tokens."""
    path = folder / "found.jsonl"
    lines = []
    for record in records:
        words, offsets = WhitespaceTokenizer().tokenize([record["text"]])[0]
        lines.append(record if "sentences" in record else {**record, "tokens": words, "offsets": offsets})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


def merged(*files, min_count=1):
    """The nodes and edges of files."""
    with GraphStore.temporary() as store:
        for file in files:
            store.add(found_triples(file))
        store.merge(min_count)
        return list(store.nodes()), list(store.edges())


def graph(form, file, out, *options):
    """Run the command."""
    assert main(["graph", file, "--to", form, "--output", str(out), *options]) == 0


def test_names_of_one_type_that_differ_in_case_are_one_node(tmp_path):
    nodes, (edge,) = merged(corpus(tmp_path, ANN, AGAIN))
    assert [(node.id, node.name, node.spellings) for node in nodes] == [
        ("LOC/new york", "New York", ["New York"]), ("PER/ann lee", "ANN LEE", ["ANN LEE", "Ann Lee"]),
    ]  # fmt: skip
    assert (edge.head, edge.relation, edge.tail) == ("PER/ann lee", "left", "LOC/new york")
    assert (edge.count, edge.score) == (2, 0.75)
    assert [(s.document, s.head, s.tail, s.score) for s in edge.sources] == [
        ("b", (0, 7), (13, 21), 0.75), ("d", (10, 17), (23, 31), 0.5),
    ]  # fmt: skip


def test_one_place_counts_once_with_its_best_score(tmp_path):
    better = json.loads(json.dumps(ANN))
    better["relations"].append({**better["relations"][0], "score": 0.9})
    _, (edge,) = merged(corpus(tmp_path, better))
    assert (edge.count, edge.score) == (1, 0.9)


def test_mentions_of_two_types_are_two_nodes(tmp_path):
    other = sentence("Ann Lee left New York.", ("Ann Lee", "ORG", "left", "New York", "LOC", 0.5))
    nodes, edges = merged(corpus(tmp_path, ANN, other))
    assert [node.id for node in nodes] == ["LOC/new york", "ORG/ann lee", "PER/ann lee"] and len(edges) == 2


def test_edges_found_less_often_are_left_out_with_their_nodes(tmp_path):
    nodes, edges = merged(corpus(tmp_path, ANN, AGAIN, ODD), min_count=2)
    assert [node.type for node in nodes] == ["LOC", "PER"] and len(edges) == 1


def test_relations_between_the_sentences_of_a_document(tmp_path):
    (words, offsets), (other, others) = WhitespaceTokenizer().tokenize(["Ann came.", "Bo left."])
    document = Document("Ann came. Bo left.", starts=[0, 10], id="doc")
    for tokens, places, text in ((words, offsets, "Ann came."), (other, others, "Bo left.")):
        document.sentences.append(example_from_json({"text": text, "tokens": tokens, "offsets": [*map(list, places)]}))
    ann, bo = DocumentMention(0, Entity(0, 1, "PER")), DocumentMention(1, Entity(0, 1, "PER"))
    document.crossing.append(DocumentRelation(ann, "met", bo, 0.5))
    _, (edge,) = merged(corpus(tmp_path, document_to_json(document)))
    (source,) = edge.sources
    assert (edge.head, edge.tail, source.document) == ("PER/ann", "PER/bo", "doc")
    assert (source.head, source.tail) == ((0, 3), (10, 12))


def test_mentions_without_a_place_and_lines_with_errors(tmp_path, caplog):
    path = tmp_path / "found.jsonl"
    record = {"tokens": ["Bo"], "entities": [{"start": 0, "end": 1}], "relations": [
        {"head": 0, "type": "of", "tail": {"text": "Far Away", "type": "X"}}]}  # fmt: skip
    path.write_text(f'{json.dumps(record)}\n{{"error": "bad", "line": 2}}\n')
    nodes, (edge,) = merged(path)
    assert [node.id for node in nodes] == ["/bo", "X/far away"]
    assert (edge.sources[0].head, edge.sources[0].tail, edge.sources[0].document) == ((0, 2), None, f"{path}:1")
    assert "1 lines hold an error in place of a sentence" in caplog.text


def test_triples_with_a_mention_without_words_are_counted(tmp_path, caplog):
    path = tmp_path / "found.jsonl"
    record = {"tokens": ["Bo"], "entities": [{"start": 0, "end": 1}, {"text": " "}], "relations": [
        {"head": 0, "type": "of", "tail": 1}, {"head": 0, "type": "is", "tail": 0}]}  # fmt: skip
    path.write_text(json.dumps(record))
    assert [edge.relation for edge in merged(path)[1]] == ["is"]
    assert "found.jsonl: 1 triples with a mention without words are left out" in caplog.text


def test_turtle_is_read_back_by_rdflib(tmp_path):
    rdflib = pytest.importorskip("rdflib")
    graph("turtle", corpus(tmp_path, ANN, AGAIN, ODD), tmp_path / "g.ttl")
    found = rdflib.Graph().parse(tmp_path / "g.ttl")
    ann, york = rdflib.URIRef("urn:relx:node:PER%2Fann%20lee"), rdflib.URIRef("urn:relx:node:LOC%2Fnew%20york")
    assert (ann, rdflib.URIRef("urn:relx:relation:left"), york) in found
    assert (ann, rdflib.RDFS.label, rdflib.Literal("ANN LEE")) in found
    assert (ann, rdflib.RDF.type, rdflib.URIRef("urn:relx:type:PER")) in found
    (statement,) = found.subjects(rdflib.RDF.subject, ann)
    terms = rdflib.Namespace("urn:relx:vocabulary:")
    assert found.value(statement, terms["count"]).toPython() == 2
    assert float(found.value(statement, terms.score)) == 0.75
    assert json.loads(found.value(statement, terms.sources))[1]["head"] == [10, 17]
    assert len(set(found.subjects(rdflib.RDF.type, rdflib.RDF.Statement))) == 3


def test_graphml_is_read_back_by_networkx(tmp_path):
    networkx = pytest.importorskip("networkx")
    graph("graphml", corpus(tmp_path, ANN, AGAIN, ODD), tmp_path / "g.graphml")
    found = networkx.read_graphml(tmp_path / "g.graphml", force_multigraph=True)
    (facts,) = found["PER/ann lee"]["LOC/new york"].values()
    assert (facts["label"], facts["count"], facts["score"]) == ("left", 2, 0.75)
    assert json.loads(facts["sources"])[0] == {"document": "b", "head": [0, 7], "tail": [13, 21], "score": 0.75}
    assert json.loads(found.nodes["PER/ann lee"]["spellings"]) == ["ANN LEE", "Ann Lee"]
    assert found.number_of_edges() == 3


def test_csv_of_neo4j(tmp_path, capsys):
    file = corpus(tmp_path, ANN, AGAIN, ODD)
    graph("csv", file, tmp_path / "g")
    with open(tmp_path / "g/nodes.csv", newline="", encoding="utf-8") as nodes:
        by_id = {row[":ID"]: row for row in csv.DictReader(nodes)}
    with open(tmp_path / "g/relationships.csv", newline="", encoding="utf-8") as relationships:
        edges = list(csv.DictReader(relationships))
    assert by_id["PER/ann lee"]["spellings:string[]"] == "ANN LEE;Ann Lee"
    assert by_id["/x"][":LABEL"] == "Entity" and by_id["T;/firm"]["name"] == "firm"
    assert {edge[":START_ID"] for edge in edges} | {edge[":END_ID"] for edge in edges} == {*by_id}
    assert {edge[":TYPE"]: (edge["count:int"], edge["score:double"]) for edge in edges} == {
        "left": ("2", "0.75"), "is `so`": ("1", ""), "of": ("1", "0.25"),
    }  # fmt: skip
    assert main(["graph", file, "--to", "csv", "--output", str(tmp_path / "g")]) == 2
    assert "nodes.csv, " in (message := capsys.readouterr().err) and "already there; name another folder" in message


def test_cypher_follows_the_grammar_of_neo4j(tmp_path):
    dialect = pytest.importorskip("graphglot.dialect").Dialect.get_or_raise("neo4j")
    graph("cypher", corpus(tmp_path, ANN, AGAIN, ODD), tmp_path / "g.cypher")
    statements = (tmp_path / "g.cypher").read_text(encoding="utf-8").split(";\n")[:-1]
    assert len(statements) == 9
    for statement in statements:
        assert dialect.parse(statement)
    assert "MERGE (h)-[r:`is ``so```]->(t)" in statements[6]
    assert "SET n += row SET n:`Org``1`" in statements[3]
    with pytest.raises(Exception, match="."):
        dialect.parse(statements[6].replace("``so``", "`so`"))


def test_the_minimum_score_counts_what_it_leaves_out(tmp_path, capsys):
    graph("cypher", corpus(tmp_path, ANN, AGAIN, ODD), tmp_path / "g.cypher", "--min-score", "0.6")
    counts = "2 triples, 2 left out: below the minimum score"
    assert f"{counts} -> {tmp_path / 'g.cypher'} (cypher): 4 nodes, 2 edges" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--min-score", "2"], "--min-score 2.0: expected a score from 0 to 1"),
        (["--min-count", "0"], "--min-count 0: expected a count of at least 1"),
        (["--link", "none.csv"], "none.csv: no such file"),
    ],
)
def test_what_is_refused(tmp_path, capsys, options, message):
    assert main(["graph", corpus(tmp_path, ANN), "--to", "cypher", "--output", str(tmp_path / "g"), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "g").exists()


def test_bad_records_are_reported_together_and_nothing_is_written(tmp_path, capsys):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"tokens": 1}\n[1]\n{"text": "a"}\n{"tokens": ["a"]}\n')
    assert main(["graph", str(path), "--to", "turtle", "--output", str(tmp_path / "g.ttl")]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: 3 faults") and f"{path}:1: tokens: expected a list, got 1" in message
    assert f"{path}:3: tokens: missing" in message
    assert [file.name for file in tmp_path.iterdir()] == ["bad.jsonl"]


@pytest.mark.parametrize(
    ("package", "options"),
    [("rdflib", ["--to", "turtle"]), ("networkx", ["--to", "graphml"]), ("rapidfuzz", ["--to", "csv", "--link", "x"])],
)
def test_a_missing_extra_is_one_message(tmp_path, capsys, monkeypatch, package, options):
    from importlib import util

    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name, *rest: None if name == package else found(name, *rest))
    assert main(["graph", corpus(tmp_path, ANN), "--output", str(tmp_path / "g"), *options]) == 2
    assert (
        f"this needs {package}, which is not installed; get it with: pip install 'relx[graph]'"
        in capsys.readouterr().err
    )
