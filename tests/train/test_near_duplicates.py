"""Near-duplicates are found, also mirrored; others are left alone."""

import cv2
import numpy as np

from tests.portraits import portraits
from train.near_duplicates import PictureHash, clusters, picture_hash


def found(*pictures):
    return clusters([picture_hash(bgr) for bgr in pictures])


def test_versions_of_one_picture_are_one_cluster():
    (one, _), (two, _) = portraits()
    smaller = cv2.resize(one, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", one, [cv2.IMWRITE_JPEG_QUALITY, 30])
    mirrored = np.ascontiguousarray(one[:, ::-1])
    darker = (one * 0.7).astype(np.uint8)
    noisy = np.clip(one + np.random.default_rng(0).normal(0, 6, one.shape), 0, 255).astype(np.uint8)
    versions = [one, smaller, cv2.imdecode(jpeg, cv2.IMREAD_COLOR), mirrored, darker, noisy]
    assert found(two, *versions) == [0, 1, 1, 1, 1, 1, 1]


def test_another_part_of_a_face_is_another_picture():
    one = portraits()[0][0]
    height, width = one.shape[:2]
    assert found(one, np.ascontiguousarray(one[height // 5 :, width // 6 :])) == [0, 1]


def made(value, fine_flips=0):
    """A hash whose coarse bits are `value`, and whose fine bits are those of nobody else but for some that flip."""
    fine = bytearray(32)
    for bit in range(fine_flips):
        fine[bit // 8] ^= 1 << bit % 8
    return PictureHash(value, value ^ (2**64 - 1), bytes(fine), bytes(b ^ 255 for b in fine))


def test_clusters_join_over_a_chain_and_across_blocks():
    rng = np.random.default_rng(0)
    far = [made(int(v)) for v in rng.integers(0, 2**63, 600)]
    chain = [made(0), made(0, 28), made(0, 56)]  # the first and the last differ in 56 fine bits
    roots = clusters([chain[0], *far, chain[1], chain[2]])
    assert roots[601] == roots[602] == roots[0] == 0
    assert sum(root == i for i, root in enumerate(roots)) == 601
    assert clusters([chain[0], chain[2]]) == [0, 1]
    assert clusters([]) == []


def test_both_hashes_must_agree():
    assert clusters([made(0), made(2**8 - 1)]) == [0, 0]
    assert clusters([made(0), made(2**9 - 1)]) == [0, 1]
    assert clusters([made(0), made(0, 29)]) == [0, 1]


def test_a_hash_does_not_see_the_size():
    one = portraits()[0][0]
    assert picture_hash(one).coarse.bit_count() in range(8, 57)
    assert picture_hash(np.zeros((1, 1, 3), np.uint8)).coarse == 0
