"""Sizing: what a fleet of a given size costs, computed from measured costs of one device, one member and one poll."""

from .fleet_plan import FleetPlan, Workload, plan_fleet
from .measured_costs import MeasuredCosts, load_costs

__all__ = ["FleetPlan", "MeasuredCosts", "Workload", "load_costs", "plan_fleet"]
