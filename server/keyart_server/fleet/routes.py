"""The route `/api/v1/fleet`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ..service import Service
from .fleet_summary import fleet_summary


class VersionShare(BaseModel):
    """The devices with one model version, as the sums of recent rounds describe them."""

    version: int = Field(description="Model version.", examples=[8])
    devices: int = Field(description="Participations in rounds of the last 28 days.", examples=[812])
    share: float = Field(description="Their share of all participations.", examples=[0.9])


class GatewayResource(BaseModel):
    """A gateway, through which devices take part in rounds."""

    name: str = Field(description="Name of the gateway.", examples=["main"])
    seen: datetime = Field(description="Time of its last heartbeat.")
    alive: bool = Field(description="Whether it reported within the last 5 minutes.", examples=[True])


class FleetResource(BaseModel):
    """The fleet, as far as the server knows it: it counts devices and names none."""

    devices: int = Field(description="Enrolled devices whose certificate is valid.", examples=[12000])
    by_version: list[VersionShare] = Field(description="Model versions, the newest first.")
    gateways: list[GatewayResource] = Field(description="Gateways, by name.")
    estimated_at: datetime | None = Field(description="Time of the newest sum behind `by_version`; null if none.")


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the route."""
    reading = service.guard.router("read")

    @reading.get("/api/v1/fleet", summary="Show the fleet")
    def show_fleet() -> FleetResource:
        """Return how many devices are enrolled, what they run, and which gateways are alive."""
        with service.state.reading() as session:
            fleet = fleet_summary(session, service.clock())
        participations = sum(count.devices for count in fleet.versions)
        return FleetResource(
            devices=fleet.certified,
            by_version=[
                VersionShare(
                    version=count.version, devices=count.devices, share=count.devices / max(participations, 1)
                )
                for count in fleet.versions
            ],
            gateways=[GatewayResource(name=name, seen=seen, alive=alive) for name, seen, alive in fleet.gateways],
            estimated_at=fleet.estimated_at,
        )

    return (reading,)
