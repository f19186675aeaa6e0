import dataclasses

import micro
import pytest
import torch

from pretrain.ode.task import FIMODETask
from pretrain.run.growing import grown
from skdyn.nn.arbitrated import ArbitratedFIMODE

SMALL = micro.ODE.network


def larger(**sizes):
    return dataclasses.replace(SMALL, **sizes)


@pytest.mark.parametrize(
    "sizes",
    [{"encoder_layers": SMALL.encoder_layers + 3, "decoder_layers": SMALL.decoder_layers + 1},
     {"feedforward": 2 * SMALL.feedforward}],
)  # fmt: skip
def test_a_larger_network_begins_with_the_answers_of_the_smaller_one(run, sizes):
    small = FIMODETask(micro.ODE, 5, torch.device("cpu"), initial=run)
    task = FIMODETask(dataclasses.replace(micro.ODE, network=larger(**sizes)), 6, torch.device("cpu"), initial=run)
    batch = small.batch(0)
    answers = []
    for network in (small.module.network, task.module.network):
        encoded = network.encode_tokens(batch.tokens)
        answers.append((encoded.velocity, *network.answer(encoded, batch.queries)))
    for mine, before in zip(answers[1], answers[0], strict=True):
        torch.testing.assert_close(mine, before, rtol=1e-4, atol=1e-5)


def test_what_is_new_learns():
    torch.manual_seed(0)
    weights = dict(ArbitratedFIMODE(SMALL).named_parameters())
    wider = ArbitratedFIMODE(larger(feedforward=2 * SMALL.feedforward))
    first = grown(weights, wider)["encoder.0.feedforward.0.weight"][SMALL.feedforward :]
    assert first.abs().min() > 0  # new units read something, which is what the zeros after them learn to weigh


def test_a_network_does_not_shrink(run):
    narrower = dataclasses.replace(micro.ODE, network=larger(feedforward=SMALL.feedforward // 2))
    with pytest.raises(ValueError, match="holds another network"):
        FIMODETask(narrower, 0, torch.device("cpu"), initial=run)
    fewer = dataclasses.replace(micro.ODE, network=larger(encoder_layers=SMALL.encoder_layers - 1))
    with pytest.raises(ValueError, match="holds another network"):
        FIMODETask(fewer, 0, torch.device("cpu"), initial=run)
