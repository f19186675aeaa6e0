"""Watch that codes spread out: a code that has become a constant explains nothing."""

from __future__ import annotations

from torch import Tensor

from skdyn.exceptions import SkdynError

_RESOLVED = 1e-5  # a code that varies less than this fraction of its size is a constant in single precision
_COLLAPSED = 1e-3  # of the deviation that a code started with


def deviation(codes: Tensor) -> Tensor:
    """Standard deviation (d,) of codes (M, d)."""
    return codes.detach().std(dim=0, correction=0)


def check_spread(codes: Tensor, initial: Tensor, when: str) -> None:
    """Refuse codes (M, d) that have become constant, which explain nothing and which no model can take in.

    Raises
    ------
    SkdynError
        Naming the component and its deviation.
    """
    now = deviation(codes)
    size = codes.detach().abs().amax(dim=0)
    fine = (now > _RESOLVED * size) & (now > _COLLAPSED * initial)
    if not bool(fine.all()):
        j = int((~fine).int().argmax())
        raise SkdynError(
            f"component {j} of the code has collapsed: its standard deviation is {now[j]:.3g} {when}; "
            "choose a smaller learning_rate, another random_state or another encoder"
        )
