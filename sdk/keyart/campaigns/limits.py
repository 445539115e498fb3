"""Limits: what a device demands of a campaign before anything leaves it, whatever the server says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from ..catalog import is_text, quoted
from ..errors import SettingError
from ..model.features.spec import is_sensitive
from ..secagg.parameters import MAX_DEVICES
from .budget import HONEST_FRACTION, Charge, epsilon_spent
from .offer import Offer

KINDS: Final = ("training", "statistics", "experiment", "evaluation")
KEY_BYTES: Final = 32
MAX_ROUND_SECONDS: Final = 7 * 86_400  # that a round may go on


@dataclass(frozen=True, slots=True)
class ParticipationHistory:
    """The history of a profile that counts against its limits.

    Attributes:
        charges: Charges of all rounds so far and of those in progress. None for a vector that nothing protected.
        lately: Number of them within a day.
        rounds: Campaign and round of each.
    """

    charges: Sequence[Charge | None] = ()
    lately: int = 0
    rounds: frozenset[tuple[str, int]] = frozenset()

    def spent(self, delta: float) -> float:
        """Return ε at `delta`; infinite once an unprotected vector has left."""
        charges = [charge for charge in self.charges if charge is not None]
        return epsilon_spent(charges, delta) if len(charges) == len(self.charges) else math.inf


@dataclass(frozen=True, slots=True)
class Limits:
    """Demands that a host passes to `Personalizer.open`.

    Attributes:
        servers: Public keys (Ed25519, 32 bytes) whose offers count. Without any, every campaign is declined.
        issuers: Public keys whose certificates say that a key is a device's.
        epsilon: Maximum privacy loss of this profile over all campaigns.
        delta: Probability that belongs to `epsilon`.
        minimum_devices: Size of the smallest cohort.
        max_devices: Size of the largest cohort that may be counted on. A server that states more devices than the
            app has would have each add too little noise.
        honest_fraction: Largest share of a cohort whose noise may be counted on. The default is what devices can
            check of a cohort's size themselves.
        least_noise: Smallest noise multiplier.
        least_own_noise: Smallest noise multiplier of the device's own share of the noise, which protects a vector
            even without masks: 1 keeps it at ε = 5.3 a round (δ = 10⁻⁶), 4 at 1.2. With 0, the default, nothing but
            the masks and the issuer protects a single vector.
        contributions_a_day: Maximum number of contributions within 24 hours.
        kinds: Kinds of campaign that are taken part in.
        unprotected: Whether sums without noise are answered, too, and `epsilon` may be infinite. Only for devices of
            people who do not exist, such as those of a simulation.
        labels: Values by kind by which an experiment may group this device ("region": "north"), never of a sensitive
            kind.

    Raises:
        SettingError: A setting is out of range.
    """

    servers: Sequence[bytes] = ()
    issuers: Sequence[bytes] = ()
    epsilon: float = 8.0
    delta: float = 1e-6
    minimum_devices: int = 50
    max_devices: int = MAX_DEVICES
    honest_fraction: float = HONEST_FRACTION
    least_noise: float = 0.3
    least_own_noise: float = 0.0
    contributions_a_day: int = 4
    kinds: Sequence[str] = field(default=KINDS)
    labels: Mapping[str, str] = field(default_factory=dict)
    unprotected: bool = False

    def __post_init__(self) -> None:
        for name in ("servers", "issuers"):
            keys = tuple(getattr(self, name))
            if any(not isinstance(key, bytes) or len(key) != KEY_BYTES for key in keys):
                raise SettingError(f"Limits.{name} are public Ed25519 keys, {KEY_BYTES} bytes each.")
            object.__setattr__(self, name, keys)
        object.__setattr__(self, "kinds", tuple(self.kinds))
        if not set(self.kinds) <= set(KINDS):
            raise SettingError(f"Limits.kinds are among {', '.join(KINDS)}, and are {', '.join(self.kinds)}.")
        object.__setattr__(self, "labels", MappingProxyType(dict(self.labels)))
        for kind, value in self.labels.items():
            if not is_text(kind) or not is_text(value) or is_sensitive(kind):
                raise SettingError(
                    f"Limits.labels are texts by kind, such as 'region': 'north', and of no sensitive kind; got "
                    f"{quoted(kind)}: {quoted(value)}."
                )
        finite = math.isfinite(self.epsilon) or self.unprotected
        if not (finite and self.epsilon >= 0 and 0 < self.delta < 1):
            raise SettingError(
                f"Limits need a finite epsilon ≥ 0 and 0 < delta < 1, and have {self.epsilon}, {self.delta}."
            )
        if not 2 <= self.minimum_devices <= self.max_devices:
            raise SettingError("Limits need minimum_devices of 2 or more, and max_devices of at least as many.")
        if not 0 < self.honest_fraction <= 1:
            raise SettingError(f"Limits.honest_fraction is above 0 and at most 1, and is {self.honest_fraction}.")
        if not (self.least_noise >= 0 and self.least_own_noise >= 0) or self.contributions_a_day < 0:
            raise SettingError("Limits need least_noise, least_own_noise and contributions_a_day of 0 or more.")

    def refusal(
        self, offer: Offer, past: ParticipationHistory, model_version: int, feature_spec: str, now: float
    ) -> str | None:
        """Return why a device declines, without personal data; None if it takes part. `now` is in Unix seconds."""
        after = ParticipationHistory((*past.charges, offer.charge)).spent(self.delta)
        cost = f"ε = {offer.epsilon}, δ = {offer.delta}"
        checks = (
            (offer.kind not in self.kinds, f"no campaign of kind {offer.kind!r} is taken part in"),
            (
                not now <= offer.not_after <= now + MAX_ROUND_SECONDS,
                f"its round is over, or goes on for more than {MAX_ROUND_SECONDS // 86_400} days",
            ),
            (
                offer.feature_spec != feature_spec
                # Arms of an experiment may be models: its vector tells what came of them, and is made from none.
                or (offer.model_version != model_version and offer.kind != "experiment"),
                "it is for another model than the one installed",
            ),
            (
                offer.minimum_devices < self.minimum_devices,
                f"its cohort may be {offer.minimum_devices} devices, and {self.minimum_devices} are demanded",
            ),
            (
                offer.minimum_devices > self.max_devices,
                f"its noise counts on a cohort of {offer.minimum_devices}, and this app has at most "
                f"{self.max_devices} devices",
            ),
            (
                offer.honest_fraction > self.honest_fraction and not self.unprotected,
                f"its noise counts on {offer.honest_fraction} of its cohort, and at most {self.honest_fraction} can "
                "be checked",
            ),
            (
                offer.own_noise < self.least_own_noise,
                f"each device adds noise of {offer.own_noise:.2g} of a vector; {self.least_own_noise} is demanded",
            ),
            (
                offer.noise_multiplier < self.least_noise or not (offer.noise_multiplier > 0 or self.unprotected),
                f"its noise is {offer.noise_multiplier} of a vector, and {self.least_noise or 'some'} is demanded",
            ),
            (
                not (0 < offer.epsilon <= self.epsilon and 0 < offer.delta <= self.delta),
                f"it is to cost {cost} in all, which is more than is allowed",
            ),
            ((offer.campaign, offer.round) in past.rounds, "this round of the campaign was answered before"),
            (past.lately >= self.contributions_a_day, f"{past.lately} rounds within a day are enough"),
            (not after <= self.epsilon, f"it would spend more than ε = {self.epsilon} at δ = {self.delta}"),
        )
        return next((reason for refused, reason in checks if refused), None)
