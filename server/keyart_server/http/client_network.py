"""The network of a client, under which requests are counted."""

from __future__ import annotations

import ipaddress
from typing import Final

from fastapi import Request

NETWORK_BITS: Final = 64  # IPv6 prefix that belongs to one customer


def client_network(request: Request) -> str:
    """Return the network of the sender: behind a trusted proxy the client's, else that of the connection."""
    return network_of(request.client.host if request.client else "")


def network_of(address: str) -> str:
    """Return the part of an address that one household or host controls: an IPv4 address or an IPv6 /64 network.

    What is no address is returned as it is.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    if ip.ipv4_mapped is not None:  # a socket for both protocols; all of them share one /64 network
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Network((ip.packed, NETWORK_BITS), strict=False))
