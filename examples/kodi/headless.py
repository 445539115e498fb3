"""Real Kodi without a screen or a network: in a home of its own, under Xvfb, spoken to over JSON-RPC."""

from __future__ import annotations

import html
import itertools
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from keyart.context import daypart_of

HERE = Path(__file__).parent
ADDON = "plugin.video.keyart"
PROGRAMS = ("kodi", "Xvfb")
SYSTEM = Path("/usr/share/kodi")
WAIT_SECONDS = 120.0
ROW = """<include content="WidgetListPoster" condition="Library.HasContent(movies)">
    <param name="content_path" value="plugin://plugin.video.keyart/?reload=$INFO[Window(home).Property(keyart.reload)]"/>
    <param name="widget_header" value="Picked for you"/>
    <param name="widget_target" value="videos"/>
    <param name="list_id" value="5050"/>
</include>
"""
ZONES = {
    "Pacific/Honolulu": "United States", "America/Los_Angeles": "United States", "America/New_York": "United States",
    "America/Sao_Paulo": "Brazil", "Europe/Berlin": "Germany", "Asia/Dubai": "United Arab Emirates",
    "Asia/Bangkok": "Thailand", "Asia/Tokyo": "Japan", "Pacific/Auckland": "New Zealand",
}  # fmt: skip
PROFILE = """<profile><id>{number}</id><name>{name}</name><directory pathversion="1">{folder}</directory><thumbnail/>
<hasdatabases>{own}</hasdatabases><canwritedatabases>true</canwritedatabases><hassources>{own}</hassources>
<canwritesources>true</canwritesources><lockaddonmanager>false</lockaddonmanager><locksettings>0</locksettings>
<lockfiles>false</lockfiles><lockmode>0</lockmode><lockcode>-</lockcode><lastdate/></profile>"""


class KodiError(Exception):
    """Kodi did not do what it was asked; the message says what."""


