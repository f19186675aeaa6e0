import multiprocessing
import os
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


def test_parts_of_parts_come_to_an_end():
    def sums(part):
        return sum(side_by_side(lambda k: k * part, range(4), 3))

    assert side_by_side(sums, range(40), 3) == [6 * part for part in range(40)]


def test_helpers_that_are_late_are_not_waited_for():
    busy, ready = threading.Event(), threading.Semaphore(0)

    def hold(part):
        ready.release()
        busy.wait()

    workers = os.cpu_count() or 1
    holding = threading.Thread(target=side_by_side, args=(hold, range(workers + 1), workers + 1))
    holding.start()
    for _ in range(workers + 1):
        ready.acquire()
    try:
        assert side_by_side(lambda part: threading.get_ident(), range(5), 3) == [threading.get_ident()] * 5
    finally:
        busy.set()
        holding.join()


def squares_of(sender):
    sender.send(side_by_side(lambda part: part**2, range(9), 3))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="the system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_helpers_of_its_own():
    side_by_side(lambda part: part, range(9), 3)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=squares_of, args=(sender,))
    child.start()
    try:
        assert receiver.poll(60)
        assert receiver.recv() == [part**2 for part in range(9)]
    finally:
        child.kill()
        child.join()
