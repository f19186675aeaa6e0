from skdyn.nn.fim_ode import FIMODE


def test_presets_are_consistent():
    from pretrain.ode.presets import PRESETS
    from pretrain.priors import PRIORS

    for preset in PRESETS.values():
        assert preset.prior in PRIORS
        assert set(preset.systems) == set(preset.dims)
        for shape in preset.shapes:
            assert shape.paths <= preset.simulation.paths
            assert shape.points <= preset.simulation.points
            assert shape.contexts >= len(preset.dims)
    small = sum(p.numel() for p in FIMODE(PRESETS["small"].network).parameters())
    assert small == 650_862  # the bundled model's sizes
