"""Whole rounds over HTTP: the sum is exact, whichever door a device comes to."""

from __future__ import annotations

import gateway_samples
from gateway_samples import Round
from server_samples import Clock
from sqlalchemy import func, select

from keyart.secagg import Stage
from keyart_server.service import Service
from keyart_server.state.tables import MemberRow, PartialSumRow


def test_a_round_through_one_door(service: Service, clock: Clock) -> None:
    made = Round(service.state, clock, devices=7, least=4)
    with gateway_samples.door(service.state, clock) as client:
        made.through(client, Stage.UNMASK, {Stage.MASKED: {3}})
        for i in (0, 1, 2, 4, 5, 6):
            assert made.hand_in(client, Stage.UNMASK, i, made.reply(client, Stage.UNMASK, i)).status_code == 204
        made.closes(Stage.UNMASK)
    result = made.coordinator.result
    assert (result.total == made.vectors[[0, 1, 2, 4, 5, 6]].sum(axis=0)).all() and len(result.survivors) == 6


def test_two_doors_of_one_database_and_a_new_one_for_each_stage(service: Service, clock: Clock) -> None:
    """A device joins where it comes first; from then on any door serves it, and none remembers anything."""
    made = Round(service.state, clock, devices=6, least=4, gateways=("main", "west"))
    for stage in Stage:
        made.opens(stage)
        with (
            gateway_samples.door(service.state, clock, "main") as main,
            gateway_samples.door(service.state, clock, "west") as west,
        ):
            for i in range(6):
                if stage is Stage.KEYS:
                    assert made.join((main, west)[i % 2], i).status_code == 200
                    assert made.tickets[i].split(".")[1] == ("main", "west")[i % 2]
                else:
                    reply = made.reply((west, main)[i % 2], stage, i)
                    doors = (main, west) if i < 3 else (west, main)
                    assert [made.hand_in(door, stage, i, reply).status_code for door in doors] == [204, 204]
        made.closes(stage)
    assert (made.coordinator.result.total == made.vectors.sum(axis=0)).all()
    with service.state.reading() as session:
        cohorts = session.execute(select(MemberRow.gateway, func.count()).group_by(MemberRow.gateway))
        assert {row[0]: row[1] for row in cohorts} == {"main": 3, "west": 3}
        assert set(session.scalars(select(PartialSumRow.gateway))) == {"main", "west"}


def test_a_door_without_a_relay_brings_devices_into_the_others_cohorts(service: Service, clock: Clock) -> None:
    made = Round(service.state, clock, devices=4, gateways=("main", "west"))
    made.opens(Stage.KEYS)
    with gateway_samples.door(service.state, clock, "alone") as client:
        assert all(made.join(client, i).status_code == 200 for i in range(4))
    assert {ticket.split(".")[1] for ticket in made.tickets.values()} <= {"main", "west"}
    made.closes(Stage.KEYS)
    made.opens(Stage.SHARE)
