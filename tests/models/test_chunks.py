import pytest

from skdyn.models.chunks import chunk_sizes


@pytest.mark.parametrize("largest", [1, 7, 8, 100, 512, 4096])
def test_chunks_hold_all_queries_and_waste_few(largest):
    for count in (0, 1, 5, 8, 9, 127, 129, 513, 5000):
        sizes = chunk_sizes(count, largest)
        assert count <= sum(sizes) <= max(16 * count, 1)
        assert max(sizes, default=1) <= largest
        assert len(sizes) == max(-(-count // largest), 1)
        shared = chunk_sizes(count, largest, threads=2)
        assert sum(sizes) <= sum(shared) <= sum(sizes) + 8
        assert len(shared) <= len(sizes) + 1
