import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from relx.config import jsonnet, load
from relx.config.jsonnet import MAX_DEPTH, parse_value
from relx.errors import ConfigError

FUNCTION = "function(data='here', hidden=300, task=true) { data: data, hidden: hidden, task: task }"


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str | bytes) -> str:
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def error(name: str, text: str | bytes, variables: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(write(name, text), variables)
    return str(caught.value)


def test_variables_have_defaults() -> None:
    assert load(write("a.jsonnet", FUNCTION)) == {"data": "here", "hidden": 300, "task": True}


def test_variables_are_json_where_they_parse_and_else_strings() -> None:
    given = {"data": "/corpora/nyt 10", "hidden": "3e2", "task": "false"}
    assert load(write("a.jsonnet", FUNCTION), given) == {"data": "/corpora/nyt 10", "hidden": 300, "task": False}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-0.5", -0.5),
        ("1e-3", 0.001),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ('{"a": 1}', {"a": 1}),
        ('"3"', "3"),
        ("a b", "a b"),
        ("", ""),
        ("NaN", "NaN"),
        ("1e999", "1e999"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_values_of_the_command_line(text: str, value: object) -> None:
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


def test_imports_locals_and_extension() -> None:
    Path("lib").mkdir()
    write("lib/base.libsonnet", "{ model: { size: 1, deep: { a: 1 } } }")
    text = "local base = import 'lib/base.libsonnet'; base { model+: { size: 2, deep+: { b: 2 } } }"
    assert load(write("a.jsonnet", text)) == {"model": {"size": 2, "deep": {"a": 1, "b": 2}}}


def test_a_function_may_come_from_another_file() -> None:
    write("base.jsonnet", FUNCTION)
    assert load(write("a.jsonnet", "import 'base.jsonnet'"), {"hidden": "5"})["hidden"] == 5
    message = error("a.jsonnet", "import 'base.jsonnet'", {"other": "5"})
    assert message == "a.jsonnet: no variable 'other'; its variables: data, hidden, task"


def test_an_experiment_of_another_folder_finds_its_imports() -> None:
    Path("deep").mkdir()
    write("deep/base.libsonnet", "{ a: 1 }")
    write("deep/a.jsonnet", "function(b=2) (import 'base.libsonnet') + { b: b }")
    assert load("deep/a.jsonnet", {"b": "3"}) == {"a": 1, "b": 3}


def test_json_is_accepted() -> None:
    assert load(write("a.json", '{"a": [1, 2.5, null, "é"]}')) == {"a": [1, 2.5, None, "é"]}
    assert load(write("bom.json", b'\xef\xbb\xbf{"a": 1}')) == {"a": 1}


def test_unknown_variable_lists_the_known_ones() -> None:
    message = error("a.jsonnet", FUNCTION, {"hiden": "3"})
    assert message == "a.jsonnet: no variable 'hiden'; did you mean 'hidden'? Its variables: data, hidden, task"


def test_all_unknown_variables_are_reported_at_once_and_renamed_ones_with_their_new_name() -> None:
    text = "function(data='here', format='hrl') { data: data, format: format }"
    assert error("a.jsonnet", text, {"form": "spert"}).startswith(
        "a.jsonnet: the variable 'form' is now called 'format'"
    )
    assert error("a.jsonnet", text, {"form": "spert", "dat": "x", "data": "y"}).splitlines() == [
        "a.jsonnet: 2 problems with the variables",
        "  the variable 'form' is now called 'format'",
        "  no variable 'dat'; did you mean 'data'?",
        "  its variables: data, format",
    ]


def test_an_old_name_that_a_file_itself_uses_is_a_variable_like_any_other() -> None:
    assert load(write("a.jsonnet", "function(form='x') { a: form }"), {"form": "y"}) == {"a": "y"}
    assert "no variable 'form'" in error("a.jsonnet", "function(other=1) { a: other }", {"form": "y"})


UNUSED = """function(head='rin', updater='gru', without=null, size=updater, free=1) {
  head: if head == 'rin' then { updater: updater, size: size, [if without != null then 'without']: without }
  else { name: head },
}"""


@pytest.mark.parametrize(
    ("variables", "unused"),
    [
        ({"head": "v2", "updater": "rnn"}, "the variable 'updater' has no effect"),
        ({"updater": "rnn", "head": "v2", "without": "words"}, "the variables 'updater' and 'without' have no"),
        ({"head": "v2", "updater": "gru"}, "the variable 'updater' has no effect"),
        ({"head": "v2", "without": "null"}, "the variable 'without' has no effect"),
        ({"free": "1"}, "the variable 'free' has no effect"),
        (
            {"head": "v2", "updater": "1", "without": "2", "size": "3"},
            "the variables 'updater', 'without' and 'size' have",
        ),
    ],
)
def test_variables_that_nothing_reads_are_refused(variables: dict[str, str], unused: str) -> None:
    assert error("a.jsonnet", UNUSED, variables).startswith(f"a.jsonnet: {unused}")


@pytest.mark.parametrize(
    "variables",
    [
        {"head": "rin", "updater": "rnn", "without": "null", "size": "3"},
        {"updater": "std.trace('relx', 1)"},
        {"without": '\'; \u0000 "%s" \n'},
        {"size": '{"a": [1, null, "\u2028"]}'},
        {"head": "v2"},
    ],
)
def test_variables_that_are_read_arrive_as_they_are_given(variables: dict[str, str]) -> None:
    head = load(write("a.jsonnet", UNUSED), variables)["head"]
    given = {name: parse_value(value) for name, value in variables.items()}
    expected = {"updater": "gru", "size": given.get("updater", "gru"), **given, "name": "v2"}
    assert head == {name: expected[name] for name in head}


def test_a_variable_counts_as_read_through_another_ones_default() -> None:
    assert load(write("a.jsonnet", UNUSED), {"updater": "rnn"})["head"] == {"updater": "rnn", "size": "rnn"}
    message = error("a.jsonnet", "function(a=1, b=a) { b: b }", {"a": "2", "b": "3"})
    assert message.startswith("a.jsonnet: the variable 'a' has no effect")


def test_an_unused_variable_is_found_behind_imports_and_in_hidden_fields() -> None:
    Path("lib").mkdir()
    write("lib/model.libsonnet", "function(a, b) { seen: a, hidden:: b }")
    write("base.jsonnet", "function(a=1, b=2, c=3) (import 'lib/model.libsonnet')(a, b) + { local d = c }")
    assert load(write("a.jsonnet", "import 'base.jsonnet'"), {"a": "5"}) == {"seen": 5}
    message = error("a.jsonnet", "import 'base.jsonnet'", {"a": "5", "b": "5", "c": "5"})
    assert message.startswith("a.jsonnet: the variables 'b' and 'c' have no effect")


def test_a_fault_of_the_file_comes_before_its_unused_variables() -> None:
    assert error("a.jsonnet", "function(a=1, b=2) { a: a / 0 }", {"a": "3", "b": "4"}).startswith("a.jsonnet:1:25")


@pytest.mark.slow
def test_traces_of_a_file_do_not_hide_what_it_reads() -> None:
    text = (
        "function(a=1) std.foldl(function(x, i) std.trace('TRACE: tla:b:1 %d\n' % i, x), std.range(1, 3000), { a: a })"
    )
    assert load(write("a.jsonnet", text), {"a": "2"}) == {"a": 2}


def test_variable_without_value() -> None:
    message = error("a.jsonnet", "function(data, x=1) { data: data }", {"x": "2"})
    assert message == "a.jsonnet: the variable 'data' has no default; give it with --var data=VALUE"


@pytest.mark.parametrize("text", ["{ a: 1 }", "local f = function(x=1) x; { a: f(2) }"])
def test_variables_for_a_file_that_takes_none(text: str) -> None:
    message = error("a.jsonnet", text, {"x": "2"})
    assert message == "a.jsonnet: takes no variables (it is not a function); remove x"


def test_variables_for_a_json_file() -> None:
    assert "a .json file takes no variables" in error("a.json", "{}", {"x": "2"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{\n  a: 1\n  b: 2\n}", "a.jsonnet:3:3: expected a comma before next field"),
        ("{\n  a: nope\n}", "a.jsonnet:2:6-10: Unknown variable: nope"),
        ("{\n  a: self.b\n}", "a.jsonnet:2:6-12: field does not exist: b"),
        ("{ a: 1, a: 2 }", "a.jsonnet:1:9: duplicate field: a"),
        ("{ a: 'no end }", "a.jsonnet:1:6: unterminated string"),
        ("{\n  a: error 'one\\ntwo'\n}", "a.jsonnet:2:6-22: one\ntwo"),
        ("{ a: 1 / 0 }", "a.jsonnet:1:6-11: division by zero"),
        ("{\n  a: std.parseInt('x')\n}", "a.jsonnet:2:6-23: x is not a base 10 integer"),
        ("local f(x) = (1 /\n  x);\n{ a: f(0) }", "a.jsonnet:(1:15)-(2:4): division by zero"),
        ("{ a: function(x) x }", "a.jsonnet:1:6-19: couldn't manifest function"),
        ("{ a: import 'gone.libsonnet' }", 'a.jsonnet:1:6-29: couldn\'t open import "gone.libsonnet"'),
        ("local f(x) = f(x + 1) + 1; { a: f(1) }", "a.jsonnet:1:14-22: max stack frames exceeded"),
        ("[" * 600 + "]" * 600, "a.jsonnet:1:501: Exceeded maximum parse depth limit"),
        ("[1]", "a.jsonnet: an experiment is an object, this is [1]"),
        ("'text'", 'a.jsonnet: an experiment is an object, this is "text"'),
        (" \n", "a.jsonnet: the file is empty"),
        (b'{\n a: "\xff" }', "a.jsonnet:2: not UTF-8 text"),
    ],
)
def test_broken_jsonnet_is_shown_with_file_and_line(text: str | bytes, expected: str) -> None:
    assert error("a.jsonnet", text).startswith(expected)


def test_an_error_inside_an_import_names_the_imported_file() -> None:
    write("lib.libsonnet", "{\n  a: 1 +\n}")
    assert error("a.jsonnet", "import 'lib.libsonnet'").startswith("lib.libsonnet:3:1: ")


def test_what_an_imported_file_objects_to_is_told_of_the_users_file() -> None:
    lib = "{\n  choose(x): if x == 1 then x else error 'x is %s; choose 1' % x,\n  half: 1 / 0,\n}"
    write("lib.libsonnet", lib)
    message = error("a.jsonnet", "function(x) { a: (import 'lib.libsonnet').choose(x) }", {"x": "2"})
    assert message == "a.jsonnet: x is 2; choose 1"
    fault = error("a.jsonnet", "{ a: (import 'lib.libsonnet').half }")
    assert fault.startswith("lib.libsonnet:3:9-14: division by zero")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1,\n "b": }', "a.json:2:7: not JSON: Expecting value"),
        ('{"a": NaN}', "a.json: not usable as JSON: NaN is not a number that JSON can hold"),
        ('{"a": -Infinity}', "-Infinity is not a number"),
        ('{"a": 1e999}', "1e999 is not a number"),
        ('{"a": ' + "9" * 400 + "}", "99999999999999999999 is not a number"),
        ('{"a": {"c": 1, "b": 2, "b": 3}}', "key 'b' occurs twice in one object"),
        ('{"a": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", f"nested more than {MAX_DEPTH} levels deep"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", f"nested more than {MAX_DEPTH} levels deep"),
        ("", "a.json: the file is empty"),
        (b'{"a": "\xff"}', "a.json:1: not UTF-8 text"),
    ],
)
def test_broken_json(text: str | bytes, expected: str) -> None:
    assert expected in error("a.json", text)


