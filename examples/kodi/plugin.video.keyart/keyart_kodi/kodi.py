"""Kodi's own side: folders, settings, the library, the home window. No other part imports Kodi's modules."""

from __future__ import annotations

import json
import zlib
from collections import namedtuple
from datetime import datetime

import xbmc
import xbmcaddon
import xbmcgui
import xbmcvfs

from .place import Place

ADDON = "plugin.video.keyart"
RELOAD = "keyart.reload"  # property of the home window; part of the path of a row, which it draws anew
DECISION = "keyart.decision"  # property of a list item
LANGUAGES = ("de", "en", "es", "fr", "ja")  # of reasons
NODE = """<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>
<node order="5" type="folder" visible="Library.HasContent(Movies)">
	<label>{label}</label>
	<icon>{icon}</icon>
	<path>plugin://{addon}/</path>
</node>
"""
NO_LIMIT = "none"  # an option that is empty makes Kodi 21 crash
CHILD_MATURITY = "6+"  # of a child's profile without a limit of its own


def text(number: int) -> str:
    """Return a sentence of the add-on in Kodi's language."""
    return xbmcaddon.Addon(ADDON).getLocalizedString(number)


def place() -> Place:
    """Return the files of the present Kodi profile. The socket's name is short: a path of a socket has 107 bytes."""
    folder = xbmcvfs.translatePath(f"special://profile/addon_data/{ADDON}")
    return Place(folder, xbmcvfs.translatePath(f"special://temp/keyart-{zlib.crc32(folder.encode()):08x}.sock"))


class Settings(
    namedtuple("Settings", "personalise child max_maturity stickiness_hours catalog bundle python device")
):
    """The add-on's settings of the present Kodi profile."""

    __slots__ = ()

    @classmethod
    def read(cls) -> Settings:
        """Return the settings as they are now."""
        addon = xbmcaddon.Addon(ADDON)
        child, limit = addon.getSettingBool("child"), addon.getSetting("max_maturity")
        return cls(
            addon.getSettingBool("personalise"), child,
            limit if limit != NO_LIMIT else CHILD_MATURITY if child else "",
            addon.getSettingInt("stickiness_hours"),
            xbmcvfs.translatePath(addon.getSetting("catalog")), xbmcvfs.translatePath(addon.getSetting("bundle")),
            addon.getSetting("python"), addon.getSetting("device"),
        )  # fmt: skip

    def profile(self) -> list[tuple[str, dict]]:
        """Return the calls of the sidecar that open the profile by these settings."""
        opened = {
            "policy": {"stickiness": 3600 * self.stickiness_hours}, "max_maturity": self.max_maturity,
            "age_mode": "child" if self.child else "adult",
        }  # fmt: skip
        return [("close", {}), ("open", opened)]


def context(device: str) -> dict:
    """Return the context of a choice, by the clock of Kodi's time zone, which need not be the system's."""
    return {"device": device, "at": now()}


def now() -> str:
    """Return the present time with Kodi's zone."""
    return datetime.now().astimezone().isoformat()


def movies(limit: int) -> list[dict]:
    """Return films of the library, those that were added last first."""
    properties = [
        "title", "year", "art", "file", "uniqueid", "plot", "runtime", "genre", "mpaa", "rating",
        "playcount", "resume",
    ]  # fmt: skip
    params = {
        "properties": properties, "limits": {"end": limit}, "sort": {"method": "dateadded", "order": "descending"},
    }  # fmt: skip
    request = {"jsonrpc": "2.0", "id": 1, "method": "VideoLibrary.GetMovies", "params": params}
    answer = json.loads(xbmc.executeJSONRPC(json.dumps(request)))
    return answer.get("result", {}).get("movies", [])


def language() -> str:
    """Return the language of reasons: Kodi's, if keyart speaks it."""
    spoken = xbmc.getLanguage(xbmc.ISO_639_1)
    return spoken if spoken in LANGUAGES else "en"


def reload_rows(reason: str) -> None:
    """Let rows be drawn anew. Kodi does it when it has time: nothing here waits for its lock."""
    xbmc.executebuiltin(f"SetProperty({RELOAD},{reason},home)")


def say(sentence: str) -> None:
    """Show a notification."""
    icon = xbmcaddon.Addon(ADDON).getAddonInfo("icon")
    xbmcgui.Dialog().notification("keyart", sentence, icon)


def log(sentence: str) -> None:
    """Write to Kodi's log. It names nothing that somebody has watched."""
    xbmc.log(f"keyart: {sentence}", xbmc.LOGINFO)


def withdraw() -> None:
    """Turn personalisation off; the service takes it over."""
    xbmcaddon.Addon(ADDON).setSettingBool("personalise", False)


def add_node() -> None:
    """Add the entry to the nodes under Movies of this Kodi profile.

    Nodes of a profile take the place of Kodi's own, so that Kodi's are copied first.
    """
    own, ours = "special://xbmc/system/library/video/", "special://profile/library/video/"
    for folder in ("", "movies/", "tvshows/", "musicvideos/"):
        xbmcvfs.mkdirs(ours + folder)
        for name in xbmcvfs.listdir(own + folder)[1]:
            if not xbmcvfs.exists(ours + folder + name):
                xbmcvfs.copy(own + folder + name, ours + folder + name)
    with xbmcvfs.File(ours + "movies/keyart.xml", "w") as node:
        node.write(NODE.format(label=text(30000), icon=xbmcaddon.Addon(ADDON).getAddonInfo("icon"), addon=ADDON))
