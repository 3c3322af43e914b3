"""Truncated power series: write a function once, get its Taylor coefficients at any point and to any order.

A `Series` holds `[a_0 .. a_K]` of `f(x + h) = sum a_k h**k`. Arithmetic and the elementary functions act on the whole
expansion, by recurrences of `O(K**2)` operations that never see a factorial. The coefficients may be floats, NumPy
arrays, torch tensors, mpmath numbers or Fractions.

Source: R. E. Moore (1979), chapter 3; A. Griewank & A. Walther (2008), chapter 13 (Taylor-mode differentiation).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from minent.errors import InputError
from minent.roots.steps import invert_series

# Where an elementary function of an exact number is exact: name -> (argument, value).
_EXACT = {"exp": (0, 1), "log": (1, 0), "sqrt": (1, 1), "sin": (0, 0), "cos": (0, 1)}


class Series:
    """A power series cut after its term of degree `K`; two that meet are cut to the shorter.

    `+ - * / **`, `exp`, `log`, `sqrt`, `sin`, `cos` and `tan` work, as methods and as the NumPy functions of the same
    names. Calling a series evaluates it at a displacement; where that displacement is a series, the two are composed.

    Args:
        coefficients: `a_0, a_1 .. a_K`.

    Raises:
        InputError: No coefficient at all.

    Source:
        Griewank & Walther (2008), table 13.2.

    Example:
        >>> x = Series.variable(Fraction(0), 4)
        >>> print(*np.exp(x * x).coefficients)
        1 0 1 0 1/2
        >>> print(*x.sin()(x + x).coefficients)  # sin(2x)
        0 2 0 -4/3 0
    """

    # No coefficient above `_degree` differs from zero: what is linear inside a function costs `O(K)`, not `O(K**2)`.
    __slots__ = ("_degree", "coefficients")

    def __init__(self, coefficients: Iterable[Any]) -> None:
        self.coefficients = tuple(coefficients)
        self._degree = len(self.coefficients) - 1
        if not self.coefficients:
            raise InputError("coefficients is empty; a series needs its constant term at least.")

    @classmethod
    def variable(cls, value: Any, order: int) -> Series:
        """Return `value + h` up to degree `order`: what to feed a function to get its expansion at `value`."""
        one = value**0
        return cls._of([value, one, *[one * 0] * (order - 1)][: order + 1], 1)

    @classmethod
    def _of(cls, coefficients: Iterable[Any], degree: int) -> Series:
        series = cls(coefficients)
        series._degree = min(degree, series._degree)
        return series

    @property
    def order(self) -> int:
        """The highest degree that is kept."""
        return len(self.coefficients) - 1

    def __repr__(self) -> str:
        return f"Series([{', '.join(map(str, self.coefficients))}])"

    def __call__(self, displacement: Any) -> Any:
        """Evaluate at `displacement`, a number or array, or compose with a series whose constant term is zero."""
        if isinstance(displacement, Series) and np.any(displacement.coefficients[0] != 0):
            raise InputError(
                f"displacement has the constant term {displacement.coefficients[0]}, but a series is composed with a "
                f"displacement from its own point; take that term away first."
            )
        total = self.coefficients[-1]
        for a in reversed(self.coefficients[:-1]):
            total = displacement * total + a
        return total

    def inverse(self) -> Series:
        """Return the series of the inverse function; see `invert_series`."""
        return Series(invert_series(self.coefficients))

    # --- arithmetic ---------------------------------------------------------------------------------------------------

    def _lift(self, other: Any) -> Series:
        """Give a constant the length of this series."""
        if isinstance(other, Series):
            return other
        return Series._of([other, *[self.coefficients[0] * 0] * self.order], 0)

    def __neg__(self) -> Series:
        return Series._of([-a for a in self.coefficients], self._degree)

    def __pos__(self) -> Series:
        return self

    def __add__(self, other: Any) -> Series:
        if not isinstance(other, Series):
            return Series._of([self.coefficients[0] + other, *self.coefficients[1:]], self._degree)
        pairs = zip(self.coefficients, other.coefficients)
        return Series._of([a + b for a, b in pairs], max(self._degree, other._degree))

    def __sub__(self, other: Any) -> Series:
        if not isinstance(other, Series):
            return Series._of([self.coefficients[0] - other, *self.coefficients[1:]], self._degree)
        pairs = zip(self.coefficients, other.coefficients)
        return Series._of([a - b for a, b in pairs], max(self._degree, other._degree))

    def __mul__(self, other: Any) -> Series:
        if not isinstance(other, Series):
            return Series._of([a * other for a in self.coefficients], self._degree)
        a, b, m, n = self.coefficients, other.coefficients, self._degree, other._degree
        length = min(len(a), len(b))
        product = [_dot(a, b, k, max(0, k - n), min(k, m)) for k in range(min(length, m + n + 1))]
        return Series._of(product + [product[0] * 0] * (length - len(product)), m + n)

    def __truediv__(self, other: Any) -> Series:
        if not isinstance(other, Series):
            return Series._of([_over(a, other) for a in self.coefficients], self._degree)
        b, n, quotient = other.coefficients, other._degree, list[Any]()
        for k in range(min(self.order, other.order) + 1):
            rest = self.coefficients[k]
            for j in range(1, min(k, n) + 1):
                rest = rest - b[j] * quotient[k - j]
            quotient.append(_over(rest, b[0]))
        return Series(quotient)

    def __radd__(self, other: Any) -> Series:
        return self + other

    def __rsub__(self, other: Any) -> Series:
        return self._lift(other) - self

    def __rmul__(self, other: Any) -> Series:
        return self * other

    def __rtruediv__(self, other: Any) -> Series:
        return self._lift(other) / self

    def __pow__(self, exponent: Any) -> Series:
        if isinstance(exponent, Series):
            return (exponent * self.log()).exp()
        if isinstance(exponent, (int, np.integer)) or (isinstance(exponent, float) and exponent.is_integer()):
            return self._whole_power(int(exponent))
        a, power = self.coefficients, [_apply("pow", self.coefficients[0], exponent)]
        for k in range(1, len(a)):
            terms = range(1, min(k, self._degree) + 1)
            total = sum((exponent * j - (k - j)) * a[j] * power[k - j] for j in terms)
            power.append(_over(total, k * a[0]))
        return Series(power)

    def __rpow__(self, base: Any) -> Series:
        return (self * _apply("log", base)).exp()

    def _whole_power(self, exponent: int) -> Series:
        """Square and multiply: a zero constant term is allowed."""
        if exponent < 0:
            return 1 / self._whole_power(-exponent)
        result, square = self._lift(self.coefficients[0] ** 0), self
        while exponent:
            if exponent & 1:
                result = result * square
            square, exponent = square * square, exponent >> 1
        return result

    # --- elementary functions -----------------------------------------------------------------------------------------

    def exp(self) -> Series:
        """Return the exponential."""
        a, e = self.coefficients, [_apply("exp", self.coefficients[0])]
        for k in range(1, len(a)):
            e.append(_weighted(a, e, k, self._degree) / k)
        return Series(e)

    def log(self) -> Series:
        """Return the natural logarithm."""
        a, log = self.coefficients, [_apply("log", self.coefficients[0])]
        for k in range(1, len(a)):
            terms = range(max(1, k - self._degree), k)
            log.append(_over(a[k] - sum(j * log[j] * a[k - j] for j in terms) / k, a[0]))
        return Series(log)

    def sqrt(self) -> Series:
        """Return the square root."""
        a, root = self.coefficients, [_apply("sqrt", self.coefficients[0])]
        for k in range(1, len(a)):
            root.append(_over(a[k] - sum(root[j] * root[k - j] for j in range(1, k)), 2 * root[0]))
        return Series(root)

    def sin(self) -> Series:
        """Return the sine."""
        return self._sin_cos()[0]

    def cos(self) -> Series:
        """Return the cosine."""
        return self._sin_cos()[1]

    def tan(self) -> Series:
        """Return the tangent."""
        sin, cos = self._sin_cos()
        return sin / cos

    def _sin_cos(self) -> tuple[Series, Series]:
        a = self.coefficients
        sin, cos = [_apply("sin", a[0])], [_apply("cos", a[0])]
        for k in range(1, len(a)):
            sin_k, cos_k = _weighted(a, cos, k, self._degree) / k, -_weighted(a, sin, k, self._degree) / k
            sin.append(sin_k)
            cos.append(cos_k)
        return Series(sin), Series(cos)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Let `np.exp(series)` and `array * series` mean what they say."""
        if method != "__call__" or options:
            return NotImplemented
        if ufunc.__name__ in _BINARY:
            left, right = inputs
            left = left if isinstance(left, Series) else self._lift(left)
            return getattr(left, _BINARY[ufunc.__name__])(right)
        function = getattr(self, _UNARY.get(ufunc.__name__, ""), None)
        return function() if function else NotImplemented


