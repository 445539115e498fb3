"""Session: one opened profile while the app runs, with its locks and its work in the background.

Two locks: `writing` is held by whatever reads or writes the store, `lock` by whatever chooses, for microseconds. A
choice takes the second alone, so that it never waits for the disk; code that needs both takes `writing` first.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
import weakref
from collections.abc import Callable
from datetime import datetime

from ..catalog import Catalog
from ..decision import Decision
from ..errors import KeyartError, StoreClosed
from ..model.loaded_model import LoadedModel
from ..store.database import ForgetReceipt, RotateReceipt, Store
from ..store.keys import KeyProvider
from .chooser import Chooser
from .event_log import URGENT_PENDING
from .profile import Profile
from .retention import OpenProfile, RetentionSettings

log = logging.getLogger("keyart")

WRITE_BEHIND_SECONDS = 1.0
HOUSEKEEPING_SECONDS = 30.0


class BackgroundTask:
    """Runs `work` once, `delay_seconds` after the first of any number of calls of `soon`. Thread-safe."""

    def __init__(self, work: Callable[[], None], delay_seconds: float) -> None:
        self._work, self._delay_seconds = work, delay_seconds
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._urgent = self._stopped = self._running = self._again = False

    def soon(self, urgent: bool = False) -> None:
        """Request the work, at once if it is urgent. It is cheap if the work has been requested already."""
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
        """Start nothing any more. Work that is under way may still end."""
        with self._lock:
            self._stopped = True
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def after_fork(self) -> None:
        """Stop in a forked child, which has no such thread."""
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


class Session:
    """An opened profile.

    Args:
        open_store: Opens the store; called again after `forget`.
        keys: Source of the root key, until a rotation.
        chooser: Draws the artworks.
        terms: Settings of retention.
        clock: The present time.
        own_rng: True if keyart may replace the chooser's random numbers.
    """

    def __init__(
        self,
        open_store: Callable[[KeyProvider], Store],
        keys: KeyProvider,
        chooser: Chooser,
        terms: RetentionSettings,
        clock: Callable[[], datetime],
        own_rng: bool,
    ) -> None:
        self.chooser, self.clock = chooser, clock
        self.writing, self.lock = threading.RLock(), threading.RLock()
        self._open_store, self._terms, self._own_rng = open_store, terms, own_rng
        self._closed = False
        self._decisions = BackgroundTask(self._write_decisions, WRITE_BEHIND_SECONDS)
        self._house = BackgroundTask(self._keep_house_behind, HOUSEKEEPING_SECONDS)
        self._folding = BackgroundTask(self._fold, HOUSEKEEPING_SECONDS)
        self.custody = self._take(open_store(keys))
        _open.add(self)

    def _take(self, store: Store) -> OpenProfile:
        """Return the profile of a store that was just opened."""
        chooser = self.chooser
        try:
            store.fold_in_background()
            custody = OpenProfile(
                store, chooser.catalog, chooser.installed, self._terms, self.clock, self._consent_changed
            )
            if custody.profile is not None:
                chooser.recent.restore(custody.shown_within(chooser.policy.stickiness), chooser.installed.version)
            if custody.holds_history:  # of which something may be too old; to look is no work for an open
                self._house.soon()
            return custody
        except BaseException:
            store.close()
            raise

    def person(self) -> Profile | None:
        """Return the profile, if it may be used.

        Raises:
            StoreClosed: The session is closed.
        """
        if self._closed:
            raise StoreClosed("This profile is closed; open it again with Personalizer.open.")
        custody = self.custody
        person = custody.profile  # which is loaded only where the terms and a consent allow it
        if person is None or custody.consent.allows(custody.purpose):
            return person
        with self.lock:  # the consent has expired: as if it were withdrawn
            custody.profile = None
            self.chooser.recent.clear()
        return None

    def person_of(self, decision_id: str) -> Profile | None:
        """Return the profile for an outcome, or None if nothing of it may be kept.

        A decision made before consent reveals nothing that may be kept, and one without an artwork nothing at all.
        """
        person = self.person()
        return None if self.read_only or self.chooser.recent.is_unkept(decision_id) else person

    @property
    def read_only(self) -> bool:
        """Return True if the storage cannot be written, so that nothing is learned."""
        return self.custody.store.read_only

    def stored(self) -> Profile:
        """Return the stored profile for a person's rights, which need no consent. Choices must not see it then."""
        return self.person() or self.custody.read(self.chooser.installed)

    def remove(self, remove: Callable[[Profile], int], gone: Callable[[Decision], bool]) -> int:
        """Remove something from the profile and from memory, and return how much was removed."""
        with self.writing:
            with self.lock:
                self.chooser.recent.drop(gone)
            if self.person() is None and not self.custody.holds_history:
                return 0
            return remove(self.stored())

    def restated(self) -> None:
        """Take over changed preferences: everything is drawn anew."""
        person = self.person()
        if person is not None:
            person.restate()
            with self.lock:
                self.chooser.recent.forget_pictures()
            self._house.soon()

    def install(self, installed: LoadedModel) -> None:
        """Choose with another model from now on."""
        custody = self.custody
        profile = custody.read(installed) if custody.profile is not None else None
        with self.lock:
            self.chooser.use(installed)
            custody.profile = profile
        self._house.soon()

    def set_catalog(self, catalog: Catalog, installed: LoadedModel) -> None:
        """Choose from another catalogue from now on, with the same model fitted to it. Titles keep their artworks."""
        custody = self.custody
        profile = custody.read(installed, catalog) if custody.profile is not None else None
        with self.lock:
            self.chooser.use_catalog(catalog, installed)
            custody.catalog, custody.profile = catalog, profile
        self._house.soon()

    def forget(self) -> ForgetReceipt:
        """Erase the profile and go on with an empty one."""
        custody = self.custody
        with self.lock:
            profile, custody.profile = custody.profile, None  # what is chosen meanwhile is chosen for nobody
        try:
            receipt = custody.store.forget()
        except KeyartError:
            custody.profile = profile
            raise
        with self.lock:
            self.chooser.recent.clear()
            self.custody = self._take(self._open_store(custody.store.keys))
        return receipt

    def rotate(self, keys: KeyProvider | None) -> RotateReceipt:
        """Replace the keys of everything stored."""
        self._keep_house()
        receipt = self.custody.store.rotate(keys)
        self._house.soon()  # a summary says what it is made from, and all of that has other bytes now
        return receipt

    def changed(self) -> None:
        """Schedule a snapshot, since something was learned, and the folding of what was written."""
        self._house.soon()
        self._folding.soon()

    def decided(self) -> None:
        """Schedule the writing of decisions: in a second, or now if many wait."""
        pending = self.custody.journal.pending
        if pending:
            self._decisions.soon(urgent=pending >= URGENT_PENDING)

    def flush(self) -> None:
        """Return once everything so far survives a power cut."""
        self._keep_house()
        self.custody.store.flush()

    def close(self) -> None:
        """Write what is pending and close the store. A second call does nothing."""
        self._decisions.stop()
        self._house.stop()
        self._folding.stop()
        with self.writing:
            try:
                if not self._closed:
                    self._keep_house()
            finally:
                self._closed = True
                self.custody.store.close()

    def close_dropped(self) -> None:
        """Close a session whose Personalizer was dropped without close()."""
        store = self.custody.store
        if self._closed or store.forked:
            return
        store.run_outside_locks(self._close_quietly, self.writing, self.lock)
        if not store.keys.in_memory:
            warnings.warn(f"The profile {store.path} was dropped without close()", ResourceWarning, stacklevel=2)

    def _close_quietly(self) -> None:
        try:
            self.close()
        except KeyartError as error:
            log.warning("The profile could not be written when it was dropped: %s.", type(error).__name__)

    def _consent_changed(self, purpose: str, granted: bool) -> None:
        if not granted:
            self._quietly(self.custody.drop_rounds)  # what cannot be deleted now is at the next message
        if purpose != self.custody.purpose:
            return
        with self.writing:
            custody, chooser = self.custody, self.chooser
            if not granted:
                with self.lock:
                    custody.let_go()
                    chooser.recent.clear()
            elif custody.allowed and custody.profile is None:
                profile, shown = custody.read(chooser.installed), custody.shown_within(chooser.policy.stickiness)
                with self.lock:
                    custody.profile = profile
                    chooser.recent.restore(shown, chooser.installed.version)

    def _keep_house(self) -> None:
        self.custody.keep_house(self.chooser.installed)

    def _write_decisions(self) -> None:
        while self._quietly(lambda: self.custody.journal.write_batch() if self.custody.allowed else 0):
            self._folding.soon()  # and batch by batch, so that an outcome need not wait for all

    def _keep_house_behind(self) -> None:
        self._quietly(self._keep_house)

    def _fold(self) -> None:
        with self.writing:
            self._quietly(self.custody.store.fold)

    def _quietly(self, work: Callable[[], int | None]) -> int | None:
        """Run work on a background thread, where nothing can catch errors.

        Flush or close runs it again, and raises.
        """
        with self.writing:
            try:
                return None if self._closed else work()
            except KeyartError as error:
                log.warning("The profile could not be written: %s. It is tried again.", type(error).__name__)
                return None

    def after_fork(self) -> None:
        """Replace the locks in a forked child, since threads that are not there may hold them."""
        self.writing, self.lock = threading.RLock(), threading.RLock()
        for behind in (self._decisions, self._house, self._folding):
            behind.after_fork()
        self.custody.after_fork()
        self.chooser.after_fork(self._own_rng)


_open: weakref.WeakSet[Session] = weakref.WeakSet()


def _after_fork() -> None:
    for session in list(_open):
        session.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