def test_the_depth_limit_is_no_lower_than_it_says() -> None:
    depth = MAX_DEPTH - 2
    assert load(write("a.json", '{"a": ' + "[" * depth + "]" * depth + "}"))


@pytest.mark.parametrize(
    ("files", "cycle"),
    [
        ({"a.jsonnet": "import 'a.jsonnet'"}, "a.jsonnet -> a.jsonnet"),
        ({"a.jsonnet": "{ x: (import 'b.jsonnet').x }", "b.jsonnet": "{ x: (import 'a.jsonnet').x }"}, None),
        ({"a.jsonnet": "local x = import 'b.jsonnet'; { x: x }", "b.jsonnet": "import 'a.jsonnet'"}, None),
    ],
)
def test_import_cycle(files: dict[str, str], cycle: str | None) -> None:
    for name, text in files.items():
        write(name, text)
    message = error("a.jsonnet", files["a.jsonnet"])
    assert message == f"a.jsonnet: import cycle: {cycle or 'a.jsonnet -> b.jsonnet -> a.jsonnet'}"


def test_files_that_import_each_other_may_still_have_another_fault() -> None:
    write("b.jsonnet", "{ y: 1, z: import 'a.jsonnet' }")
    assert load(write("a.jsonnet", "{ x: (import 'b.jsonnet').y }")) == {"x": 1}
    assert error("a.jsonnet", "{ x: (import 'b.jsonnet').y / 0 }").startswith("a.jsonnet:1:6-32: division by zero")


