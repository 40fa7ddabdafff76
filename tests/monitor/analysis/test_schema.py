"""The tables of a segment, packed: what comes out is what went in, or nothing."""

from __future__ import annotations

import pytest

from monitor.analysis.schema import pack, stats_table, unpack
from tests.monitor.analysis.fabricated import row, rows_table

BLOCK = 32


def test_one_block_of_zeros_is_noticed_wherever_it_lies() -> None:
    """Arrow alone fails with errors of several kinds, or reads other numbers."""
    rows = rows_table([row(i / 25, i % 7, (i, 2.5 * i, 3 * i, 4.5 * i)) for i in range(300)])
    data = pack({"frames": rows, "stats": stats_table("{}")})
    assert unpack(data)["frames"].equals(rows)
    for at in range(0, len(data), BLOCK):
        damaged = data[:at] + bytes(len(data[at : at + BLOCK])) + data[at + BLOCK :]
        if damaged != data:
            with pytest.raises(ValueError, match="damaged"):
                unpack(damaged)


def test_what_was_cut_off_is_noticed() -> None:
    data = pack({"stats": stats_table("{}")})
    for size in (0, 10, 32, 100, len(data) - 1):
        with pytest.raises(ValueError, match="damaged"):
            unpack(data[:size])
