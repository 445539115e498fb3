"""Tickets: made again by whoever has the round's key, and by nobody else."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from keyart.errors import MessageError, SettingError
from keyart_server.gateway.tickets import Ticket, check_name

KEY, ROUND, DEVICE = b"k" * 32, b"r" * 32, "0123456789abcdef" * 4
GOOD = Ticket(7, "west", DEVICE).to_text(KEY, ROUND)
MAC = GOOD.rpartition(".")[2]


def test_a_ticket_is_what_the_docstring_says() -> None:
    signed = ROUND + (7).to_bytes(4, "little") + bytes.fromhex(DEVICE) + b"west"
    assert f"7.west.{DEVICE}." + hmac.new(KEY, signed, hashlib.sha256).hexdigest()[:32] == GOOD


@pytest.mark.parametrize(
    "ticket", [Ticket(0, "main", DEVICE), Ticket(2**32 - 1, "eu-west_1", "f" * 64), Ticket(5, "A" * 64, DEVICE)]
)
def test_a_ticket_tells_number_and_gateway(ticket: Ticket) -> None:
    assert Ticket.from_text(ticket.to_text(KEY, ROUND), KEY, ROUND) == ticket


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        f"7.west.{MAC}",
        f"8.west.{DEVICE}.{MAC}",
        f"7.east.{DEVICE}.{MAC}",
        f"7.west.{'f' * 64}.{MAC}",
        f"7.west.{DEVICE[:-1]}.{MAC}",
        f"07.west.{DEVICE}.{MAC}",
        f"+7.west.{DEVICE}.{MAC}",
        f"-7.west.{DEVICE}.{MAC}",
        f" {GOOD}",
        f"{GOOD} ",
        f"{GOOD}\n",
        GOOD.upper(),
        GOOD[:-1],
        GOOD + "0",
        f"٧.west.{DEVICE}.{MAC}",
        f"7.west.x.{DEVICE}.{MAC}",
        f"7..{DEVICE}.{MAC}",
        f"{2**32 + 7}.west.{DEVICE}.{MAC}",
        "9" * 5000,
        f"7.west.{DEVICE}.{'0' * 32}",
    ],
)
def test_another_text_is_no_ticket(text: str) -> None:
    with pytest.raises(MessageError, match="not a ticket of this round"):
        Ticket.from_text(text, KEY, ROUND)


def test_a_number_beyond_32_bits_is_no_ticket_even_with_its_mac() -> None:
    number = 2**32
    signed = ROUND + number.to_bytes(5, "little") + bytes.fromhex(DEVICE) + b"west"
    mac = hmac.new(KEY, signed, hashlib.sha256).hexdigest()[:32]
    with pytest.raises(MessageError):
        Ticket.from_text(f"{number}.west.{DEVICE}.{mac}", KEY, ROUND)


def test_a_ticket_is_of_one_round() -> None:
    for key, round_id in ((b"o" * 32, ROUND), (KEY, b"o" * 32)):
        with pytest.raises(MessageError):
            Ticket.from_text(GOOD, key, round_id)


@pytest.mark.parametrize("name", ["", "a.b", "a b", "ä", "a\n", "x" * 65, "a/b"])
def test_a_name_that_cannot_stand_in_a_ticket(name: str) -> None:
    with pytest.raises(SettingError, match="not a valid gateway name"):
        check_name(name)
    assert check_name("main") == "main"
