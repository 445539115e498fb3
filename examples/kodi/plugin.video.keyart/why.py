"""The entry "Why this picture?" of the context menu: the reasons, and how likely each picture was."""

from __future__ import annotations

import sys

import xbmcgui
from keyart_kodi import kodi, reasons, rpc
from keyart_kodi.catalogue import Index


def main() -> None:
    """Show why the picture of the item in focus was chosen."""
    decision, place = sys.listitem.getProperty(kodi.DECISION), kodi.place()
    try:
        explanation = rpc.call(place.socket, "explain", decision_id=decision, language=kodi.language())
        context = kodi.context(kodi.Settings.read().device)
        chances = rpc.call(place.socket, "preview", title_id=explanation["title_id"], context=context)
    except rpc.Away:
        kodi.say(kodi.text(30002))
        return
    except rpc.Refused as error:
        kodi.say(str(error))
        return
    images = Index.load(place.index).images
    words = reasons.Words(kodi.text(30003), kodi.text(30004), kodi.text(30005))
    rows = []
    for reason in reasons.rows(explanation, chances, images, words):
        row = xbmcgui.ListItem(reason.label, reason.detail, offscreen=True)
        row.setArt({"icon": reason.image, "thumb": reason.image})
        rows.append(row)
    xbmcgui.Dialog().select(kodi.text(30001), rows, useDetails=True)


if __name__ == "__main__":
    main()
