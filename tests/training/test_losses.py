"""Losses: what they equal, what they leave out, and that they divide into shares."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from napari_metaseg.cli.training_options import LOSSES
from napari_metaseg.training.losses import SegmentationLoss, soft_dice


def batch(outputs=1, seed=0, patches=2):
    torch.manual_seed(seed)
    logits = torch.randn(patches, outputs, 8, 8)
    classes = torch.randint(0, max(2, outputs), (patches, 8, 8))
    return logits, classes, torch.rand(patches, 8, 8) > 0.3


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("name", LOSSES)
def test_what_is_not_annotated_does_not_matter(outputs, name):
    logits, classes, valid = batch(outputs)
    loss = SegmentationLoss(name)
    other = torch.where(valid, classes, 0)
    changed = torch.where(valid[:, None], logits, 9.0)
    expected = loss(logits, classes, valid)
    assert loss(changed, other, valid) == pytest.approx(expected.item())


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize(
    ("whole", "parts"), [("bce+dice", ("bce", "dice")), ("focal+dice", ("focal", "dice"))]
)
def test_the_sum_is_the_sum(outputs, whole, parts):
    found = [SegmentationLoss(name)(*batch(outputs)).item() for name in parts]
    assert SegmentationLoss(whole)(*batch(outputs)) == pytest.approx(sum(found))


@given(st.sampled_from(LOSSES), st.sampled_from([1, 3]), st.integers(1, 6), st.booleans())
def test_the_shares_of_parts_add_up_to_the_loss_of_the_step(name, outputs, most, weighed):
    """However a step is divided: among processes, or where memory is short."""
    weights = (0.5, 2.0, 1.0)[: max(2, outputs)] if weighed else None
    loss = SegmentationLoss(name, weights)
    logits, classes, valid = batch(outputs, patches=6)
    parts = [slice(start, start + most) for start in range(0, 6, most)]
    whole = sum(loss.whole(classes[p], valid[p]) for p in parts)
    shares = torch.cat([loss.of_patches(logits[p], classes[p], valid[p], whole) for p in parts])
    assert len(shares) == 6
    assert shares.sum() == pytest.approx(loss(logits, classes, valid).item(), rel=1e-5)


def test_binary_cross_entropy_equals_torchs_on_annotated_pixels():
    logits, classes, valid = batch()
    expected = functional.binary_cross_entropy_with_logits(
        logits[:, 0][valid], classes[valid].float()
    )
    for name in ("bce", "cross-entropy"):
        assert SegmentationLoss(name)(logits, classes, valid) == pytest.approx(expected.item())


@pytest.mark.parametrize("weights", [None, (0.2, 1.0, 3.0)])
def test_multi_class_cross_entropy_equals_torchs_on_annotated_pixels(weights):
    logits, classes, valid = batch(3)
    expected = functional.cross_entropy(
        logits.movedim(1, -1)[valid], classes[valid], weights and torch.tensor(weights)
    )
    found = SegmentationLoss("cross-entropy", weights)(logits, classes, valid)
    assert found == pytest.approx(expected.item())


def test_focal_loss_hardly_counts_what_is_known_already():
    """By the published table: at a probability of 0.9 it is a hundredth of the cross-entropy."""
    logits = torch.full((1, 1, 2, 2), 9.0).log()
    classes, valid = torch.ones(1, 2, 2, dtype=torch.int64), torch.ones(1, 2, 2, dtype=torch.bool)
    entropy = SegmentationLoss("bce")(logits, classes, valid)
    assert SegmentationLoss("focal")(logits, classes, valid) / entropy == pytest.approx(0.01)


def test_dice_is_near_0_for_the_truth_and_near_1_for_its_opposite():
    _, classes, _ = batch()
    valid = torch.ones_like(classes, dtype=torch.bool)
    sure = (2.0 * classes[:, None] - 1) * 50
    assert soft_dice(sure, classes, valid).max() < 1e-4
    assert soft_dice(-sure, classes, valid).min() > 0.9


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_annotation_gives_no_loss_and_no_nan(name):
    logits, classes, valid = batch()
    assert SegmentationLoss(name)(logits, classes, valid & False) == 0


@pytest.mark.parametrize("outputs", [1, 3])
def test_dice_judges_each_patch_by_its_own_overlap(outputs):
    logits, classes, valid = batch(outputs)
    alone = [soft_dice(logits[i : i + 1], classes[i : i + 1], valid[i : i + 1]) for i in (0, 1)]
    together = soft_dice(logits, classes, valid)
    assert together == pytest.approx(torch.cat(alone))


def test_rims_and_insides_are_one_foreground_to_the_dice():
    """What a pixel of an object is taken for within it does not change the overlap."""
    logits, classes, valid = batch(3)
    loss = SegmentationLoss("dice", one_foreground=True)
    swapped = logits[:, [0, 2, 1]]
    assert loss(swapped, classes, valid) == pytest.approx(loss(logits, classes, valid).item())
    foreground = (logits.softmax(1)[:, 1:].sum(1, keepdim=True)).logit()
    expected = SegmentationLoss("dice")(foreground, classes, valid)
    assert loss(logits, classes, valid) == pytest.approx(expected.item(), rel=1e-5)
