"""Settings: what campaigns of all kinds have in common. Each kind adds its own; unknown names are refused."""

from __future__ import annotations

from typing import Annotated, Final, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from keyart.campaigns import HONEST_FRACTION, MAX_TEXT_CHARACTERS
from keyart.errors import SettingError

from .campaign import Campaign

HELD_OUT: Final = 0.1  # sampling buckets below it: devices that evaluate and never train (`keyart.client`)
MAX_STAGE_SECONDS: Final = 86_400.0  # a device goes on with no round for more than 7 days
MAX_DEVICES: Final = 1 << 20
DEFAULT_COHORTS: Final = 3  # the fewest whose median one hostile device cannot choose
MAX_COHORTS: Final = 9
MIN_COHORT_DEVICES: Final = 50  # below it devices decline by default (`keyart.Limits`)


def _line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("give one line of text that can be shown")
    return text


Line = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARACTERS), AfterValidator(_line)]
Devices = Annotated[int, Field(ge=2, le=MAX_DEVICES)]
Draw = Annotated[float, Field(ge=0, le=1)]
Hours = Annotated[float, Field(gt=0, le=24 * 365)]


class CampaignSettings(BaseModel):
    """Settings of every kind."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    purpose: Line = Field(
        "Better pictures for everybody.", description="Sentence that the viewer reads about the campaign."
    )
    minimum_devices: Devices = Field(50, description="A round with fewer devices fails; the noise relies on them.")
    honest_fraction: float = Field(
        HONEST_FRACTION, ge=0.001, le=1, description="Share of the minimum cohort that adds noise."
    )
    threshold_permille: int = Field(
        700, gt=500, le=1000, description="Permille of a round's devices that must stay to the end."
    )
    patience: float = Field(
        10_800.0, ge=0.1, le=MAX_STAGE_SECONDS, description="Seconds that each of the four stages may take."
    )
    hours: float = Field(24.0, ge=0, le=24 * 365, description="Hours between the starts of two rounds.")
    low: Draw = Field(0.0, description="Devices with a lower sampling bucket are not asked.")
    high: Draw = Field(1.0, description="Devices with this or a higher sampling bucket are not asked.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be below high, or nobody is asked")
        return self

    def check(self, epsilon: float, delta: float) -> None:
        """Raise SettingError for what no single setting shows. ε and δ are those of the campaign."""


class Cohort(CampaignSettings):
    """Settings of the kinds whose rounds each ask as many devices as will come."""

    wanted: Devices = Field(1000, description="Devices that a round waits for; it accepts no more.")
    cohorts: int | None = Field(
        None,
        ge=1,
        le=MAX_COHORTS,
        description="Sub-cohorts that judge a candidate or count a trend, each with its share of wanted and "
        "minimum_devices; odd. 1: a single device may decide. None: 3, or 1 if they would be too small.",
    )

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.wanted < self.minimum_devices:
            raise ValueError("wanted must be minimum_devices or more, or no round has enough of them")
        if self.sub_cohorts % 2 == 0:
            raise ValueError("cohorts must be odd, so that they have a median")
        if self.wanted < self.sub_cohorts * self.minimum_of_cohort:
            least = self.minimum_of_cohort
            raise ValueError(f"wanted must be {self.sub_cohorts * least} or more, {least} for each of the cohorts")
        return self

    @property
    def sub_cohorts(self) -> int:
        """Number of sub-cohorts that are asked the same, each with devices of its own."""
        if self.cohorts is not None:
            return self.cohorts
        return DEFAULT_COHORTS if self.wanted >= DEFAULT_COHORTS * self._minimum_of(DEFAULT_COHORTS) else 1

    @property
    def wanted_of_cohort(self) -> int:
        """Target size of a sub-cohort, in devices."""
        return self.wanted // self.sub_cohorts

    @property
    def minimum_of_cohort(self) -> int:
        """Devices that the noise of a sub-cohort counts on."""
        return self._minimum_of(self.sub_cohorts)

    def _minimum_of(self, cohorts: int) -> int:
        return max(self.minimum_devices // cohorts, min(self.minimum_devices, MIN_COHORT_DEVICES))


Some = TypeVar("Some", bound=CampaignSettings)


def settings_of(campaign: Campaign, settings: type[Some]) -> Some:
    """Return a campaign's settings. Raises SettingError."""
    return parsed(campaign.settings, settings)


def parsed(text: str, settings: type[Some]) -> Some:
    """Return settings from JSON. Raises SettingError with the setting's name and what to do."""
    try:
        return settings.model_validate_json(text)
    except ValidationError as error:
        every = error.errors(include_url=False, include_context=False, include_input=False)
        found = max(every, key=lambda one: len(one["loc"]))  # of a choice of types the one that was meant
        place = ".".join(str(part) for part in found["loc"] if "[" not in str(part))
        names = ", ".join(settings.model_fields)
        known = f" Settings are {names}." if found["type"] in ("extra_forbidden", "missing") else ""
        said = found["msg"].removeprefix("Value error, ")
        raise SettingError(f"{f'The setting {place!r}' if place else 'The settings'}: {said}.{known}") from None
