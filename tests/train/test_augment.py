"""Versions of a crop: repeatable, of the right size, and really different."""

import numpy as np

from tests.portraits import portraits
from train.augment import Augment, augmented, center_crop


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
