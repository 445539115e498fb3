"""explain: at least one factor; contributions add up to the lead, and the lead is the difference of two values."""

from __future__ import annotations

import numpy as np
import pytest
from choosing_samples import EVENING, MORNING, OFF, TV, play_favourite, sample_catalog

import keyart
from keyart.errors import KeyartError

POLICY = keyart.Policy(exploration=0.6, stickiness=OFF)


def values_of(art: keyart.Personalizer, title: int, context: keyart.Context) -> dict[str, float]:
    (scores,) = art._slates().scores([title], context)
    encoded = art._installed.encoded
    pictures = art._catalog.titles[title].artworks
    rows = encoded.artwork[encoded.first[title] : encoded.first[title + 1]]
    offsets = art._known().head.offsets(rows) if art.profiled else 0.0
    play = np.asarray(scores.play + offsets, dtype=np.float64)
    value = 1 / (1 + np.exp(-play)) / (1 + np.exp(-scores.keep.astype(np.float64)))
    return {picture.id: float(v) for picture, v in zip(pictures, value, strict=True)}


@pytest.mark.parametrize("profiled", [True, False])
@pytest.mark.parametrize("engine", ["numpy", "onnxruntime"])
def test_contributions_add_up_to_the_lead(open_art, bundle, dial, engine, profiled):
    art = open_art(bundle=bundle, engine=engine, policy=POLICY)
    art.record_many([keyart.View("t1", EVENING, 6000), keyart.View("t3", EVENING, 60)])
    play_favourite(art, "t0/c", 30)
    if not profiled:
        art.consent.withdraw("personalization")
    rng = np.random.default_rng(4)
    exploring = 0
    for _ in range(60):
        title, dial.number = int(rng.integers(6)), float(rng.random())
        context = keyart.Context(
            ("tv", "phone", "fridge")[rng.integers(3)],
            (EVENING, MORNING)[rng.integers(2)],
            slot=int(rng.integers(9)),
            intent={"faces": 1.0} if rng.random() < 0.3 else {},
        )
        decision = art.choose(f"t{title}", context)
        why = art.explain(decision.id)
        assert why.decision_id == decision.id and why.artwork_id == decision.artwork_id and why.factors
        assert sum(f.contribution for f in why.factors) == pytest.approx(why.lead, abs=1e-9)
        values = values_of(art, title, context)
        rivals = {a: v for a, v in values.items() if a != decision.artwork_id}
        assert values[why.runner_up] == pytest.approx(max(rivals.values()), abs=1e-7)
        assert why.lead == pytest.approx(values[decision.artwork_id] - max(rivals.values()), abs=1e-7)
        assert (why.factors[0].name == "exploration") is decision.exploring
        assert all(factor.text.endswith(".") for factor in why.factors)
        exploring += decision.exploring
    assert 0 < exploring < 60


def test_without_a_bundle_it_says_so(open_art):
    art = open_art()
    why = art.explain(art.choose("t0", TV).id)
    assert why.factors[0].name == "no-model" and why.text


def test_a_choice_without_exploration_has_a_runner_up(open_art, bundle):
    art = open_art(bundle=bundle, policy=keyart.Policy(exploration=0))
    why = art.explain(art.choose("t0", TV).id)
    assert why.runner_up and why.lead > 0 and why.propensity == 1.0
    assert "only" not in {factor.name.partition("-")[0] for factor in why.factors}


def test_what_was_learned_here_is_a_factor(open_art, bundle, dial):
    art = open_art(bundle=bundle, policy=keyart.Policy(exploration=0, stickiness=OFF))
    before = art.choose("t0", TV)
    rival = next(a.id for a in art._catalog["t0"].artworks if a.id != before.artwork_id)
    art.close()
    art = open_art(bundle=bundle, policy=keyart.Policy(exploration=1, stickiness=OFF))
    for n in range(400):
        dial.number = (n % 8 + 0.5) / 8
        play_favourite(art, rival, 1)
    art.close()
    art = open_art(bundle=bundle, policy=keyart.Policy(exploration=0, stickiness=OFF))
    decision = art.choose("t0", TV)
    assert decision.artwork_id != before.artwork_id
    assert max(art.explain(decision.id).factors, key=lambda f: f.contribution).name == "you"


def test_after_a_restart_and_under_another_catalogue(open_art, bundle):
    with open_art(bundle=bundle) as art:
        decisions = art.choose_page(["t0", "t5"], TV)
    again = open_art(bundle=bundle)
    assert again.explain(decisions[0].id).artwork_id == decisions[0].artwork_id
    again.close()
    gone = [title for title in sample_catalog() if title.id == "t5"]
    fewer = [a for a in gone[0].artworks if a.id != decisions[1].artwork_id]
    left = keyart.Title("t5", tags=gone[0].tags, artworks=fewer)
    smaller = open_art(bundle=bundle, catalog=keyart.Catalog.from_titles([left]))
    for decision in decisions:  # the title is gone; the title is there and the picture is gone
        with pytest.raises(KeyartError, match=r"."):
            smaller.explain(decision.id)
    assert len(smaller.export()["decisions"]) == 2
