"""Behind: work that is done a little later, on a thread of its own, so that no choice waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Behind:
    """Runs `work` once, `delay_seconds` after the first of any number of calls of `soon`. Thread-safe."""

    def __init__(self, work: Callable[[], None], delay_seconds: float) -> None:
        self._work, self._delay_seconds = work, delay_seconds
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._urgent = self._stopped = self._running = self._again = False

    def soon(self, urgent: bool = False) -> None:
        """Asks for the work to be done, if urgent at once; cheap if it has been asked for already."""
        if self._stopped or (self._timer is not None and urgent <= self._urgent):
            return
        with self._lock:
            if self._stopped or (self._timer is not None and urgent <= self._urgent):
                return
            if self._running:  # once more, when it has ended
                self._again = True
                return
            if self._timer is not None:
                self._timer.cancel()
            self._urgent = urgent
            self._timer = threading.Timer(0.0 if urgent else self._delay_seconds, self._run)
            self._timer.daemon = True  # an app that ends does not wait for it; close() does the work before
            self._timer.start()

    def stop(self) -> None:
        """Nothing runs by itself any more; work that is under way may still end."""
        with self._lock:
            self._stopped = True
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def after_fork(self) -> None:
        """In a forked child there is no such thread, and there will be none."""
        self._lock = threading.Lock()
        self._timer, self._stopped = None, True

    def _run(self) -> None:
        with self._lock:
            self._timer, self._urgent, self._again = None, False, False
            if self._stopped:
                return
            self._running = True
        try:
            self._work()
        finally:
            with self._lock:
                self._running = False
                again = self._again
        if again:
            self.soon()
