"""torch's function transforms over every map: forward mode, vmap, Jacobians and Hessians; and modules, and CSR."""

from __future__ import annotations

import pytest
import torch
from scipy.sparse import csr_array
from torch.autograd import gradcheck, gradgradcheck
from torch.func import grad, hessian, jacfwd, jacrev, vmap

from minent import errors, simplex
from tests.simplex.catalogue import LOSSES, MAPS

POINT = torch.tensor([[1.1, 0.35, 0.0, -0.2], [0.5, 0.4, 0.17, 0.1]], dtype=torch.float64)

# torch says so of its own log_ndtr under vmap, which the normal noise of `perturb_max` calls.
pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop.*log_ndtr:UserWarning")


@pytest.mark.parametrize("name", MAPS)
def test_forward_mode_and_both_orders(name):
    z = POINT.clone().requires_grad_()
    assert gradcheck(MAPS[name], z, check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(MAPS[name], z, check_fwd_over_rev=True)


@pytest.mark.parametrize("name", MAPS)
def test_vmap_is_a_loop(name):
    torch.testing.assert_close(vmap(MAPS[name])(POINT), MAPS[name](POINT))
    columns = POINT.T.contiguous()
    mapped = vmap(MAPS[name], in_dims=1, out_dims=1)(columns)
    torch.testing.assert_close(mapped, MAPS[name](columns, dim=0))


@pytest.mark.parametrize("name", MAPS)
def test_jacobians_and_hessians(name):
    by_rows, by_columns = vmap(jacrev(MAPS[name]))(POINT), vmap(jacfwd(MAPS[name]))(POINT)
    torch.testing.assert_close(by_rows, by_columns)

    def energy(row):
        return MAPS[name](row).square().sum()

    expected = torch.stack([torch.autograd.functional.hessian(energy, row) for row in POINT])
    torch.testing.assert_close(vmap(hessian(energy))(POINT), expected)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_each_sample(name):
    target = torch.tensor([1, 2])
    each = vmap(grad(LOSSES[name]))(POINT, target)
    z = POINT.clone().requires_grad_()
    LOSSES[name](z, target, reduction="sum").backward()
    torch.testing.assert_close(each, z.grad)


@pytest.mark.parametrize("alpha", [[[1.3], [1.7]], 1.4, [[1.0 + 1e-3], [1.95]]])
def test_alpha_is_differentiated_with_the_scores(alpha):
    alpha = torch.tensor(alpha, dtype=torch.float64, requires_grad=True)
    z = POINT.clone().requires_grad_()
    assert gradcheck(simplex.entmax, (z, alpha), check_forward_ad=True)
    assert gradgradcheck(simplex.entmax, (z, alpha))

    def loss(z, alpha):
        return simplex.entmax_loss(z, torch.tensor([0, 2]), alpha)

    assert gradcheck(loss, (z, alpha))
    assert gradgradcheck(loss, (z, alpha))


def test_the_gradient_of_alpha_is_continuous_at_softmax():
    """The published formula loses all digits at 1 + 1e-6 and is 0 / 0 at 1; the limit is `p (mean l**2 - l**2) / 2`."""
    log_p = torch.log_softmax(POINT[0], -1)
    p = log_p.exp()
    limit = 0.5 * p * ((p * log_p.square()).sum() - log_p.square())
    for excess in (0.0, 1e-12, 1e-6):
        alpha = torch.tensor(1.0 + excess, dtype=torch.float64)
        (column,) = torch.func.jacrev(simplex.entmax, argnums=(1,))(POINT[0], alpha)
        torch.testing.assert_close(column, limit, atol=max(1e-14, 3 * excess), rtol=0)


def test_alphas_under_vmap_and_by_broadcasting():
    alpha = torch.tensor([1.3, 1.7], dtype=torch.float64)
    expected = torch.stack([simplex.entmax(row, float(a)) for row, a in zip(POINT, alpha, strict=True)])
    torch.testing.assert_close(vmap(simplex.entmax)(POINT, alpha), expected)
    heads = POINT.expand(3, 2, 2, 4)  # (batch, heads, queries, keys)
    torch.testing.assert_close(
        simplex.entmax(heads, alpha.view(2, 1, 1))[1, :, 0],
        torch.stack([simplex.entmax(POINT[0], float(a)) for a in alpha]),
    )


@pytest.mark.parametrize("name", ["soft_topk", "budget"])
def test_the_sum_k_is_differentiated(name):
    k = torch.tensor([[1.5], [2.2]], dtype=torch.float64, requires_grad=True)
    z = POINT.clone().requires_grad_()
    function = getattr(simplex, name)
    assert gradcheck(function, (z, k), check_forward_ad=True)
    assert gradgradcheck(function, (z, k))
    torch.testing.assert_close(function(z, k).sum(-1), k[:, 0])


def test_layers_train_what_they_hold():
    learned = simplex.Layer(simplex.entmax, alpha=torch.nn.Parameter(torch.tensor(1.5)))
    learned(torch.tensor([[2.0, 1.0, 0.0]]))[0, 0].backward()
    (alpha,) = learned.parameters()
    assert alpha.grad != 0
    assert simplex.Layer(simplex.entmax, alpha=torch.tensor(1.5)).double().alpha.dtype == torch.float64
    weighted = simplex.Layer(simplex.sparsemax_loss, weight=torch.tensor([1.0, 0.0]))
    assert weighted(torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])) == 0.25
    with pytest.raises(errors.InputError, match=r"entmax has no option 'alfa'\. Did you mean 'alpha'"):
        simplex.Layer(simplex.entmax, alfa=1.5)


def test_learned_entmax_starts_where_it_is_told():
    layer = simplex.LearnedEntmax(shape=(2, 1, 1), start=1.25, dim=-1)
    scores = torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(scores), simplex.entmax(scores, 1.25))
    layer(scores).square().sum().backward()
    assert layer.raw_alpha.grad.isfinite().all()
    with pytest.raises(errors.InputError, match=r"start is 2\.0"):
        simplex.LearnedEntmax(start=2.0)


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_csr_holds_what_was_dense(dim):
    scores = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)) * 2
    p = simplex.sparsemax(scores, dim).requires_grad_()
    starts, columns, values = simplex.to_csr(p, dim)
    rows = p.movedim(dim, -1).reshape(-1, p.shape[dim])
    dense = csr_array((values.detach().numpy(), columns.numpy(), starts.numpy()), rows.shape).toarray()
    assert (dense == rows.detach().numpy()).all()
    assert torch.equal(starts.diff(), simplex.support_size(p, dim).flatten())
    values.sum().backward()
    assert torch.equal(p.grad, (p > 0).float())
