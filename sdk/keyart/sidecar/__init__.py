"""The sidecar: keyart as a process of its own, for apps that are not written in Python.

`python -m keyart.sidecar` reads JSON-RPC 2.0 requests, one a line, from its standard input or from a Unix socket that
only its own user can reach, and answers each with one line. It makes no other connection. The package uses the public
API of the SDK and nothing behind it: a call by wire is a call of `Personalizer`.

    json_rpc      requests and answers as text, without I/O
    values        JSON to values of keyart and back
    household     the open profiles of one file
    methods       the methods by name: what each takes and returns
    key_folder    a key store of files, for devices that have no other
    connections   standard input and the socket: the only module with I/O
"""

from .json_rpc import Endpoint
from .methods import PROTOCOL, method_table

__all__ = ["PROTOCOL", "Endpoint", "method_table"]
