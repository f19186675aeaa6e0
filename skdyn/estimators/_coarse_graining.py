"""Latent dynamics of high-dimensional recordings as a scikit-learn transformer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdyn.data.trajectories import Trajectories
from skdyn.estimators._base import BaseTrajectoryEstimator
from skdyn.estimators._grainer_equation import LatentEquation
from skdyn.estimators._grainer_files import GrainerParts
from skdyn.estimators._grainer_images import as_rows, image_shape
from skdyn.estimators._grainer_recordings import holds_recordings, read_recordings
from skdyn.estimators._order import some_states
from skdyn.estimators._persistence import damage_named, plain_params
from skdyn.files.paths import user_path

if TYPE_CHECKING:
    import torch

    from skdyn.coarse_graining.autoencoder import Autoencoder
    from skdyn.estimators._fim_ode import FIMODERegressor
    from skdyn.estimators._latent_sde import LatentSDERegressor

_RATE_CODES = 256  # of the context, whose drift tells how finely it is followed
_LARGEST = 1e12  # error that a frame counts with at most, so that a mean stays finite


class FIMCoarseGrainer(LatentEquation, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseTrajectoryEstimator):
    """A few codes for high-dimensional frames, together with the stochastic equation that the codes obey.

    An encoder and a decoder are trained so that a frozen, pretrained in-context model, given the codes of a context of
    frames, predicts each next frame: ``decoder(z + f(z) h + g(z) sqrt(h) noise)`` with z the code of the frame before
    and h the time between the two; and so that each frame is found again from its code. What is learned is the
    autoencoder: it starts as the principal components of the frames and bends them. Drift f and diffusion g come from
    the model in one forward pass; after the training, polynomials are added to the drift as far as the codes'
    transitions ask for them (`dynamics_`).

    The loss of predictions cannot tell the codes from any smooth, invertible function of them, so f and g, and with
    them the equilibria of the drift, are those of one coordinate among many (Ito's formula leads from one to another).
    The law of the simulated frames does not depend on that choice. Scale and sign are fixed after training: each code
    has mean zero and variance one over the training frames, and rises with the feature with which it varies most.

    `fit` takes one recording or several, a row a frame; an array (L, H, W) is one recording of images, a list of them
    is several, and `inverse_transform` then gives images. No pair of frames is taken across recordings. A code that
    collapses to a constant while training is a SkdynError.

    Letters: L frames of a recording, D features of a frame, d = ``n_components`` codes, N queries.

    Parameters
    ----------
    n_components : int, default=1
        Number of codes, d; at most the number of variables that the model takes.
    model : str or path, default="fim-sde"
        The frozen model: a registered name, a folder, or ``hf://owner/repo[/sub/folder][@revision]``. With a model of
        ODEs, such as ``"fim-ode"``, the codes follow a deterministic equation.
    method : {"pca", "random"}, default="pca"
        What training starts from. With ``"pca"`` encoder and decoder are the d principal components of the frames, and
        perceptrons beside them, at first zero, are trained. With ``"random"`` they are perceptrons with random weights,
        as in the reference.
    encoder, decoder : torch.nn.Module, optional
        Modules from frames (N, D) to codes (N, d) and from codes to frames, as starting points; they are copied. By
        default as ``method`` says, with the layers ``hidden`` and their mirror image. Frames reach them with the mean
        frame taken off and a variance of one over all features together.
    hidden : sequence of int, default=(128, 64, 32)
        Widths of the encoder's hidden layers.
    activation : {"elu", "gelu", "relu", "sigmoid", "silu", "tanh"}, default="silu"
    learning_rate : float, default=2e-3
        Largest one of Adam; it rises to this over the first tenth of the steps and then falls to zero.
    max_iter : int, default=500
        Most training steps.
    context_size : int, default=1000
        Most frames whose codes are the context of one step, in windows of 200 from anywhere in the recordings.
    n_queries : int, default=256
        Most frames that one step predicts from; they are drawn from all recordings.
    horizon : float, default=0.25
        Over at most the first 60% of the steps the codes are taken for a random walk, and the frame to predict lies
        this far ahead at first, in units of the time in which the codes forget where they were, and less and less far
        later, until it is the next frame. Zero trains with the model from the start, as the reference does, and, with
        ``method="random"``, often leaves the codes folded.
    isometry : float, default=0.1
        Weight of a penalty on codes that are stretched in one place and squeezed in another: the variance of the
        logarithm of how much the decoded frame changes where a code moves a little. The loss of predictions leaves
        that open; the penalty takes the coordinate in which equal steps change the frame equally, and a single code
        is measured along the recorded frames once it is trained (`skdyn.coarse_graining.arc_length`). Zero is the
        reference's loss, and leaves the code as it is.
    reconstruction : float, default=10.0
        Weight of the error of frames decoded from their own codes, beside that of predicted frames. Zero is the
        reference's loss, whose codes tell what can be foreseen of a frame, and may summarise it poorly.
    denoising : float, default=0.3
        Deviation of the noise that is added to each feature of the frames that are encoded, in units of the frames'
        own, so that few frames are not learned by heart.
    validation_fraction : float or None, default=0.2
        Fraction of each recording, at its end, that is left out of a first training, and tells after how many steps
        predicted and decoded frames are best; a second training, on all frames, takes as many. These may be none, and
        the codes are then principal components (``n_iter_`` is zero). None trains once, on all frames; so do
        ``method="random"`` and modules of your own.
    tol : float, default=1e-3
        Once the horizon has shrunk, stop when the mean loss of the latest ``n_iter_no_change`` steps is not below that
        of the same number of steps before by this fraction.
    n_iter_no_change : int or None, default=None
        None trains for all of ``max_iter`` steps.
    missing : {"raise", "drop"}, default="raise"
        What `fit` and `score` do with frames that hold a NaN; `transform` refuses them.
    device : str or torch.device, default="auto"
        ``"auto"`` is CUDA where there is one, else the CPU.
    random_state : int, RandomState or None, default=None
        For the initial weights, the contexts and the noise; an integer gives the same codes each time.
    verbose : bool, default=False
        Show a progress bar.

    Attributes
    ----------
    autoencoder_ : skdyn.coarse_graining.autoencoder.Autoencoder
        The trained modules and the scaling of frames and codes.
    dynamics_ : LatentSDERegressor or FIMODERegressor
        Fitted to the codes of the training frames. The former has the methods of `FIMSDERegressor`; where the codes'
        transitions show that the model's drift misses something, polynomials are added to it.
    context_ : Trajectories
        Those codes, one trajectory a recording.
    loss_curve_ : list of float
        Loss of each step, as a fraction of the frames' variance.
    n_iter_ : int
        Steps taken; zero if the codes are principal components.
    frame_shape_ : tuple of int
        (D,), or (H, W) of images.
    n_features_in_ : int
    feature_names_in_ : array of shape (D,)
        Only where the recordings came with names.

    References
    ----------
    *Towards Fast Coarse-graining and Equation Discovery with Foundation Inference Models*, arXiv:2510.12618.
    P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol, *Extracting and composing robust features with denoising
    autoencoders*, ICML 2008, for the noise on the frames.

    Examples
    --------
    >>> from skdyn import FIMCoarseGrainer
    >>> from skdyn.datasets import make_blob_video
    >>> video = make_blob_video(300, size=15)
    >>> grainer = FIMCoarseGrainer(max_iter=5, random_state=0).fit(video.frames, t=video.t)
    >>> codes = grainer.transform(video.frames)
    >>> codes.shape, grainer.vector_field(codes).shape, grainer.diffusion(codes).shape
    ((300, 1), (300, 1), (300, 1))
    >>> grainer.inverse_transform(codes).shape
    (300, 225)
    """

    autoencoder_: Autoencoder
    loss_curve_: list[float]
    n_iter_: int
    frame_shape_: tuple[int, ...]

    def __init__(
        self,
        n_components: int = 1,
        *,
        model: str | os.PathLike[str] = "fim-sde",
        method: Literal["pca", "random"] = "pca",
        encoder: torch.nn.Module | None = None,
        decoder: torch.nn.Module | None = None,
        hidden: Sequence[int] = (128, 64, 32),
        activation: Literal["elu", "gelu", "relu", "sigmoid", "silu", "tanh"] = "silu",
        learning_rate: float = 2e-3,
        max_iter: int = 500,
        context_size: int = 1000,
        n_queries: int = 256,
        horizon: float = 0.25,
        isometry: float = 0.1,
        reconstruction: float = 10.0,
        denoising: float = 0.3,
        validation_fraction: float | None = 0.2,
        tol: float = 1e-3,
        n_iter_no_change: int | None = None,
        missing: Literal["raise", "drop"] = "raise",
        device: str | torch.device = "auto",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.model = model
        self.method = method
        self.encoder = encoder
        self.decoder = decoder
        self.hidden = hidden
        self.activation = activation
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.context_size = context_size
        self.n_queries = n_queries
        self.horizon = horizon
        self.isometry = isometry
        self.reconstruction = reconstruction
        self.denoising = denoising
        self.validation_fraction = validation_fraction
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.missing = missing
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, *, t: Any = None) -> Self:
        """Train on recordings; if that fails, what was fitted before is left as it was.

        Parameters
        ----------
        X : array (L, D) or (L, H, W), list of arrays or of (t, x) pairs, DataFrame or Trajectories
            Frames; inputs are never modified.
        y : ignored
            Present for scikit-learn's conventions.
        t : float, timedelta, array of shape (L,) or list of arrays (L_k,), optional
            Times for inputs that carry none; unit steps by default.

        Returns
        -------
        self

        Raises
        ------
        TrajectoryError
            If ``X`` cannot be read as recordings, or shows no motion.
        SkdynError
            If a code collapses, or the loss is not finite.
        WeightsError
            If the model cannot be found or trusted.
        """
        shape = image_shape(X)

        def learn(fitted: Self, context: Trajectories) -> None:
            fitted._fit(context)
            fitted.frame_shape_ = (context.n_features,) if shape is None else shape

        return self._fit_by(self._read(X, t), learn, t)

    def _read(self, X: Any, t: Any) -> Trajectories:
        return super()._read(as_rows(X), t)

    def _trajectories(self, X: Any, t: Any) -> Trajectories:
        return read_recordings(X, t, self.missing)[0]

    def _fit(self, context: Trajectories) -> None:
        from skdyn.estimators._grainer_training import trained

        self._keep(*trained(context, self.get_params(deep=False)))

    def _keep(
        self, autoencoder: Autoencoder, dynamics: LatentSDERegressor | FIMODERegressor, losses: list[float]
    ) -> None:
        self.autoencoder_, self.dynamics_, self.loss_curve_ = autoencoder, dynamics, losses
        self.context_, self.n_iter_ = dynamics.context_, len(losses)
        self._n_features_out = dynamics.n_features_in_

    def _remember(self, context: Trajectories) -> None:
        self._remember_features(context.n_features, context.feature_names)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write parameters, autoencoder, and codes with their model's name, as JSON and NumPy arrays without pickles.

        Parameters
        ----------
        folder : str or path
            Made if it does not exist; what an earlier `save` wrote there is replaced, all of it or nothing.

        Raises
        ------
        SkdynError
            If a parameter cannot be written as JSON, such as an own encoder, or is not the one of the fit, or
            (`FileError`) the folder cannot be written; what was saved there before is then as it was.
        """
        check_is_fitted(self)
        parts = GrainerParts(
            plain_params(self),
            self.autoencoder_,
            self.dynamics_,
            self.loss_curve_,
            self._names if hasattr(self, "feature_names_in_") else None,
            self.frame_shape_,
            self._times_told,
        )
        parts.write(folder)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote; nothing is trained again.

        Raises
        ------
        FileError
            If the folder is not one of this class, is damaged, or its model's weights have changed since.
        """
        parts = GrainerParts.read(folder, cls.__name__)
        with damage_named(user_path(folder), cls.__name__):
            grainer = cls(**parts.params)
        fitted = grainer._unfitted()
        fitted._keep(parts.autoencoder, parts.dynamics, parts.loss_curve)
        fitted.frame_shape_, fitted._times_told = parts.frame_shape, parts.times_told
        fitted._remember_features(len(parts.autoencoder.frame_mean), parts.feature_names)
        grainer._become(fitted)
        return grainer

    def transform(self, X: Any) -> np.ndarray:
        """Codes of frames.

        Parameters
        ----------
        X : array or DataFrame of shape (N, D), images (N, H, W), or recordings in any form that `fit` takes

        Returns
        -------
        array of shape (N, d)
            One row a frame, in the order of a table's rows; the frames of several recordings follow each other.
        """
        check_is_fitted(self)
        return self.autoencoder_.encode(self._frames(X))

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Frames that codes stand for.

        Parameters
        ----------
        X : array of shape (N, d)

        Returns
        -------
        array of shape (N, D), or (N, H, W) if `fit` was given images
            In the units of the frames that `fit` was given.
        """
        check_is_fitted(self)
        codes = self.dynamics_._check_points(X, "X")
        if codes.ndim != 2:
            raise ValueError(f"X has shape {codes.shape}: expected (N, {self._n_features_out}), a row of codes a frame")
        return self.autoencoder_.decode(codes).reshape(len(codes), *self.frame_shape_)

    def score(self, X: Any, y: Any = None, *, t: Any = None) -> float:
        """Minus the error of predicted next frames, as a fraction of the variance of the training frames.

        A frame is predicted from the one before by ``decoder(z + f(z) h)``, without noise; where h is long, the drift
        is followed in several steps.

        Parameters
        ----------
        X : recordings in any form that `fit` takes
        y : ignored
        t : see `fit`

        Returns
        -------
        float
            At most 0; -1 is as good as the mean frame for recordings like those of the training. Never NaN or
            infinite.
        """
        from skdyn.coarse_graining.steps import follow, steps_of

        check_is_fitted(self)
        held_out = self._check_held_out(self._checked_images(X), t)
        velocity = self.dynamics_._velocity
        known, some = np.concatenate(self.context_.states), some_states(self.context_, _RATE_CODES)
        longest = max(float(np.diff(times).max(initial=0)) for times, _ in held_out)
        errors = []
        with np.errstate(all="ignore"):
            count = steps_of(velocity(some) * longest, known.std(axis=0))
            for times, frames in held_out:
                codes = self.autoencoder_.encode(frames[:-1])
                following = follow(velocity, codes, np.diff(times)[:, None], count, velocity(codes))
                predicted = self.autoencoder_.decode(following)
                errors.append(np.square((predicted - frames[1:]) / self.autoencoder_.frame_scale).mean(axis=1))
        return -float(np.nan_to_num(np.concatenate(errors), nan=_LARGEST).clip(max=_LARGEST).mean())

    def _checked_images(self, X: Any) -> Any:
        """The same; images of another height and width than those of `fit` are refused."""
        shape = image_shape(X)
        if shape is not None and shape != self.frame_shape_ and len(self.frame_shape_) == 2:
            raise ValueError(f"X has images of shape {shape}, but `fit` was given images of shape {self.frame_shape_}")
        return X

    def _frames(self, X: Any) -> np.ndarray:
        """Frames (N, D) of any accepted input, one after the other."""
        X = as_rows(self._checked_images(X))
        if not holds_recordings(X):
            return self._check_rows(X)
        read, rows = read_recordings(X, None, "raise")
        frames = np.concatenate(self._check_held_out(read, None, states_only=True).states)
        return frames[np.argsort(rows)]
