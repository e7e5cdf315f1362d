"""A folder of documents, annotated with brat: trained on, predicted on, and given back with places in the documents."""

import json
from pathlib import Path

import pytest
import tiny as sample

from relx.commands import main

DOCUMENT = "Ann Lee was born in Rome. Bob left Oslo.\n\n  Dan works in New York now.\n"


def annotate(folder: Path) -> None:
    """The sentences of the tiny corpus, a document for each person."""
    folder.mkdir(parents=True)
    for person in sample.PEOPLE:
        records = [
            sample.record(person, pattern, place, relation)
            for pattern, relation in sample.PATTERNS.items()
            for place in sample.PLACES
        ]
        text, lines = "", []
        for number, record in enumerate(records):
            words = record["tokens"]
            for i, entity in enumerate(record["entities"]):
                start, end = (len(" ".join([*words[: entity[key]], ""])) for key in ("start", "end"))
                place = f"{len(text) + start} {len(text) + end - 1}"
                mention = " ".join(words[entity["start"] : entity["end"]])
                lines.append(f"T{2 * number + i}\t{entity['type']} {place}\t{mention}\n")
            for relation in record["relations"]:
                arguments = f"Arg1:T{2 * number} Arg2:T{2 * number + 1}"
                lines.append(f"R{number}\t{relation['type']} {arguments}\n")
            text += " ".join(words) + " "
        (folder / f"{person.split()[0]}.txt").write_text(text)
        (folder / f"{person.split()[0]}.ann").write_text("".join(lines))


def test_a_folder_trains_and_predicts_with_places_in_its_documents(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    annotate(Path("notes"))
    Path("new/more").mkdir(parents=True)
    Path("new/more/doc.txt").write_text(DOCUMENT)
    data = [word for split in ("train", "validation", "test") for word in ("-o", f"{split}_data_path=notes")]
    learn = ["--var", "data=.", "--var", "epochs=12", "-o", 'dataset_reader={"type": "brat"}', *data]
    assert main(["train", str(tiny), "-s", "run", *learn]) == 0
    assert json.loads(Path("run/metrics.json").read_text())["test"]["exact_span"]["triples"]["gold"] == 24

    assert main(["convert", "new", "new.jsonl"]) == 0
    assert main(["predict", "run/model.tar.gz", "new.jsonl", "--output", "found.jsonl"]) == 0
    assert main(["convert", "found.jsonl", "found", "--to", "brat"]) == 0
    assert spans(Path("found.jsonl")) == {"Ann Lee", "Rome", "Bob", "Oslo", "Dan", "New York"}
    written = Path("found/more/doc.ann").read_text().splitlines()
    lines = [line for line in written if not line.startswith("#")]
    mentions = {name: (place.split()[1:], words) for name, place, words in map(cells, lines) if words}
    assert {words for _, words in mentions.values()} == spans(Path("found.jsonl"))
    assert all(DOCUMENT[int(start) : int(end)] == words for (start, end), words in mentions.values())
    assert sum(line.startswith("R") for line in lines) == 2

    assert main(["evaluate", "run/model.tar.gz", "new", "--predictions", "again.jsonl"]) == 0
    assert Path("again.jsonl").read_text() == Path("found.jsonl").read_text()


def cells(line: str) -> tuple[str, str, str]:
    name, place, *words = line.split("\t")
    return name, place, "".join(words)


def spans(predicted: Path) -> set[str]:
    """The words that stand in the document at the predicted mentions."""
    found = set()
    for line in predicted.read_text().splitlines():
        answer = json.loads(line)
        for entity in answer["entities"]:
            start, end = (answer["meta"]["start"] + place for place in entity["characters"])
            found.add(DOCUMENT[start:end])
    return found
