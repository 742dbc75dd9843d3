"""joblib and dask on the executor."""

from __future__ import annotations

import numpy as np
import pytest

import tasks


@pytest.fixture
def joblib():
    joblib = pytest.importorskip("joblib")
    import handoff_pool.joblib as backend

    backend.register()
    yield joblib
    backend.shutdown()


def test_joblib_runs_and_fails_here(joblib):
    with joblib.parallel_config("handoff"):
        run = joblib.Parallel(2)
        assert run(joblib.delayed(tasks.add)(n) for n in range(100)) == list(range(1, 101))
        with pytest.raises(ValueError, match="of the task"):
            run([joblib.delayed(tasks.fail)("of the task")])
        assert run(joblib.delayed(tasks.add)(n) for n in range(3)) == [1, 2, 3]


def test_joblib_gives_results_as_a_generator(joblib):
    with joblib.parallel_config("handoff"):
        run = joblib.Parallel(2, return_as="generator")
        assert list(run(joblib.delayed(tasks.add)(n) for n in range(20))) == list(range(1, 21))
        run = joblib.Parallel(2, return_as="generator_unordered")
        assert sorted(run(joblib.delayed(tasks.add)(n) for n in range(20))) == list(range(1, 21))


def test_arrays_of_joblib_are_writable(joblib):
    array = np.ones(400_000)
    with joblib.parallel_config("handoff"):
        run = joblib.Parallel(2, batch_size=1)
        assert run(joblib.delayed(tasks.overwrite)(array) for _ in range(4)) == [7.0] * 4
    assert array[0] == 1


def test_a_graph_of_dask(tmp_path):
    dask = pytest.importorskip("dask")
    from handoff_pool.dask import get

    total = dask.delayed(sum)([dask.delayed(tasks.add)(n) for n in range(10)])
    assert total.compute(scheduler=get, num_workers=2) == 55
