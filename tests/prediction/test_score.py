import pytest

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.packages.stored import read_manifest
from napari_metaseg.prediction.request import EvaluationRequest
from napari_metaseg.prediction.score import default_domain, evaluate_package, select_rows


def evaluate(package, cohort, tmp_path, **changes):
    request = EvaluationRequest(
        package=str(package), cohort=cohort, out=tmp_path, device="cpu", **changes
    )
    events = evaluate_package(request, CancelToken())
    while True:
        try:
            next(events)
        except StopIteration as stop:
            return stop.value


def test_every_test_row_is_scored_in_its_domain(small_package, small_cohort, tmp_path):
    result = evaluate(small_package, small_cohort, tmp_path)
    rows = [row for row in read_cohort(small_cohort) if row.split == "test"]
    assert len(result.report.images) == len(rows)
    assert {d.domain["magnification"] for d in result.report.domains} == {10.0, 20.0, 40.0}
    assert any("split 'test'" in notice for notice in result.report.notices)
    assert {o.image for o in result.overlays} <= {s.image for s in result.report.images}


def test_any_known_field_may_make_the_domains(small_package, small_cohort, tmp_path):
    result = evaluate(small_package, small_cohort, tmp_path, by=("modality",), split="val")
    assert [d.domain for d in result.report.domains] == [{"modality": "fluorescence"}]


def test_a_number_that_differs_in_every_image_makes_no_domains(small_package):
    manifest = read_manifest(small_package)
    conditions = [{"exposure_ms": 10.0 * 1.2**n, "modality": "DIC"} for n in range(12)]
    schema = MetadataSchema.fit(conditions, ["exposure_ms", "modality"])
    assert default_domain(manifest) == ("magnification",)
    assert default_domain(manifest.model_copy(update={"metadata_schema": schema})) == ("modality",)


def test_a_split_the_table_does_not_name_is_taken_from_the_package(small_package, small_cohort):
    rows = [
        row.__class__(row.image, row.labels, group=row.group) for row in read_cohort(small_cohort)
    ]
    manifest = read_manifest(small_package)
    chosen, _ = select_rows(rows, "val", manifest)
    assert {row.group for row in chosen} == set(manifest.split.val)
    unseen, notices = select_rows(rows, "", manifest)
    assert {row.group for row in unseen}.isdisjoint({*manifest.split.train, *manifest.split.val})
    assert "not trained on" in notices[0]


def test_scoring_on_training_rows_says_so(small_package, small_cohort):
    manifest = read_manifest(small_package)
    rows = [row for row in read_cohort(small_cohort) if row.split == "train"]
    _, notices = select_rows(rows, "", manifest)
    assert "was trained on" in notices[0]


def test_an_empty_selection_is_an_error(small_package, small_cohort):
    manifest = read_manifest(small_package)
    with pytest.raises(InputError, match=r"split 'nothing'.*test, train, val"):
        select_rows(read_cohort(small_cohort), "nothing", manifest)
