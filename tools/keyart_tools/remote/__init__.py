"""Remote control of a coordinating server over its HTTP API (`docs/reference/http-api.md`).

`server_address`, `api_token` and `saved_login` determine a login. `api_client` sends requests with it, by the rules
of `retrying` and `answers`; `observation` repeats them for live displays. `object_tables`, `result_rows`,
`campaign_progress` and `fleet_overview` prepare answers for display, and are pure.
"""

from __future__ import annotations

from .answers import expected_form
from .api_client import ApiClient, Network
from .api_token import STDIN, ApiToken, read_token
from .saved_login import Login, SavedLogin, choose_login, load_login, remove_login, save_login, to_save
from .server_address import ServerAddress

__all__ = [
    "STDIN",
    "ApiClient",
    "ApiToken",
    "Login",
    "Network",
    "SavedLogin",
    "ServerAddress",
    "choose_login",
    "expected_form",
    "load_login",
    "read_token",
    "remove_login",
    "save_login",
    "to_save",
]
