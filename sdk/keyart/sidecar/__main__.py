"""`python -m keyart.sidecar`: serve the profiles of one file over standard input, or over a Unix socket."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from ..errors import KeyartError
from ..store.keys import EphemeralKey, KeyProvider, KeyringKey
from . import connections
from .household import Device, Household
from .json_rpc import Endpoint
from .key_folder import key_folder
from .methods import method_table

EXAMPLE = """\
example:
  python -m keyart.sidecar --catalog catalog.json --file profiles.db --key-folder keys
  {"jsonrpc": "2.0", "id": 1, "method": "open", "params": {"profile": "alex"}}
  {"jsonrpc": "2.0", "id": 2, "method": "choose", "params": {"profile": "alex", "title_id": "t1",
   "context": {"device": "tv"}}}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sidecar; return its exit code: 0, 1 for a failure, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(message)s")
    stop = threading.Event()
    try:
        keys: KeyProvider | None = None
        if options.keyring:
            keys = KeyringKey()
        elif options.key_folder is not None:
            keys = key_folder(options.key_folder)
        elif options.memory:
            keys = EphemeralKey()
        household = Household(Device(options.file, options.catalog, options.bundle, keys, options.engine))
        endpoint = Endpoint(method_table(household, stop.set))
        server = None if options.socket is None else connections.SocketServer(options.socket, endpoint, stop)
    except KeyartError as error:
        print(f"keyart: {error}", file=sys.stderr)
        return 1
    try:
        if server is None:
            connections.call_at_signal(_interrupt)
            connections.serve_stream(endpoint, sys.stdin.buffer, connections.private_stdout(), stop)
        else:
            connections.call_at_signal(stop.set)
            if not options.detached:
                connections.call_at_end_of_input(stop.set)
            server.serve()
    except (_Interrupted, BrokenPipeError):
        pass
    finally:
        household.close_all()
    return 0


class _Interrupted(BaseException):
    """A signal ends the wait for a line; no handler of Exception may take it."""


def _interrupt() -> None:
    raise _Interrupted


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m keyart.sidecar",
        description="Serve keyart to an app in any language: JSON-RPC 2.0, one message a line.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--catalog", type=Path, required=True, metavar="FILE", help="The app's catalogue.")
    parser.add_argument("--file", type=Path, required=True, metavar="FILE", help="File of the profiles.")
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="Model bundle, or folder of installed ones.")
    parser.add_argument("--engine", choices=("auto", "onnxruntime", "numpy"), default="auto")
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--keyring", action="store_true", help="Keep keys in the keyring of the OS.")
    keys.add_argument("--key-folder", type=Path, metavar="DIR", help="Keep keys in files of a folder (0700).")
    keys.add_argument("--memory", action="store_true", help="Keep nothing: profiles end with the process.")
    parser.add_argument("--socket", type=Path, metavar="FILE", help="Serve a Unix socket instead of standard input.")
    parser.add_argument(
        "--detached", action="store_true", help="Do not end when standard input closes (with --socket)."
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
