"""The Triton programs against the compiled ones: on a GPU where there is one, else in Triton's interpreter."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
import torch

from minent import simplex
from minent.simplex import cpu, sparse

HAS_TRITON = importlib.util.find_spec("triton") is not None
needs_triton = pytest.mark.skipif(not HAS_TRITON, reason="Triton is not installed; `pip install triton` brings it")
needs_gpu = pytest.mark.skipif(not (HAS_TRITON and torch.cuda.is_available()), reason="no GPU that Triton can use here")

COMPARE = """
import math, torch
from minent.simplex import cpu, gpu
generator = torch.Generator().manual_seed(0)
for dtype in (torch.float32, torch.float64):
    for entries in (1, 5, 100, 9000):
        for alpha in (1.0, 1.05, 1.2, 1.5, 2.0, 3.0):
            x = torch.randn(4, entries, dtype=dtype, generator=generator) * 2
            x[0, : entries // 2] = -math.inf
            if entries > 2:
                x[1], x[2, 1] = -math.inf, math.nan
            number = torch.tensor(alpha, dtype=torch.float64)
            p, q = cpu.entmax(x, number)[0], gpu.entmax(x, number)
            tolerance = 8 * torch.finfo(dtype).eps
            torch.testing.assert_close(q, p, atol=tolerance, rtol=0, equal_nan=True)
            p, v = p.nan_to_num(), torch.randn(4, entries, dtype=dtype, generator=generator)
            torch.testing.assert_close(
                gpu.project(p, v, number), cpu.project(p, v, number), atol=10 * tolerance, rtol=100 * tolerance
            )
alphas = torch.tensor([[1.2], [2.0], [1.7], [1.0]], dtype=torch.float64)
x = torch.randn(4, 50, generator=generator)
torch.testing.assert_close(gpu.entmax(x, alphas), cpu.entmax(x, alphas)[0], atol=1e-6, rtol=0)
"""


@needs_triton
def test_the_programs_agree_in_the_interpreter():
    run = subprocess.run(
        [sys.executable, "-c", f"import os; os.environ['TRITON_INTERPRET'] = '1'\n{COMPARE}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


@needs_gpu
@pytest.mark.parametrize("alpha", [1.05, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_a_gpu_gives_what_the_cpu_gives(alpha, dtype):
    z = (torch.randn(64, 3000, generator=torch.Generator().manual_seed(0)) * 2).to(dtype)
    results = []
    for device in ("cpu", "cuda"):
        leaf = z.to(device).requires_grad_()
        p = simplex.entmax(leaf, alpha)
        p.square().sum().backward()
        results.append((p.detach().cpu(), leaf.grad.cpu()))
    tolerance = 1e-3 if dtype == torch.float16 else 1e-5
    torch.testing.assert_close(results[0][0], results[1][0], atol=tolerance, rtol=0)
    torch.testing.assert_close(results[0][1], results[1][1], atol=10 * tolerance, rtol=1e-2)


def test_other_devices_use_plain_torch():
    """Where neither kernel serves, the same function gives the same answer and gradient."""
    z = torch.randn(5, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = cpu.entmax(z, torch.tensor(1.3, dtype=torch.float64))[0]
    torch.testing.assert_close(sparse.solve_by_torch(z, torch.tensor(1.3)), expected, atol=1e-7, rtol=0)
