"""NumPy's and JAX's other names of functions, and what to write for names that there are not."""

from __future__ import annotations

from croton.ops.arithmetic import abs as absolute
from croton.ops.arithmetic import divide as true_divide
from croton.ops.arithmetic import remainder as mod
from croton.ops.casting import asarray as array
from croton.ops.creation import zeros as empty
from croton.ops.creation import zeros_like as empty_like
from croton.ops.logic import bitwise_invert as bitwise_not
from croton.ops.logic import bitwise_invert as invert
from croton.ops.logic import bitwise_left_shift as left_shift
from croton.ops.logic import bitwise_right_shift as right_shift
from croton.ops.nn import hard_silu as hard_swish
from croton.ops.nn import silu as swish
from croton.ops.reductions import max as amax
from croton.ops.reductions import min as amin
from croton.ops.rounding import round as around
from croton.ops.rounding import trunc as fix
from croton.ops.transcendental import acos as arccos
from croton.ops.transcendental import acosh as arccosh
from croton.ops.transcendental import asin as arcsin
from croton.ops.transcendental import asinh as arcsinh
from croton.ops.transcendental import atan as arctan
from croton.ops.transcendental import atan2 as arctan2
from croton.ops.transcendental import atanh as arctanh
from croton.ops.transcendental import deg2rad as radians
from croton.ops.transcendental import lgamma as gammaln
from croton.ops.transcendental import rad2deg as degrees
from croton.ops.transcendental import sigmoid as expit

__all__ = [
    "absolute", "amax", "amin", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "around", "array", "bitwise_not", "degrees", "empty",
    "empty_like", "expit", "fix", "gammaln", "hard_swish", "invert", "left_shift", "mod", "radians", "right_shift", "swish", "true_divide",
]  # fmt: skip

INSTEAD = {
    "block_until_ready": "it is not needed: a call returns when it is done",
    "complex64": "there are no complex numbers yet; keep real and imaginary parts apart",
    "complex128": "there are no complex numbers yet; keep real and imaginary parts apart",
    "custom_jvp": "use custom_vjp, which also serves forward derivatives",
    "dropout": "use random.dropout",
    "debug": "there is no output from inside a program; give values out as results, or see config.check_finite",
    "dynamic_slice": "index with expressions: x[i : i + n]",
    "dynamic_update_slice": "use x.at[i : i + n].set(values)",
    "fft": "there is no Fourier transform yet; call NumPy's by routine",
    "float16": "the floating dtypes are float32 and float64",
    "bfloat16": "the floating dtypes are float32 and float64",
    "fori_loop": "use fori",
    "jacfwd": "use jacobian",
    "jacrev": "use jacobian",
    "lax": "scan, while_loop, fori and cond are functions of croton itself",
    "linearize": "use jvp",
    "nn": "relu, softmax and the like are functions of croton itself; there are no layers",
    "numpy": "functions of arrays are functions of croton itself",
    "pmap": "use vmap; calls use as many threads as config.threads says",
    "pure_callback": "use routine",
    "remat": "use checkpoint",
    "scipy": "erf, logsumexp and the like are functions of croton itself; solvers are in linalg",
    "segment_max": "use full(count, -inf).at[segments].max(x)",
    "segment_min": "use full(count, inf).at[segments].min(x)",
    "special": "erf, lgamma and the like are functions of croton itself",
    "switch": "use cond inside of cond, or where",
    "tree": "lists, tuples and dicts go into functions as they are; map over them in Python",
    "tree_map": "lists, tuples and dicts go into functions as they are; map over them in Python",
    "tree_util": "lists, tuples and dicts go into functions as they are; map over them in Python",
    "Variable": "use shared, or scalar, vector, matrix and tensor for inputs",
}
"""For a name that people look for and croton lacks, what to do."""
