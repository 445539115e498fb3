"""Actions of the settings: `node` adds the entry under Movies, `forget` erases what keyart keeps of this profile."""

from __future__ import annotations

import xbmcgui

from . import kodi, rpc


def run(action: str) -> None:
    """Run the action that the settings name."""
    if action == "node":
        kodi.add_node()
        kodi.say(kodi.text(30007))
    elif action == "forget" and xbmcgui.Dialog().yesno("keyart", kodi.text(30008)):
        forget()


def forget() -> None:
    """Erase the profile, and take back the consent that it had."""
    try:
        rpc.call(kodi.place().socket, "forget")
    except (rpc.Away, rpc.Refused) as error:
        kodi.log(str(error))
        kodi.say(kodi.text(30002))
        return
    kodi.withdraw()
    kodi.say(kodi.text(30006))
