from pathlib import Path

import pytest

from relx.config.jsonnet import import_cycle, variables_of


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("function(a, b=1) {}", ["a", "b"]),
        ("local lib = import 'x'; local f(x) = x;\nfunction(a='x,y', b={c: [1, 2], d(e):: e}) lib", ["a", "b"]),
        ("function(a=f(1, 2), b=[1, c], d) {}", ["a", "b", "d"]),
        ("// function(no)\n# function(no)\n/* function(no) */ function(a) {}", ["a"]),
        ("local s = 'function(no) ;'; local t = |||\n  ; function(no)\n|||; function(a) {}", ["a"]),
        ("function() {}", []),
        ("function(a,) {}", ["a"]),
        ("{ f: function(no) no }", []),
        ("local f = function(no) no; { a: f(1) }", []),
        ("local f = function(no) no; function(a=function(b, c) b) {}", ["a"]),
        ("assert true; function(a) {}", ["a"]),
        ("(local a = 1; function(no) { a: no })(2)", []),
        ("function(a", ["a"]),
        ("", []),
    ],
)
def test_variables(text: str, names: list[str], tmp_path: Path) -> None:
    file = tmp_path / "a.jsonnet"
    file.write_text(text)
    assert variables_of(file) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import 'lib/one.libsonnet'", ["a"]),
        ("// import 'no'\nlocal x = import 'lib/two.libsonnet'; import @'lib/one.libsonnet'", ["a"]),
        ("(import 'lib/one.libsonnet')(1)", []),
        ("import 'lib/three.libsonnet'", ["f"]),
        ("function(x) import 'lib/one.libsonnet'", ["x"]),
        ("import 'lib/one.libsonnet' + {}", []),
        ("import 'gone.libsonnet'", []),
    ],
)
def test_variables_of_an_imported_function(text: str, names: list[str], tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "one.libsonnet").write_text("function(a) {}")
    (tmp_path / "lib" / "two.libsonnet").write_text("function(b, c=(1)) local y = 2; function(d, e=b) {}")
    (tmp_path / "lib" / "three.libsonnet").write_text("function(f) import 'two.libsonnet'")
    file = tmp_path / "a.jsonnet"
    file.write_text(text)
    assert variables_of(file) == names


def test_import_cycle(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("a.jsonnet", "b.libsonnet", "c.libsonnet"))
    first.write_text("local b = import 'b.libsonnet', c = import @'c.libsonnet'; b")
    second.write_text("// import 'a.jsonnet'\n{ text: importstr 'a.jsonnet' }")
    third.write_text('local b = import "b.libsonnet"; import b')
    assert import_cycle(first) is None
    third.write_text('{ a: import "./a.jsonnet" }')
    cycle = import_cycle(first)
    assert cycle is not None
    assert [path.name for path in cycle] == ["a.jsonnet", "c.libsonnet", "a.jsonnet"]
