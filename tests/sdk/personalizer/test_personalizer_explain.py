"""explain: at least one factor; contributions add up to the lead, and the lead is the difference of two values."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.catalogs import EVENING, MORNING, OFF, TV, play_favourite, sample_catalog

import keyart
from keyart.bundle.loading import load_model
from keyart.errors import KeyartError
from keyart.model.explain import MIN_SHOWN, ArtworkPair, attribute, explanation
from keyart.model.features import FeatureSpec, ViewerFeatures, affinities, view_weight
from keyart.model.features.rows import (
    FeatureRows,
    intent_match,
    interaction_features,
    main_effects,
    slot_and_trending,
)
from keyart.model.features.viewer import tally_views
from keyart.model.head import Head
from keyart.model.latents import Latents
from keyart.model.loaded_model import LoadedModel
from keyart.model.ranker import Weights
from keyart.model.ranker.weights import weight_shapes
from keyart.model.scorer import Logits, head_logit, logit_parts
from keyart.model.stated_preferences import PREFERENCE_LOGIT, StatedPreferences

POLICY = keyart.Policy(exploration=0.6, stickiness=OFF)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0.0, -np.asarray(x, dtype=np.float64)))


def logits_of(weights: Weights, rows: FeatureRows) -> tuple[np.ndarray, np.ndarray]:
    """play (without offsets) and keep [N] in float64, written down from docs/explanation/choosing.md."""
    z, x, y = (a.astype(np.float64) for a in (rows.artwork, rows.match, rows.main))
    u = np.concatenate([[1.0], rows.viewer, rows.context])
    play = z @ (weights.play_artwork @ u) + x @ weights.play_match + y @ weights.play_main + rows.appeal[:, 0]
    keep = z @ weights.keep_artwork + x @ weights.keep_match + y @ weights.keep_main + rows.appeal[:, 1]
    return play, keep


def rows_of(
    installed: LoadedModel, viewer: ViewerFeatures, title: int, context: keyart.Context, title_id: str
) -> FeatureRows:
    encoded, spec = installed.encoded, installed.spec
    encoded.need([title])
    pictures = np.arange(encoded.first[title], encoded.first[title + 1])
    match = interaction_features(encoded, viewer, pictures, encoded.title_of[pictures])
    match[:, -1] = intent_match(spec, encoded.artwork[pictures], dict(context.intent))
    vector = spec.context_row(context.device, context.daypart)
    slot, trending = (np.full(len(pictures), x, np.float32) for x in slot_and_trending(spec, context, title_id))
    main = main_effects(
        spec, slot, trending, np.tile(vector, (len(pictures), 1)), encoded.title_shares[encoded.title_of[pictures]]
    )
    return FeatureRows(encoded.artwork[pictures], match, main, installed.appeal[pictures], viewer.taste, vector)


def values_of(
    art: keyart.Personalizer, installed: LoadedModel, catalog: keyart.Catalog, title: int, context: keyart.Context
) -> dict[str, float]:
    """Value of each picture, worked out again from the bundle and from what the profile exports."""
    encoded, spec = installed.encoded, installed.spec
    document = art.export()
    viewer, offsets = ViewerFeatures.unknown(encoded), 0.0
    if art.profiled:
        views = [keyart.View(v["title_id"], EVENING, v["seconds"]) for v in document["views"]]
        titles = np.array([catalog.index(view.title_id) for view in views])
        counts = np.array([view_weight(v, 6000, keyart.Reward(), spec) for v in views], dtype=np.float32)
        viewer = affinities(encoded, *tally_views(encoded, titles, counts), counts.sum(), installed.population_taste)
    rows = rows_of(installed, viewer, title, context, f"t{title}")
    if art.profiled:
        met = np.bincount(titles, counts, len(catalog))  # what this model showed does not count yet
        met[title] = 0
        f = met @ installed.latents.titles / (met.sum() + 15)
        pictures = slice(*installed.encoded.first[title : title + 2])
        learned = document["learned"]
        offsets = rows.artwork @ [learned.get(tag, 0.0) for tag in spec.artwork_tags] + learned.get("bias", 0.0)
        offsets = offsets + installed.latents.artworks[pictures] @ f
    play, keep = logits_of(installed.weights, rows)
    value = sigmoid(play + offsets) * sigmoid(keep)
    return {picture.id: float(v) for picture, v in zip(catalog.titles[title].artworks, value, strict=True)}


@pytest.mark.parametrize("profiled", [True, False])
@pytest.mark.parametrize("engine", ["numpy", "onnxruntime"])
def test_contributions_add_up_to_the_lead(open_art, bundle, catalog, dial, engine, profiled):
    installed = load_model(bundle, catalog, "numpy")
    art = open_art(bundle=bundle, engine=engine, policy=POLICY, clock=lambda: EVENING)
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
        values = values_of(art, installed, catalog, title, context)
        rivals = {a: v for a, v in values.items() if a != decision.artwork_id}
        assert values[why.runner_up] == pytest.approx(max(rivals.values()), abs=1e-6)
        assert why.lead == pytest.approx(values[decision.artwork_id] - max(rivals.values()), abs=1e-6)
        assert (why.factors[0].name == "exploration") is decision.exploring
        assert all(factor.text.endswith(".") for factor in why.factors)
        exploring += decision.exploring
    assert 0 < exploring < 60


@pytest.mark.parametrize("title", [0, 4])
def test_who_watches_what_is_a_factor(open_art, bundle, plain_bundle, catalog, title):
    """It is in the lead: without latents the same two pictures are further apart, or nearer, by about as much."""
    installed = load_model(bundle, catalog, "numpy")
    policy = keyart.Policy(exploration=0, stickiness=OFF)
    art = open_art(bundle=bundle, policy=policy, clock=lambda: EVENING)
    other = open_art(bundle=plain_bundle, policy=policy, path="plain", keys=keyart.EphemeralKey())
    for one in (art, other):
        one.record_many([keyart.View("t1", EVENING, 6000), keyart.View("t3", EVENING, 6000)] * 5)
    why = art.explain(art.choose(f"t{title}", TV).id)
    others = {factor.name: factor for factor in why.factors}["others"]
    assert others.text.startswith("People who watch what you watch press play on it ")
    assert ("more often" in others.text) is (others.contribution > 0) and abs(others.contribution) > 1e-3
    assert sum(factor.contribution for factor in why.factors) == pytest.approx(why.lead, abs=1e-9)
    values = values_of(art, installed, catalog, title, TV)
    assert why.lead == pytest.approx(values[why.artwork_id] - values[why.runner_up], abs=1e-6)
    plain = values_of(other, replace(installed, latents=no_latents(installed)), catalog, title, TV)
    without = plain[why.artwork_id] - plain[why.runner_up]
    assert others.contribution == pytest.approx(why.lead - without, rel=0.3)
    names = {factor.name for factor in other.explain(other.choose(f"t{title}", TV).id).factors}
    assert "others" not in names and names


def no_latents(installed: LoadedModel) -> Latents:
    return Latents(*(np.zeros_like(table) for table in (installed.latents.titles, installed.latents.artworks)))


def test_without_a_bundle_it_says_so(open_art):
    art = open_art()
    why = art.explain(art.choose("t0", TV).id)
    assert [factor.name for factor in why.factors] == ["no-model", "no-difference"] and why.lead == 0
    assert "you watch" not in why.text


def test_a_choice_without_exploration_has_a_runner_up(open_art, bundle):
    art = open_art(bundle=bundle, policy=keyart.Policy(exploration=0))
    why = art.explain(art.choose("t0", TV).id)
    assert why.runner_up and why.lead > 0 and why.propensity == 1.0
    assert "only" not in {factor.name.partition("-")[0] for factor in why.factors}


def test_what_was_learned_here_is_a_factor(open_art, bundle, catalog, dial):
    art = open_art(bundle=bundle, policy=keyart.Policy(exploration=0, stickiness=OFF))
    before = art.choose("t0", TV)
    rival = next(a.id for a in catalog["t0"].artworks if a.id != before.artwork_id)
    art.close()
    art = open_art(bundle=bundle, policy=keyart.Policy(exploration=1, stickiness=OFF))
    for n in range(400):
        dial.number = (n % 8 + 0.5) / 8
        play_favourite(art, rival, 1)
    art.close()
    art = open_art(bundle=bundle, policy=keyart.Policy(exploration=0, stickiness=OFF))
    decision = art.choose("t0", TV)
    assert decision.artwork_id != before.artwork_id
    first, second, *_ = art.explain(decision.id).factors
    assert {first.name, second.name} == {"you", "picture"}


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


def some_say_nothing_of_genre(catalog: keyart.Catalog) -> keyart.Catalog:
    """The last picture of each title names no genre."""
    titles = []
    for title in catalog:
        *rest, last = title.artworks
        tags = {tag: weight for tag, weight in last.tags.items() if not tag.startswith("genre")}
        titles.append(replace(title, artworks=[*rest, replace(last, tags=tags)]))
    return keyart.Catalog.from_titles(titles)


NOTHING = LoadedModel.nothing(some_say_nothing_of_genre(sample_catalog(3, 4)))


def random_pair(seed: int, scale: float, appeal: float = 1.0) -> tuple[Weights, ArtworkPair, np.ndarray, np.ndarray]:
    """A model, a viewer, a context, a head and preferences, all at random; two pictures of a title; their logits."""
    rng = np.random.default_rng(seed)
    encoded, spec = NOTHING.encoded, NOTHING.spec
    weights = Weights(**{n: rng.normal(0, scale, shape).astype("f4") for n, shape in weight_shapes(spec).items()})
    installed = NOTHING
    viewer = affinities(
        encoded,
        rng.gamma(1.0, 2.0, spec.viewer_size).astype(np.float32),
        np.zeros(encoded.open_size, dtype=np.float32),
        np.float32(5.0),
        installed.population_taste,
    )
    title = int(rng.integers(3))
    context = keyart.Context(
        ("tv", "phone", "fridge")[rng.integers(3)],
        (EVENING, MORNING)[rng.integers(2)],
        slot=int(rng.integers(9)),
        intent={"faces": 1.0, "genre:drama": -0.5} if rng.random() < 0.5 else {},
    )
    rows = rows_of(installed, viewer, title, context, f"t{title}")
    two = list(rng.permutation(4)[:2])
    rows = FeatureRows(
        rows.artwork[two],
        rows.match[two],
        rows.main[two],
        rng.normal(0, appeal, (2, 2)).astype(np.float32),
        rows.viewer,
        rows.context,
    )
    places = encoded.first[title] + np.array(two)
    nobody = interaction_features(encoded, ViewerFeatures.unknown(encoded), places, encoded.title_of[places])
    size = spec.artwork_size + 1
    head = Head(rng.normal(0, 0.3, size).astype(np.float32), np.eye(size, dtype=np.float32))
    stated = rng.normal(0, 1, 2).astype(np.float32)
    own, others = rng.normal(0, 1, (2, 2)).astype(np.float32)
    logits = Logits(*logits_of(weights, rows), others, stated, head_logit(head.mean, rows.artwork), own)
    return weights, ArtworkPair(rows, nobody, logits, "You said it."), logits.play, logits.completion


seeds = st.integers(0, 2**32 - 1)
scales = st.sampled_from([0.0, 0.01, 0.3, 3.0, 30.0])


@settings(max_examples=120, deadline=None)
@given(seeds, scales)
def test_the_parts_are_the_score(seed, scale):
    """Nothing is left out and nothing counted twice: between two pictures the parts differ as the logits do."""
    weights, pair, play, keep = random_pair(seed, scale)
    found = logit_parts(NOTHING.spec, weights, pair.rows, pair.nobody, pair.logits)
    for stage, logits in (("play", play), ("keep", keep)):
        together = sum(part.logits[0] - part.logits[1] for part in found if part.stage == stage)
        assert together == pytest.approx(logits[0] - logits[1], abs=1e-9 * (1 + scale))


@settings(max_examples=120, deadline=None)
@given(seeds, scales)
def test_factors_add_up_for_any_weights(seed, scale):
    weights, pair, play, keep = random_pair(seed, scale)
    value = sigmoid(play) * sigmoid(keep)
    lead, factors = attribute(NOTHING.spec, weights, pair)
    assert lead == pytest.approx(value[0] - value[1], abs=1e-9)
    assert sum(factor.contribution for factor in factors) == pytest.approx(lead, abs=1e-9)
    assert len({factor.name for factor in factors}) == len(factors)
    assert all(factor.text.endswith(".") for factor in factors)


@settings(max_examples=120, deadline=None)
@given(seeds, st.sampled_from([0.01, 0.3, 1.0]))
def test_what_adds_to_a_logit_adds_to_the_lead(seed, scale):
    """A factor has the sign of its parts, the other way round for the other picture, and the largest come first."""
    weights, pair, _, _ = random_pair(seed, scale)
    _, factors = attribute(NOTHING.spec, weights, pair)
    if factors[0].name == "no-difference":
        return
    signs: dict[str, set[float]] = {}
    for part in logit_parts(NOTHING.spec, weights, pair.rows, pair.nobody, pair.logits):
        if part.logits[0] != part.logits[1]:
            signs.setdefault(part.name, set()).add(float(np.sign(part.logits[0] - part.logits[1])))
    for factor in factors:
        assert abs(factor.contribution) > MIN_SHOWN / 2
        assert len(signs[factor.name]) == 2 or {np.sign(factor.contribution)} == signs[factor.name]
    sizes = [abs(factor.contribution) for factor in factors]
    assert all(size >= other - 1e-4 for size, other in pairwise(sizes))
    turned = ArtworkPair(
        FeatureRows(*(a[::-1] for a in (pair.rows.artwork, pair.rows.match, pair.rows.main, pair.rows.appeal)),
             pair.rows.viewer, pair.rows.context),
        pair.nobody[::-1], pair.logits.at(slice(None, None, -1)),
    )  # fmt: skip
    other = {factor.name: factor.contribution for factor in attribute(NOTHING.spec, weights, turned)[1]}
    for factor in factors:
        assert other.get(factor.name, 0.0) == pytest.approx(-factor.contribution, abs=1e-4)


def explained(stated: dict[str, float], shown: int = 0, **settings: object) -> keyart.Explanation:
    """Of a title with a warm drama and a cool comedy, by preferences alone, or by `head` too."""
    pictures = [
        keyart.Artwork("t/a", tags={"genre:drama": 1.0, "palette:warm": 1.0, "cast:p1": 0.8}),
        keyart.Artwork("t/b", tags={"genre:comedy": 1.0, "palette:cool": 0.5, "cast:p1": 0.8}),
    ]
    catalog = keyart.Catalog.from_titles([keyart.Title("t", tags={"genre:drama": 1.0}, artworks=pictures)])
    installed = LoadedModel.nothing(catalog)
    preferences = StatedPreferences.of(catalog, stated)
    nothing = np.zeros(2, np.float32)
    logits = Logits(nothing, nothing, preferences=None if preferences is None else preferences.added)
    decision = keyart.Decision("0" * 32, "t", pictures[shown].id, 0.5, False, 0)
    rows = rows_of(installed, ViewerFeatures.unknown(installed.encoded), 0, TV, "t")
    allowed = np.ones(2, dtype=bool)
    return explanation(decision, catalog["t"], installed, rows, logits, allowed, preferences)


RIVAL = ", which the next best picture shows more of."


@pytest.mark.parametrize(
    ("stated", "shown", "said"),
    [
        ({"genre:drama": 1.0}, 0, "like drama."),
        ({"genre:drama": 1.0}, 1, f"like drama{RIVAL}"),
        ({"palette:cool": -1.0}, 0, f"do not like cool colours{RIVAL}"),
        ({"palette:cool": -1.0}, 1, "do not like cool colours."),
        ({"palette:cool": -1.0, "genre:drama": 1.0, "cast:p1": 1.0}, 0, "like drama."),
        ({"palette:cool": 1.0, "genre:drama": 1.0}, 1, f"like drama{RIVAL}"),
    ],
)
def test_a_stated_preference_is_a_reason(stated, shown, said):
    why = explained(stated, shown)
    factor = next(factor for factor in why.factors if factor.name == "preference")
    assert factor.text == f"You said that you {said}"
    assert factor.contribution == pytest.approx(why.lead, abs=1e-9) and abs(why.lead) > 0.01
    assert (factor.contribution > 0) is (shown == 0)


def test_a_preference_that_both_pictures_answer_is_none():
    why = explained({"cast:p1": 1.0})
    assert [factor.name for factor in why.factors] == ["no-model", "no-difference"]
    assert explained({"genre:drama": 1.0}).lead == pytest.approx(0.5 * (sigmoid(PREFERENCE_LOGIT) - 0.5), abs=1e-6)


def test_without_a_history_no_reason_is_the_history():
    """A picture that names its genre matches anybody more than one that names none: that is no history."""
    pictures = [keyart.Artwork("t/a", tags={"genre:drama": 1.0}), keyart.Artwork("t/b", tags={"faces": 1.0})]
    catalog = keyart.Catalog.from_titles([keyart.Title("t", tags={"genre:drama": 1.0}, artworks=pictures)])
    installed = LoadedModel.nothing(catalog)
    spec, encoded = FeatureSpec.from_catalog(catalog), installed.encoded
    rows = rows_of(installed, ViewerFeatures.unknown(encoded), 0, TV, "t")
    nobody = interaction_features(encoded, ViewerFeatures.unknown(encoded), np.arange(2), np.zeros(2, np.intp))
    weights = Weights.zero_shot(spec)
    play, keep = logits_of(weights, rows)
    _, factors = attribute(spec, weights, ArtworkPair(rows, nobody, Logits(play, keep)))
    assert {factor.name for factor in factors} == {"content:genre"}
    assert factors[0].text == "It tells more about the genre." and factors[0].contribution > 0
