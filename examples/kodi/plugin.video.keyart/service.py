"""The add-on's service: keeps the sidecar running, and tells it what is looked at and played."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

import xbmc
from keyart_kodi import kodi, rpc
from keyart_kodi.attention import Attention, Call, Shown, unrecorded_views
from keyart_kodi.catalogue import ID_PROVIDERS, CatalogueError, by_kind, read_catalogue, replace_text
from keyart_kodi.helper import Helper
from keyart_kodi.kodi import Settings
from keyart_kodi.listing import daypart

STEP_SECONDS = 0.25
INFORMATION_WINDOW, PLAYER_WINDOW = "DialogVideoInfo.xml", "VideoFullScreen.xml"
MAX_CALLS = 200  # in one message; the sidecar takes 256
MAX_WAITING = 2000  # calls that wait for the sidecar; the oldest is dropped
EXPORT_SECONDS = 4.0  # Kodi waits five for a service to end


class Player(xbmc.Player):
    """Notes what the player does, for the next step of the service."""

    def __init__(self) -> None:
        super().__init__()
        self.started = self.stopped = False

    def onAVStarted(self) -> None:
        self.started = True

    def onPlayBackStopped(self) -> None:
        self.stopped = True

    onPlayBackEnded = onPlayBackError = onPlayBackStopped


class Monitor(xbmc.Monitor):
    """Notes changed settings."""

    changed = False

    def onSettingsChanged(self) -> None:
        self.changed = True


class Service:
    """One run of the service, for one Kodi profile and one state of the settings."""

    def __init__(self, settings: Settings, player: Player) -> None:
        """Write the sidecar's catalogue and its index. Raises CatalogueError."""
        self._settings, self._player, self._place = settings, player, kodi.place()
        os.makedirs(self._place.folder, mode=0o700, exist_ok=True)
        document, self._index = by_kind(read_catalogue(settings.catalog), os.path.dirname(settings.catalog))
        replace_text(self._place.catalog, json.dumps(document))
        self._index.save(self._place.index)
        consents = settings.personalise and not settings.child
        self._helper = Helper(self._place, settings.python, settings.bundle, settings.profile(), consents)
        self._attention = Attention()
        self._waiting: list[Call] = []
        self._said, self._drawn = "", (0, daypart(datetime.now().hour))

    def step(self, now: float) -> None:
        """Look at everything once."""
        if self._helper.watch(now):
            kodi.log("the sidecar is ready")
            self._recover()
            self._redraw()
        elif self._helper.problem != self._said:
            self._said = self._helper.problem
            if self._said:
                kodi.say(kodi.text(30009).format(why=self._said))
        if self._drawn[1] != daypart(datetime.now().hour):
            self._redraw()
        self._waiting += self._looks(now)
        with suppress(RuntimeError):  # Kodi's word for a player that has just stopped
            self._waiting += self._plays(now)
        self._deliver()

    def close(self) -> None:
        """End the sidecar, and for it a play that is under way."""
        self._waiting += self._stopped()
        self._deliver()
        self._helper.stop()

    def _redraw(self) -> None:
        """Let rows be drawn anew."""
        self._drawn = self._drawn[0] + 1, daypart(datetime.now().hour)
        kodi.reload_rows(f"{time.time():.0f}-{self._drawn[0]}")

    def _recover(self) -> None:
        """Record the view of a play that a killed Kodi could not."""
        if not os.path.exists(self._place.playing):
            return
        try:
            views = unrecorded_views(rpc.call(self._place.socket, "export", timeout=EXPORT_SECONDS))
        except (rpc.Away, rpc.Refused) as error:
            kodi.log(f"the last view is not recovered: {error}")
            return
        if views:
            self._waiting.append(("record", {"views": views}))
        os.remove(self._place.playing)

    def _looks(self, now: float) -> Iterator[Call]:
        # Labels are read without the lock of Kodi's screen. getCondVisibility would wait for it, and Kodi holds it
        # while it waits for this service to end: after five seconds it kills the service, and crashes.
        window = xbmc.getInfoLabel("Window.Property(xmlfile)")
        decision = xbmc.getInfoLabel(f"ListItem.Property({kodi.DECISION})")
        if window == INFORMATION_WINDOW:
            yield from self._attention.open_page()
        elif window != PLAYER_WINDOW and not window.startswith("Dialog"):
            shown = Shown(decision, xbmc.getInfoLabel("ListItem.FileNameAndPath")) if decision else None
            yield from self._attention.look(shown, now)

    def _plays(self, now: float) -> Iterator[Call]:
        player, attention = self._player, self._attention
        started, stopped = player.started, player.stopped
        player.started = player.stopped = False
        if started or stopped:
            yield from self._stopped()
        if not player.isPlayingVideo():
            return
        if started:
            file, tag = player.getPlayingFile(), player.getVideoInfoTag()
            film = self._index.film_of({name: tag.getUniqueID(name) for name in ID_PROVIDERS}, file)
            if film:
                yield from attention.start(file, film, kodi.now(), now)
                replace_text(self._place.playing, "")  # says that, and not what
        yield from attention.advance(player.getTime())

    def _stopped(self) -> Iterator[Call]:
        yield from self._attention.stop(self._settings.device)
        if os.path.exists(self._place.playing):
            os.remove(self._place.playing)

    def _deliver(self) -> None:
        """Send what waits, in order; what the sidecar refuses is of no use to it later, either."""
        self._waiting = self._waiting[-MAX_WAITING:]
        while self._waiting and self._helper.ready:
            calls = self._waiting[:MAX_CALLS]
            try:
                rpc.call_all(self._place.socket, calls)
            except rpc.Away:
                return  # each call may be repeated
            self._waiting = self._waiting[MAX_CALLS:]
            if any(method == "record" for method, _ in calls):
                self._redraw()


def main() -> None:
    """Run until Kodi ends or its profile changes."""
    monitor, player = Monitor(), Player()
    kodi.log("the service begins")
    kodi.reload_rows("")  # of the Kodi profile before
    while not monitor.abortRequested():
        monitor.changed = False
        try:
            service = Service(Settings.read(), player)
        except CatalogueError as error:
            kodi.log(str(error))
            kodi.say(str(error))
            while not monitor.changed and not monitor.waitForAbort(1.0):
                pass
            continue
        try:
            while not monitor.changed and not monitor.waitForAbort(STEP_SECONDS):
                service.step(time.monotonic())
        finally:
            service.close()


if __name__ == "__main__":
    main()
