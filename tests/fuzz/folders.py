"""Damage saved folders in every way, and count what loading makes of them.

``python -m tests.fuzz.folders --count 3000 --seed 0`` prints a row for each kind of folder with the columns

read
    Loaded: the damage did not touch what counts, or the folder vouches for what it says now.
refused
    One of the project's own errors, which names the folder; for checkpoints, the older one instead.
crash, hang, foreign exception, memory
    The process died, took more than 20 seconds, raised another exception, or took more than 2 GB.
silently wrong
    Loaded with other answers than before, though its checksums do not fit.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from skdyn.exceptions import SkdynError
from tests.fuzz.damage import INSIDE, RAW
from tests.fuzz.kinds import KINDS

COLUMNS = ("read", "refused", "crash", "hang", "foreign exception", "silently wrong", "memory")
GOOD = ("read", "refused")
_SECONDS, _BYTES = 20.0, 2 * 2**30


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.folders")
    parser.add_argument("--count", type=int, default=160, help="damaged folders of all kinds together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        counts, examples = fuzz(Path(folder), options.count, options.seed, options.kinds)
    print(table(counts))
    for example in examples:
        print(example)
    return int(bool(examples))


def fuzz(folder, count, seed, kinds):
    """Counts by kind of folder and column, and a line for each load that was not as it should be."""
    before, examples = {}, []
    counts = {kind: Counter() for kind in kinds}
    for kind in kinds:
        KINDS[kind].saver(0)(folder / kind)
        KINDS[kind].saver(1)(folder / f"{kind}-other")
        before[kind] = quietly(lambda kind=kind: KINDS[kind].ask(KINDS[kind].load(folder / kind)))
    for number in range(count):
        kind = kinds[number % len(kinds)]
        rng = np.random.default_rng([seed, number])
        place = folder / "damaged" / kind
        shutil.copytree(folder / kind, place)
        shutil.copytree(folder / f"{kind}-other", folder / "damaged" / f"{kind}-other")
        what, vouched = damage(KINDS[kind], place, rng)
        outcome, detail = outcome_of(
            lambda kind=kind, place=place: KINDS[kind].load(place), KINDS[kind], place, before[kind], vouched
        )
        counts[kind][outcome] += 1
        if outcome not in GOOD:
            examples.append(f"{kind} {number} {what}{' vouched for' if vouched else ''}: {outcome}: {detail}")
        shutil.rmtree(folder / "damaged")
    return counts, examples


def damage(kind, folder, rng):
    """Damage a folder; returns what was done, and whether its checksums were made to fit afterwards."""
    target = kind.damaged(folder) if hasattr(kind, "damaged") else folder
    ways = RAW if rng.random() < 0.5 else INSIDE
    way = ways[rng.integers(len(ways))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        way(target, rng)
        if ways is RAW or rng.random() < 0.3:
            return way.__name__, False
        try:
            kind.reseal(folder)
        except (ValueError, TypeError, OSError):  # nothing that could be vouched for is left
            return way.__name__, False
    return way.__name__, True


def quietly(function):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function()


def outcome_of(load, kind, folder, before, vouched):
    """Load in a process of its own, so that nothing it does can harm this one."""
    source, sink = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        os.close(source)
        result = quietly(lambda: judged(load, kind, folder, before, vouched))
        os.write(sink, json.dumps(result).encode()[:60000])
        os._exit(0)
    os.close(sink)
    end = time.monotonic() + _SECONDS
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(source)
            return "hang", ""
        time.sleep(0.001)
    with os.fdopen(source, "rb") as file:
        content = file.read()
    if os.waitstatus_to_exitcode(status) != 0 or not content:
        return "crash", f"status {status}"
    if usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) > _BYTES:
        return "memory", f"{usage.ru_maxrss} kB"
    return json.loads(content)


def judged(load, kind, folder, before, vouched):
    """The column that a load belongs to, and why."""
    fallback = hasattr(kind, "damaged")
    try:
        loaded = load()
    except SkdynError as error:
        if fallback or str(folder) not in str(error):
            return "foreign exception", f"{type(error).__name__}: {error}"[:300]
        return "refused", ""
    except BaseException as error:
        return "foreign exception", f"{type(error).__name__}: {error}"[:300]
    try:
        answer, said = kind.ask(loaded)
    except Exception as error:
        return "foreign exception", f"in use: {type(error).__name__}: {error}"[:300]
    if answer.shape == before[0].shape and np.allclose(answer, before[0], rtol=1e-9) and repr(said) == repr(before[1]):
        return "read", ""
    if fallback and "'step': 1" in said:
        return "refused", ""
    if vouched and (fallback or np.isfinite(answer).all()):
        return "read", ""
    return "silently wrong", f"{answer[:3]} for {before[0][:3]}; {said!s:.100}"


def table(counts):
    """The counts as a table in Markdown, with their sum."""
    lines = [f"| folder | {' | '.join(COLUMNS)} |", f"|{'---|' * (len(COLUMNS) + 1)}"]
    total = sum(counts.values(), Counter())
    for name, row in [*counts.items(), ("all", total)]:
        lines.append(f"| {name} | {' | '.join(str(row[column]) for column in COLUMNS)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