def test_missing_file_and_folder() -> None:
    with pytest.raises(ConfigError, match="gone.jsonnet: no such experiment file"):
        load("gone.jsonnet")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(".")


ENDLESS = "local f(n) = f(n + 1) tailstrict; f(0)"


def test_ctrl_c_ends_the_evaluation_of_a_file_without_end() -> None:
    write("a.jsonnet", ENDLESS)
    code = "import sys; from relx.commands import main; print('on', flush=True); sys.exit(main(['check', 'a.jsonnet']))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "on\n"
    while not (children := Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (130, "interrupted\n")
    assert not Path("/proc", children[0]).exists()


def test_the_evaluation_of_a_file_ends_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonnet, "SECONDS", 0.5)
    message = error("a.jsonnet", ENDLESS)
    assert message == "a.jsonnet: not evaluated in 0.5 s; look for an endless recursion"


def test_the_evaluation_of_a_file_ends_before_it_takes_all_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonnet, "MEMORY", 2**26)
    message = error("a.jsonnet", "local f(s) = f(s + s) tailstrict; { a: f('0123456789abcdef') }")
    assert message == "a.jsonnet: not evaluated in 0.0625 GiB of memory; make its result smaller"


def test_a_large_result_and_any_text_arrive_whole() -> None:
    tree = load(write("a.jsonnet", "{ a: std.repeat('ä€😀', 100000) }"))
    assert tree == {"a": "ä€😀" * 100_000}


def test_a_nul_character_is_shown_with_its_line() -> None:
    assert error("a.jsonnet", b'{\n a: "\0" }').startswith("a.jsonnet:2: holds a NUL character")


@pytest.mark.parametrize("name", [b"\xff.jsonnet", b"\xff/a.jsonnet"])
def test_a_file_whose_name_is_not_utf8_is_refused(name: bytes) -> None:
    path = Path(os.fsdecode(name))
    path.parent.mkdir(exist_ok=True)
    path.write_text("{ a: 1 }")
    with pytest.raises(ConfigError, match="Jsonnet takes UTF-8 file names only; rename this file or its folder"):
        load(path)


@pytest.mark.parametrize("name", ["a\0.jsonnet", "a\ud800.jsonnet", "a\0.json"])
def test_a_name_that_no_file_has(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(name)
