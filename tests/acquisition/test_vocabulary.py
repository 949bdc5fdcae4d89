from __future__ import annotations

import pytest

from napari_metaseg.acquisition.vocabulary import (
    IMMERSIONS,
    MODALITIES,
    immersion_of,
    modality_from_ome,
    modality_of,
)


@pytest.mark.parametrize(
    ("word", "modality"),
    [
        ("Phase", "phase contrast"),
        ("phase-contrast", "phase contrast"),
        ("Bright_field", "brightfield"),
        ("dic", "DIC"),
        ("FLUORESCENCE", "fluorescence"),
        (" H&E ", "H&E"),
        ("light-sheet", "light-sheet"),
    ],
)
def test_modalities_have_one_spelling_and_own_words_stay(word, modality):
    assert modality_of(word) == modality


def test_the_vocabulary_is_its_own_spelling():
    assert [modality_of(m) for m in MODALITIES] == list(MODALITIES)
    assert [immersion_of(i.upper()) for i in IMMERSIONS] == list(IMMERSIONS)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("Phase", "Epifluorescence", None), "phase contrast"),
        (("Other", "Epifluorescence", None), "fluorescence"),
        ((None, "Transmitted", None), None),
        ((None, "Transmitted", "WideField"), None),
        ((None, None, "SpinningDiskConfocal"), "fluorescence"),
        ((None, None, None), None),
    ],
)
def test_three_words_of_ome_give_a_modality_or_none(words, expected):
    found = modality_from_ome(*words)
    assert (found[0] if found else None) == expected
