"""One search, one stopping: with trainings whose errors are written down."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skdyn import SkdynError
from skdyn.adaptation.search import LowRank, descend, last_harmless, least_error, rate_share, train_until_harm
from skdyn.nn.attention import Block


class Written:
    """A training whose only factor counts its steps and whose held-out errors are given by the step."""

    def __init__(self, errors=()):
        self.errors, self.steps = errors, 0
        self.low_rank = SimpleNamespace(average={"count": torch.zeros(1)})

    def step(self):
        self.steps += 1
        self.low_rank.average["count"] += 1
        return float("nan") if self.steps == 2 else 1.0 / self.steps

    def check(self):
        return np.full(3, self.errors[self.steps])


ERRORS = [5.0, 9.0, 4.0, 9.0, 3.0, 9.0, 3.5, 9.0, 3.5, 9.0, 1.0]  # the end comes before the last one is seen


def test_all_data_are_used_for_as_many_steps_as_the_search_chose():
    final = Written()
    state, record = train_until_harm(Written(ERRORS), lambda: final, steps=10, check_every=2, patience=2)
    assert record["searched_steps"] == 8
    assert record["steps"] == final.steps == float(state["count"]) == 4
    assert record["held_out_error"] == {
        "start": 5.0, "best": 3.0, "chosen": 3.0, "every_steps": 2, "curve": [5.0, 4.0, 3.0, 3.5, 3.5],
    }  # fmt: skip
    assert record["loss"]["final"] == [1.0, None, 1 / 3, 1 / 4]
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_the_chosen_factors_can_be_kept():
    state, record = train_until_harm(Written(ERRORS), None, steps=10, check_every=2, patience=2, choose=least_error)
    assert record["steps"] == float(state["count"]) == 4
    assert record["loss"]["final"] == []
    assert len(record["loss"]["search"]) == record["searched_steps"] == 8


def test_patience_counts_checks_after_the_chosen_one():
    for patience, searched in ((1, 6), (2, 8), (3, 10)):
        search = Written(ERRORS)
        train_until_harm(search, None, steps=10, check_every=2, patience=patience)
        assert search.steps == searched


@pytest.mark.parametrize(("steps", "checked"), [(2, [0, 2]), (7, [0, 3, 6, 7])])
def test_the_last_step_is_checked_too(steps, checked):
    errors = np.arange(8.0)[::-1]
    final = Written()
    state, record = train_until_harm(Written(errors), lambda: final, steps=steps, check_every=3, patience=9)
    assert record["checked_steps"] == checked
    assert record["steps"] == final.steps == float(state["count"]) == steps
    assert record["held_out_error"]["curve"] == errors[checked].tolist()


def test_errors_that_are_never_finite_are_refused():
    with pytest.raises(SkdynError, match="neither before the training nor after any of its 3 steps"):
        train_until_harm(Written([np.nan, np.nan, np.inf, np.nan]), Written, steps=3, check_every=1, patience=9)
    _, record = train_until_harm(Written([np.nan, 3.0, np.inf, 2.0]), Written, steps=3, check_every=1, patience=9)
    assert record["steps"] == 3


def test_harm_from_the_first_step_leaves_everything_as_it_was():
    state, record = train_until_harm(Written([1.0, 2.0, 3.0, 4.0]), Written, steps=3, check_every=1, patience=3)
    assert record["steps"] == float(state["count"]) == 0


def test_the_bar_shows_held_out_errors(capsys):
    train_until_harm(Written(ERRORS), None, steps=4, check_every=2, patience=9, progress=True, unit="epoch")
    shown = capsys.readouterr().err
    assert "held out 3 (at the start 5)" in shown
    assert "epoch" in shown
    train_until_harm(Written(ERRORS), None, steps=4, check_every=2, patience=9)
    assert capsys.readouterr().err == ""


def test_held_out_points_have_to_show_harm():
    rng = np.random.default_rng(0)
    noise = rng.exponential(size=12)
    wobble = [noise + 0.3 * rng.normal(size=12) for _ in range(4)]
    assert last_harmless([noise + 1, noise + 0.5, noise]) == 2
    assert last_harmless([noise + 0.5, noise, noise + 0.1, noise + 0.2]) == 1
    assert last_harmless([noise, noise + 1, noise + 2]) == 0
    assert last_harmless([noise + 1, *wobble]) >= 3
    assert last_harmless([noise]) == 0
    assert last_harmless([noise * np.nan, noise, noise * np.inf]) == 1
    assert last_harmless([noise * np.nan, noise * np.nan]) == 0


def test_least_error():
    assert least_error([np.array(part) for part in ([1.0, 3.0], [0.0, 1.0], [1.0, 0.0])]) == 1
    assert least_error([np.array([np.nan]), np.array([2.0]), np.array([np.inf])]) == 1


def test_the_rate_rises_and_falls():
    shares = [rate_share(step, 60) for step in range(60)]
    assert shares[0] < shares[2] < max(shares) == shares[4]
    assert all(np.diff(shares[4:]) < 0)
    assert shares[-1] == pytest.approx(0.05, abs=0.01)


def test_a_step_that_is_not_finite_is_left_out():
    weight = torch.nn.Parameter(torch.ones(2))
    optimiser = torch.optim.SGD([weight], lr=0.1)
    descend((weight * torch.nan).sum(), optimiser)
    assert torch.equal(weight.detach(), torch.ones(2))
    descend((weight * 30.0).sum(), optimiser)
    torch.testing.assert_close(weight.detach(), torch.full((2,), 1 - 0.1 / 2**0.5))  # clipped to length one


def test_the_average_follows_the_factors_and_can_stand_in_for_them():
    slow, none = (LowRank(Block(8, 2, 16), 2, 2.0, torch.Generator().manual_seed(0), decay) for decay in (0.5, 0.0))
    for low_rank in (slow, none):
        before = {name: value.clone() for name, value in low_rank.average.items()}
        with torch.no_grad():
            for factor in low_rank.factors:
                factor += 1.0
        low_rank.follow(30)  # min(0.5, 30 / 40)
        name = "attention.query.down"
        own = low_rank.network.get_parameter(name)
        expected = (before[name] + own) / 2 if low_rank is slow else own
        torch.testing.assert_close(low_rank.average[name], expected.detach())
        with low_rank.averaged():
            assert torch.equal(low_rank.network.get_parameter(name), low_rank.average[name])
        assert torch.equal(low_rank.network.get_parameter(name), before[name] + 1.0)


def test_a_step_says_whether_it_was_taken():
    weight = torch.nn.Parameter(torch.ones(2))
    optimiser = torch.optim.SGD([weight], lr=0.1)
    assert not descend((weight * torch.inf).sum() - torch.inf, optimiser)
    assert descend(weight.sum(), optimiser)


@pytest.mark.parametrize("again", [None, Written])
def test_a_training_whose_steps_were_all_skipped_is_refused(again):
    class Standing(Written):
        def step(self):
            super().step()
            return float("nan")

    with pytest.raises(SkdynError, match=r"nothing was learned: .* in any of 3 epochs, and all were skipped"):
        train_until_harm(Standing(ERRORS), again, steps=3, check_every=1, patience=9, unit="epoch")
    with pytest.raises(SkdynError, match=r"nothing was learned: .* in any of 2 steps"):
        train_until_harm(Written([3.0, 2.0, 1.0]), Standing, steps=2, check_every=1, patience=9)
