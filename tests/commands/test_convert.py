import os
from pathlib import Path

import pytest

from relx.commands import main
from relx.readers import read

FORMATS = Path(__file__).parents[2] / "fixtures/formats"


def error_of(capsys, *arguments: object) -> str:
    assert main(["convert", *map(str, arguments)]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("target", ["out.jsonl", "out.jsonl.gz"])
@pytest.mark.parametrize("source", ["hrl.json", "casrel.json", "jointer.json", "relx.jsonl"])
def test_every_form_becomes_ours(tmp_path, capsys, source, target):
    assert main(["convert", str(FORMATS / source), str(tmp_path / target)]) == 0
    assert list(read(tmp_path / target, "jsonl")) == list(read(FORMATS / source))
    assert "5 sentences, 12 entities, 10 triples, 0 unlocated mentions" in capsys.readouterr().err


def test_unlocated_mentions_are_counted(tmp_path, capsys):
    source = tmp_path / "in.json"
    source.write_text('{"text": "a b", "triple_list": [["a", "r", "x"]]}')
    assert main(["convert", "--from", "triples", "--to", "jsonl", str(source), str(tmp_path / "out")]) == 0
    message = capsys.readouterr().err
    assert message.startswith(f"{source} (triples) -> {tmp_path / 'out'} (jsonl): 1 sentences")
    assert "1 unlocated mentions" in message


def test_the_input_is_never_overwritten(tmp_path, capsys):
    source, link = tmp_path / "in.jsonl", tmp_path / "link.jsonl"
    source.write_text('{"tokens": ["a"]}')
    link.symlink_to(source)
    for target in (source, link, tmp_path / "." / "in.jsonl"):
        assert "is the input" in error_of(capsys, source, target)
    assert source.read_text() == '{"tokens": ["a"]}'


def test_a_bad_input_leaves_no_output(tmp_path, capsys):
    source = tmp_path / "in.jsonl"
    source.write_text('{"tokens": ["a"]}\n{"tokens": [1]}\n')
    assert f"error: {source}:2: tokens[0]: expected a string" in error_of(capsys, source, tmp_path / "out.jsonl")
    assert os.listdir(tmp_path) == ["in.jsonl"]


def test_forms_that_cannot_be_written_or_do_not_exist(tmp_path, capsys):
    source, target = FORMATS / "hrl.json", tmp_path / "out"
    assert "HrlReader reads its form but cannot write it" in error_of(capsys, source, target, "--to", "hrl")
    assert "'hlr' is not a registered dataset_reader; did you mean 'hrl'?" in error_of(
        capsys, source, target, "--from", "hlr"
    )
    assert "no such file" in error_of(capsys, tmp_path / "none", target)
    assert not target.exists()
