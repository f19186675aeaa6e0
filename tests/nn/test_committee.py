import pytest
import torch

from skdyn.nn.committee import Committee

B, FITS, D, UNITS = 2, 6, 3, 16


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def question():
    fields = normal(B, 2, 5, FITS, D, seed=1)
    gaps = (fields[:, :, :, :, None] - fields[:, :, :, None]).abs().mean(2)
    hidden, spreads = normal(B, FITS, D, UNITS), normal(B, 2, FITS, D, seed=2)
    return hidden, gaps, fields.abs().mean(2), spreads, torch.tensor([3.0, 5.0])


@pytest.fixture(scope="module")
def committee():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Committee(UNITS, 2)
        torch.nn.init.normal_(made.end.weight)
    return made.requires_grad_(False)


def test_a_new_committee_adds_nothing():
    assert (Committee(UNITS, 1)(*question()) == 0).all()


def test_the_order_of_fits_and_of_variables_does_not_matter(committee):
    hidden, gaps, sizes, spreads, points = question()
    fits, variables = torch.tensor([3, 1, 5, 0, 2, 4]), torch.tensor([2, 0, 1])
    turned = committee(
        hidden[:, fits][:, :, variables],
        gaps[:, :, fits][:, :, :, fits][..., variables],
        sizes[:, :, fits][..., variables],
        spreads[:, :, fits][..., variables],
        points,
    )
    expected = committee(hidden, gaps, sizes, spreads, points)[:, fits][:, :, variables]
    torch.testing.assert_close(turned, expected)


def test_a_context_does_not_see_its_neighbours(committee):
    parts = question()
    alone = committee(*(part[1:] for part in parts))
    torch.testing.assert_close(committee(*parts)[1:], alone)


@pytest.mark.parametrize("part", [1, 2, 3, 4])
def test_it_sees_everything_that_it_is_told(committee, part):
    parts = list(question())
    before = committee(*parts)
    parts[part] = parts[part] + 1.0
    assert (committee(*parts) - before).abs().max() > 1e-3
