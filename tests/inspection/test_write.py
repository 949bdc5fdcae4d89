import csv
import json
import re

from napari_metaseg.events import CancelToken
from napari_metaseg.inspection.channels import maps_of_strongest
from napari_metaseg.inspection.inspect import inspect_package
from napari_metaseg.inspection.write import write_inspection


def written(package, sample, folder):
    events = inspect_package(package, sample, CancelToken())
    while True:
        try:
            next(events)
        except StopIteration as stop:
            found = stop.value
            break
    write_inspection(found, folder, maps=maps_of_strongest(package, found), command="metaseg x")
    return found


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_folder_holds_the_numbers_the_figures_and_the_page(gated, sample, tmp_path):
    written(gated, sample, tmp_path)
    assert names(tmp_path) == [
        "figures/channels.png",
        "figures/layers.png",
        "figures/pictures.png",
        "figures/response.png",
        "inspect.csv",
        "inspect.html",
        "inspect.json",
    ]


def test_the_page_needs_no_other_file_and_holds_the_verdicts(gated, sample, tmp_path):
    written(gated, sample, tmp_path)
    page = (tmp_path / "inspect.html").read_text()
    sources = re.findall(r'src="([^"]+)"', page)
    assert len(sources) == 4
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "modality changes nothing: the network ignores it." in page


def test_the_table_has_a_row_per_field_value_and_layer(gated, sample, tmp_path):
    written(gated, sample, tmp_path)
    rows = list(csv.DictReader((tmp_path / "inspect.csv").read_text().splitlines()))
    (row,) = (r for r in rows if (r["value"], r["layer"]) == ("40.0", "dec1.2"))
    data = json.loads((tmp_path / "inspect.json").read_text())
    assert float(row["weights"]) == data["fields"][0]["values"][2]["weights"]["dec1.2"]
    (result,) = (
        r for r in rows if (r["field"], r["value"], r["layer"]) == ("modality", "unknown", "")
    )
    assert float(result["mask_changed"]) == 0.0


def test_without_metadata_there_is_a_page_and_no_figure(made, sample, tmp_path):
    written(made("none"), sample, tmp_path)
    assert names(tmp_path) == ["inspect.csv", "inspect.html", "inspect.json"]
    assert "takes no metadata" in (tmp_path / "inspect.html").read_text()
