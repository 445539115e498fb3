"""Work behind: once for many calls, at once where it is urgent, and never after stop."""

from __future__ import annotations

import threading

from keyart.profile.session import BackgroundTask

WAIT_SECONDS = 20


def test_once_for_many_calls():
    done = threading.Semaphore(0)
    behind = BackgroundTask(done.release, 0.02)
    for _ in range(50):
        behind.soon()
    assert done.acquire(timeout=WAIT_SECONDS)
    assert not done.acquire(timeout=0.1)
    behind.soon()
    assert done.acquire(timeout=WAIT_SECONDS)
    behind.stop()


def test_urgent_does_not_wait():
    done = threading.Semaphore(0)
    behind = BackgroundTask(done.release, 3600)
    behind.soon()
    behind.soon(urgent=True)
    assert done.acquire(timeout=WAIT_SECONDS)
    assert not done.acquire(timeout=0.05)
    behind.stop()


def test_nothing_after_stop():
    done = threading.Semaphore(0)
    behind = BackgroundTask(done.release, 0.05)
    behind.soon()
    behind.stop()
    behind.soon()
    behind.soon(urgent=True)
    assert not done.acquire(timeout=0.2)


def test_asked_again_while_it_runs():
    """What comes in while the work is under way is not forgotten."""
    begun, go_on = threading.Semaphore(0), threading.Event()

    def work() -> None:
        begun.release()
        go_on.wait(WAIT_SECONDS)

    behind = BackgroundTask(work, 0.01)
    behind.soon()
    assert begun.acquire(timeout=WAIT_SECONDS)
    behind.soon()
    go_on.set()
    assert begun.acquire(timeout=WAIT_SECONDS)
    behind.stop()
