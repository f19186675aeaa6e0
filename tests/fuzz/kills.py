"""Kill processes while they save, and load beside a process that saves: one whole copy must be there at every moment.

``python -m tests.fuzz.kills --count 200`` prints for each kind of folder how many of the copies after a kill, and of
those loaded beside a writer, were the older or the newer one, whole.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from skdyn.exceptions import SkdynError
from tests.fuzz.folders import quietly
from tests.fuzz.kinds import KINDS

COLUMNS = ("older", "newer", "mixture", "unreadable")
WHOLE = ("older", "newer")


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.kills")
    parser.add_argument("--count", type=int, default=200, help="kills, and loads beside a writer, of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args(arguments)
    print(f"| folder | what | {' | '.join(COLUMNS)} |\n|{'---|' * (len(COLUMNS) + 2)}")
    bad = 0
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as folder:
            killed, beside = attack(KINDS[kind], Path(folder), options.count, options.seed)
        for what, counts in (("killed", killed), ("beside a writer", beside)):
            print(f"| {kind} | {what} | {' | '.join(str(counts[column]) for column in COLUMNS)} |", flush=True)
            bad += sum(counts[column] for column in COLUMNS if column not in WHOLE)
    return int(bad > 0)


def attack(kind, folder, count, seed):
    """What was found after kills, and beside a writer: two counters of the columns."""
    rng = np.random.default_rng(seed)
    savers = [kind.saver(which) for which in (0, 1)]
    copies = []
    for which, save in enumerate(savers):
        save(folder / str(which))
        copies.append(quietly(lambda which=which: kind.ask(kind.load(folder / str(which)))))
    place = folder / "place"
    savers[0](place)
    killed, beside = Counter(), Counter()
    for _ in range(count):
        pid = writer(savers, place)
        time.sleep(rng.uniform(0, 0.15))
        end(pid)
        killed[found(kind, place, copies)] += 1
    pid = writer(savers, place)
    for _ in range(count):
        beside[found(kind, place, copies)] += 1
    end(pid)
    return killed, beside


def writer(savers, place):
    """A process that saves the one and the other for ever."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        while True:
            for save in reversed(savers):
                save(place)
    return pid


def end(pid):
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "the writer failed by itself"


def found(kind, place, copies):
    """The column of what is in the folder."""
    try:
        answer, said = quietly(lambda: kind.ask(kind.load(place)))
    except SkdynError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return "unreadable"
    for name, (numbers, text) in zip(WHOLE, copies, strict=True):
        if answer.shape == numbers.shape and np.allclose(answer, numbers, rtol=1e-9) and repr(said) == repr(text):
            return name
    return "mixture"


if __name__ == "__main__":
    sys.exit(main())
