"""Programs over windows cost what the windows hold, not what the image holds."""

from __future__ import annotations

import numpy as np

import croton as cr


def test_a_moving_mean_is_linear_in_the_length() -> None:
    v = cr.vector("v", dtype="float32")
    f = cr.function([v], cr.sliding_window_view(v, 5).mean(axis=-1))
    assert f.flops(v=(1000,)) <= 8 * 1000
    x = np.random.default_rng(0).standard_normal(50).astype("float32")
    np.testing.assert_allclose(f(x), np.lib.stride_tricks.sliding_window_view(x, 5).mean(axis=-1), rtol=2e-5, atol=1e-6)


def test_pooling_reads_every_pixel_once_an_axis() -> None:
    x = cr.tensor("x", (None, 2, None, None), dtype="float32")
    value = np.random.default_rng(0).standard_normal((3, 2, 9, 8)).astype("float32")
    for size, stride in ((2, 2), (3, 2)):
        f = cr.function([x], cr.mean_pool(x, size, stride=stride))
        assert f.flops(x=(8, 2, 64, 64)) <= 4 * 8 * 2 * 64 * 64
        windows = np.lib.stride_tricks.sliding_window_view(value, (size, size), axis=(-2, -1))[:, :, ::stride, ::stride]
        np.testing.assert_allclose(f(value), windows.mean(axis=(-1, -2)), rtol=2e-5, atol=1e-6)


def test_the_gradient_of_a_moving_mean_is_one_too() -> None:
    v, c = cr.vector("v"), cr.vector("c")
    f = cr.function([v, c], cr.grad((cr.sliding_window_view(v, 3).mean(axis=-1) * c).sum(), v))
    assert f.flops(v=(1000,), c=(998,)) <= 30 * 1000
    given = np.arange(1.0, 9.0)
    np.testing.assert_allclose(f(np.zeros(10), given), np.convolve(given, np.full(3, 1 / 3)))


def test_distances_to_a_template_do_not_cancel() -> None:
    image, template = cr.matrix("image", dtype="float32"), cr.matrix("template", shape=(5, 5), dtype="float32")
    windows = cr.sliding_window_view(image, (5, 5))
    f = cr.function([image, template], ((windows - template) ** 2).sum(axis=(-1, -2)))
    x = np.full((12, 12), 4096.0, "float32")
    np.testing.assert_array_equal(f(x, x[:5, :5] + 1), np.full((8, 8), 25.0))
