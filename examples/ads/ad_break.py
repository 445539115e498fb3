"""Advertisements chosen on the device: campaigns are titles, creatives are artworks.

Run: python examples/ads/ad_break.py

Contextual by default: without the consent "advertising", a break goes by the programme, the device and the hour. With
it, the device learns which pictures of advertisements this person does something with, in a profile that holds
nothing else, never from what they watch, and never in a child's profile. Frequency caps hold either way.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import keyart
from keyart_tools.demo.page.poster import poster

# Campaigns of products that do not exist. A campaign's tags say which programmes it fits.
CAMPAIGNS = keyart.Catalog.from_titles(
    [
        keyart.Title(
            "alpine-tea",
            name="Alpine Tea",
            tags={"genre:drama": 0.5, "genre:romance": 0.5},
            artworks=[
                keyart.Artwork("alpine-tea/quiet", {"genre:drama": 1.0, "palette:cool": 1.0, "shot:wide": 1.0}),
                keyart.Artwork("alpine-tea/together", {"genre:romance": 1.0, "palette:warm": 1.0, "faces": 0.6}),
            ],
        ),
        keyart.Title(
            "city-bike",
            name="City Bike",
            tags={"genre:action": 0.5, "genre:comedy": 0.5},
            artworks=[
                keyart.Artwork("city-bike/fast", {"genre:action": 1.0, "mood:intense": 1.0, "shot:wide": 1.0}),
                keyart.Artwork("city-bike/funny", {"genre:comedy": 1.0, "palette:warm": 1.0, "faces": 0.7}),
            ],
        ),
        keyart.Title(
            "night-radio",
            name="Night Radio",
            tags={"genre:crime": 0.5, "genre:music": 0.5},
            artworks=[
                keyart.Artwork("night-radio/voices", {"genre:crime": 1.0, "palette:cool": 1.0, "faces": 0.5}),
                keyart.Artwork("night-radio/records", {"genre:music": 1.0, "palette:warm": 1.0}),
            ],
        ),
    ]
)


@dataclass
class FrequencyCaps:
    """How often a campaign is shown to a device at most, over a sliding span.

    It counts campaigns and nothing about a person, in memory of the device alone.

    Attributes:
        most: Impressions of one campaign within `span`.
        span: Length of the span.
    """

    most: int = 2
    span: timedelta = timedelta(hours=24)
    _shown: list[tuple[str, datetime]] = field(default_factory=list)

    def allows(self, campaign_id: str, at: datetime) -> bool:
        """Return True if the campaign may be shown now."""
        self._shown = [(shown, when) for shown, when in self._shown if at - when < self.span]
        return Counter(shown for shown, _ in self._shown)[campaign_id] < self.most

    def count(self, campaign_id: str, at: datetime) -> None:
        """Count an impression."""
        self._shown.append((campaign_id, at))


def break_of(
    art: keyart.Personalizer,
    caps: FrequencyCaps,
    programme: Mapping[str, float],
    context: keyart.Context,
    places: int = 1,
) -> list[keyart.Decision]:
    """Return the advertisements of one break: campaigns that fit the programme, each with the creative for it.

    Args:
        art: The profile of advertisements (`purpose="advertising"`).
        caps: Frequency caps of this device.
        programme: Tags of the programme that is interrupted: the context of a contextual advertisement.
        context: Device and time.
        places: Advertisements of the break.
    """
    fits = {
        campaign.id: sum(weight * programme.get(tag, 0.0) for tag, weight in campaign.tags.items())
        for campaign in CAMPAIGNS
    }
    open_ids = [
        campaign for campaign in sorted(fits, key=lambda one: -fits[one]) if caps.allows(campaign, context.at)
    ]
    wished = keyart.Context(context.device, context.at, slot=context.slot, intent=programme)
    decisions = art.choose_page(open_ids[:places], wished) if open_ids else []
    for decision in decisions:
        caps.count(decision.title_id, context.at)
        art.seen(decision.id)
    return decisions


def page(breaks: Sequence[tuple[str, keyart.Decision, str]]) -> str:
    """Return a page that shows each advertisement with the reason for it."""
    cards = []
    for programme, decision, reason in breaks:
        campaign = CAMPAIGNS[decision.title_id]
        creative = next(artwork for artwork in campaign.artworks if artwork.id == decision.artwork_id)
        drawing = poster(campaign.name, campaign.tags, creative.tags, creative.id, 640, 360)
        cards.append(
            f"<figure>{drawing}<figcaption><b>Advertisement: {campaign.name}</b><br>During {programme}. "
            f"{reason}</figcaption></figure>"
        )
    style = (
        "body{margin:0 auto;max-width:70rem;padding:2rem 1rem;background:#0b0d12;color:#f4f1ea;"
        "font:1rem/1.5 system-ui,sans-serif}main{display:grid;grid-gap:1.5rem;"
        "grid-template-columns:repeat(auto-fill,minmax(18rem,1fr))}figure{margin:0;background:#171b24;"
        "border-radius:.8rem;overflow:hidden}svg{display:block;width:100%;height:auto}figcaption{padding:1rem}"
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Advertisements, chosen on the device</title><style>{style}</style>"
        "<h1>Advertisements, chosen on the device</h1><p>The programme and the hour choose them. What you watch is "
        f"not part of it, and nothing leaves the device.</p><main>{''.join(cards)}</main></html>"
    )


PROGRAMMES = {
    "a love story": {"genre:romance": 1.0},
    "a comedy": {"genre:comedy": 1.0},
    "a crime series": {"genre:crime": 1.0},
    "a concert": {"genre:music": 1.0},
}


# Reasons in the words of an advertisement: nobody asked for it, so the request of a context is the programme here.
REASONS = {
    "intent": "It fits the programme better than the campaign's other picture.",
    "exploration": "It was drawn by lot, to find out which picture works.",
    "no-difference": "Either picture of the campaign fits as well.",
    "only-picture": "It is the only picture of the campaign that may be shown here.",
}


def reason_of(explanation: keyart.Explanation, profiled: bool) -> str:
    """Return why an advertisement shows its picture, in one or two sentences."""
    factors = {factor.name: factor.text for factor in explanation.factors if factor.contribution >= 0}
    told = [REASONS.get(name, text) for name, text in factors.items() if name in REASONS or profiled]
    return " ".join(told) or "It was drawn by lot among the campaign's pictures."


def evening(folder: Path) -> list[tuple[str, keyart.Decision, str]]:
    """Show an evening with a break in each programme; return programme, decision and reason of each one."""
    keys = keyart.PassphraseKey("from the host's key store")
    caps, at, shown = FrequencyCaps(), datetime(2026, 3, 2, 20, tzinfo=UTC), []
    with keyart.Personalizer.open(
        folder / "ads.db", catalog=CAMPAIGNS, keys=keys, profile="advertisements", purpose="advertising"
    ) as art:
        for hour, (programme, tags) in enumerate(PROGRAMMES.items()):
            for decision in break_of(art, caps, tags, keyart.Context("tv", at + timedelta(hours=hour))):
                shown.append((programme, decision, reason_of(art.explain(decision.id), art.profiled)))
    return shown


def main() -> None:
    """Show an evening, and leave a page of it."""
    with tempfile.TemporaryDirectory() as folder:
        breaks = evening(Path(folder))
    for programme, decision, reason in breaks:
        print(f"During {programme}: {decision.artwork_id}. {reason}")
    out = Path("build/ads.html")
    out.parent.mkdir(exist_ok=True)
    out.write_text(page(breaks), encoding="utf-8")
    print(f"The page is {out}.")


if __name__ == "__main__":
    main()
