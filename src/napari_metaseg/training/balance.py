"""Drawing every domain equally often, and what to say of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.training.fields import domain_key, domain_names
from napari_metaseg.training.request import TrainingRequest


def domain_weights(items: Sequence[PlaneItem], names: Sequence[str]) -> NDArray[np.float64]:
    """How often each plane is drawn so that every domain is drawn equally often; sums to 1.

    A domain is what shares the values of the fields `names`; numbers that agree in two digits are
    one value, and unknown is a value, too. Without any names every plane is drawn alike.
    """
    keys = [domain_key(item, names) for item in items]
    sizes = Counter(keys)
    return np.array([1 / (len(sizes) * sizes[key]) for key in keys])


def balance_notices(request: TrainingRequest, train: Sequence[PlaneItem]) -> tuple[str, ...]:
    """Which domains are drawn equally often; nothing where there is one, or a network for each."""
    if request.sampling != "balanced" or request.info.per_domain:
        return ()
    names = domain_names(request, train)
    count = len({domain_key(item, names) for item in train})
    if count < 2:
        return ()
    by = " and ".join(names)
    return (f"Each of {count} domains (images alike in {by}) is drawn equally often.",)
