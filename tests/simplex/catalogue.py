"""Every map and every loss of the room under one name each: what all tests run through."""

from __future__ import annotations

from functools import partial

from minent import simplex

MAPS = {
    "softmax": simplex.softmax,
    "taylor_softmax": simplex.taylor_softmax,
    "taylor_centred": partial(simplex.taylor_softmax, order=4, centred=True),
    "topk_softmax": partial(simplex.topk_softmax, k=2),
    "sigmoid_norm": simplex.sigmoid_norm,
    "softplus_norm": simplex.softplus_norm,
    "r_softmax": partial(simplex.r_softmax, rate=0.4),
    "ev_softmax": simplex.ev_softmax,
    "sparsemax": simplex.sparsemax,
    "entmax_1.2": partial(simplex.entmax, alpha=1.2),
    "entmax_1.5": simplex.entmax,
    "entmax_3": partial(simplex.entmax, alpha=3.0),
    "normmax_2": simplex.normmax,
    "normmax_4": partial(simplex.normmax, alpha=4.0),
    "perturb_normal": simplex.perturb_max,
    "perturb_gumbel": partial(simplex.perturb_max, noise="gumbel"),
    "perturb_logistic": partial(simplex.perturb_max, noise="logistic"),
    "soft_topk": partial(simplex.soft_topk, k=1),
    "budget": partial(simplex.budget, k=1),
}
NOT_SHIFT_INVARIANT = {"taylor_softmax", "sigmoid_norm", "softplus_norm"}
STRICT = {
    "softmax",
    "sigmoid_norm",
    "softplus_norm",
    "perturb_normal",
    "perturb_gumbel",
    "perturb_logistic",
    "soft_topk",
}

LOSSES = {
    "softmax": simplex.softmax_loss,
    "margin": partial(simplex.margin_softmax_loss, margin=0.2, scale=4.0),
    "taylor": simplex.taylor_softmax_loss,
    "topk": partial(simplex.topk_softmax_loss, k=2),
    "sigmoid_norm": simplex.sigmoid_norm_loss,
    "softplus_norm": simplex.softplus_norm_loss,
    "r_softmax": partial(simplex.r_softmax_loss, rate=0.4),
    "ev_softmax": simplex.ev_softmax_loss,
    "sparsemax": simplex.sparsemax_loss,
    "entmax_1": partial(simplex.entmax_loss, alpha=1.0),
    "entmax_1.2": partial(simplex.entmax_loss, alpha=1.2),
    "entmax_1.5": simplex.entmax_loss,
    "entmax_3": partial(simplex.entmax_loss, alpha=3.0),
    "normmax": simplex.normmax_loss,
    "perturb": simplex.perturb_max_loss,
    "soft_topk": partial(simplex.soft_topk_loss, k=1),
    "budget": partial(simplex.budget_loss, k=1),
}
FENCHEL_YOUNG = {
    "softmax": (simplex.softmax, simplex.softmax_loss),
    "sparsemax": (simplex.sparsemax, simplex.sparsemax_loss),
    "entmax_1.2": (partial(simplex.entmax, alpha=1.2), partial(simplex.entmax_loss, alpha=1.2)),
    "entmax_1.5": (simplex.entmax, simplex.entmax_loss),
    "normmax": (simplex.normmax, simplex.normmax_loss),
    "normmax_5": (partial(simplex.normmax, alpha=5.0), partial(simplex.normmax_loss, alpha=5.0)),
    "soft_topk": (
        partial(simplex.soft_topk, k=1, temperature=0.5),
        partial(simplex.soft_topk_loss, k=1, temperature=0.5),
    ),
    "budget": (partial(simplex.budget, k=1), partial(simplex.budget_loss, k=1)),
}
