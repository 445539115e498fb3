"""The driver of a round: the stages of an aggregation, then the sum or a failure. No I/O of its own.

It knows neither masks nor shares: an aggregation is what implements `Coordinating`, and brings its own stages.
"""

from __future__ import annotations

from typing import TypeVar

from keyart.errors import RoundFailed, SettingError

from .transport import Coordinating, Transport

Result = TypeVar("Result")
StageT = TypeVar("StageT")


def run_round(coordinator: Coordinating[StageT, Result], transport: Transport[StageT]) -> Result:
    """Drive a round to its end.

    The replies of a stage are taken in the order of the gateways' names, so that a process that resumes a round comes
    to the very same requests.

    Args:
        coordinator: the state machine of this round, before its first stage.
        transport: carries the messages.

    Returns:
        The sum and the devices that are in it.

    Raises:
        RoundFailed: too few devices answered, or no graph holds so many devices.
        FederatedError: the transport cannot go on now.
    """
    numbers: dict[str, int] = {}
    requests: dict[str, bytes] = {}
    first, *_, last = stages = coordinator.stages
    for stage in stages:
        replies = transport.exchange(stage, coordinator.invitation if stage is first else b"", requests)
        for name in sorted(replies):
            coordinator.receive(numbers.setdefault(name, len(numbers)), replies[name])
        try:
            coordinator.close()
        except SettingError as error:
            raise RoundFailed(str(error)) from None
        if stage is not last:
            requests = {name: coordinator.ask(number) for name, number in numbers.items() if coordinator.due(number)}
            transport.advance(stage, requests, replies)
    return coordinator.result
