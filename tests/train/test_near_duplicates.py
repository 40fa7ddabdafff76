"""Near-duplicates are found, also mirrored; others are left alone."""

import cv2
import numpy as np

from tests.portraits import portraits
from train.near_duplicates import clusters, difference_hash


def found(*pictures):
    hashes = [difference_hash(bgr) for bgr in pictures]
    return clusters([plain for plain, _ in hashes], [mirror for _, mirror in hashes])


def test_versions_of_one_picture_are_one_cluster():
    (one, _), (two, _) = portraits()
    smaller = cv2.resize(one, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", one, [cv2.IMWRITE_JPEG_QUALITY, 30])
    mirrored = np.ascontiguousarray(one[:, ::-1])
    darker = (one * 0.7).astype(np.uint8)
    versions = [one, smaller, cv2.imdecode(jpeg, cv2.IMREAD_COLOR), mirrored, darker]
    assert found(two, *versions) == [0, 1, 1, 1, 1, 1]


def test_clusters_join_over_a_chain_and_across_blocks():
    rng = np.random.default_rng(0)
    far = [int(v) for v in rng.integers(0, 2**63, 600)]
    chain = [0b0, 0b1111, 0b11111111]  # the first and the last differ in eight bits
    hashes = [chain[0], *far, chain[1], *far[:0], chain[2]]
    away = [int(v) for v in rng.integers(0, 2**63, len(hashes))]
    roots = clusters(hashes, away)
    assert roots[601] == roots[602] == roots[0] == 0
    assert sum(root == i for i, root in enumerate(roots)) == 601
    assert clusters([], []) == []


def test_a_hash_does_not_see_the_size():
    (one, _), _ = portraits()
    assert difference_hash(one)[0].bit_count() in range(8, 57)
    assert difference_hash(np.zeros((1, 1, 3), np.uint8)) == (0, 0)
