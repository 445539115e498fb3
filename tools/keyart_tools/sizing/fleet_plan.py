"""The resources that a fleet needs: gateways, database, traffic and ε, by formulas over measured costs. Pure.

Two numbers matter. The *cohort* of a round determines the work of gateways, server and database, and the precision
of a sum: a fleet of any size needs no larger cohort than its ε asks for. The *fleet* determines polls and bundle
traffic, and how often a device is asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from keyart.errors import SettingError
from keyart.secagg import Stage
from keyart_federated.accounting import epsilon
from keyart_server.gateway.discovery import poll_interval

from .measured_costs import MeasuredCosts

UTILISATION: Final = 0.5  # of a core, so that bursts and a lost gateway fit
SERVER_BYTES: Final = 2 << 30  # memory limit of server and SuperLink in `server/deploy/compose.yaml`
SECONDS_A_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Workload:
    """The load on a fleet: its rounds and its bundles.

    Attributes:
        cohort: largest number of devices in a round.
        share: largest share of the fleet in a round.
        rounds: rounds in a year.
        hours: time in which the devices of a round complete one stage.
        bundles: published bundles in a year.
        noise_multiplier: standard deviation of the noise of a sum over the clipping norm.
        delta: δ of the privacy budget.
        cached_polls: whether a CDN answers polls of idle devices; they are public and may be cached for 5 s.
    """

    cohort: int = 10_000
    share: float = 0.2
    rounds: int = 52
    hours: float = 3.0
    bundles: int = 52
    noise_multiplier: float = 8.0
    delta: float = 1e-9
    cached_polls: bool = False

    def __post_init__(self) -> None:
        if self.cohort < 1 or self.rounds < 1 or self.bundles < 0:
            raise SettingError("A workload has a cohort and rounds of 1 or more, and no negative number of bundles.")
        if not 0 < self.share <= 1 or self.hours <= 0:
            raise SettingError("The share of a round lies above 0 and at most at 1, and a stage takes some time.")


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """The resources that a fleet needs.

    Attributes:
        devices: size of the fleet.
        cohort: devices in a round.
        gateway_cores: mean number of busy cores of all gateways while a round runs, polls included.
        gateways: gateway processes at `UTILISATION`, at least 1.
        polls_a_second: polls of idle devices that reach a gateway.
        server_seconds: processor time of the server for a round; it uses one core.
        regions: servers with a SuperLink each, whose sums are added, so that each fits into its memory and time.
        rows: database rows at the end of a round.
        stored_bytes: their bytes.
        received_bytes: bytes that gateways receive in a round.
        update_bytes_a_year: CDN traffic, as devices fetch whole bundles.
        changed_bytes_a_year: CDN traffic, if devices fetched only changed files.
        update_bits_a_second: mean CDN rate while all devices fetch one update within a day.
        rounds_a_device: rounds in a year that a device is sampled for at most, from disjoint sampling bucket ranges.
        epsilon_a_year: ε of these rounds.
    """

    devices: int
    cohort: int
    gateway_cores: float
    gateways: int
    polls_a_second: float
    server_seconds: float
    regions: int
    rows: int
    stored_bytes: float
    received_bytes: float
    update_bytes_a_year: float
    changed_bytes_a_year: float
    update_bits_a_second: float
    rounds_a_device: int
    epsilon_a_year: float


def plan_fleet(devices: int, costs: MeasuredCosts, workload: Workload) -> FleetPlan:
    """Return what a fleet needs.

    Args:
        devices: size of the fleet.
        costs: measured costs.
        workload: what the fleet is used for.

    Raises:
        SettingError: the fleet is empty, or the noise or δ is out of range.
    """
    if devices < 1:
        raise SettingError(f"A fleet has 1 device or more, not {devices}.")
    cohort = max(1, min(workload.cohort, math.floor(devices * workload.share)))
    round_seconds = 3600 * workload.hours * len(Stage)
    polls = 0.0 if workload.cached_polls else devices / poll_interval(devices)
    cores = (cohort * costs.gateway_ms / round_seconds + polls * costs.poll_ms) / 1000
    server_seconds = cohort * costs.server_ms / 1000
    rounds_a_device = math.ceil(workload.rounds * cohort / devices)
    update = costs.bundle_bytes + costs.metadata_bytes
    return FleetPlan(
        devices=devices,
        cohort=cohort,
        gateway_cores=cores,
        gateways=max(1, math.ceil(cores / UTILISATION)),
        polls_a_second=polls,
        server_seconds=server_seconds,
        regions=math.ceil(
            max(cohort * costs.server_bytes / SERVER_BYTES, server_seconds / (UTILISATION * round_seconds))
        ),
        rows=math.ceil(cohort * costs.rows),
        stored_bytes=cohort * costs.stored_bytes,
        received_bytes=cohort * costs.sent_bytes,
        update_bytes_a_year=float(devices) * workload.bundles * update,
        changed_bytes_a_year=float(devices) * workload.bundles * (costs.changed_bytes + costs.metadata_bytes),
        update_bits_a_second=8.0 * devices * update / SECONDS_A_DAY,
        rounds_a_device=rounds_a_device,
        epsilon_a_year=epsilon(workload.noise_multiplier, 1.0, rounds_a_device, workload.delta),
    )


def largest_cohort(cores: int, costs: MeasuredCosts, workload: Workload) -> int:
    """Return the largest cohort whose round gateways and server on one machine complete in its time.

    Args:
        cores: cores of the machine; the database has its own.
        costs: measured costs.
        workload: what the fleet is used for; its cohort is not used.
    """
    round_seconds = 3600 * workload.hours * len(Stage)
    busy_ms = 1000 * UTILISATION * cores * round_seconds
    by_time = busy_ms / (costs.gateway_ms + costs.server_ms)
    return math.floor(min(by_time, SERVER_BYTES / costs.server_bytes))
