import csv
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.errors import InputError
from napari_metaseg.evaluation.domains import summarise
from napari_metaseg.evaluation.overlays import Overlay
from napari_metaseg.evaluation.page import summary
from napari_metaseg.evaluation.report import write_report
from napari_metaseg.evaluation.scores import score_plane
from napari_metaseg.events import CurvePoint


def scored(name, domain, predicted_columns, *, group=""):
    """A 48 x 48 image whose left half is one object, and a prediction of some columns."""
    truth, predicted = np.zeros((2, 48, 48), np.int32)
    truth[:, :24] = 1
    predicted[:, :predicted_columns] = 4
    target = convert_labels(truth, "instances")
    score = score_plane(name, group, domain, target, predicted > 0, predicted)
    return score, Overlay(name, domain, 100.0 + truth, target, predicted)


WORST, WORST_OVERLAY = scored("w <b>.tif", {"modality": "DIC", "magnification": 5.0}, 6)
BEST, BEST_OVERLAY = scored("best.tif", {"modality": "DIC", "magnification": None}, 24)
REPORT = summarise([BEST, WORST], notices=["First."])
CURVE = [CurvePoint(1, 1.0), CurvePoint(2, 0.5, 0.6, {"5x": 0.6})]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(
        REPORT,
        folder,
        title="Nuclei & more",
        overlays=[BEST_OVERLAY, WORST_OVERLAY],
        curve=CURVE,
        notices=["Second.", "First."],
        command="metaseg evaluate model 'my cohort.csv' --out report",
    )
    return folder


class Page(HTMLParser):
    """Collects what a page shows and loads; fails where tags do not close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.sources = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        if tag not in {"meta", "img", "source", "br", "link"}:
            self.open.append(tag)
        self.sources += [v for k, v in attributes if k in {"src", "srcset"}]

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


@pytest.fixture(scope="module")
def page(folder):
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_all_files_are_there_and_nothing_else(folder):
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {
        "report.json",
        "report.csv",
        "images.csv",
        "report.html",
        "figures/domains.png",
        "figures/training_curve.png",
        "figures/overlay_01_best-tif.png",
        "figures/overlay_02_w-b-tif.png",
    }


def test_the_json_is_that_of_the_report_with_all_notices_once(folder):
    written = json.loads((folder / "report.json").read_text())
    assert written["notices"] == [*REPORT.notices, "Second."]
    assert written | {"notices": []} == REPORT.to_json() | {"notices": []}


def test_the_tables_hold_one_row_per_domain_and_per_image(folder):
    with (folder / "report.csv").open(encoding="utf-8", newline="") as file:
        worst, best = csv.DictReader(file)
    assert (worst["magnification"], best["magnification"]) == ("5.0", "")
    assert float(worst["dice"]) == pytest.approx(0.4)
    assert worst["dice_ci95_low"] == ""
    with (folder / "images.csv").open(encoding="utf-8", newline="") as file:
        images = list(csv.DictReader(file))
    assert [image["image"] for image in images] == ["best.tif", "w <b>.tif"]
    assert float(images[0]["pq"]) == 1


def test_the_page_needs_no_other_file(page):
    assert len(page.sources) == 2 + 2 + 2
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)


def test_the_page_says_what_a_reader_asks(page):
    text = " ".join(" ".join(page.text).split())
    for expected in (
        "Nuclei & more",
        summary(REPORT),
        "First.",
        "Second.",
        "DIC · 5x",
        "DIC · magnification unknown",
        "w <b>.tif",
        "Dice 0.40, IoU 0.25, F1 0.00",
        "missed: annotated, not found",
        "invented: predicted, not annotated",
        "metaseg evaluate model 'my cohort.csv' --out report",
    ):
        assert expected in text


def test_the_gallery_starts_with_the_worst_domain(folder):
    text = (folder / "report.html").read_text(encoding="utf-8")
    captions = re.findall(r"<figcaption><b>(.*?)</b>", text)
    assert captions == ["DIC · 5x", "DIC · magnification unknown"]


def test_a_page_without_pictures_curve_and_notices_has_no_empty_sections(tmp_path):
    path = write_report(summarise([scored("a", {}, 6)[0], scored("b", {}, 9)[0]]), tmp_path,
                        title="Plain")  # fmt: skip
    text = Page(path.read_text(encoding="utf-8")).text
    for heading in ("Training", "What it looks like", "Please note"):
        assert heading not in text
    assert "How this was made" in text


def test_a_second_report_replaces_the_first_and_leaves_other_files(tmp_path):
    other = tmp_path / "figures" / "mine.png"
    other.parent.mkdir()
    other.write_bytes(b"mine")
    write_report(REPORT, tmp_path, title="One", overlays=[BEST_OVERLAY, WORST_OVERLAY])
    write_report(REPORT, tmp_path, title="Two", overlays=[WORST_OVERLAY])
    assert other.read_bytes() == b"mine"
    overlays = [path.name for path in (tmp_path / "figures").glob("overlay*")]
    assert overlays == ["overlay_01_w-b-tif.png"]
    assert "<h1>Two</h1>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_nothing_is_written_where_a_picture_cannot_be_drawn(tmp_path):
    broken = Overlay("x", {}, np.zeros((4, 4)), BEST_OVERLAY.truth, np.zeros((3, 3), int))
    with pytest.raises(InputError, match="differ in size"):
        write_report(REPORT, tmp_path / "out", title="Broken", overlays=[broken])
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        write_report(REPORT, tmp_path / "file", title="No")


def test_one_sentence_sums_up():
    assert summary(REPORT) == (
        "Over 2 images in 2 domains, the mean Dice is 0.70: worst in DIC · 5x (0.40), "
        "best in DIC · magnification unknown (1.00)."
    )
    assert summary(summarise([WORST])) == "Over 1 image (DIC · 5x), the mean Dice is 0.40."
    assert summary(summarise([WORST], by=[])) == "Over 1 image, the mean Dice is 0.40."
    blank = scored("blank", {}, 6)[1]
    nothing = convert_labels(np.zeros((48, 48), int), "sparse")
    empty = summarise([score_plane("blank", "", {}, nothing, blank.labels > 0)])
    assert summary(empty) == "1 image had no annotated pixel, so nothing could be scored."
