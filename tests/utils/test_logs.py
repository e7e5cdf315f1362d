import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from relx.utils import logs
from relx.utils.logs import visible_log, with_progress

RELX = logging.getLogger("relx")


@contextmanager
def unconfigured() -> Iterator[None]:
    """As in a process in which nobody has configured logging; pytest has."""
    before = logging.root.handlers, RELX.handlers, RELX.level
    logging.root.handlers, RELX.handlers = [], []
    RELX.setLevel(logging.NOTSET)
    try:
        yield
    finally:
        logging.root.handlers, RELX.handlers = before[:2]
        RELX.setLevel(before[2])


def speak() -> None:
    with visible_log():
        logging.getLogger("relx.training.run").info("epoch 1 \x1b[2J")
        logging.getLogger("relx.training.run").warning("careful")


def test_a_block_shows_the_log_with_unsafe_text_escaped_and_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with unconfigured():
        speak()
        assert capsys.readouterr().err == "epoch 1 \\x1b[2J\nwarning: careful\n"
        assert RELX.handlers == [] and RELX.level == logging.NOTSET
        RELX.info("later")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("logger", [logging.root, RELX])
def test_the_handlers_of_a_program_are_the_only_ones(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    with unconfigured():
        logger.addHandler(logging.NullHandler())
        speak()
        assert RELX.level == logging.NOTSET
    assert capsys.readouterr().err == ""


def test_the_level_of_a_program_stays(capsys: pytest.CaptureFixture[str]) -> None:
    with unconfigured():
        RELX.setLevel(logging.CRITICAL)
        speak()
        assert RELX.level == logging.CRITICAL
    assert capsys.readouterr().err == ""


def test_progress_is_a_line_a_minute_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter([0.0, 59.0, 61.0, 70.0, 125.0, 125.0])
    monkeypatch.setattr(logs, "monotonic", lambda: next(clock))
    with caplog.at_level(logging.INFO):
        assert list(with_progress("sentences")(lambda number: number + 1, [1, 2, 3])) == [2, 3, 4]
    assert caplog.messages == ["sentences: 2 of 3 batches"]


def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert list(with_progress("sentences")(abs, [-1, 2])) == [1, 2]
    assert "sentences:   0%" in capsys.readouterr().err
