import os
import threading

import pytest

from skdyn.models.sharing import Shared, SharedLock
from tests.forks import in_child, needs_fork


def test_each_value_is_made_once():
    made, found = [], []
    shared = Shared(2)

    def ask():
        found.append(shared.get("a", lambda: made.append(1) or object()))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(set(map(id, found))) == 1


def test_the_one_not_asked_for_the_longest_goes():
    shared, made = Shared(2), []
    for key in ("a", "b", "a", "c", "a", "b"):
        assert shared.get(key, lambda key=key: made.append(key) or key) == key
    assert made == ["a", "b", "c", "b"]
    assert len(shared) == 2


def test_what_fails_is_not_kept():
    shared = Shared(2)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            shared.get("a", lambda: 1 / 0)
    assert shared.get("a", lambda: 3) == 3


@needs_fork
def test_a_fork_while_another_thread_makes_a_value():
    shared, inside, release = Shared(2), threading.Event(), threading.Event()

    def slow():
        inside.set()
        release.wait(60)
        return "slow"

    thread = threading.Thread(target=lambda: shared.get("a", slow))
    thread.start()
    assert inside.wait(60)

    def child():
        done = threading.Event()
        asking = threading.Thread(target=lambda: (shared.get("a", lambda: "own"), done.set()), daemon=True)
        asking.start()
        assert done.wait(20)

    try:
        assert in_child(child) == 0
    finally:
        release.set()
        thread.join()
    assert shared.get("a", lambda: "other") == "slow"


@needs_fork
def test_a_fork_inside_the_lock_can_leave_it():
    lock = SharedLock()

    def child():
        pass

    with lock.held():
        pid = os.getpid()
        assert in_child(child) == 0
    assert os.getpid() == pid
    with lock.held(), lock.held():
        pass
