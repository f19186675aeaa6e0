import micro
import numpy as np

from pretrain.priors.library import GRID, Librarian, LibraryConfig


def test_the_strict_track_has_no_random_systems_and_the_open_one_has(monkeypatch):
    monkeypatch.setattr("pretrain.priors.library.IN_DOMAIN", micro.FEW)
    strict = Librarian(LibraryConfig(per_family=2, prior=""))
    assert {dim: len(x) for dim, x in strict.draw(np.random.default_rng(0)).items()} == {1: 2, 2: 4, 5: 2}
    assert strict.counts["prior"] == 0
    librarian = Librarian(LibraryConfig(per_family=2, prior="oscillator=1", prior_systems={2: 30}))
    library = librarian.draw(np.random.default_rng(0))
    assert len(library[2]) == 4 + librarian.counts["prior"] > 4
    assert library[2].shape[1:] == (GRID, 2)
    assert np.isfinite(library[2]).all()
    recorded = Librarian(LibraryConfig(per_family=2, prior="", recorded_like=7)).draw(np.random.default_rng(0))
    assert recorded[1].shape == (9, GRID, 1)
    assert (recorded[1].std(axis=1) > 0.1).all()
