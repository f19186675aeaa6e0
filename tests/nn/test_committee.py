import pytest
import torch

from skdyn.nn.committee import Committee
from skdyn.nn.fits.comparison import Comparison

B, FITS, D, UNITS = 2, 6, 3, 16


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def question():
    fields = normal(B, 2, 5, FITS, D, seed=1)
    gaps = (fields[:, :, :, :, None] - fields[:, :, :, None]).abs().mean(2)
    hidden, spreads = normal(B, FITS, D, UNITS), normal(B, 2, FITS, D, seed=2)
    return hidden, gaps, fields.abs().mean(2), spreads, normal(B, D, 2, seed=3)


def ask(committee, hidden, gaps, sizes, spreads, about):
    return committee(hidden, Comparison(gaps, sizes, spreads), about)


@pytest.fixture(scope="module")
def committee():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Committee(UNITS, 2, of_context=2)
        torch.nn.init.normal_(made.end.weight)
    return made.requires_grad_(False)


def test_a_new_committee_adds_nothing():
    assert (ask(Committee(UNITS, 1, of_context=2), *question()) == 0).all()


def test_the_order_of_fits_and_of_variables_does_not_matter(committee):
    hidden, gaps, sizes, spreads, about = question()
    fits, variables = torch.tensor([3, 1, 5, 0, 2, 4]), torch.tensor([2, 0, 1])
    turned = ask(
        committee,
        hidden[:, fits][:, :, variables],
        gaps[:, :, fits][:, :, :, fits][..., variables],
        sizes[:, :, fits][..., variables],
        spreads[:, :, fits][..., variables],
        about[:, variables],
    )
    expected = ask(committee, *question())[:, fits][:, :, variables]
    torch.testing.assert_close(turned, expected)


def test_fewer_fits_are_those_of_a_comparison_of_fewer():
    _, gaps, sizes, spreads, _ = question()
    kept = Comparison(gaps, sizes, spreads).only([4, 1])
    assert torch.equal(kept.gaps[:, :, 0, 1], gaps[:, :, 4, 1])
    assert torch.equal(kept.sizes[:, :, 1], sizes[:, :, 1])
    assert torch.equal(kept.log_spreads[:, :, 0], spreads[:, :, 4])


def test_a_context_does_not_see_its_neighbours(committee):
    parts = question()
    alone = ask(committee, *(part[1:] for part in parts))
    torch.testing.assert_close(ask(committee, *parts)[1:], alone)


@pytest.mark.parametrize("part", [1, 2, 3, 4])
def test_it_sees_everything_that_it_is_told(committee, part):
    parts = list(question())
    before = ask(committee, *parts)
    parts[part] = parts[part] + 1.0
    assert (ask(committee, *parts) - before).abs().max() > 1e-3
