"""describe_parameters: the shares are measured, the words are plain, and they are true of what is installed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from choosing_samples import ARTWORKS, EVENING, sample_catalog, sample_model

import keyart
from keyart.model.features import ViewerFeatures, affinities, view_weight
from keyart.model.features.spec import SENSITIVE_KINDS
from keyart.model.features.viewer import tally_views
from keyart.model.head import Head
from keyart.model.latents import LATENTS, Latents
from keyart.model.loaded_model import LoadedModel
from keyart.model.policy import Policy
from keyart.model.ranker import NumpyRanker, Weights
from keyart.model.stated_preferences import StatedPreferences
from keyart.model.transparency import SAMPLED_CHOICES, Description, describe, measure_importance

WEIGHING = ["history", "you", "preference", "title", "context", "everybody", "appeal", "promise"]
RULES = ["intent", "exploration", "stickiness", "page", "maturity", "spoilers", "misleading", "sensitive"]


@pytest.fixture(scope="module")
def catalog():
    return sample_catalog()


@pytest.fixture(scope="module")
def nothing(catalog) -> LoadedModel:
    return LoadedModel.nothing(catalog)


@pytest.fixture(scope="module")
def trained(catalog, nothing) -> LoadedModel:
    model = sample_model(catalog)
    weights = Weights.from_flat(nothing.spec, model.theta)
    appeal = model.appeal.astype(np.float32)
    return replace(nothing, version=1, weights=weights, ranker=NumpyRanker(weights), appeal=appeal, base_rate=0.08)


@pytest.fixture(scope="module")
def viewer(nothing) -> ViewerFeatures:
    """Somebody who has watched t3 and a bit of t1."""
    encoded = nothing.encoded
    views = [keyart.View("t3", EVENING, 6000), keyart.View("t1", EVENING, 100)]
    titles = np.array([encoded.title_place[view.title_id] for view in views])
    weights = np.array([view_weight(v, 6000, keyart.Reward(), encoded.spec) for v in views], dtype=np.float32)
    watched, seen = tally_views(encoded, titles, weights)
    return affinities(encoded, watched, seen, weights.sum(), nothing.population_taste)


def learned(spec, seed: int = 3) -> Head:
    size = spec.artwork_size + 1
    return Head(np.random.default_rng(seed).normal(0, 0.2, size).astype(np.float32), np.eye(size, dtype=np.float32))


def with_weights(installed: LoadedModel, **blocks: np.ndarray) -> LoadedModel:
    """Only these blocks of weights are not 0."""
    return replace(installed, weights=replace(Weights.zeros(installed.spec), **blocks))


def shares(found: Description) -> dict[str, float]:
    return {p.name: p.importance for p in found.parameters if p.importance is not None}


def text_of(found: Description, name: str) -> str:
    return next(parameter.text for parameter in found.parameters if parameter.name == name)


def test_shares_add_up_to_one_and_every_parameter_is_named(catalog, trained, viewer):
    head = learned(trained.spec)
    preferences = {"genre:comedy": 1.0, "palette:warm": -1.0}
    found = describe(catalog, trained, Policy(), viewer, head, preferences, profiled=True)
    weighing = shares(found)
    assert sorted(weighing) == sorted(WEIGHING) and sum(weighing.values()) == pytest.approx(1, abs=1e-12)
    assert all(0 < share < 1 for share in weighing.values())
    assert list(weighing.values()) == sorted(weighing.values(), reverse=True)
    assert [p.name for p in found.parameters if p.importance is None] == RULES
    assert {p.name for p in found.parameters if p.editable} == {"history", "you", "preference", "intent"}
    for parameter in found.parameters:
        assert parameter.text.endswith(".") and parameter.text in found.text
        assert parameter.importance is None or f"{100 * parameter.importance:.0f} % of what decides" in parameter.text
    again = describe(catalog, trained, Policy(), viewer, head, preferences, profiled=True)
    assert again == found


def blocks(installed: LoadedModel) -> dict[str, LoadedModel]:
    """Models, by the only parameter that can tell pictures apart in each."""
    spec = installed.spec
    rng = np.random.default_rng(0)
    artwork = rng.normal(size=(spec.artwork_size, len(spec.direction_names))).astype(np.float32)
    h = 1 + spec.viewer_size
    names = np.array(spec.match_names)
    match = np.ones(len(names), dtype=np.float32)

    def columns(*places: slice) -> np.ndarray:
        kept = np.zeros_like(artwork)
        for place in places:
            kept[:, place] = artwork[:, place]
        return kept

    def matching(*ends: str) -> np.ndarray:
        return np.where([str(name).endswith(ends) for name in names], match, 0).astype(np.float32)

    return {
        "everybody": with_weights(installed, play_artwork=columns(slice(0, 1))),
        "history": with_weights(installed, play_match=matching("/taste")),
        "history in whether it is carried on": with_weights(installed, keep_match=matching("/taste")),
        "history of people like you": with_weights(installed, play_artwork=columns(slice(1, h))),
        "context": with_weights(installed, play_artwork=columns(slice(h, None))),
        "title": with_weights(installed, play_match=matching("/distance", "/false-promise")),
        "promise": with_weights(installed, keep_artwork=artwork[:, 0], keep_match=matching("/distance")),
        "appeal": replace(installed, appeal=rng.normal(size=(len(installed.appeal), 2)).astype("f4") * [1, 0]),
    }


@pytest.mark.parametrize(
    "name",
    [
        "everybody",
        "history",
        "history in whether it is carried on",
        "history of people like you",
        "context",
        "title",
        "promise",
        "appeal",
    ],
)
def test_what_alone_tells_pictures_apart_is_all_that_decides(nothing, viewer, name):
    found = measure_importance(blocks(nothing)[name], Policy(), viewer, None, None)
    assert found.importance[name.partition(" ")[0]] == pytest.approx(1, abs=1e-6)


def test_every_device_and_every_time_of_day_is_asked(nothing, viewer):
    spec = nothing.spec
    for place in range(1 + spec.viewer_size, len(spec.direction_names)):
        one = np.zeros((spec.artwork_size, len(spec.direction_names)), dtype=np.float32)
        one[0, place] = 1.0
        assert (
            measure_importance(with_weights(nothing, play_artwork=one), Policy(), viewer, None, None).importance[
                "context"
            ]
            == 1
        )


def test_to_tell_of_the_genre_at_all_is_the_title_and_no_history():
    pictures = [keyart.Artwork("t/a", tags={"genre:drama": 1.0}), keyart.Artwork("t/b", tags={"faces": 1.0})]
    catalog = keyart.Catalog.from_titles([keyart.Title("t", tags={"genre:drama": 1.0}, artworks=pictures)])
    nothing = LoadedModel.nothing(catalog)
    taste = np.array([str(name).endswith("/taste") for name in nothing.spec.match_names], dtype=np.float32)
    found = measure_importance(
        with_weights(nothing, play_match=taste), Policy(), ViewerFeatures.unknown(nothing.encoded), None, None
    )
    assert found.importance["title"] == 1


def test_head_and_preferences_alone(catalog, nothing, viewer):
    head, stated = learned(nothing.spec), StatedPreferences.of(catalog, {"faces": 1.0})
    assert measure_importance(nothing, Policy(), viewer, head, None).importance["you"] == 1
    assert measure_importance(nothing, Policy(), viewer, None, stated).importance["preference"] == 1
    both = measure_importance(nothing, Policy(), viewer, head, stated).importance
    assert both["you"] + both["preference"] == pytest.approx(1) and min(both["you"], both["preference"]) > 0.1


def with_latents(
    installed: LoadedModel, viewer: ViewerFeatures, scale: float = 0.5
) -> tuple[LoadedModel, ViewerFeatures]:
    """Latents at random, and that viewer, who has met t3 and a bit of t1."""
    rng = np.random.default_rng(2)
    titles, artworks = rng.normal(size=(6, LATENTS)), rng.normal(0, scale, (len(installed.appeal), LATENTS))
    latents = Latents.of(titles, artworks)
    counts = np.array([0, 0.2, 0, 1, 0, 0], dtype=np.float32)
    return replace(installed, latents=latents), replace(viewer, met=latents.met(counts))


def test_who_watches_what_counts_as_history(catalog, nothing, trained, viewer):
    latent, met = with_latents(nothing, viewer)
    assert measure_importance(latent, Policy(), met, None, None).importance["history"] == 1
    assert measure_importance(latent, Policy(), viewer, None, None).importance["history"] == 0
    latent, met = with_latents(trained, viewer, scale=20)
    usual, more = (shares(describe(catalog, *who, None, {}, profiled=True)) for who in (
        (trained, Policy(), viewer), (latent, Policy(), met),
    ))  # fmt: skip
    assert usual["history"] + 0.1 < more["history"] < 1 and sum(more.values()) == pytest.approx(1)
    rest = {name: share / (1 - more["history"]) for name, share in more.items() if name != "history"}
    assert rest == pytest.approx({name: usual[name] / (1 - usual["history"]) for name in rest}, rel=0.1)
    nobody = shares(describe(catalog, latent, Policy(), met, None, {}, profiled=False))
    assert nobody == shares(describe(catalog, trained, Policy(), viewer, None, {}, profiled=False))


def test_what_latents_add_is_in_the_slope(nothing, viewer):
    """Where they make every play likely, less is left for a play than for keeping on."""
    appeal = np.random.default_rng(1).normal(0, 0.01, nothing.appeal.shape).astype(np.float32)
    latent, met = with_latents(replace(nothing, appeal=appeal), viewer)
    every = latent.latents.viewer(met.met, np.arange(6)).astype(float)
    sure = np.repeat(4 * every / (every**2).sum(axis=1, keepdims=True), ARTWORKS, axis=0)  # f · O = 4
    latent = replace(latent, latents=replace(latent.latents, artworks=sure.astype(np.float32)))
    found, usual = (measure_importance(latent, Policy(), one, None, None).importance for one in (met, viewer))
    assert usual["appeal"] / usual["promise"] == pytest.approx(
        found["appeal"] / found["promise"] * (1 - 0.5) / (1 - 1 / (1 + np.exp(-4))), rel=1e-2
    )


def test_equal_spreads_are_equal_shares_and_the_slope_of_each_stage_counts(nothing, viewer):
    """Appeal in both stages: log σ grows with 1 − σ, here 0.9 for a play and 0.3 for keeping on."""
    rng = np.random.default_rng(1)
    spec = nothing.spec
    w = rng.normal(size=spec.artwork_size).astype(np.float32) * np.float32(0.01)
    by_tags = np.zeros((spec.artwork_size, len(spec.direction_names)), dtype=np.float32)
    by_tags[:, 0] = w
    rates = {
        f"{stage}_main": np.eye(1, len(spec.main_names), dtype=np.float32)[0] * np.float32(np.log(rate / (1 - rate)))
        for stage, rate in (("play", 0.1), ("keep", 0.7))
    }
    installed = with_weights(nothing, play_artwork=by_tags, keep_artwork=w, **rates)
    appeal = np.zeros_like(nothing.appeal)
    appeal[:, 0] = nothing.encoded.artwork @ w
    found = measure_importance(replace(installed, appeal=appeal), Policy(), viewer, None, None).importance
    assert found["everybody"] == pytest.approx(found["appeal"], rel=1e-5)
    assert found["appeal"] / found["promise"] == pytest.approx(0.9 / 0.3, rel=1e-2)
    everywhere = np.full(len(appeal), np.log(81), dtype=np.float32)  # the odds of a play from 1 : 9 to 9 : 1
    for head, stated in (
        (None, StatedPreferences({}, everywhere)),
        (Head(np.eye(1, len(w) + 1, len(w), dtype=np.float32)[0] * np.float32(np.log(81)), np.eye(1)), None),
    ):
        found = measure_importance(replace(installed, appeal=appeal), Policy(), viewer, head, stated).importance
        assert found["appeal"] / found["promise"] == pytest.approx(0.1 / 0.3, rel=1e-2)


def test_a_group_is_one_parameter_and_not_the_sum_of_its_parts(nothing, viewer):
    """What the history adds twice with opposite signs moves nothing."""
    spec = nothing.spec
    taste = np.array([str(n).endswith("/taste") for n in spec.match_names], dtype=np.float32)
    one = with_weights(nothing, play_match=taste)
    assert measure_importance(one, Policy(), viewer, None, None).importance["history"] > 0.5
    unknown = ViewerFeatures.unknown(nothing.encoded)
    assert measure_importance(one, Policy(), unknown, None, None).importance["history"] == 0


def test_pictures_that_the_rules_never_show_do_not_count():
    pictures = [keyart.Artwork(f"t/{n}", tags={"genre:drama": 1.0}) for n in range(4)]
    pictures.append(keyart.Artwork("t/wrong", tags={"genre:horror": 1.0}))
    pictures.append(keyart.Artwork("t/end", tags={"genre:drama": 1.0}, spoiler=True))
    catalog = keyart.Catalog.from_titles([keyart.Title("t", tags={"genre:drama": 1.0}, artworks=pictures)])
    nothing = LoadedModel.nothing(catalog)
    appeal = np.zeros_like(nothing.appeal)
    appeal[4:, 0] = 5.0
    installed = replace(nothing, appeal=appeal)
    viewer = ViewerFeatures.unknown(nothing.encoded)
    assert measure_importance(installed, Policy(), viewer, None, None).importance["appeal"] == 0
    assert measure_importance(installed, Policy(misleading="allow"), viewer, None, None).importance["appeal"] == 1


@pytest.mark.parametrize("pictures", [1, 3])
def test_where_nothing_tells_pictures_apart_all_shares_are_0(pictures):
    catalog = sample_catalog(2, pictures)
    nothing = LoadedModel.nothing(catalog)
    viewer = ViewerFeatures.unknown(nothing.encoded)
    found = describe(catalog, nothing, Policy(), viewer, None, {}, profiled=True)
    assert set(shares(found).values()) == {0.0}
    assert "What you watched: makes no difference at present." in found.text
    assert "There is no trained model yet" in found.text and "You have said nothing so far." in found.text
    assert "pictures that answer it count for more" in text_of(found, "intent")


@pytest.mark.parametrize(
    ("modes", "reason"),
    [
        ({}, "You have not agreed"),
        ({"mode": "non_profiled"}, "Choosing by what you do is switched off"),
        ({"age_mode": "child"}, "This is a child's profile"),
        ({"age_mode": "child", "mode": "non_profiled"}, "This is a child's profile"),
    ],
)
def test_without_a_profile_nothing_of_the_person_is_looked_at(catalog, trained, viewer, modes, reason):
    head = learned(trained.spec)
    found = describe(catalog, trained, Policy(), viewer, head, {"faces": 1.0}, profiled=False, **modes)
    unknown = ViewerFeatures.unknown(trained.encoded)
    assert found == describe(catalog, trained, Policy(), unknown, None, {}, profiled=False, **modes)
    weighing = shares(found)
    assert weighing["history"] == weighing["you"] == weighing["preference"] == 0
    assert sum(weighing.values()) == pytest.approx(1)
    assert {p.name for p in found.parameters if p.editable} == {"intent"}
    assert "What you watched: not used." in found.text and reason in found.text
    assert "You say that you" not in found.text and "only where there is no other" in text_of(found, "spoilers")
    with_profile = describe(catalog, trained, Policy(), viewer, head, {}, profiled=True)
    assert reason not in with_profile.text and "not used" not in with_profile.text


def test_preferences_are_listed(catalog, trained, viewer):
    def said(preferences: dict[str, float]) -> str:
        found = describe(catalog, trained, Policy(), viewer, None, preferences, profiled=True)
        return text_of(found, "preference")

    assert "You say that you like comedy." in said({"genre:comedy": 1.0})
    assert "You say that you do not like warm colours." in said({"palette:warm": -1.0})
    many = {**{f"genre:g{n}": 1.0 for n in range(8)}, "cast:p1": -1.0, "shot:close": -1.0}
    assert "like g0, g1, g2, g3, g4 and 3 more, and that you do not like p1 in the cast and close shots." in said(
        many
    )
    of_no_picture = said({"on no picture": 1.0})
    assert "makes no difference at present" in of_no_picture and "on no picture" in of_no_picture


def test_rules_say_what_the_policy_is(catalog, nothing, trained, viewer):
    def texts(installed: LoadedModel, **settings: object) -> dict[str, str]:
        found = describe(catalog, installed, Policy(**settings), viewer, None, {}, profiled=True)
        return {p.name: p.text for p in found.parameters}

    usual = texts(trained)
    assert "up to 24 hours" in usual["stickiness"] and "already count for less" in usual["page"]
    assert "only where there is no other" in usual["misleading"] and "after you have watched" in usual["spoilers"]
    assert all(kind in usual["sensitive"] for kind in SENSITIVE_KINDS)
    other = texts(trained, exploration=0, stickiness=timedelta(0), diversity=0, misleading="allow")
    assert other["exploration"] == "Chance: pictures of the same value are drawn by lot."
    assert "none" in other["stickiness"] and "none" in other["page"] and "this app allows it" in other["misleading"]
    assert "up to 1.5 hours" in texts(trained, stickiness=timedelta(minutes=90))["stickiness"]
    uniform = 100 * (1 - 1 / ARTWORKS)
    assert f"in about {uniform:.0f} of 100 choices" in texts(trained, exploration=1)["exploration"]


def test_the_chance_of_another_than_the_best_is_measured(catalog, trained, viewer):
    drawn = [measure_importance(trained, Policy(exploration=e), viewer, None, None).drawn for e in (0, 0.01, 0.1, 1)]
    assert drawn[0] == 0 and drawn[3] == pytest.approx(1 - 1 / ARTWORKS)
    assert 0 < drawn[1] < drawn[2] < drawn[3]


def test_titles_of_the_whole_catalogue_are_asked():
    """Only every 5th of 320 titles, from the first to the last, in each situation about as often."""
    catalog = sample_catalog(5 * SAMPLED_CHOICES, 2)
    nothing = LoadedModel.nothing(catalog)
    sampled = np.zeros(len(catalog), dtype=bool)
    sampled[::5] = True
    appeal = np.zeros_like(nothing.appeal)
    viewer = ViewerFeatures.unknown(nothing.encoded)
    for title in (0, 1, 160, 164, 315, 319):
        one = appeal.copy()
        one[2 * title, 0] = 1.0
        found = measure_importance(replace(nothing, appeal=one), Policy(misleading="allow"), viewer, None, None)
        assert found.importance["appeal"] == sampled[title]
