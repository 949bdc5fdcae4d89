"""Specialists become an ensemble without training: the same networks, other weights."""

import numpy as np
import pytest

from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.packages.package import load_sample
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.recombined import recombined
from napari_metaseg.training.job import train


@pytest.fixture(scope="module")
def specialists(small_request, small_items, tmp_path_factory):
    request = small_request.model_copy(update={"strategy": "specialists", "steps": 2})
    out = tmp_path_factory.mktemp("models") / "specialists"
    for _ in train(request, small_items, out, CancelToken()):
        pass
    return out


def test_specialists_become_an_ensemble_with_the_same_networks(specialists, small_items, tmp_path):
    ensemble = recombined(specialists, tmp_path / "ensemble", "ensemble")
    assert ensemble.manifest.strategy == "ensemble"
    assert len(ensemble.networks) == 3
    one, all_ = (Predictor(p, device="cpu") for p in (_load(specialists), ensemble))
    image = small_items[0].image
    for magnification in (10.0, 20.0, 40.0):
        trained = {"magnification": magnification}
        assert np.allclose(
            one.probability(image, trained), all_.probability(image, trained), atol=1e-6
        )
    between = {"magnification": 28.0}
    assert not np.allclose(one.probability(image, between), all_.probability(image, between))
    sample = load_sample(tmp_path / "ensemble")
    assert np.allclose(all_.probability(sample.image, sample.condition), sample.probability)


def test_one_network_cannot_be_recombined(small_package, tmp_path):
    with pytest.raises(InputError, match="networks of single domains"):
        recombined(small_package, tmp_path / "e", "ensemble")


def _load(path):
    from napari_metaseg.packages.package import load_package

    return load_package(path)
