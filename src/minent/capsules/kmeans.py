"""Soft K-Means as a scikit-learn estimator: annealed, in two metrics, the same result on any number of threads."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils import ClassifierTags, Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from minent import artifacts
from minent.capsules.annealing import Run, lower, stages_of
from minent.capsules.clustering import Floats, Points, centres_of, directions, relocate, seed_centres
from minent.capsules.preparing import canonical_order, checked_weights, spread_of, threads, units_of
from minent.errors import ArtifactError, InputError, did_you_mean, number, whole

KIND, FORMAT = "capsules", 2
METRICS = ("euclidean", "cosine")
_AXES = {
    "cluster_centers": "f clusters features",
    "sums": "f clusters features",
    "masses": "f clusters",
    "labels": "i rows",
}
_LOOSE = 1e-5  # the tolerance of all starts; the best alone goes on to `tol`, in double precision
_TIE = 1e-6  # starts that end in the same place differ by rounding; the first of them is taken
_SMALL = 2**15  # with fewer numbers than this, single precision saves nothing


class SoftKMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    """Cluster points softly: every point belongs to every cluster, in shares that sum to one.

    Lowers `-(1/K) sum_i w_i log sum_j exp(-K d_ij)`, which for Euclidean distances is the likelihood of round Gaussians
    of variance `1 / (2 K)`. `sharpness` is the variance of the data over that variance, so it means the same in any
    units and any number of features. Each of `n_init` starts is seeded by k-means++; every second one is annealed, K
    rising to its value in four stages. Empty clusters are moved to the farthest points. The starts are run in single
    precision and the best goes on in double. The same seed gives the same result on any number of threads, whatever
    the order of the rows (up to rounding); a row of weight 2 counts as two rows.

    Args:
        n_clusters: At least 1, at most the number of rows of weight above zero.
        metric: `"euclidean"` (squared distance) or `"cosine"` (one less the cosine; zero rows are allowed and lie
            equally far from every centre).
        sharpness: Above zero; lower is softer. In two or three features the clusters melt into one near 1, in hundreds
            only far below; `math.inf` is K-Means.
        max_iter: Steps of one start at most, over all its stages.
        tol: The best start ends when a step lowers the objective by no more than this share of it.
        n_init: How many starts; the best is kept.
        seed: Of the starts.

    Attributes:
        cluster_centers_: `(n_clusters, features)`; unit vectors with cosine.
        masses_: Weight that each cluster holds, in shares: `(n_clusters,)`; what `partial_fit` goes on from.
        sums_: Points that each cluster holds, in shares, added up; with cosine, unit rows: `(n_clusters, features)`.
        labels_: The nearest centre of each row, after the last step.
        inertia_: Weighted sum of distances to the nearest centre.
        objective_: What was lowered; at infinite sharpness the inertia.
        sharpness_: K, in units of one over distance.
        n_iter_: Steps of the best start.

    Source:
        kexue.fm/archives/5112 for the objective; Arthur and Vassilvitskii (2007) for the seeding; Rose (1998) for
        annealing; Sculley (2010) for small batches.

    Example:
        >>> points = np.array([[0.0], [0.2], [9.0], [9.2]])
        >>> model = SoftKMeans(n_clusters=2).fit(points)
        >>> sorted(round(float(centre), 3) for centre in model.cluster_centers_[:, 0])
        [0.1, 9.1]
    """

    cluster_centers_: Floats
    masses_: Floats
    sums_: Floats
    labels_: NDArray[np.int32]
    inertia_: float
    objective_: float
    sharpness_: float
    n_iter_: int

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

    def fit(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> SoftKMeans:
        """Find the clusters.

        Args:
            X: `(rows, features)`, finite; dense, or sparse, which is not made dense.
            y: Ignored.
            sample_weight: `(rows,)`, finite, 0 or more; a row of weight 0 is as good as absent. None weighs all alike.

        Returns:
            The estimator itself.

        Raises:
            InputError: A parameter out of range, fewer rows than clusters, or an `X` or weights that are not such.
        """
        self._check_parameters()
        rows = self._rows(X, reset=True)
        weights = checked_weights(sample_weight, rows.shape[0])
        with threads() as map_blocks:
            self._fit(Points(rows, weights, self._cosine, map_blocks))
            self._describe(Points(rows, weights, self._cosine, map_blocks))
        return self

    def partial_fit(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> SoftKMeans:
        """Go on with one more batch: it is shared out among the centres, which move by their share of all seen so far.

        The first batch is clustered as by `fit`, which also settles K, so let it be typical. `labels_`, `inertia_` and
        `objective_` describe the last batch alone.

        Args:
            X: `(rows, features)`, finite, dense or sparse; the first batch has at least `n_clusters` rows.
            y: Ignored.
            sample_weight: `(rows,)`, finite, 0 or more; None weighs all alike.

        Returns:
            The estimator itself.

        Raises:
            InputError: As `fit`.
        """
        if not hasattr(self, "sums_"):
            return self.fit(X, y, sample_weight)
        self._check_parameters()
        rows = self._rows(X, reset=False)
        weights = checked_weights(sample_weight, rows.shape[0])
        with threads() as map_blocks:
            points = Points(rows, weights, self._cosine, map_blocks)
            middle, near, centres = self._from_the_middle(points)
            sums, masses, _ = near.step(centres[None], np.array([self.sharpness_]))
            self.sums_ = self.sums_ + sums[0] + middle * masses[0][:, None]
            self.masses_ = self.masses_ + masses[0]
            centres = centres_of(self.sums_, self.masses_, self._cosine)
            self.cluster_centers_ = relocate(points, centres, self.masses_)
            self.n_iter_ += 1
            self._describe(points)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:
        """Return the nearest centre of each row, `(rows,)`."""
        return self.transform(X).argmin(axis=1).astype(np.int32)

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the share of each cluster in each row, `(rows, n_clusters)`; rows sum to one."""
        return _share_out(self.transform(X), self.sharpness_)[0]

    def transform(self, X: ArrayLike) -> Floats:
        """Return the distance of each row to each centre, `(rows, n_clusters)`; squared where it is Euclidean."""
        check_is_fitted(self)
        rows = self._rows(X, reset=False)
        with threads() as map_blocks:
            return self._apart(Points(rows, np.ones(rows.shape[0]), self._cosine, map_blocks))

    def score(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the objective on `X`, negated: higher is better.

        Args:
            X: `(rows, features)`, finite, dense or sparse.
            y: Ignored.
            sample_weight: `(rows,)`, finite, 0 or more; None weighs all alike.
        """
        apart = self.transform(X)
        return -float(_share_out(apart, self.sharpness_)[1] @ checked_weights(sample_weight, len(apart)))

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
            arrays |= {"sums": self.sums_, "masses": self.masses_}
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
            ArtifactError: It is missing, changed, of another kind, newer, or of format 1, which held no sums to go on
                from.
        """
        manifest = artifacts.read_manifest(folder, kind=KIND, format=FORMAT)
        if manifest.format < FORMAT:
            raise ArtifactError(f"{folder}: was written by minent {manifest.version} in an older form. Fit it again.")
        arrays = artifacts.load_arrays(manifest.file(folder, "clusters.safetensors"))
        with artifacts.understood(folder):
            artifacts.check_shapes(arrays, _AXES, rows=sum(manifest.facts["sizes"]))
            model = cls(**{**manifest.config, "sharpness": float(manifest.config["sharpness"])})
            model.cluster_centers_, model.labels_ = arrays["cluster_centers"], arrays["labels"]
            model.sums_, model.masses_ = arrays["sums"], arrays["masses"]
            model.sharpness_ = float(manifest.facts["sharpness"])
            model.inertia_, model.objective_ = manifest.facts["inertia"], manifest.facts["objective"]
            model.n_iter_ = manifest.facts["steps"]
            model.n_features_in_ = model.cluster_centers_.shape[1]
        return model

    def __sklearn_tags__(self) -> Tags:
        """Say that sparse input is welcome, and that there are probabilities of several classes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags = ClassifierTags()  # scikit-learn's check of sparse input reads it of all that have them
        return tags

    # --- the work ---

    @property
    def _cosine(self) -> bool:
        return self.metric == "cosine"

    @property
    def _n_features_out(self) -> int:
        return int(self.cluster_centers_.shape[0])

    def _fit(self, points: Points) -> None:
        """Set the centres, and what they are made of, in the units of the points."""
        used = np.flatnonzero(points.weights)
        if len(used) < self.n_clusters:
            raise InputError(
                f"n_clusters is {self.n_clusters}, but X has {len(used)} rows (n_samples = {len(used)}) of weight "
                f"above zero; give fewer clusters or more rows."
            )
        kept = Points(points.rows[used], points.weights[used], points.cosine, points.map_blocks)
        origin, unit = units_of(kept)
        rows = kept.rows / unit if sparse.issparse(kept.rows) else (kept.rows - origin) / unit
        order = canonical_order(rows)
        exact = Points(rows[order], kept.weights[order], points.cosine, points.map_blocks)
        per_spread = 1 / (2 * spread_of(exact))
        sharpness = float(self.sharpness) * per_spread
        best = self._best_start(exact, per_spread)
        most = self.max_iter - best.steps
        run = lower(exact, best.centres[None].astype(np.float64), [(sharpness,)], self.tol, most)[0]
        self.n_iter_, self.masses_ = best.steps + run.steps, run.masses
        self.cluster_centers_ = run.centres * unit + origin
        self.sums_ = run.sums * unit + origin * run.masses[:, None]
        self.sharpness_ = sharpness if self._cosine else sharpness / unit**2

    def _best_start(self, exact: Points, per_spread: float) -> Run:
        """Run all starts, loosely and in single precision, and return the lowest."""
        points = exact if math.prod(exact.rows.shape) < _SMALL else exact.with_rows(exact.rows.astype(np.float32))
        centres = seed_centres(points, self.n_clusters, self.n_init, np.random.default_rng(self.seed))
        stages = [
            tuple(per_spread * stage for stage in stages_of(self.sharpness, bool(i % 2))) for i in range(self.n_init)
        ]
        runs = lower(points, centres, stages, max(self.tol, _LOOSE), self.max_iter)
        lowest = min(run.objective for run in runs)
        return next(run for run in runs if run.objective <= lowest + _TIE * abs(lowest))

    def _describe(self, points: Points) -> None:
        """Set what is said of the points that were given."""
        apart = self._apart(points)
        self.labels_ = apart.argmin(axis=1).astype(np.int32)
        self.inertia_ = float(apart.min(axis=1) @ points.weights)
        self.objective_ = float(_share_out(apart, self.sharpness_)[1] @ points.weights)

    def _apart(self, points: Points) -> Floats:
        _, near, centres = self._from_the_middle(points)
        return np.ascontiguousarray(near.distances(centres).T)

    def _from_the_middle(self, points: Points) -> tuple[Floats, Points, Floats]:
        """The middle of the centres, and points and centres seen from there: far from zero digits would be lost."""
        if points.cosine or sparse.issparse(points.rows):
            return np.zeros(points.rows.shape[1]), points, self.cluster_centers_
        middle = self.cluster_centers_.mean(axis=0)
        return middle, points.with_rows(points.rows - middle), self.cluster_centers_ - middle

    def _rows(self, X: ArrayLike, *, reset: bool) -> Any:
        try:
            rows = validate_data(self, X, reset=reset, dtype=np.float64, accept_sparse="csr")
        except ValueError as error:
            raise InputError(str(error)) from error
        return directions(rows) if self._cosine else rows

    def _check_parameters(self) -> None:
        for name, least in {"n_clusters": 1, "max_iter": 1, "n_init": 1, "seed": 0}.items():
            whole(name, getattr(self, name), least)
        if self.metric not in METRICS:
            hint = did_you_mean(str(self.metric), METRICS)
            raise InputError(f"metric is {self.metric!r}; it is 'euclidean' or 'cosine'.{hint}")
        if self.sharpness != math.inf:
            number("sharpness", self.sharpness, 0, ", or math.inf", above=True)
        number("tol", self.tol, 0)


def _share_out(apart: Floats, sharpness: float) -> tuple[Floats, Floats]:
    """Return the share of each cluster in each row, and what each row adds to the objective when its weight is one."""
    nearest = apart.min(axis=1, keepdims=True)
    behind = nearest - apart
    weights = np.exp(sharpness * behind) if math.isfinite(sharpness) else (behind == 0).astype(np.float64)
    totals = weights.sum(axis=1, keepdims=True)
    return weights / totals, (nearest - np.log(totals) / sharpness)[:, 0]
