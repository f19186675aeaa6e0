"""What surrounds a call is left outside, and is there again after it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import torch

from skdyn.nn.fits.monomials import Library, _factors
from skdyn.nn.plain_torch import plain_torch

PLAIN = (True, False, False, "cpu")


def modes():
    """Gradients, inference mode, autocast and where new tensors are."""
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.empty(0).device.type,
    )


def surrounding():
    return torch.no_grad(), torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16), torch.device("meta")


@pytest.mark.parametrize("chosen", [(0,), (1,), (2,), (3,), (0, 1, 2, 3), (3, 2, 1, 0), ()])
def test_modes_are_left_outside_and_come_back(chosen):
    with ExitStack() as stack:
        for place in chosen:
            stack.enter_context(surrounding()[place])
        before = modes()
        with plain_torch():
            assert modes() == PLAIN
        assert modes() == before
        with pytest.raises(ZeroDivisionError), plain_torch():
            _ = 1 / 0
        assert modes() == before
    assert modes() == PLAIN


def test_modes_inside_are_kept_inside():
    with plain_torch(), torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert modes() == (False, True, True, "cpu")
        with plain_torch():
            assert modes() == PLAIN
        assert modes() == (False, True, True, "cpu")


def test_a_default_device_that_was_set_comes_back():
    torch.set_default_device("meta")
    try:
        with plain_torch():
            assert modes() == PLAIN
        assert modes()[3] == "meta"
    finally:
        torch.set_default_device(None)
    assert modes() == PLAIN


def test_other_threads_are_not_disturbed():
    with torch.inference_mode(), plain_torch(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(modes).result() == PLAIN


def test_what_is_kept_of_monomials_serves_later_calls():
    states = torch.tensor([[2.0, 3.0]])
    _factors.cache_clear()
    with torch.inference_mode(), torch.device("meta"):
        Library(2)(states)
    assert Library(2)(states.requires_grad_())[0, :3].tolist() == [1, 2, 3]
    Library(2)(states).sum().backward()
    assert states.grad is not None
