"""`metaseg inspect` as a person uses it."""

import json
import shutil

from napari_metaseg.cli.main import main


def metaseg(capsys, *arguments):
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_it_says_what_each_field_does_and_where_the_page_is(capsys, small_package, tmp_path):
    code, out, _ = metaseg(capsys, "inspect", small_package, "--out", tmp_path / "inside")
    assert code == 0
    assert "magnification" in out
    assert "10, 20, 40" in out
    assert (tmp_path / "inside" / "inspect.html").exists()
    assert "--out DIR" not in out


def test_in_a_log_it_shows_no_progress_and_ends_with_where_more_is(capsys, small_package):
    code, out, err = metaseg(capsys, "inspect", small_package)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].endswith("--out DIR")


def test_with_json_it_prints_that_alone(capsys, small_package):
    code, out, err = metaseg(capsys, "inspect", small_package, "--json")
    assert code == 0
    assert json.loads(out)["fields"][0]["field"] == "magnification"
    assert err == ""


def test_a_zip_of_a_package_will_do(capsys, small_package, tmp_path):
    packed = shutil.make_archive(str(tmp_path / "model"), "zip", small_package)
    code, out, _ = metaseg(capsys, "inspect", packed)
    assert code == 0
    assert "magnification" in out


def test_a_folder_that_is_no_package_is_the_callers_fault(capsys, tmp_path):
    code, out, err = metaseg(capsys, "inspect", tmp_path)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert "not a model package" in err
