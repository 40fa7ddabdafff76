"""Versions of a crop: repeatable, of the right size, and really different."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.portraits import portraits
from train.augment import Augment, augmented, center_crop
from train.errors import DataError


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


STILL = Augment(
    shift=0, zoom=0, turn_deg=0, tight_share=0, erase_share=0, rescale_share=0, jpeg_share=0, blur_share=0,
    noise_share=0, colour_share=0, grey_share=0,
)  # fmt: skip


def test_no_augmentation_is_the_programs_own_crop_up_to_a_flip():
    want = center_crop(stored(), stored_margin=0.5, margin=0.15, size_px=64).astype(int)
    flipped = want[:, ::-1]
    for version in versions(STILL, 10).astype(int):
        assert min(np.abs(version - want).mean(), np.abs(version - flipped).mean()) < 6


@pytest.mark.parametrize("margin", [0.51, 2.0, -0.6])
def test_a_margin_that_was_not_stored_is_refused(margin):
    with pytest.raises(DataError, match=f"a margin of {margin:g} cannot be cut out of those prepared with 0.5"):
        center_crop(stored(), stored_margin=0.5, margin=margin, size_px=64)


def center(picture):
    """Of its dark parts: the middle of a bright picture's shadow, x and y."""
    weight = 255 - picture.mean(axis=2)
    y, x = np.indices(weight.shape)
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


def dot(x, y):
    """A picture that is white but for a dot."""
    picture = np.full((176, 176, 3), 255, np.uint8)
    return cv2.circle(picture, (x, y), 12, (0, 0, 0), -1)


def of(picture, n=24, **changes):
    """Versions that are still but for the changes."""
    kind = replace(STILL, **changes)
    cut = {"stored_margin": 0.5, "margin": 0.15, "size_px": 64}
    return [augmented(picture, np.random.default_rng(i), kind, **cut) for i in range(n)]


def test_where_the_face_is_varies():
    middle = np.array([31.5, 31.5])
    assert all(np.abs(center(v) - middle).max() < 1 for v in of(dot(88, 88)))
    moved = np.array([center(v) - middle for v in of(dot(88, 88), shift=0.1)])
    assert (np.abs(moved).max(axis=0) > 3).all()
    assert np.abs(moved).max() <= 0.1 * 64 + 1


def test_how_large_and_how_turned_it_is_varies():
    sizes = [(v < 128).sum() for v in of(dot(88, 88), zoom=0.3)]
    still = (of(dot(88, 88), 1)[0] < 128).sum()
    assert min(sizes) < 0.75 * still < 1.3 * still < max(sizes)
    angles = [np.degrees(np.arctan2(*(center(v) - 31.5)[::-1])) for v in of(dot(88, 60), turn_deg=30.0)]
    assert np.std(angles) > 7
    assert np.ptp([np.hypot(*(center(v) - 31.5)) for v in of(dot(88, 60), turn_deg=30.0)]) < 2


def test_it_is_mirrored_half_of_the_time():
    left = [center(v)[0] < 31.5 for v in of(dot(60, 88), 60)]
    assert 18 <= sum(left) <= 42


def test_sides_are_cut_off_and_their_edge_repeated():
    noise = np.random.default_rng(0).integers(0, 256, (176, 176, 3)).astype(np.uint8)

    def edges(v):
        """How many of the first lines and columns, from each side, are like their neighbour."""
        return max(int((np.diff(side.astype(int), axis=0) == 0).all(axis=(1, 2)).sum())
                   for side in (v, v.transpose(1, 0, 2)))  # fmt: skip

    assert max(edges(v) for v in of(noise)) == 0
    assert max(edges(v) for v in of(noise, tight_share=1)) >= 5


def test_a_patch_is_covered():
    flat = np.full((176, 176, 3), 100, np.uint8)
    for v in of(flat, erase_share=1):
        covered = (v != 100).any(axis=2)
        y, x = np.nonzero(covered)
        assert 36 <= covered.sum() <= 26 * 26
        assert covered.mean() * 64 * 64 >= 0.9 * np.ptp(y) * np.ptp(x)  # one rectangle
    assert all((v == 100).all() for v in of(flat))


def test_light_and_colour_vary_and_some_are_grey():
    lit = np.array([v.mean(axis=(0, 1)) for v in of(stored(), colour_share=1)])
    assert lit.std(axis=0).min() > 8
    assert (lit[:, 0] / lit[:, 2]).std() > 0.02
    assert all((v[..., 0] == v[..., 2]).all() for v in of(stored(), grey_share=1))
    assert not any((v[..., 0] == v[..., 2]).all() for v in of(stored()))


def detail(v):
    return np.abs(np.diff(v.astype(float).mean(axis=2), axis=1)).mean()


def test_cameras_blur_rustle_and_compress():
    still = of(stored(), 8)
    assert np.mean([detail(v) for v in of(stored(), 8, blur_share=1)]) < 0.9 * np.mean([detail(v) for v in still])
    flat = np.full((176, 176, 3), 100, np.uint8)
    rustling = [v.astype(float).std() for v in of(flat, noise_share=1)]
    assert 1.5 < min(rustling) < 6 < max(rustling) < 15
    for v, plain in zip(of(stored(), 8, jpeg_share=1, jpeg_least=25), still, strict=True):
        assert 0.3 < np.abs(v.astype(float) - plain).mean() < 12
    coarse, fine = (np.mean([np.abs(v.astype(float) - plain).mean() for v, plain in
                             zip(of(stored(), 8, jpeg_share=1, jpeg_least=least), still, strict=True)])
                    for least in (1, 90))  # fmt: skip
    assert coarse > 1.5 * fine


def test_resolution_is_really_taken_away():
    plain = Augment(rescale_share=0, blur_share=0, jpeg_share=0, noise_share=0)
    coarse = Augment(rescale_share=1, least_px=16, blur_share=0, jpeg_share=0, noise_share=0)
    sharp, soft = (np.mean([detail(v) for v in versions(kind)]) for kind in (plain, coarse))
    assert soft < 0.85 * sharp
    small = replace(STILL, rescale_share=1, least_px=128)  # a crop that is smaller than that stays as large as it is
    assert np.mean([detail(v) for v in versions(small, 8)]) > 0.9 * np.mean([detail(v) for v in versions(STILL, 8)])
