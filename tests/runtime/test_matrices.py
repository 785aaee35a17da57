"""Routines on stacks of matrices as calls of a program: the machine code and the Python path against what `util/matrix_routines.py` says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hand_programs import constants

from croton.runtime import pool
from croton.runtime.calls.matrices import Matrices, Stack
from croton.runtime.calls.scope import MalformedProgram
from croton.runtime.check import check
from croton.runtime.program import Array, Output, Program
from croton.runtime.status import Refused
from croton.runtime.stream import Limits
from croton.util.matrix_routines import MATRIX_ROUTINES

RNG = np.random.default_rng(0)
SIZES = (0, 1, 2, 5, 12, 13, 16, 17, 40, 70)
CASES = [(name, bits) for name, meaning in MATRIX_ROUTINES.items() for bits in range(2**meaning.options)]
SHARED_OUT = Limits(0, 0, 1 << 60)


def given(name: str, n: int, stack: int, dtype: str, bits: int = 0) -> list[np.ndarray]:
    """Arguments of a routine: positive definite matrices, three right sides, or such as are triangular as the system is, tall matrices, equal numbers."""
    square = RNG.standard_normal((stack, n, n))
    good = (square @ square.swapaxes(1, 2) + max(n, 1) * np.eye(n)).astype(dtype)
    if name in ("lu_solve", "lu_inverse"):
        factors = list(MATRIX_ROUTINES["lu"].function((square + n * np.eye(n)).astype(dtype)))
        return [*factors, RNG.standard_normal((stack, n, 3)).astype(dtype)] if name == "lu_solve" else factors
    if name == "solve_triangular" and bits & 4:
        return [good, (np.tril if bits & 1 ^ bits >> 1 & 1 else np.triu)(square).astype(dtype)]
    if name == "solve_triangular":
        return [good, RNG.standard_normal((stack, n, 3)).astype(dtype)]
    if name == "argsort":
        return [RNG.integers(0, n // 2 + 1, (stack, n)).astype(dtype)]
    return [RNG.standard_normal((stack, n, max(n - 2, 0))).astype(dtype)] if name in ("svd", "qr") else [good]


def program(name: str, bits: int, arguments: list[np.ndarray], results: list[np.ndarray], turned: bool) -> Program:
    """One call on a stack; matrices of the arguments lie in columns if they are `turned`."""
    numbers: list[int] = []

    def index(value: int) -> int:
        if value not in numbers:
            numbers.append(value)
        return numbers.index(value)

    stacks, strides = [], []
    in_columns = {"eigh": (1,), "svd": (0, 2), "qr": (0,)}.get(name, ())
    for place, array in enumerate((*arguments, *results)):
        rows, columns = (*array.shape[1:], 1)[:2]
        turn = array.ndim == 3 and (turned if place < len(arguments) else place - len(arguments) in in_columns)
        row, column = (1, rows) if turn else (columns, 1)
        stacks.append(Stack(array.dtype.name, place, *map(index, (rows, columns, row, column))))
        strides.append(index(rows * columns))
    pointers = len(arguments) + len(results)
    least, most = sorted((*arguments[0].shape[1:], 1)[:2])
    work = arguments[0].itemsize * (8 * least * most + 256 * (least + most) + 64)
    slot = len(arguments)
    stacks = [stack if place < slot else stack._replace(pointer=place + 1) for place, stack in enumerate(stacks)]
    memory = (slot, index((work + 63) // 64 * 64), index(4))
    call = Matrices(f"{name} {arguments[0].dtype.name}", tuple(stacks), bits, (index(len(arguments[0])),), tuple(strides), index(1 << 30), 7, *memory)
    inputs = [Array(array.dtype.name, tuple(map(index, _stored(array, turned).shape))) for array in arguments]
    shapes = [array.swapaxes(1, 2).shape if place in in_columns else array.shape for place, array in enumerate(results)]
    outputs = [Output("new", array.dtype.name, tuple(map(index, shape))) for array, shape in zip(results, shapes)]
    slots, arena = (index(0),), index(4 * ((work + 63) // 64 * 64))
    made = Program(tuple(inputs), tuple(outputs), (call,), constants(*numbers), len(numbers), slots=slots, arena=arena, structure="tuple")
    assert made.pointer("output", 0) == slot + 1 and pointers >= 2
    return made


def _stored(array: np.ndarray, turned: bool) -> np.ndarray:
    return np.ascontiguousarray(array.swapaxes(1, 2)) if turned and array.ndim == 3 else array


def found(loader: Callable[..., Any], name: str, bits: int, arguments: list[np.ndarray], turned: bool) -> list[np.ndarray]:
    meaning = MATRIX_ROUTINES[name]
    options = [bool(bits >> bit & 1) for bit in range(meaning.options)]
    wanted = [np.asarray(value) for value in meaning.function(*arguments, *options)]
    wanted = [value.astype(arguments[0].dtype) if value.dtype.kind == "f" else value for value in wanted]
    one = program(name, bits, arguments, wanted, turned)
    check(one, 0, 0)
    results = loader(one, limits=SHARED_OUT)(*[_stored(array, turned) for array in arguments])
    in_columns = {"eigh": (1,), "svd": (0, 2), "qr": (0,)}.get(name, ())
    results = [array.swapaxes(1, 2) if place in in_columns else array for place, array in enumerate(results)]
    for array, value in zip(results, wanted):
        scale = max(1.0, float(abs(value).max(initial=0)))
        if name in ("eigh", "svd") and array.ndim == 3:
            # Vectors may have another sign, and turn among each other where values are close.
            gram = array.swapaxes(1, 2) @ array if array.shape[1] >= array.shape[2] else array @ array.swapaxes(1, 2)
            close(gram, np.broadcast_to(np.eye(gram.shape[-1]), gram.shape), 1)
        else:
            close(array, value, scale)
    if name == "eigh":
        close(results[1] * results[0][:, None] @ results[1].swapaxes(1, 2), arguments[0], abs(arguments[0]).max(initial=1))
    if name == "svd":
        close(results[0] * results[1][:, None] @ results[2], arguments[0], 10)
    return results


def close(array: np.ndarray, wanted: np.ndarray, scale: float) -> None:
    np.testing.assert_allclose(array, wanted, rtol=0, atol=scale * (1e-11 if array.itemsize == 8 else 2e-4))


@pytest.mark.parametrize("turned", [False, True], ids=["rows", "columns"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "bits"), CASES)
def test_stacks_of_all_sizes(loader: Callable[..., Any], name: str, bits: int, dtype: str, turned: bool) -> None:
    for n in SIZES:
        found(loader, name, bits, given(name, n, 3, dtype, bits), turned)
    found(loader, name, bits, given(name, 4, 0, dtype, bits), turned)


@pytest.mark.parametrize("name", MATRIX_ROUTINES)
def test_the_bits_do_not_depend_on_the_number_of_threads(loader: Callable[..., Any], name: str) -> None:
    arguments = given(name, 21, 30, "float64")
    before = pool.get_threads()
    seen = []
    try:
        for threads in (1, 2, 3):
            pool.set_threads(threads)
            seen.append([array.tobytes() for array in found(loader, name, 0, arguments, False)])
    finally:
        pool.set_threads(before)
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("n", [3, 30])
@pytest.mark.parametrize("name", ["cholesky", "solve_triangular", "lu_solve", "lu_inverse"])
def test_the_first_matrix_without_an_answer_is_named(loader: Callable[..., Any], name: str, n: int) -> None:
    arguments = given(name, n, 9, "float64")
    wanted = [np.asarray(value) for value in MATRIX_ROUTINES[name].function(*arguments, *[False] * MATRIX_ROUTINES[name].options)]
    one = program(name, 0, arguments, wanted, False)
    for member in (4, 6):
        arguments[0][member] = -np.eye(n) if name == "cholesky" else 0
    with pytest.raises(Refused) as caught:
        loader(one, limits=SHARED_OUT)(*arguments)
    status = caught.value.status
    assert (status.reason, status.place, status.detail) == ("matrix", 7, 4)


def test_nan_is_no_error() -> None:
    nothing = np.full((1, 3, 3), np.nan)
    assert np.isnan(MATRIX_ROUTINES["cholesky"].function(nothing)[0][0, 2, 1])


def test_a_call_that_does_not_fit_its_routine_is_malformed() -> None:
    arguments = given("cholesky", 3, 2, "float64")
    good = program("cholesky", 0, arguments, arguments, False)
    (call,) = good.calls
    for wrong in (call._replace(routine="nothing float64"), call._replace(matrices=call.matrices[:1]), call._replace(strides=()), call._replace(work=-1)):
        with pytest.raises(MalformedProgram):
            check(good._replace(calls=(wrong,)), 0, 0)
