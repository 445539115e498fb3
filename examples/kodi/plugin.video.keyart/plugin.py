"""The source plugin://plugin.video.keyart/: films of the library with the art that keyart chooses.

With ?action=NAME it runs an action of the settings instead.
"""

from __future__ import annotations

import sys
import time

STARTED = time.perf_counter()

import xbmcgui  # noqa: E402
import xbmcplugin  # noqa: E402
from keyart_kodi import kodi, rpc  # noqa: E402
from keyart_kodi.catalogue import Index  # noqa: E402
from keyart_kodi.listing import MAX_FILMS, Entry, entries, questions  # noqa: E402


def main() -> None:
    """List the films."""
    handle = int(sys.argv[1])
    settings, place = kodi.Settings.read(), kodi.place()
    index, movies = Index.load(place.index), kodi.movies(MAX_FILMS)
    films = [index.film_of(movie.get("uniqueid", {}), movie["file"]) for movie in movies]
    decisions: list[dict] = []
    try:
        answers = rpc.call_all(place.socket, questions(films, index, kodi.context(settings.device)))
        decisions = [decision for page in answers if isinstance(page, list) for decision in page]
    except rpc.Away:
        kodi.log("the sidecar is away; the library's own art is shown")
    listed = entries(movies, films, index, decisions, bool(settings.max_maturity))
    xbmcplugin.addDirectoryItems(handle, [(entry.movie["file"], item(entry), False) for entry in listed])
    xbmcplugin.setContent(handle, "movies")
    xbmcplugin.setPluginCategory(handle, kodi.text(30000))
    xbmcplugin.endOfDirectory(handle, cacheToDisc=False)
    chosen = sum(bool(entry.decision) for entry in listed)
    kodi.log(
        f"listed {len(listed)} films, {chosen} of them chosen, in {1000 * (time.perf_counter() - STARTED):.1f} ms"
    )


def item(entry: Entry) -> xbmcgui.ListItem:
    """Return a film as an item of Kodi's list."""
    movie = entry.movie
    made = xbmcgui.ListItem(movie["title"], path=movie["file"], offscreen=True)
    about = made.getVideoInfoTag()
    about.setMediaType("movie")
    about.setDbId(movie["movieid"])
    about.setTitle(movie["title"])
    about.setYear(movie["year"])
    about.setPlot(movie["plot"])
    about.setGenres(movie["genre"])
    about.setMpaa(movie["mpaa"])
    about.setRating(movie["rating"])
    about.setDuration(movie["runtime"])
    about.setPlaycount(movie["playcount"])
    about.setResumePoint(movie["resume"]["position"], movie["resume"]["total"])
    made.setProperty("libraryartfilled", "true")  # else Kodi puts the library's art over ours, since there is a DbId
    made.setProperty(kodi.DECISION, entry.decision)
    made.setArt(entry.art)
    return made


if __name__ == "__main__":
    action = sys.argv[2].partition("action=")[2]
    if action:
        from keyart_kodi import actions

        actions.run(action)
    else:
        main()
