from __future__ import annotations

import numpy as np

from napari_metaseg.acquisition.record import AcquisitionRecord, Field
from napari_metaseg.acquisition.statements import Statements
from napari_metaseg.datasets.inputs import plane_condition
from napari_metaseg.images.open import open_image
from napari_metaseg.images.sidecar import write_sidecar
from napari_metaseg.images.write import write_ome_tiff


def test_a_cohort_s_cell_wins_over_the_sidecar_and_the_sidecar_over_the_file(tmp_path):
    path = tmp_path / "a.ome.tif"
    record = AcquisitionRecord({"objective_nominal_magnification": Field(10.0, "file")})
    write_ome_tiff(path, np.zeros((2, 4, 5), np.uint8), "ZYX", record)

    def magnification(stated, z=0):
        return plane_condition(open_image(path), stated, z=z).get("magnification")

    assert magnification({}) == 10.0
    stated = Statements({"magnification": 20.0}, {}, {(0, 1, 0): {"magnification": 25.0}})
    write_sidecar(path, {"a": stated})
    assert (magnification({}), magnification({}, z=1)) == (20.0, 25.0)
    cell = {"magnification": 40.0}
    assert (magnification(cell), magnification(cell, z=1)) == (40.0, 40.0)
