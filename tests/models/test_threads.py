import threading

import pytest
import torch

from skdyn.models.threads import at_most_threads, side_by_side


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def seen_elsewhere():
    """The number of threads that a new thread finds."""
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


def test_the_number_of_threads_is_put_back():
    with at_most_threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == seen_elsewhere() == 3
    with pytest.raises(ZeroDivisionError), at_most_threads(1):
        _ = 1 / 0
    assert torch.get_num_threads() == seen_elsewhere() == 3
    with at_most_threads(8):
        assert torch.get_num_threads() == 3


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_parts_are_computed_in_order_each_on_one_thread(threads):
    def square(part):
        return part**2, torch.get_num_threads(), threading.get_ident()

    squares, counts, workers = zip(*side_by_side(square, range(20), threads), strict=True)
    assert squares == tuple(part**2 for part in range(20))
    assert set(counts) == {1}
    assert len(set(workers)) <= threads
    assert torch.get_num_threads() == seen_elsewhere() == 3


def test_an_error_of_a_part_is_the_callers():
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda part: 1 / part, [1, 0, 2], 2)
    assert torch.get_num_threads() == 3
