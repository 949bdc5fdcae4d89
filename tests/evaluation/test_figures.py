import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from napari_metaseg.evaluation.domains import summarise
from napari_metaseg.evaluation.figures import DARK, LIGHT, domains_png
from napari_metaseg.evaluation.scores import ImageScore

SCORES = [
    ImageScore("a", {"magnification": 5.0}, "1", iou=0.2, dice=0.4),
    ImageScore("b", {"magnification": 5.0}, "2", iou=0.3, dice=0.5),
    ImageScore("c", {"magnification": 20.0}, "3", iou=0.8, dice=0.9),
    ImageScore("blank", {"magnification": None}),
]


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def count(image, colour):
    target = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(image - target).max(axis=-1) < 6).sum())


def test_bars_are_as_long_as_their_scores():
    whole = summarise([ImageScore("a", {}, iou=0.3, dice=0.8)])
    image = pixels(domains_png(whole))
    dice, iou = count(image, LIGHT.first), count(image, LIGHT.second)
    assert 0.3 < iou / dice < 0.5
    assert count(image, LIGHT.paper) > image[..., 0].size / 2


def test_more_domains_make_a_taller_figure():
    few, many = summarise(SCORES[:2]), summarise(SCORES)
    assert len(pixels(domains_png(many))) > len(pixels(domains_png(few)))


def test_a_dark_page_gets_dark_figures():
    assert pixels(domains_png(summarise(SCORES), LIGHT))[0, 0].min() > 240
    assert pixels(domains_png(summarise(SCORES), DARK))[0, 0].max() < 60


def test_names_with_dollar_signs_are_names():
    odd = ImageScore("a", {"stain": "$\\frac{1"}, dice=0.5, iou=0.4)
    assert domains_png(summarise([odd]))


def test_threads_can_draw_at_the_same_time():
    report = summarise(SCORES)
    alone = domains_png(report)
    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(lambda _: domains_png(report), range(3))) == {alone}
