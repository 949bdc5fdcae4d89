import json

import numpy as np
import pytest

from napari_metaseg.cli.main import main
from napari_metaseg.images.write import write_ome_tiff


@pytest.fixture
def predict(capsys, small_package, tmp_path):
    """Run `metaseg predict` on two images: exit code, stdout and stderr."""
    folder = tmp_path / "in"
    for name in "ab":
        pixels = np.random.default_rng(ord(name)).integers(0, 999, (40, 48), dtype=np.uint16)
        write_ome_tiff(folder / f"{name}.ome.tif", pixels, "YX")

    def run(*options):
        out = ["--out", str(tmp_path / "out"), "--device", "cpu"]
        code = main(["predict", str(small_package), str(folder), *out, *map(str, options)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_a_second_run_says_what_it_takes_as_it_is(predict):
    code, out, err = predict()
    assert (code, out.split(":")[0]) == (0, "2 image(s) segmented")
    assert "taken as they are" not in err
    code, _, err = predict()
    assert code == 0
    assert "note: 2 of 2 image(s) are finished already" in err
    code, _, err = predict("--recompute")
    assert "taken as they are" not in err
    assert "b.ome.tif 2/2" in err


def test_json_is_all_that_is_printed(predict):
    code, out, err = predict("--json")
    assert [entry["labels"] for entry in json.loads(out)] == [f"{n}_labels.ome.tif" for n in "ab"]
    assert (code, err) == (0, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "0"], "--workers must be at least 1: got 0"),
        (["--workers", "two"], "--workers must be a whole number: got two"),
        (["--workers", "2", "--scheduler", "tcp://a:1"], "cannot be given together"),
        (["--scheduler", "nonsense"], "no dask scheduler answers at nonsense"),
    ],
)
def test_places_that_cannot_be_are_one_line_and_exit_2(predict, options, message):
    if "nonsense" in options:
        pytest.importorskip("distributed", reason="the extra cluster is not installed")
    code, _, err = predict(*options)
    assert code == 2
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err


def test_workers_leave_the_terminal_to_progress(predict):
    pytest.importorskip("distributed", reason="the extra cluster is not installed")
    code, out, err = predict("--workers", "1")
    assert (code, out.split(":")[0]) == (0, "2 image(s) segmented")
    lines = [line for line in err.splitlines() if not line.startswith("note:")]
    assert lines[0] == "starting workers 0/2"
    assert {line.split(",")[0] for line in lines[1:]} <= {
        f"{n}.ome.tif {done}/2" for n in "ab" for done in (1, 2)
    }
