"""The check of stated scales against the sizes of objects, for those who judge predictions.

It stands in `datasets.plausibility`, because packages store the sizes and may not look up here.
"""

from __future__ import annotations

from napari_metaseg.datasets.plausibility import ObjectSizes, measure_sizes, size_notice

__all__ = ["ObjectSizes", "measure_sizes", "size_notice"]
