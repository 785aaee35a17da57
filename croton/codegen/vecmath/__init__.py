"""Mathematical functions as vector instructions: no calls but to intrinsics that every target compiles.

`FUNCTIONS[name](builder, *values)` emits the function on values of the builder's type (float or double, any number of lanes) and returns
its value. Each operation rounds once (`Builder.exact`); subnormals and signed zeros are kept and NaN is passed on. Error-free sums and
products rest on fused multiply-add: a target without the instruction calls the C library for it, which is right but slow. sin, cos, tan,
fmod, lgamma, digamma and polygamma open basic blocks.
"""

from __future__ import annotations

from collections.abc import Callable

from croton.codegen.vecmath.error_function import erf, erfc, erfinv
from croton.codegen.vecmath.exponential import exp, exp2, expm1
from croton.codegen.vecmath.gamma import digamma, lgamma
from croton.codegen.vecmath.hyperbolic import acosh, asinh, atanh, cosh, logaddexp, sigmoid, sinh, softplus, tanh
from croton.codegen.vecmath.logarithm import log, log1p, log2, log10
from croton.codegen.vecmath.polygamma import polygamma
from croton.codegen.vecmath.power import hypot, pow
from croton.codegen.vecmath.remainder import fmod
from croton.codegen.vecmath.trigonometric import acos, asin, atan, atan2, cos, sin, tan

FUNCTIONS: dict[str, Callable[..., str]] = {
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "log2": log2,
    "log10": log10,
    "sin": sin,
    "cos": cos,
    "tan": tan,
    "asin": asin,
    "acos": acos,
    "atan": atan,
    "atan2": atan2,
    "sinh": sinh,
    "cosh": cosh,
    "tanh": tanh,
    "asinh": asinh,
    "acosh": acosh,
    "atanh": atanh,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "logaddexp": logaddexp,
    "erf": erf,
    "erfc": erfc,
    "erfinv": erfinv,
    "pow": pow,
    "hypot": hypot,
    "fmod": fmod,
    "lgamma": lgamma,
    "digamma": digamma,
    "polygamma": polygamma,
}
"""The functions by the name the loop language has for them."""
