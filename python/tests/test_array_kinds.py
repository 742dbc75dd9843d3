"""Arrays of every kind, there and back."""

from __future__ import annotations

import numpy as np
import pytest

import tasks
from handoff_pool import ProcessPoolExecutor
from test_arrays import stamped

ARRAYS = {
    "scalar": np.array(5.0),
    "none": np.zeros((0, 3)),
    "tiny": np.arange(10),
    "middle": np.arange(10_000.0),
    "large": np.arange(500_000.0),
    "fortran": np.asfortranarray(np.arange(600_000.0).reshape(600, 1000)),
    "transposed": np.arange(600_000.0).reshape(600, 1000).T,
    "strided": np.arange(600_000.0).reshape(600, 1000)[::-2, 3::5],
    "structured": stamped(100_000),
    "field": stamped(100_000)["val"],
    "times": np.arange(300_000).astype("M8[ns]"),
    "bools": np.ones(2_000_000, bool),
    "small big endian": np.arange(12, dtype=">i4").reshape(3, 4),
    "big endian": np.arange(300_000, dtype=">f8"),
    "objects": np.array([1, "two", None], dtype=object),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_any_array_comes_and_goes_unchanged(method_pool, name):
    array = ARRAYS[name]
    came = method_pool.submit(tasks.echo, array).result(60)
    assert came.dtype == array.dtype and came.shape == array.shape
    np.testing.assert_array_equal(came, array)
    assert came.flags.writeable
    kind, dtype, shape, writable = method_pool.submit(tasks.facts, array).result(60)
    assert (kind, dtype, shape, writable) == ("ndarray", array.dtype.str, array.shape, True)


@pytest.fixture(scope="module", params=["spawn", "forkserver"])
def method_pool(request):
    with ProcessPoolExecutor(1, start_method=request.param) as pool:
        assert pool.submit(tasks.add, 1).result(60) == 2
        yield pool
