"""Every kind of folder that the project saves: how to save two of it, load it, ask it, and make it vouch for itself.

``saver(which)`` makes something to be saved and returns a function of the folder that saves it.
"""

import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import torch

from pretrain.run.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from skdyn import FIMCoarseGrainer, FIMODERegressor, FIMSDERegressor, LASSODEForecaster, SparseODERegressor
from skdyn.datasets import make_blob_video
from skdyn.files.manifest import seal
from skdyn.files.writing import write_folder
from skdyn.models.adapters import load_adapter, save_adapter
from skdyn.models.weights import load_model
from skdyn.nn.lora import add_low_rank, attention_projections, initialise, low_rank_state

DUMMY = Path(__file__).parents[1] / "dummy"
T = np.linspace(0, 6, 60)
X = np.column_stack([np.cos(T), -np.sin(T)])


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def reseal(path):
    """Make a description name the files that are there, and itself, if it is still an object."""
    values = json.loads(path.read_text())
    if isinstance(values, dict):
        files, version = values.pop("files", {}), values.pop("format", None)
        values.pop("sha256", None)
        if isinstance(files, dict):
            files = {
                name: digest(path.parent / name) if (path.parent / name).is_file() else d for name, d in files.items()
            }
            path.write_bytes(seal(values, files, version))


class Estimator:
    """One class of estimators."""

    def __init__(self, cls, **params):
        self.cls, self.params = cls, params

    def saver(self, which):
        turns = (1.0 + which) * T
        states = (1.0 + which) * np.column_stack([np.cos(turns), -np.sin(turns)])
        data = [(T, states), (T[: 40 - which], 1.5 * states[: 40 - which])]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.cls(**self.params).fit(data).save

    def load(self, folder):
        return self.cls.load(folder)

    def ask(self, loaded):
        rows = [X[:3]] if self.cls is not LASSODEForecaster else [[T[-1] + 1.0, T[-1] + 2.0]]
        names, params = getattr(loaded, "feature_names_in_", []), loaded.get_params()
        return np.asarray(loaded.predict(*rows), dtype=float).ravel(), (list(names), str(params), loaded.context_.ids)

    def reseal(self, folder):
        reseal(folder / "estimator.json")


class Grainer:
    video = make_blob_video(200, size=9)

    def saver(self, which):
        params = {"max_iter": 3, "hidden": (8,), "random_state": which, "model": DUMMY / "fim-sde-16d"}
        return FIMCoarseGrainer(**params).fit(self.video.frames * (1 + which), t=self.video.t).save

    def load(self, folder):
        return FIMCoarseGrainer.load(folder)

    def ask(self, loaded):
        codes = loaded.transform(self.video.frames[:3])
        answer = np.concatenate(
            [codes.ravel(), loaded.vector_field(codes).ravel(), loaded.inverse_transform(codes).ravel()]
        )
        return answer, (str(loaded.get_params()), loaded.loss_curve_)

    def reseal(self, folder):
        reseal(folder / "dynamics" / "estimator.json")
        reseal(folder / "grainer.json")


class Adapter:
    def saver(self, which):
        base = load_model(DUMMY / "fim-ode-16d")
        adapted = add_low_rank(base.network, attention_projections(base.network), 2, 4.0)
        generator = torch.Generator().manual_seed(which)
        initialise(adapted, generator)
        state = {name: t + torch.randn(t.shape, generator=generator) for name, t in low_rank_state(adapted).items()}
        return lambda folder: save_adapter(folder, base, 2, 4.0, state, {"steps": 3})

    def load(self, folder):
        return load_adapter(folder, load_model(DUMMY / "fim-ode-16d"))

    def ask(self, loaded):
        return np.concatenate([p.detach().numpy().ravel() for p in loaded.network.parameters()]), None

    def reseal(self, folder):
        values = json.loads((folder / "adapter.json").read_text())
        if isinstance(values, dict) and (folder / "adapter.safetensors").is_file():
            values["tensors_sha256"] = digest(folder / "adapter.safetensors")
            (folder / "adapter.json").write_text(json.dumps(values))


class Model:
    def saver(self, which):
        source = DUMMY / "fim-ode-16d"
        tensors = bytearray((source / "model.safetensors").read_bytes())
        tensors[-2] ^= which  # another model of the same shape
        parts = {"config.json": (source / "config.json").read_bytes(), "model.safetensors": bytes(tensors)}

        def sums(digests):
            return "".join(f"{digest}  {name}\n" for name, digest in digests.items()).encode()

        return lambda folder: write_folder(folder, parts.items(), "SHA256SUMS", sums)

    def load(self, folder):
        return load_model(folder)

    ask = Adapter.ask

    def reseal(self, folder):
        names = [name for name in ("config.json", "model.safetensors") if (folder / name).is_file()]
        (folder / "SHA256SUMS").write_text("".join(f"{digest(folder / name)}  {name}\n" for name in names))


class Checkpoints:
    """Two steps, of which the newer one is damaged: the older one must always be there."""

    def saver(self, which):
        def save(folder):
            for step in (1, 2):
                tensors = {
                    "model/a": torch.full((50, 3), float(10 * step + which)),
                    "optimizer/n": torch.tensor([step]),
                }
                values = {"state": {"step": step, "loss": float("inf")}, "task": {"which": which}}
                save_checkpoint(folder, step, Checkpoint(tensors, values))

        return save

    def damaged(self, folder):
        return folder / "step-000000002"

    def load(self, folder):
        return load_checkpoint(folder)

    def ask(self, loaded):
        return torch.cat([t.double().ravel() for t in loaded.tensors.values()]).numpy(), str(loaded.values)

    def reseal(self, folder):
        reseal(self.damaged(folder) / "checkpoint.json")


KINDS = {
    "fim-ode": Estimator(FIMODERegressor, model=DUMMY / "fim-ode-16d", device="cpu"),
    "fim-sde": Estimator(FIMSDERegressor, model=DUMMY / "fim-sde-16d", device="cpu"),
    "sparse-ode": Estimator(SparseODERegressor, max_degree=1),
    "lass-ode": Estimator(LASSODEForecaster, model=DUMMY / "lass-ode-tiny", device="cpu"),
    "grainer": Grainer(),
    "adapter": Adapter(),
    "model": Model(),
    "checkpoint": Checkpoints(),
}
