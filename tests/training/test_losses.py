import pytest
import torch
from torch.nn import functional

from napari_metaseg.training.losses import cross_entropy, segmentation_loss, soft_dice_loss


def batch(outputs=1, seed=0):
    torch.manual_seed(seed)
    logits = torch.randn(2, outputs, 8, 8)
    classes = torch.randint(0, max(2, outputs), (2, 8, 8))
    return logits, classes, torch.rand(2, 8, 8) > 0.3


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("name", ["bce", "dice", "bce+dice"])
def test_what_is_not_annotated_does_not_matter(outputs, name):
    logits, classes, valid = batch(outputs)
    other = torch.where(valid, classes, 0)
    changed = torch.where(valid[:, None], logits, 9.0)
    expected = segmentation_loss(logits, classes, valid, name)
    assert segmentation_loss(changed, other, valid, name) == pytest.approx(expected.item())


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_sum_is_the_sum(outputs):
    parts = [segmentation_loss(*batch(outputs), name) for name in ("bce", "dice")]
    assert segmentation_loss(*batch(outputs), "bce+dice") == pytest.approx(sum(parts).item())


def test_binary_cross_entropy_equals_torchs_on_annotated_pixels():
    logits, classes, valid = batch()
    expected = functional.binary_cross_entropy_with_logits(
        logits[:, 0][valid], classes[valid].float()
    )
    assert cross_entropy(logits, classes, valid) == pytest.approx(expected.item())


def test_multi_class_cross_entropy_equals_torchs_on_annotated_pixels():
    logits, classes, valid = batch(3)
    expected = functional.cross_entropy(logits.movedim(1, -1)[valid], classes[valid])
    assert cross_entropy(logits, classes, valid) == pytest.approx(expected.item())


def test_dice_is_near_0_for_the_truth_and_near_1_for_its_opposite():
    _, classes, _ = batch()
    valid = torch.ones_like(classes, dtype=torch.bool)
    sure = (2.0 * classes[:, None] - 1) * 50
    assert soft_dice_loss(sure, classes, valid) < 1e-4
    assert soft_dice_loss(-sure, classes, valid) > 0.9


def test_a_batch_without_annotation_gives_no_loss_and_no_nan():
    logits, classes, valid = batch()
    assert segmentation_loss(logits, classes, valid & False, "bce+dice") == 0


@pytest.mark.parametrize("outputs", [1, 3])
def test_dice_judges_each_patch_by_its_own_overlap(outputs):
    logits, classes, valid = batch(outputs)
    alone = [
        soft_dice_loss(logits[i : i + 1], classes[i : i + 1], valid[i : i + 1]) for i in (0, 1)
    ]
    together = soft_dice_loss(logits, classes, valid)
    assert together == pytest.approx(torch.stack(alone).mean().item())
