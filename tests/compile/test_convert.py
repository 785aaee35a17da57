"""What a call takes for an array: whatever can be read without loss, and never a narrower dtype in silence."""

from __future__ import annotations

import array
import pickle
from typing import Any

import numpy as np
import pytest

import croton as cr

V = cr.vector("v")
SINGLE = cr.vector("q", dtype="float32")
WHOLE = cr.vector("n", dtype="int64")
BYTES = cr.vector("u", dtype="uint8")
A = np.arange(4.0)


class Subclass(np.ndarray):
    """An array of a class of its own."""


class Foreign:
    """An array of another library, which speaks DLPack and nothing else."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __dlpack__(self, **options: Any) -> Any:
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.values.__dlpack_device__()


class Elsewhere:
    """An array that is not in this computer's memory."""

    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError("not on this device")

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)


class Protocol:
    """An object with the array protocol that may refuse."""

    def __init__(self, values: np.ndarray | None) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if self.values is None:
            raise RuntimeError("call detach() first")
        return self.values


def readonly(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values.flags.writeable = False
    return values


@pytest.mark.parametrize(
    "given",
    [
        A, [0, 1, 2, 3], (0.0, 1, 2, 3.0), range(4), A.astype("f4"), A.astype("f2"), A.astype("i4"), A.astype(">f8"), A[::-1][::-1], np.arange(8.0)[::2] / 2,
        readonly(A), np.ma.array(A), memoryview(A), array.array("d", A), Foreign(A), Foreign(A.astype("f4")), Protocol(A), [np.float64(0), 1, np.array(2.0), 3],
        np.frombuffer(b"\0" + A.tobytes(), "f8", offset=1),
    ],
)  # fmt: skip
def test_what_is_read(given: Any) -> None:
    np.testing.assert_array_equal(cr.function([V], V * 2)(given), [0, 2, 4, 6])


@pytest.mark.parametrize(
    "given",
    [pickle.loads(pickle.dumps(A)), A.astype(np.dtype("f8", metadata={"unit": "m"})), A.astype("q"), [2**63, 2**64 - 1]],
    ids=["unpickled", "with metadata", "long long", "numbers above those of int64"],
)
def test_dtypes_that_are_equal_and_not_the_same_object(given: Any) -> None:
    values = np.asarray(given)
    x = cr.tensor("x", values.shape, dtype=values.dtype)
    for f in (cr.function([x], x + x), cr.jit(lambda x: x + x), cr.function([x], x + x, donate=[x]), lambda v: (x * 0 + v + v).eval({x: v})):
        np.testing.assert_array_equal(f(values.copy()), values + values)
    np.testing.assert_array_equal(cr.function([x], x)(given), values)
    w = cr.shared(values, name="w")
    step = cr.function([x], w + x, updates={w: w + x})
    np.testing.assert_array_equal(step(values), values + values)
    w.set_value(values)
    np.testing.assert_array_equal(step(values), values + values)
    w.set_value(values.copy(), borrow=True)
    np.testing.assert_array_equal(step(values), values + values)
    routine = cr.routine(lambda v: pickle.loads(pickle.dumps(v)), lambda v: v)
    np.testing.assert_array_equal(cr.function([x], routine(x) + x)(values), values + values)


def test_matrices_and_layouts() -> None:
    x = cr.matrix("x")
    f = cr.function([x], x.sum(0))
    np.testing.assert_array_equal(f(np.asarray([[1.0, 2], [3, 4]]).view(Subclass)), [4, 6])
    np.testing.assert_array_equal(f(np.asfortranarray([[1.0, 2], [3, 4]])), [4, 6])
    np.testing.assert_array_equal(f([A, A]), 2 * A)
    np.testing.assert_array_equal(f(np.broadcast_to(A, (3, 4))), 3 * A)


@pytest.mark.parametrize(
    ("expression", "given"),
    [
        (SINGLE, A), (SINGLE, Foreign(A)), (SINGLE, Protocol(A)), (SINGLE, [np.float64(0.1)]), (SINGLE, [A[0], A[1]]), (SINGLE, array.array("d", A)),
        (SINGLE, np.arange(3, dtype="i4")), (WHOLE, A), (WHOLE, [0.5]), (WHOLE, np.array([1], "u8")), (BYTES, np.array([1])), (V, np.array([1j])), (V, [1j]),
        (V, A.astype(np.longdouble)), (V, np.array(["a"])), (WHOLE, np.array(["2020-01-01"], "M8[D]")), (cr.vector("b", dtype="bool"), [1, 0]),
    ],
)  # fmt: skip
def test_nothing_is_narrowed_in_silence(expression: Any, given: Any) -> None:
    with pytest.raises(cr.DTypeError, match=r"argument .* wants dtype .*, got .*convert it yourself with \.astype"):
        cr.function([expression], expression)(given)


@pytest.mark.parametrize(("expression", "given"), [(BYTES, [256]), (BYTES, [-1]), (SINGLE, [1e300])])
def test_numbers_out_of_range(expression: Any, given: Any) -> None:
    with pytest.raises(cr.DTypeError, match="a number is out of its range"):
        cr.function([expression], expression)(given)
    np.testing.assert_array_equal(cr.function([SINGLE], SINGLE)([np.inf, 1]), np.array([np.inf, 1], "f4"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.ma.array(A, mask=[1, 0, 0, 0]), "a masked array with 1 masked elements"),
        (Elsewhere(), "this Elsewhere cannot be read .*not on this device"),
        (Protocol(None), r"this Protocol cannot be read .*call detach\(\) first"),
        (None, "numbers are wanted, got NoneType None"),
        ({"a": 1}, "numbers are wanted, got dict"),
        ([2**70], "numbers are wanted, got list"),
        ([[1, 2], [3]], "this list cannot be read"),
        ((i for i in range(3)), "numbers are wanted, got generator"),
    ],
)
def test_what_is_no_array(given: Any, says: str) -> None:
    with pytest.raises(cr.KindError, match=rf"argument 'v': {says}[^\n]*\n  at .*test_convert"):
        cr.function([V], V)(given)


def test_shared_variables_and_constants_hide_nothing_either() -> None:
    masked = np.ma.array(A, mask=[1, 0, 0, 0])
    w = cr.shared(A.astype("f4"), name="w")
    for attempt in (lambda: cr.shared(masked), lambda: cr.asarray(masked), lambda: V + masked, lambda: w.set_value(masked)):
        with pytest.raises(cr.KindError, match="a masked array with 1 masked elements"):
            attempt()
    for value in (A, Foreign(A), Protocol(A), list(A)):
        with pytest.raises(cr.DTypeError, match="shared variable 'w' holds float32, got float64"):
            w.set_value(value)
    np.testing.assert_array_equal(w.get_value(), A.astype("f4"))
