"""Versions of a crop: repeatable, of the right size, and really different."""

import numpy as np
import pytest

from tests.portraits import portraits
from train.augment import Augment, augmented, center_crop
from train.batches import Batches
from train.errors import DataError
from train.manifest import Prepared, Row


def stored():
    bgr, _ = portraits()[0]
    return np.ascontiguousarray(bgr[40:216, 120:296, ::-1])


def versions(augment, n=40):
    return np.stack(
        [
            augmented(stored(), np.random.default_rng(i), augment, stored_margin=0.5, margin=0.15, size_px=64)
            for i in range(n)
        ]
    )


def test_a_version_is_a_function_of_its_seed():
    first, again = versions(Augment(), 20), versions(Augment(), 20)
    assert first.dtype == np.uint8
    assert first.shape == (20, 64, 64, 3)
    np.testing.assert_array_equal(first, again)
    assert len({picture.tobytes() for picture in first}) == 20


def test_no_augmentation_is_the_programs_own_crop_up_to_a_flip():
    still = Augment(
        shift=0, zoom=0, turn_deg=0, tight_share=0, erase_share=0, rescale_share=0, jpeg_share=0, blur_share=0,
        noise_share=0, colour_share=0, grey_share=0,
    )  # fmt: skip
    want = center_crop(stored(), stored_margin=0.5, margin=0.15, size_px=64).astype(int)
    flipped = want[:, ::-1]
    for version in versions(still, 10).astype(int):
        assert min(np.abs(version - want).mean(), np.abs(version - flipped).mean()) < 6


def test_resolution_is_really_taken_away():
    def detail(pictures):
        grey = pictures.mean(axis=3)
        return np.abs(np.diff(grey, axis=2)).mean()

    plain = Augment(rescale_share=0, blur_share=0, jpeg_share=0, noise_share=0)
    coarse = Augment(rescale_share=1, least_px=16, blur_share=0, jpeg_share=0, noise_share=0)
    assert detail(versions(coarse)) < 0.85 * detail(versions(plain))


def prepared(cells):
    rows = [
        Row("s", f"{source}/{label}/{i}", source, label, f"g{source}{label}{i}", "train", "whole", 60.0)
        for (source, label), n in cells.items()
        for i in range(n)
    ]
    return Prepared(tuple(rows), np.zeros((len(rows), 32, 32, 3), np.uint8), 0.5, "digest")


def batches(data, size=4000):
    return Batches(
        data, batch=size, input_px=8, margin=0.15, class_shares=(0.4, 0.4, 0.2), augment=Augment(least_px=4), seed=3
    )


def test_batches_keep_the_shares_and_repeat():
    data = prepared({("a", "real"): 50, ("a", "fake"): 10, ("b", "mask"): 200, ("b", "real"): 400})
    rgb, labels = batches(data).batch(7)
    again = batches(data).batch(7)
    np.testing.assert_array_equal(labels, again[1])
    np.testing.assert_array_equal(rgb, again[0])
    shares = np.bincount(labels) / len(labels)
    np.testing.assert_allclose(shares, (0.4, 0.4, 0.2), atol=0.03)
    assert (batches(data).batch(8)[1] != labels).any()


def test_batches_made_ahead_come_in_order_and_are_the_same():
    data = prepared({("a", "real"): 5, ("a", "fake"): 5, ("b", "mask"): 5})
    maker = batches(data, 8)
    ahead = list(maker.ahead(2, 9))
    assert [step for step, _, _ in ahead] == list(range(2, 9))
    for step, rgb, onehot in ahead:
        want, labels = maker.batch(step)
        np.testing.assert_array_equal(rgb, want)
        np.testing.assert_array_equal(onehot.argmax(axis=1), labels)


def test_a_missing_class_is_refused():
    with pytest.raises(DataError, match="no picture of class mask"):
        batches(prepared({("a", "real"): 5, ("a", "fake"): 5}))