@dataclass
class Kodi:
    """A home of Kodi, with the add-on, a library and profiles, and the process that runs in it.

    Attributes:
        home: Folder that is HOME for Kodi; nothing outside of it is written.
        films: Folder of the films.
        profiles: Settings of the add-on, by name of the Kodi profile; the first one is the master user.
        size: Width and height of the screen.
    """

    home: Path
    films: Path
    profiles: Mapping[str, Mapping[str, str]]
    size: tuple[int, int] = (1280, 720)
    port: int = 0
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _ids: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def data(self) -> Path:
        """Return Kodi's own folder."""
        return self.home / ".kodi"

    @property
    def log(self) -> str:
        """Return Kodi's log of this run."""
        return (self.data / "temp/kodi.log").read_text(encoding="utf-8", errors="replace")

    def user_folder(self, profile: str) -> Path:
        """Return the folder of a profile."""
        users = self.data / "userdata"
        return users if profile == next(iter(self.profiles)) else users / "profiles" / profile

    def addon_data(self, profile: str) -> Path:
        """Return the add-on's folder of a profile."""
        return self.user_folder(profile) / "addon_data" / ADDON

    def install(self) -> None:
        """Make the home: two short runs, since Kodi makes its databases, and disables new add-ons, by itself."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "run").mkdir(mode=0o700, exist_ok=True)
        silent = "pcm.!default { type null }\nctl.!default { type null }\n"  # else Kodi waits for sound, for seconds
        (self.home / ".asoundrc").write_text(silent, encoding="utf-8")
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(HERE / ADDON, self.data / "addons" / ADDON, ignore=skip)
        self._copy_skin()
        users = self.data / "userdata"
        users.mkdir(parents=True, exist_ok=True)
        entries = [
            PROFILE.format(
                number=n, name=html.escape(name), own=str(n == 0).lower(),
                folder="special://masterprofile/" if n == 0 else f"profiles/{name}/",
            )
            for n, name in enumerate(self.profiles)
        ]  # fmt: skip
        (users / "profiles.xml").write_text(
            f"<profiles><lastloaded>0</lastloaded><useloginscreen>false</useloginscreen><autologin>0</autologin>"
            f"<nextIdProfile>{len(entries)}</nextIdProfile>{''.join(entries)}</profiles>", encoding="utf-8"
        )  # fmt: skip
        (users / "advancedsettings.xml").write_text(
            f"<advancedsettings><jsonrpc><tcpport>{self.port}</tcpport></jsonrpc></advancedsettings>",
            encoding="utf-8",
        )
        (users / "sources.xml").write_text(
            f'<sources><video><source><name>Films</name><path pathversion="1">{self._source}</path></source></video>'
            "</sources>", encoding="utf-8"
        )  # fmt: skip
        for name, settings in self.profiles.items():
            self._write_settings(name, settings)
        self.start()
        self.call("Addons.SetAddonEnabled", addonid="skin.keyart", enabled=True)
        self.call("Addons.SetAddonEnabled", addonid=ADDON, enabled=True)
        self.stop()
        self._set_content()
        for name in self.profiles:
            _set(self.user_folder(name) / "guisettings.xml", {"lookandfeel.skin": "skin.keyart"})
        self.start()
        self._scan(len(list(self.films.iterdir())))
        self.stop()

    @property
    def _source(self) -> str:
        return f"{self.films}/"

    def _copy_skin(self) -> None:
        """Copy Kodi's skin, with the row in it, under another name."""
        skin = self.data / "addons/skin.keyart"
        shutil.copytree(SYSTEM / "addons/skin.estuary", skin, ignore=shutil.ignore_patterns("*.ttf"))
        for font in (SYSTEM / "addons/skin.estuary/fonts").glob("*.ttf"):  # links to packages that may not be there
            (skin / "fonts" / font.name).symlink_to(font.resolve())
        about = skin / "addon.xml"
        about.write_text(about.read_text(encoding="utf-8").replace('id="skin.estuary"', 'id="skin.keyart"', 1))
        home = skin / "xml/Home.xml"
        text = home.read_text(encoding="utf-8")
        first = text.index('<include content="WidgetListCategories" condition="Library.HasContent(movies)')
        home.write_text(text[:first] + ROW + text[first:], encoding="utf-8")

    def _write_settings(self, profile: str, settings: Mapping[str, str]) -> None:
        folder = self.addon_data(profile)
        folder.mkdir(parents=True, exist_ok=True)
        values = "".join(f'<setting id="{key}">{html.escape(value)}</setting>' for key, value in settings.items())
        (folder / "settings.xml").write_text(f'<settings version="2">{values}</settings>', encoding="utf-8")
        _set(
            self.user_folder(profile) / "guisettings.xml",
            {
                "locale.timezonecountry": "Germany", "locale.timezone": "Europe/Berlin", "screensaver.mode": "",
                "services.zeroconf": "false", "services.esallinterfaces": "false", "general.addonupdates": "2",
                "videoscreen.screensaver": "", "audiooutput.guisoundmode": "0",
                "debug.screenshotpath": f"{self.home}/",
            },
        )  # fmt: skip

    def _set_content(self) -> None:
        """Say that the source holds films with NFO files, which JSON-RPC cannot."""
        (file,) = (self.data / "userdata/Database").glob("MyVideos*.db")
        with sqlite3.connect(file) as database:
            database.execute(
                "INSERT INTO path (strPath, strContent, strScraper, scanRecursive, useFolderNames, noUpdate, exclude)"
                " VALUES (?, 'movies', 'metadata.local', 2147483647, 1, 0, 0)",
                (self._source,),
            )
        database.close()

    def start(self) -> None:
        """Start Kodi, and return when it answers."""
        width, height = self.size
        read, write = os.pipe()
        xvfb = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp"]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._running = [subprocess.Popen(xvfb, pass_fds=[write], **quiet)]
        os.close(write)
        with os.fdopen(read) as said:
            display = said.readline().strip()
        own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        surroundings = own | {
            "HOME": str(self.home), "DISPLAY": f":{display}", "LIBGL_ALWAYS_SOFTWARE": "1", "KODI_HOME": str(SYSTEM),
            "XDG_RUNTIME_DIR": str(self.home / "run"),
        }  # fmt: skip
        command = [_binary(), "--windowing=x11", "--standalone"]
        self._running.append(subprocess.Popen(command, env=surroundings, cwd=self.home, **quiet))
        self.until(self._answers, "Kodi answers")

    def _answers(self) -> bool:
        if self._running[-1].poll() is not None:
            raise KodiError(f"Kodi ended by itself with {self._running[-1].returncode}.")
        return bool(self.call("JSONRPC.Ping") == "pong")

    def stop(self) -> None:
        """Let Kodi end."""
        if self._running:
            try:
                self.call("Application.Quit")
                self._running[-1].wait(20)
            except (OSError, KodiError, subprocess.TimeoutExpired):
                pass
            self.kill()

    def kill(self) -> None:
        """Kill Kodi, as a power cut would."""
        for process in reversed(self._running):
            process.send_signal(signal.SIGKILL)
            process.wait()
        self._running = []

    def call(self, method: str, **params: Any) -> Any:
        """Call a method of Kodi's JSON-RPC. Raises KodiError if Kodi refuses."""
        number = next(self._ids)
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        with socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS) as link:
            link.sendall(json.dumps(request).encode())
            data = b""
            while True:
                part = link.recv(1 << 20)
                if not part:
                    raise ConnectionError("Kodi hung up.")
                data += part
                for answer in _documents(data.decode(errors="ignore")):
                    if answer.get("id") == number:
                        if "error" in answer:
                            raise KodiError(f"{method}: {answer['error']}")
                        return answer["result"]

    def until(self, is_so: Callable[[], Any], what: str, seconds: float = WAIT_SECONDS) -> Any:
        """Wait until `is_so` returns something true, and return it. Raises KodiError."""
        end = time.monotonic() + seconds
        while True:
            with suppress(ConnectionError):  # the server of Kodi begins, or ends
                if value := is_so():
                    return value
            if time.monotonic() > end:
                raise KodiError(f"Waited {seconds:.0f} s in vain: {what}.")
            time.sleep(0.1)

    def _scan(self, films: int) -> None:
        """Let Kodi read the films into its library; ask again while it neither reads nor has them all."""

        def all_read() -> bool:
            scans = self.call("XBMC.GetInfoBooleans", booleans=["Library.IsScanningVideo"])["Library.IsScanningVideo"]
            if not scans and self.movies() < films:
                self.call("VideoLibrary.Scan", showdialogs=False)
                time.sleep(1)
            return self.movies() >= films

        self.until(all_read, f"{films} films in the library")

    def movies(self) -> int:
        """Return the number of films in the library."""
        return int(self.call("VideoLibrary.GetMovies", limits={"end": 1})["limits"]["total"])

    def row(self) -> dict[str, dict[str, str]]:
        """Return the art of each film of the add-on's list, by name, as files."""
        params = {"directory": f"plugin://{ADDON}/", "media": "video", "properties": ["art", "title"]}
        films = self.call("Files.GetDirectory", **params)["files"] or []
        return {film["title"]: {kind: _file(address) for kind, address in film["art"].items()} for film in films}

    def sidecar(self) -> int | None:
        """Return the process id of the sidecar, or None."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:  # it has ended
                continue
            if b"keyart.sidecar" in words and any(word.startswith(bytes(self.home)) for word in words):
                return int(process.name)
        return None

    def sockets(self) -> list[Path]:
        """Return where the sidecar of the present profile listens."""
        return list((self.data / "temp").glob("keyart-*.sock"))

    def set_daypart(self, daypart: str) -> None:
        """Set Kodi's time zone to one in which it is such a daypart now."""
        own = self.call("Settings.GetSettingValue", setting="locale.timezone")["value"]
        zones = (own, *ZONES)
        zone = next(zone for zone in zones if daypart_of(datetime.now(ZoneInfo(zone))) == daypart)
        if zone != own:
            before = self.reload
            self.call("Settings.SetSettingValue", setting="locale.timezonecountry", value=ZONES[zone])
            self.call("Settings.SetSettingValue", setting="locale.timezone", value=zone)
            self.until(lambda: self.reload != before, "rows are drawn for another daypart")

    def run_action(self, name: str) -> None:
        """Run an action of the add-on's settings."""
        with suppress(KodiError):  # it lists nothing, which Kodi calls an error
            self.call("Files.GetDirectory", directory=f"plugin://{ADDON}/?action={name}", media="video")

    def switch_profile(self, name: str) -> None:
        """Load another profile, and return when its sidecar is ready."""
        before = self.reload
        with suppress(ConnectionError):  # Kodi's server ends with the profile, and another one begins
            self.call("Profiles.LoadProfile", profile=name)
        self.until(lambda: self.call("Profiles.GetCurrentProfile")["label"] == name, f"the profile {name}")
        self.until(lambda: self.reload not in ("", before), f"the sidecar of {name} is ready")

    def ready(self) -> None:
        """Wait for the sidecar."""
        self.until(lambda: self.reload, "the sidecar is ready")

    @property
    def reload(self) -> str:
        """Return the property by which rows are drawn anew."""
        return self.info("Window(home).Property(keyart.reload)")["Window(home).Property(keyart.reload)"]

    def posters(self) -> dict[str, str]:
        """Return the poster of each film of the add-on's list, by name."""
        return {name: art.get("poster", "") for name, art in self.row().items()}

    def info(self, *labels: str) -> dict[str, str]:
        """Return labels of Kodi's screen."""
        return dict(self.call("XBMC.GetInfoLabels", labels=list(labels)))

    def screenshot(self, file: Path) -> None:
        """Write what is on the screen as a PNG."""
        before = set(self.home.glob("screenshot*.png"))
        self.call("Input.ExecuteAction", action="screenshot")

        def written() -> Path | None:
            for path in set(self.home.glob("screenshot*.png")) - before:
                if path.stat().st_size and path.read_bytes().endswith(b"IEND\xaeB`\x82"):
                    return path
            return None

        shutil.move(self.until(written, "a screenshot"), file)

    def press(self, *actions: str, pause: float = 0.4) -> None:
        """Press keys of a remote control, such as "down" and "select"."""
        for action in actions:
            self.call("Input.ExecuteAction", action=action)
            time.sleep(pause)