_BINARY = {
    "add": "__add__",
    "subtract": "__sub__",
    "multiply": "__mul__",
    "divide": "__truediv__",
    "true_divide": "__truediv__",
    "power": "__pow__",
}
_UNARY = {name: name for name in ("exp", "log", "sqrt", "sin", "cos", "tan")} | {"negative": "__neg__"}


def _dot(a: tuple[Any, ...], b: tuple[Any, ...], k: int, first: int, last: int) -> Any:
    """The coefficient of degree `k` of a product, from `a[first] .. a[last]`."""
    total = a[first] * b[k - first]
    for j in range(first + 1, last + 1):
        total = total + a[j] * b[k - j]
    return total


def _weighted(a: tuple[Any, ...], other: list[Any], k: int, degree: int) -> Any:
    """`sum_{j=1..k} j a_j other_{k-j}`: the derivative of one series times another."""
    total = a[1] * other[k - 1]
    for j in range(2, min(k, degree) + 1):
        total = total + j * a[j] * other[k - j]
    return total


def _over(a: Any, b: Any) -> Any:
    """Divide, where a division by zero is NaN in every arithmetic: the search backs away from such a point."""
    try:
        return a / b
    except ZeroDivisionError:
        return math.nan


def _apply(name: str, value: Any, *arguments: Any) -> Any:
    """Call an elementary function in the arithmetic that `value` belongs to; NaN outside the domain of a float."""
    if isinstance(value, (int, Fraction)) and name in _EXACT and value == _EXACT[name][0]:
        return type(value)(_EXACT[name][1])
    if isinstance(value, (int, float, Fraction)):
        return _of_float(getattr(math, name), float(value), arguments)
    if isinstance(value, complex):
        return complex(getattr(np, "power" if name == "pow" else name)(value, *arguments))
    if isinstance(value, (np.ndarray, np.generic)):
        return getattr(np, "power" if name == "pow" else name)(value, *arguments)
    if type(value).__module__.startswith("mpmath"):
        import mpmath

        return getattr(mpmath, "power" if name == "pow" else name)(value, *arguments)
    if name == "pow":
        return value ** arguments[0]
    return getattr(value, name)()  # torch tensors and the balls of python-flint have all of them


def _of_float(function: Callable[..., float], value: float, arguments: tuple[Any, ...]) -> float:
    try:
        return function(value, *arguments)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


def taylor_of(function: Callable[[Any], Any]) -> Callable[[Any, int], list[Any]]:
    """Make the `taylor(x, order)` that `find_root` takes from a plain function.

    Args:
        function: One argument, written with `+ - * / **` and `np.exp`, `np.log`, `np.sqrt`, `np.sin`, `np.cos`,
            `np.tan` (or the methods of the same names).

    Returns:
        `taylor(x, order)`, giving `[a_0 .. a_order]` at `x`; NaN from where the function leaves its domain.

    Source:
        Griewank & Walther (2008), chapter 13.

    Example:
        >>> taylor_of(lambda x: x**3 - 2 * x)(1.0, 3)
        [-1.0, 1.0, 3.0, 1.0]
    """

    def taylor(x: Any, order: int) -> list[Any]:
        variable = Series.variable(x, order)
        return list(variable._lift(function(variable)).coefficients)

    return taylor
