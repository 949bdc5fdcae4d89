"""Image one culture at three magnifications and in four modalities, and write a focus series.

Run it with a folder to write to:  python examples/virtual_microscope.py my-images
"""

import sys
from dataclasses import replace
from pathlib import Path

import imageio.v3 as imageio
import numpy as np

from napari_metaseg.datasets.microscope.files import write_image, write_labels
from napari_metaseg.datasets.microscope.optics import MODALITIES, Optics, common_objective
from napari_metaseg.datasets.microscope.render import exposure_for, render, render_stack
from napari_metaseg.datasets.microscope.specimen import Population, grow_specimen

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "virtual-microscope")

# A culture in µm: tumour nuclei of radius 5 µm among lymphocytes of half that size.
culture = grow_specimen(
    [Population("tumour", 5.0, coverage=0.14), Population("lymphocyte", 2.5, coverage=0.10)],
    size_um=190,
    seed=1,
    depth_um=0.4,
)

rows = []
for modality in MODALITIES:
    row = []
    for magnification in (10, 20, 40):
        optics = Optics(common_objective(magnification), modality)
        photons = 500 if modality == "fluorescence" else 5000
        optics = replace(optics, exposure_ms=exposure_for(optics, photons))
        taken = render(culture, optics, (256, 256), seed=1)
        stem = f"{modality.replace(' ', '-')}-{magnification}x"
        write_image(folder / f"{stem}.ome.tif", taken.image, optics)
        write_labels(folder / f"{stem}_labels.ome.tif", taken.of("tumour"), optics)
        low, high = np.percentile(taken.image, (0.5, 99.8))
        row.append(np.clip((taken.image - low) / (high - low), 0, 1))
    rows.append(np.hstack(row))
sheet = (255 * np.vstack(rows)).astype(np.uint8)
imageio.imwrite(folder / "overview.png", sheet)

optics = Optics(common_objective(20), "brightfield", exposure_ms=10)
offsets = (-8.0, -4.0, 0.0, 4.0, 8.0)
series = render_stack(culture, optics, (256, 256), seed=1, offsets_um=offsets)
write_image(folder / "focus-series-20x.ome.tif", series.image, optics, offsets)

sys.stdout.write(f"{len(list(folder.iterdir()))} files in {folder}; overview.png shows them\n")
