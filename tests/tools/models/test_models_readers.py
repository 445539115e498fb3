"""What each model says of pictures and texts whose answer is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from keyart_tools.models import Box, Models, Picture

Photographs = dict[str, Picture]


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(0.0, across) * max(0.0, down)
    return both / (one[2] * one[3] + other[2] * other[3] - both)


def padded(picture: Picture, left: int, right: int) -> Picture:
    return cv2.copyMakeBorder(picture, 0, 0, left, right, cv2.BORDER_REPLICATE)


def test_the_face_of_the_astronaut(models: Models, photographs: Photographs) -> None:
    assert models.faces is not None
    (face,) = models.faces.find(photographs["astronaut"])

    assert face.score > 0.85
    assert overlap(face.box, (0.36, 0.12, 0.16, 0.22)) > 0.75  # measured by eye


@pytest.mark.parametrize(("left", "right"), [(0, 700), (333, 0)])
def test_a_face_is_found_at_its_place_in_a_wide_picture(
    models: Models, photographs: Photographs, left: int, right: int
) -> None:
    assert models.faces is not None
    (face,) = models.faces.find(padded(photographs["astronaut"], left, right))

    width = 512 + left + right
    assert overlap(face.box, ((left + 0.36 * 512) / width, 0.12, 0.16 * 512 / width, 0.22)) > 0.7


def test_two_faces_are_two(models: Models, photographs: Photographs) -> None:
    assert models.faces is not None
    twice = np.hstack([photographs["astronaut"], photographs["astronaut"][:, ::-1]])

    faces = models.faces.find(twice)

    assert len(faces) == 2
    assert faces[0].score >= faces[1].score
    assert overlap(faces[0].box, faces[1].box) == 0


@pytest.mark.parametrize("name", ["chelsea", "coffee", "page"])
def test_no_face_where_there_is_none(models: Models, photographs: Photographs, name: str) -> None:
    assert models.faces is not None
    assert models.faces.find(photographs[name]) == []


def test_a_least_score_of_a_face(models: Models, photographs: Photographs) -> None:
    assert models.faces is not None
    assert models.faces.find(photographs["astronaut"], least=0.95) == []
    assert len(models.faces.find(photographs["astronaut"], least=0.002)) > 1


def test_a_face_cut_by_the_edge_stays_inside(models: Models, photographs: Photographs) -> None:
    assert models.faces is not None
    (face,) = models.faces.find(photographs["astronaut"][90:390, 200:500])

    left, top, width, height = face.box
    assert left == top == 0
    assert width == pytest.approx(0.23, abs=0.03) and height == pytest.approx(0.28, abs=0.03)


def test_small_faces_are_found_and_nothing_else(models: Models, patches: list[Picture]) -> None:
    assert models.faces is not None
    wide = [cv2.copyMakeBorder(patch, 25, 25, 25, 25, cv2.BORDER_REPLICATE) for patch in patches]
    large = [cv2.resize(patch, (300, 300), interpolation=cv2.INTER_CUBIC) for patch in wide]

    assert sum(bool(models.faces.find(patch)) for patch in large[:10]) >= 6
    assert not any(models.faces.find(patch) for patch in large[100:110])


def test_the_astronaut_is_happy(models: Models, photographs: Photographs) -> None:
    assert models.faces is not None and models.expression is not None
    (face,) = models.faces.find(photographs["astronaut"])

    read = models.expression.read(photographs["astronaut"], face.box)

    assert list(read) == ["happy", "neutral", "intense"]
    assert sum(read.values()) == pytest.approx(1, abs=1e-5)
    assert read["happy"] > 0.9


def test_many_faces_are_neutral(models: Models, patches: list[Picture]) -> None:
    assert models.expression is not None
    read = [models.expression.read(face, (0.0, 0.0, 1.0, 1.0)) for face in patches[:100]]
    surest = [max(probability, key=lambda name: probability[name]) for probability in read]
    assert surest.count("neutral") > 15 and surest.count("happy") > 15


@pytest.mark.parametrize("box", [(0.0, 0.0, 1.0, 1.0), (0.9, 0.9, 0.1, 0.1), (1.0, 1.0, 0.0, 0.0)])
def test_an_expression_at_the_edge(models: Models, photographs: Photographs, box: Box) -> None:
    assert models.expression is not None
    assert sum(models.expression.read(photographs["astronaut"], box).values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("name", "what", "least"), [("coffee", "espresso", 0.8), ("chelsea", "Egyptian Mau", 0.6)])
def test_objects_are_named(models: Models, photographs: Photographs, name: str, what: str, least: float) -> None:
    assert models.objects is not None
    _, probability = models.objects.read([photographs[name]])

    assert len(models.objects.names) == 1000
    assert models.objects.names[int(probability[0].argmax())] == what
    assert probability[0].max() > least
    assert probability[0].sum() == pytest.approx(1, abs=1e-4)


def test_pictures_alike_are_near(models: Models, photographs: Photographs) -> None:
    assert models.objects is not None
    cat, coffee = photographs["chelsea"], photographs["coffee"]
    darker = (cat * 0.8).astype(np.uint8)

    embedding, _ = models.objects.read([cat, darker, coffee])

    assert embedding.shape == (3, 1280) and embedding.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, rtol=1e-5)
    assert embedding[0] @ embedding[1] > 0.9 > 0.5 > embedding[0] @ embedding[2]


def test_no_pictures(models: Models) -> None:
    assert models.objects is not None
    embedding, probability = models.objects.read([])
    assert embedding.shape == (0, 1280) and probability.shape == (0, 1000)


def test_the_lines_of_a_page(models: Models, photographs: Photographs) -> None:
    assert models.lettering is not None
    assert len(models.lettering.find(photographs["page"])) == 7


@pytest.mark.parametrize("name", ["chelsea", "coffee", "astronaut"])
def test_no_lettering_where_there_is_none(models: Models, photographs: Photographs, name: str) -> None:
    assert models.lettering is not None
    assert models.lettering.find(photographs[name]) == []


def test_a_title_is_boxed(models: Models, photographs: Photographs) -> None:
    assert models.lettering is not None
    coffee = photographs["coffee"].copy()  # 600 × 400
    cv2.putText(coffee, "Two cups", (150, 370), cv2.FONT_HERSHEY_SIMPLEX, 2.0, (255, 255, 255), 6)
    (wide, high), _ = cv2.getTextSize("Two cups", cv2.FONT_HERSHEY_SIMPLEX, 2.0, 6)

    (box,) = models.lettering.find(coffee)

    assert overlap(box, (150 / 600, (370 - high) / 400, wide / 600, high / 400)) > 0.55


def test_photographs_are_safe(models: Models, photographs: Photographs) -> None:
    assert models.unsafe is not None
    assert max(models.unsafe.probability(picture) for picture in photographs.values()) < 0.05


def test_a_picture_of_one_pixel(models: Models) -> None:
    dot = np.full((1, 1, 3), 200, dtype=np.uint8)
    assert models.faces is not None and models.lettering is not None
    assert models.objects is not None and models.unsafe is not None
    assert models.faces.find(dot) == models.lettering.find(dot) == []
    assert models.objects.read([dot])[0].shape == (1, 1280)
    assert 0 <= models.unsafe.probability(dot) <= 1


def test_sentences_alike_are_near(models: Models) -> None:
    assert models.sentences is not None
    love, romance, space = models.sentences.embed(
        ["A love story in Paris.", "A romance in the capital of France.", "A spaceship explodes near Mars."]
    )
    assert love @ romance > 0.6 > 0.2 > love @ space


def test_a_sentence_among_others_is_the_same(models: Models) -> None:
    assert models.sentences is not None
    texts = [f"{'A very long tale. ' * (n % 7)}Number {n}." for n in range(40)]

    together = models.sentences.embed(texts)

    assert together.shape == (40, 384) and together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=1e-5)
    for n in (0, 6, 39):
        assert together[n] @ models.sentences.embed([texts[n]])[0] > 0.9999


def test_no_sentences_and_empty_ones(models: Models) -> None:
    assert models.sentences is not None
    assert models.sentences.embed([]).shape == (0, 384)
    assert np.isfinite(models.sentences.embed(["", " ", "x" * 100_000])).all()
