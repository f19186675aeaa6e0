import json
from pathlib import Path

import skdyn
from pretrain.priors.networks import WIDE
from pretrain.run.report import plain
from skdyn.nn.arbitrated import ArbitratedFIMODE
from skdyn.nn.fim_ode import FIMODE

BUNDLE = Path(skdyn.__file__).parent / "bundle" / "fim-ode"


def test_presets_are_consistent():
    from pretrain.ode.presets import PRESETS
    from pretrain.priors import PRIORS

    for preset in PRESETS.values():
        assert preset.prior in PRIORS
        assert set(preset.systems) == set(preset.dims)
        assert max(preset.dims) <= preset.network.max_dim
        assert preset.network.max_dim < min(preset.wide_systems)
        assert max(preset.wide_systems) <= preset.network.max_variables
        assert set(preset.wide_systems) <= set(WIDE)
        for shape in preset.shapes:
            assert shape.paths <= preset.simulation.paths
            assert shape.points <= preset.simulation.points
            assert shape.contexts >= len(preset.dims)
    small = sum(p.numel() for p in FIMODE(PRESETS["small"].network).parameters())
    assert small == 650_862  # the sizes of the first bundled model
    whole = sum(p.numel() for p in ArbitratedFIMODE(PRESETS["small"].network).parameters())
    assert whole - small < 100_000, "the arbiter is small"
    bundled = json.loads((BUNDLE / "config.json").read_text())
    for name in ("arbiter", "together", "together-gpu", "network-gpu", "many"):  # which train the bundled model on
        assert plain(PRESETS[name].network.to_dict()) == bundled
