"""Soft K-Means as a scikit-learn estimator: annealed, in two metrics, the same result on any number of threads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from minent import artifacts
from minent.capsules.clustering import (
    Floats,
    centres_of,
    directions,
    distances,
    refill,
    seed_centres,
    share_out,
)
from minent.errors import InputError, did_you_mean

KIND, FORMAT = "capsules", 1
METRICS = ("euclidean", "cosine")
_ANNEALING = (1 / 8, 1 / 4, 1 / 2, 1.0)  # shares of the final sharpness: starting low, the seeds matter less
_ROWS_FOR_SPREAD = 4096


@dataclass(frozen=True)
class _Run:
    centres: Floats
    objective: float
    steps: int


class SoftKMeans(TransformerMixin, ClusterMixin, BaseEstimator):
    """Cluster points softly: every point belongs to every cluster, in shares that sum to one.

    Lowers `-(1/K) sum_i log sum_j exp(-K d_ij)`, which for Euclidean distances is the likelihood of round Gaussians of
    variance `1 / (2 K)`. `sharpness` is the variance of the data over that variance, so it means the same in any units
    and any number of features. Each of `n_init` starts is seeded by k-means++; every second one is annealed, K rising
    to its value in four stages. Empty clusters are moved to the farthest points. The same seed gives the same result
    on any number of threads.

    Args:
        n_clusters: At least 1, at most the number of rows.
        metric: `"euclidean"` (squared distance) or `"cosine"` (one less the cosine; zero rows are allowed and lie
            equally far from every centre).
        sharpness: Above zero. Near 1 the clusters melt into one; `math.inf` is K-Means.
        max_iter: Steps of one start at most, over all its stages.
        tol: A stage ends when a step lowers the objective by less than this share of it.
        n_init: How many starts; the best is kept.
        seed: Of the starts.

    Attributes:
        cluster_centers_: `(n_clusters, features)`; unit vectors with cosine.
        labels_: The nearest centre of each row, after the last step.
        inertia_: Sum of distances to the nearest centre.
        objective_: What was lowered; at infinite sharpness the inertia.
        sharpness_: K, in units of one over distance.
        n_iter_: Steps of the best start.

    Source:
        kexue.fm/archives/5112 for the objective; Arthur and Vassilvitskii (2007) for the seeding; Rose (1998) for
        annealing.

    Example:
        >>> points = np.array([[0.0], [0.2], [9.0], [9.2]])
        >>> model = SoftKMeans(n_clusters=2).fit(points)
        >>> sorted(round(float(centre), 3) for centre in model.cluster_centers_[:, 0])
        [0.1, 9.1]
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        metric: str = "euclidean",
        sharpness: float = 10.0,
        max_iter: int = 300,
        tol: float = 1e-6,
        n_init: int = 10,
        seed: int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.metric = metric
        self.sharpness = sharpness
        self.max_iter = max_iter
        self.tol = tol
        self.n_init = n_init
        self.seed = seed

    def fit(self, X: ArrayLike, y: None = None) -> SoftKMeans:
        """Find the clusters.

        Args:
            X: Dense `(rows, features)`, finite.
            y: Ignored.

        Returns:
            The estimator itself.

        Raises:
            InputError: A parameter out of range, fewer rows than clusters, or an `X` that is not such an array.
            TypeError: `X` is sparse.
        """
        self._check_parameters()
        points = self._points(X, reset=True)
        if len(points) < self.n_clusters:
            raise InputError(
                f"n_clusters is {self.n_clusters}, but X has {len(points)} rows (n_samples = {len(points)}); "
                f"give fewer clusters or more rows."
            )
        with threadpool_limits(1, user_api="blas"):  # the last bit of a product may depend on how it is split
            self.sharpness_ = self.sharpness / (2 * _spread(points, self._cosine))
            random = np.random.default_rng(self.seed)
            runs = [self._run(points, random, annealed=bool(i % 2)) for i in range(self.n_init)]
            best = min(runs, key=lambda run: run.objective)
        self.cluster_centers_, self.objective_, self.n_iter_ = best.centres, best.objective, best.steps
        apart = self._apart(points)
        self.labels_ = apart.argmin(axis=1).astype(np.int32)
        self.inertia_ = float(apart.min(axis=1).sum())
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:
        """Return the nearest centre of each row, `(rows,)`."""
        return self.transform(X).argmin(axis=1).astype(np.int32)

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the share of each cluster in each row, `(rows, n_clusters)`; rows sum to one."""
        return share_out(self.transform(X), self.sharpness_)[0]

    def transform(self, X: ArrayLike) -> Floats:
        """Return the distance of each row to each centre, `(rows, n_clusters)`; squared where it is Euclidean."""
        check_is_fitted(self)
        return self._apart(self._points(X, reset=False))

    def score(self, X: ArrayLike, y: None = None) -> float:
        """Return the objective on `X`, negated: higher is better.

        Args:
            X: Dense `(rows, features)`, finite.
            y: Ignored.
        """
        return -share_out(self.transform(X), self.sharpness_)[1]

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Save as an artifact of kind `capsules`.

        Args:
            folder: Where to.
            overwrite: Replace an artifact that is there.

        Raises:
            ArtifactError: The folder is taken, or cannot be written.
        """
        check_is_fitted(self)
        parameters = {**self.get_params(), "sharpness": repr(float(self.sharpness))}  # JSON has no infinity
        seeds = {"seed": self.seed}
        with artifacts.writing(
            folder, kind=KIND, format=FORMAT, config=parameters, seeds=seeds, overwrite=overwrite
        ) as draft:
            arrays = {"cluster_centers": self.cluster_centers_, "labels": self.labels_}
            artifacts.save_arrays(draft.path / "clusters.safetensors", arrays)
            draft.facts["sizes"] = np.bincount(self.labels_, minlength=self.n_clusters)
            draft.facts["sharpness"] = repr(self.sharpness_)
            draft.facts.update(inertia=self.inertia_, objective=self.objective_, steps=self.n_iter_)

    @classmethod
    def load(cls, folder: str | Path) -> SoftKMeans:
        """Load what `save` wrote.

        Args:
            folder: The artifact.

        Raises:
            ArtifactError: It is missing, changed, of another kind or newer.
        """
        manifest = artifacts.read_manifest(folder, kind=KIND, format=FORMAT)
        arrays = artifacts.load_arrays(Path(folder) / "clusters.safetensors")
        model = cls(**{**manifest.config, "sharpness": float(manifest.config["sharpness"])})
        model.cluster_centers_, model.labels_ = arrays["cluster_centers"], arrays["labels"]
        model.sharpness_ = float(manifest.facts["sharpness"])
        model.inertia_, model.objective_ = manifest.facts["inertia"], manifest.facts["objective"]
        model.n_iter_ = manifest.facts["steps"]
        model.n_features_in_ = model.cluster_centers_.shape[1]
        return model

    # --- the work ---

    @property
    def _cosine(self) -> bool:
        return self.metric == "cosine"

    def _run(self, points: Floats, random: np.random.Generator, annealed: bool) -> _Run:
        """Seed once and anneal; the objective belongs to the centres that are returned."""
        centres = seed_centres(points, self.n_clusters, self._cosine, random)
        steps = 0
        for portion in _ANNEALING if annealed and math.isfinite(self.sharpness_) else (1.0,):
            before = math.inf
            while True:
                apart = distances(points, centres, self._cosine)
                shares, objective = share_out(apart, portion * self.sharpness_)
                if steps >= self.max_iter or before - objective <= self.tol * abs(objective):
                    break
                centres = centres_of(points, refill(shares, apart), self._cosine)
                before, steps = objective, steps + 1
        return _Run(centres, objective, steps)

    def _apart(self, points: Floats) -> Floats:
        with threadpool_limits(1, user_api="blas"):
            return distances(points, self.cluster_centers_, self._cosine)

    def _points(self, X: ArrayLike, *, reset: bool) -> Floats:
        try:
            points = validate_data(self, X, reset=reset, dtype=np.float64, accept_sparse=False)
        except ValueError as error:
            raise InputError(str(error)) from error
        return directions(points) if self._cosine else points

    def _check_parameters(self) -> None:
        for name, least in {"n_clusters": 1, "max_iter": 1, "n_init": 1, "seed": 0}.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise InputError(f"{name} is {value!r}; it takes a whole number from {least} upward.")
        if self.metric not in METRICS:
            hint = did_you_mean(str(self.metric), METRICS)
            raise InputError(f"metric is {self.metric!r}; it is 'euclidean' or 'cosine'.{hint}")
        if not self.sharpness > 0:
            raise InputError(f"sharpness is {self.sharpness!r}; it takes a number above zero, or math.inf.")
        if not self.tol >= 0:
            raise InputError(f"tol is {self.tol!r}; it takes a number from 0 upward.")


def _spread(points: Floats, cosine: bool) -> float:
    """Return the variance along the directions that hold it, `tr S**2 / tr S`; 1 where all points are the same.

    The mean variance per feature would be fooled by constant features, the total by many features: then all clusters
    would collapse onto the mean.
    """
    some = points[:: -(-len(points) // _ROWS_FOR_SPREAD)]
    centred = some - some.mean(axis=0)
    products = centred.T @ centred if centred.shape[1] <= len(centred) else centred @ centred.T
    total = float(np.trace(products))
    if total == 0:
        return 1.0
    spread = float(np.einsum("ij,ij->", products, products)) / total / len(some)
    return spread / 2 if cosine else spread  # the cosine distance is half the squared Euclidean one