def missing_programs() -> Sequence[str]:
    """Return what has to be installed: packages of Debian have the names kodi and xvfb."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def _binary() -> str:
    """Return Kodi itself: the command of that name is a script that starts it again after a crash."""
    (binary, *_) = [*Path("/usr/lib").glob("*/kodi/kodi.bin"), *Path("/usr/lib").glob("*/kodi/kodi-x11"), "kodi"]
    return str(binary)


def _set(file: Path, values: Mapping[str, str]) -> None:
    """Write settings of Kodi's, in place of those of the same names."""
    text = file.read_text(encoding="utf-8") if file.exists() else '<settings version="2">\n</settings>'
    kept = [line for line in text.splitlines() if not any(f'id="{name}"' in line for name in values)]
    new = [f'<setting id="{name}">{html.escape(value)}</setting>' for name, value in values.items()]
    end = next(n for n, line in reversed(list(enumerate(kept))) if "</settings>" in line)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([*kept[:end], *new, *kept[end:]]), encoding="utf-8")


def _documents(text: str) -> list[dict[str, Any]]:
    """Return the complete JSON objects at the beginning of a text: Kodi mixes notifications with answers."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text):
        try:
            document, at = decoder.raw_decode(text, at)
        except ValueError:
            break
        found.append(document)
    return found


def _file(address: str) -> str:
    """Return the path in an address of Kodi's pictures, image://PATH/."""
    return unquote(address.removeprefix("image://").removesuffix("/")) if address.startswith("image://") else address
