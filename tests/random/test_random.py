"""Random numbers: published vectors, moments, goodness of fit, keys, vmap."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats as stats

import croton as cr
from croton.random.threefry import threefry
from croton.util.errors import ArgumentError, DTypeError, KindError, ShapeError

KEY = cr.random.key(20261121)
COUNT = 20_000


def words(*values: int) -> list[cr.Expr]:
    return [cr.asarray(np.array([value], np.uint32)) for value in values]


@pytest.mark.parametrize(
    ("key", "counter", "result"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_published_vectors(key, counter, result) -> None:
    """Known answers of Threefry2x32-20 from the Random123 distribution."""
    found = threefry(tuple(words(*key)), tuple(words(*counter)))
    assert tuple(int(word.eval()[0]) for word in found) == result
    assert tuple(int(cr.reference.evaluate(word)[0]) for word in found) == result


CONTINUOUS = {
    "uniform": (lambda k, n, d: cr.random.uniform(k, n, -1.0, 3.0, dtype=d), stats.uniform(-1, 4)),
    "normal": (lambda k, n, d: cr.random.normal(k, n, 1.0, 2.0, dtype=d), stats.norm(1, 2)),
    "truncated": (lambda k, n, d: cr.random.truncated_normal(k, -1.0, 2.0, n, dtype=d), stats.truncnorm(-1, 2)),
    "exponential": (lambda k, n, d: cr.random.exponential(k, n, 3.0, dtype=d), stats.expon(scale=1 / 3)),
    "laplace": (lambda k, n, d: cr.random.laplace(k, n, 1.0, 2.0, dtype=d), stats.laplace(1, 2)),
    "logistic": (lambda k, n, d: cr.random.logistic(k, n, 1.0, 2.0, dtype=d), stats.logistic(1, 2)),
    "gumbel": (lambda k, n, d: cr.random.gumbel(k, n, 1.0, 2.0, dtype=d), stats.gumbel_r(1, 2)),
    "cauchy": (lambda k, n, d: cr.random.cauchy(k, n, 1.0, 2.0, dtype=d), stats.cauchy(1, 2)),
    "gamma small": (lambda k, n, d: cr.random.gamma(k, 0.4, n, dtype=d), stats.gamma(0.4)),
    "gamma large": (lambda k, n, d: cr.random.gamma(k, 7.5, n, 2.0, dtype=d), stats.gamma(7.5, scale=0.5)),
    "beta": (lambda k, n, d: cr.random.beta(k, 2.0, 0.7, n, dtype=d), stats.beta(2, 0.7)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distributions_fit(name, dtype) -> None:
    draw, wanted = CONTINUOUS[name]
    values = draw(KEY, (COUNT,), dtype).eval()
    assert values.dtype == dtype and np.isfinite(values).all()
    # The key is fixed, so this either always passes or never does.
    assert stats.kstest(values.astype("f8"), wanted.cdf).pvalue > 1e-3


def test_discrete_distributions_fit() -> None:
    n = (COUNT,)
    cases = [
        (cr.random.bernoulli(KEY, 0.3, n), [0.7, 0.3]),
        (cr.random.randint(KEY, 0, 5, n), [0.2] * 5),
        (cr.random.categorical(KEY, np.log([0.2, 0.5, 0.3]), shape=n), [0.2, 0.5, 0.3]),
        (cr.random.choice(KEY, 4, n, p=[0.1, 0.2, 0.3, 0.4]), [0.1, 0.2, 0.3, 0.4]),
        (cr.random.binomial(KEY, 6, 0.3, n), stats.binom(6, 0.3).pmf(range(7))),
    ]
    for expression, chances in cases:
        counts = np.bincount(expression.eval().astype(int), minlength=len(chances))
        assert stats.chisquare(counts, np.array(chances) * COUNT).pvalue > 1e-3
    events = cr.random.poisson(KEY, 2.5, n).eval()
    wanted = np.append(stats.poisson(2.5).pmf(range(8)), stats.poisson(2.5).sf(7))
    assert stats.chisquare(np.bincount(np.minimum(events, 8), minlength=9), wanted * COUNT).pvalue > 1e-3
    draws = cr.random.multinomial(KEY, 10, [0.2, 0.3, 0.5], (2000,)).eval()
    assert (draws.sum(-1) == 10).all() and np.allclose(draws.mean(0), [2, 3, 5], atol=0.15)
    shares = cr.random.dirichlet(KEY, [1.0, 2.0, 3.0], (4000,)).eval()
    assert np.allclose(shares.sum(-1), 1) and np.allclose(shares.mean(0), [1 / 6, 2 / 6, 3 / 6], atol=0.02)


def test_orders_and_choices() -> None:
    order = cr.random.permutation(KEY, 50).eval()
    assert sorted(order) == list(range(50)) and not np.array_equal(order, np.arange(50))
    x = cr.matrix("x")
    rows = np.arange(20.0).reshape(10, 2)
    mixed = cr.random.shuffle(KEY, x).eval({x: rows})
    assert sorted(map(tuple, mixed)) == sorted(map(tuple, rows))
    some = cr.random.choice(KEY, 10, (4, 2), replace=False).eval()
    assert some.shape == (4, 2) and len(set(some.ravel())) == 8
    factor = np.array([[2.0, 0.0], [1.0, 0.5]])
    vectors = cr.random.multivariate_normal(KEY, np.array([1.0, -1.0]), factor, (COUNT,)).eval()
    assert np.allclose(np.cov(vectors.T), factor @ factor.T, atol=0.1)


def test_keys_are_independent_and_numbers_depend_on_their_position_alone() -> None:
    first, second = cr.random.split(KEY, 2)
    a, b, c = (cr.random.normal(k, (COUNT,)).eval() for k in (KEY, first, second))
    assert abs(np.corrcoef([a, b, c]) - np.eye(3)).max() < 0.03
    assert np.array_equal(cr.random.bits(KEY, (10, 10)).eval().ravel()[:50], cr.random.bits(KEY, (50,)).eval())
    folded = [cr.random.fold_in(KEY, i).eval() for i in (0, 1, 2**40)]
    assert len({tuple(k) for k in folded}) == 3
    seed = cr.scalar("seed", dtype="int64")
    same = cr.random.key(seed).eval({seed: np.int64(12345678901234)})
    assert np.array_equal(same, cr.random.key(12345678901234).eval())
    n = cr.matrix("n")
    f = cr.function([n], cr.random.uniform(KEY, n.shape))
    assert np.array_equal(f(np.zeros((3, 4))).ravel(), f(np.zeros((4, 3))).ravel())


def test_compiled_and_reference_agree() -> None:
    for expression in (cr.random.normal(KEY, (7,)), cr.random.randint(KEY, -3, 3, (7,)), cr.random.uniform(KEY, (2, 3), dtype="float32")):
        np.testing.assert_allclose(expression.eval(), cr.reference.evaluate(expression), rtol=1e-6)


def test_streams_move_on_by_updates() -> None:
    noise = cr.random.stream(0)
    x, y = cr.random.uniform(noise.key(), (5,)), cr.random.uniform(noise.key(), (5,))
    f = cr.function([], [x, y], updates=noise.updates())
    first, second = f(), f()
    assert len({*first[0], *first[1], *second[0], *second[1]}) == 20
    again = cr.random.stream(0)
    g = cr.function([], cr.random.uniform(again.key(), (5,)))
    assert np.array_equal(g(), first[0]) and np.array_equal(g(), g())


def test_derivatives_with_respect_to_parameters_and_vmap() -> None:
    mean, std = cr.scalar("mean"), cr.scalar("std")
    z = cr.random.normal(KEY, (1000,), mean, std)
    d = [g.eval({mean: 0.0, std: 1.0}) for g in cr.grad(z.mean(), [mean, std])]
    np.testing.assert_allclose(d, [1.0, cr.random.normal(KEY, (1000,)).eval().mean()], rtol=1e-10)
    keys = cr.stack(cr.random.split(KEY, 3))
    rows = cr.vmap(lambda k: cr.random.normal(k, (4,)))(keys).eval()
    wanted = [cr.random.normal(k, (4,)).eval() for k in cr.random.split(KEY, 3)]
    np.testing.assert_allclose(rows, wanted)


def test_dropout() -> None:
    x = np.ones((200, 50))
    y = cr.random.dropout(KEY, x, 0.2).eval()
    assert set(np.unique(y)) == {0.0, 1.25} and abs(y.mean() - 1) < 0.02
    with pytest.raises(ArgumentError, match="dropout rate"):
        cr.random.dropout(KEY, x, 1.0)


def test_wrong_requests_are_refused_with_words() -> None:
    with pytest.raises(ShapeError, match="a key is"):
        cr.random.uniform(np.zeros(3), (2,))
    with pytest.raises(DTypeError, match="float32 or float64"):
        cr.random.normal(KEY, (2,), dtype="int32")
    with pytest.raises(DTypeError, match="integer dtype"):
        cr.random.randint(KEY, 0, 2, dtype="float64")
    with pytest.raises(ArgumentError, match="low < high"):
        cr.random.randint(KEY, 3, 3)
    with pytest.raises(ArgumentError, match="at most 3"):
        cr.random.choice(KEY, 3, (4,), replace=False)
    with pytest.raises(ArgumentError, match="64 bits"):
        cr.random.key(2**64)
    with pytest.raises(KindError, match="integer seed"):
        cr.random.stream(0.5)
    for rate in (-1.0, [1.0, np.nan], np.inf):
        with pytest.raises(ArgumentError, match="a Poisson rate is at least 0 and finite"):
            cr.random.poisson(KEY, rate)
    with pytest.raises(ArgumentError, match="int8 has the numbers from -128 to 127"):
        cr.random.randint(KEY, 0, 1000, (3,), "int8")
    with pytest.raises(DTypeError, match="low is an integer, got dtype float64"):
        cr.random.randint(KEY, 0.5, 10)
    with pytest.raises(ShapeError, match="does not stretch"):
        cr.random.randint(KEY, np.zeros((2, 8), int), 1000, (8,))
    with pytest.raises(ShapeError, match="a probability for each of the 3 choices"):
        cr.random.choice(KEY, 3, (5,), p=[0.5, 0.5])
    with pytest.raises(ShapeError, match="a number of choices, or an array"):
        cr.random.choice(KEY, cr.scalar("x"), (5,))


def test_split_keys_are_an_array_and_a_key_may_be_shared() -> None:
    keys = cr.random.split(KEY, 5)
    assert keys.shape == (5, 2)
    _, drawn = cr.scan(lambda carry, key: (carry, cr.random.normal(key, (3,))), 0.0, keys)
    np.testing.assert_allclose(drawn.eval(), [cr.random.normal(key, (3,)).eval() for key in keys])
    x = cr.vector("x")
    each = cr.vmap(lambda key: cr.random.uniform(key))(cr.random.split(KEY, x.shape[0]))
    np.testing.assert_array_equal(each.eval({x: np.zeros(5)}), [cr.random.uniform(key).eval() for key in keys])

    state = cr.shared(cr.random.key(3), name="state")
    now, later = cr.random.split(state)
    draw = cr.function([], cr.random.uniform(now, (4,)), updates={state: later})
    assert len({*draw(), *draw()}) == 8
    with np.testing.assert_raises(cr.KindError):
        cr.shared(x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("lower", "upper"), [(-np.inf, np.inf), (2.9, np.inf), (3, 4), (5, 6), (7, 9), (-9, -7), (10, 11), (-np.inf, -5), (-np.inf, -40), (100, np.inf)]
)
def test_a_normal_truncated_far_from_its_middle(lower, upper, dtype) -> None:
    wanted = stats.truncnorm(lower, upper)
    values = cr.random.truncated_normal(KEY, lower, upper, (COUNT,), dtype=dtype).eval().astype("f8")
    assert (values >= lower).all() and (values <= upper).all() and np.isfinite(values).all()
    # The share of the chance beyond it, which is 0 to all digits in the distribution function of one side.
    near, far, x = (lower, upper, values) if lower > -np.inf and lower >= -upper else (-upper, -lower, -values)
    share = np.exp(stats.norm.logsf(x) - stats.norm.logsf(near)) - np.exp(stats.norm.logsf(far) - stats.norm.logsf(near))
    assert stats.kstest(share / (1 - np.exp(stats.norm.logsf(far) - stats.norm.logsf(near))), "uniform").pvalue > 1e-3
    assert abs(values.mean() - wanted.mean()) < 5 * wanted.std() / np.sqrt(COUNT) or abs(lower) > 30


def test_bounds_of_a_truncated_normal_may_be_expressions() -> None:
    lower, upper = cr.vector("lower"), cr.vector("upper")
    f = cr.function([lower, upper], cr.random.truncated_normal(KEY, lower, upper, (COUNT, lower.shape[0])))
    low, high = np.array([-1.0, 4.0, -9.0, -np.inf, 2.0]), np.array([1.0, 5.0, -8.0, np.inf, 3.0])
    for values, a, b in zip(f(low, high).T, low, high):
        assert stats.kstest(values, stats.truncnorm(a, b).cdf).pvalue > 1e-3
    slope = cr.function([lower], cr.grad(cr.random.truncated_normal(KEY, lower, lower + 1, (COUNT, 1)).mean(), lower))(np.array([5.0]))
    wanted = [stats.truncnorm(5 + step, 6 + step).mean() for step in (-1e-3, 1e-3)]
    np.testing.assert_allclose(slope, (wanted[1] - wanted[0]) / 2e-3, rtol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("a", "b"), [(0.001, 0.001), (0.01, 0.01), (0.01, 1.0)])
def test_shares_of_small_concentrations_are_numbers(a, b, dtype) -> None:
    """Both gamma variates are often too small to be written down."""
    values = cr.random.beta(KEY, a, b, (COUNT,), dtype=dtype).eval()
    assert ((values >= 0) & (values <= 1)).all()
    assert abs(values.astype("f8").mean() - a / (a + b)) < 5 * stats.beta(a, b).std() / np.sqrt(COUNT)
    shares = cr.random.dirichlet(KEY, [a, a, b], (2000,), dtype=dtype).eval()
    np.testing.assert_allclose(shares.sum(axis=-1), 1, rtol=1e-5)
    assert np.isnan(cr.random.gamma(KEY, np.array([-1.0, 0.5])).eval()).tolist() == [True, False]


@pytest.mark.parametrize("rate", [0.0, 0.1, 9.99, 10.0, 50.0, 150.0, 1e4, 1e9])
def test_poisson_numbers_of_any_rate_fit(rate) -> None:
    values = cr.random.poisson(KEY, rate, (COUNT,)).eval()
    assert values.dtype == "int64"
    if not rate:
        assert not values.any()
        return
    wanted = stats.poisson(rate)
    inner = np.unique(wanted.ppf(np.linspace(0.02, 0.98, 20)))
    chances = np.diff([0.0, *wanted.cdf(inner), 1.0])
    assert stats.chisquare(np.bincount(np.searchsorted(inner, values), minlength=len(chances)), chances * COUNT).pvalue > 1e-3
    assert abs(values.mean() - rate) < 5 * np.sqrt(rate / COUNT)
    assert abs(values.var() / rate - 1) < 0.1


def test_a_poisson_rate_that_is_none_gives_what_is_no_number_of_events() -> None:
    rate = cr.vector("rate")
    found = cr.function([rate], cr.random.poisson(KEY, rate))(np.array([-1.0, np.nan, np.inf, 0.0, 1000.0]))
    assert found[:4].tolist() == [-1, -1, -1, 0] and 800 < found[4] < 1200


def test_integers_between_arrays_of_bounds_differ_from_each_other() -> None:
    low, high = np.zeros(50, int), np.full(50, 10**6)
    assert len(set(cr.random.randint(KEY, low, high).eval())) > 45
    found = cr.random.randint(KEY, np.arange(5) * 10, np.arange(5) * 10 + 10, (1000, 5)).eval()
    assert (found // 10 == np.arange(5)).all()
    assert cr.random.randint(KEY, np.array([5, 0]), np.array([5, -3])).eval().tolist() == [5, 0]  # nothing between
    assert cr.random.randint(KEY, 0, 2**64 - 1, (1000,), "uint64").eval().max() > 2**63


def test_numbers_of_choices_of_any_kind() -> None:
    x = cr.vector("x")
    assert cr.random.choice(KEY, np.int64(5), (50,)).eval().max() == 4
    assert sorted(cr.random.permutation(KEY, np.int64(5)).eval()) == sorted(cr.random.permutation(KEY, [0, 1, 2, 3, 4]).eval()) == [0, 1, 2, 3, 4]
    f = cr.function([x], [cr.random.choice(KEY, x.shape[0], (50,)), cr.random.choice(KEY, x.shape[0], (3,), replace=False)])
    some, all_of_them = f(np.zeros(3))
    assert set(some) == {0, 1, 2} and set(all_of_them) == {0, 1, 2}


def test_steps_of_a_loop_share_a_key_of_a_stream_or_have_keys_made_of_it() -> None:
    noise = cr.random.stream(0)
    shared = cr.scan(lambda c, _: (c, cr.random.uniform(noise.key())), 0.0, None, length=5)[1]
    own = cr.scan(lambda c, key: (c, cr.random.uniform(key)), 0.0, cr.random.split(noise.key(), 5))[1]
    counted = cr.fori(0, 5, lambda i, c: c.at[i].set(cr.random.uniform(cr.random.fold_in(noise.key(), i))), cr.zeros(5))
    assert [len(set(values)) for values in cr.function([], [shared, own, counted], updates=noise.updates())()] == [1, 5, 5]
