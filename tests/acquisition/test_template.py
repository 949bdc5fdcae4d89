from __future__ import annotations

import pytest

from napari_metaseg.acquisition.template import (
    Template,
    delete_template,
    list_templates,
    save_template,
)
from napari_metaseg.errors import InputError

SCOPE = Template("Ti2, 40x / water", {"magnification": 40.0, "immersion": "Water", "fixed": True})


def test_templates_come_back_by_name(tmp_path):
    other = Template("bench", {"exposure_ms": 5.0})
    for template in (SCOPE, other):
        save_template(tmp_path / "templates", template)
    assert list_templates(tmp_path / "templates") == (other, SCOPE)


def test_a_template_of_the_same_name_is_replaced(tmp_path):
    save_template(tmp_path, SCOPE)
    save_template(tmp_path, Template(SCOPE.name, {"magnification": 60.0}))
    assert list_templates(tmp_path) == (Template(SCOPE.name, {"magnification": 60.0}),)


def test_names_that_look_alike_are_two_templates(tmp_path):
    for name in ("a/b", "a:b", "ä", "細胞", "a" * 300):
        save_template(tmp_path, Template(name, {"magnification": 20.0}))
    assert len(list_templates(tmp_path)) == 5


def test_a_deleted_template_is_gone(tmp_path):
    save_template(tmp_path, SCOPE)
    delete_template(tmp_path, SCOPE.name)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="no template is named"):
        delete_template(tmp_path, SCOPE.name)


def test_a_folder_that_is_not_there_has_none(tmp_path):
    assert list_templates(tmp_path / "none") == ()


def test_a_damaged_template_does_not_hide_the_others(tmp_path):
    save_template(tmp_path, SCOPE)
    (tmp_path / "bad.metaseg-template.json").write_text("{")
    assert list_templates(tmp_path) == (SCOPE,)


@pytest.mark.parametrize(
    "template",
    [Template(" ", {"magnification": 1.0}), Template("a", {}), Template("a", {"in_focus": 7.0})],
)
def test_what_is_no_template_is_refused(tmp_path, template):
    with pytest.raises(InputError):
        save_template(tmp_path, template)
    assert list(tmp_path.iterdir()) == []
