import logging
import os
import signal
import threading

import pytest

from relx.training.interrupts import Interrupts, sigterm_interrupts


@pytest.fixture(autouse=True)
def usual_handler() -> None:
    """Python's own, which a shell takes away from programs in its background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_one_is_only_noted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), Interrupts() as interrupts:
        assert not interrupts.requested
        interrupt()
        assert interrupts.requested
    assert caplog.messages == ["interrupted: finishing the step and saving; interrupt again to stop at once"]


def test_a_sigterm_is_noted_too_and_the_next_one_does_as_before() -> None:
    with sigterm_interrupts(), Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_the_second_one_ends_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), Interrupts():
        interrupt()
        interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_echo_of_a_launcher_is_no_second_one_and_neither_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with Interrupts(echoed=True) as interrupts:
        interrupt()
        interrupt()
        assert interrupts.requested
    interrupt()
    now += 4
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_afterwards_an_interrupt_is_what_it_was_before() -> None:
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyError), Interrupts():
        raise KeyError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_thread_trains_without_them() -> None:
    seen = []

    def work() -> None:
        with sigterm_interrupts(), Interrupts() as interrupts:
            seen.append(interrupts.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
