from pretrain.forecasting.presets import PRESETS
from pretrain.priors.library import GRID


def test_presets_are_consistent():
    for preset in PRESETS.values():
        assert all(shape.points <= GRID for shape in preset.shapes)
        assert all(shape.channels >= max(preset.observation.dims) for shape in preset.shapes)
        assert max(preset.observation.dims) <= preset.network.max_dim
    assert not PRESETS["paper"].library.prior
