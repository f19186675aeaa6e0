"""Run a function in a forked process, to be killed or limited there."""

import os
import signal
import sys
import traceback
import warnings
from pathlib import Path

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")


def in_child(function):
    """Call it in a child; returns the exit code, or minus the signal that ended it."""
    with warnings.catch_warnings():  # of a fork in a process with threads
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function()
            code = 0
        except BaseException:
            traceback.print_exc(file=sys.stderr)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(call, function):
    """In a child, kill the process at the given call of those that change or flush files; False if there are fewer."""
    calls = []

    def dying(original):
        def wrapped(*arguments, **options):
            if len(calls) == call:
                os.kill(os.getpid(), signal.SIGKILL)
            calls.append(arguments)
            return original(*arguments, **options)

        return wrapped

    def work():
        os.replace, os.fsync, Path.unlink = map(dying, (os.replace, os.fsync, Path.unlink))
        function()

    code = in_child(work)
    assert code in (0, -signal.SIGKILL)
    return code != 0
