"""joblib, dask and tqdm on the executor."""

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


def nested(n):
    import joblib

    return sum(joblib.Parallel(2, backend="handoff")(joblib.delayed(tasks.add)(n) for _ in range(3)))


def test_a_task_of_joblib_may_use_the_backend_itself(joblib):
    with joblib.parallel_config("handoff"):
        assert joblib.Parallel(2)(joblib.delayed(nested)(n) for n in range(3)) == [3, 6, 9]


def test_bars_of_tqdm(pool):
    tqdm = pytest.importorskip("tqdm")
    import io

    # Its thread would stay, and the tests after this one fork.
    tqdm.tqdm.monitor_interval = 0

    from handoff_pool.tqdm import Bars, process_map

    shown = io.StringIO()
    assert process_map(tasks.add, range(20), executor=pool, file=shown) == list(range(1, 21))
    assert "20/20" in shown.getvalue()
    with pytest.raises(ValueError, match="of the task"):
        process_map(tasks.fail, ["of the task"], max_workers=1, disable=True)
    shown = io.StringIO()
    bars = Bars(file=shown, mininterval=0, leave=True)
    for done in (0, 5, 10):
        bars("SpawnProcess-1", done, 10, "counting")
    bars("SpawnProcess-2", 1, None, None)
    bars.close()
    assert "counting: 100%" in shown.getvalue() and "SpawnProcess-2" in shown.getvalue()


def test_a_graph_of_dask(tmp_path):
    dask = pytest.importorskip("dask")
    from handoff_pool.dask import get

    total = dask.delayed(sum)([dask.delayed(tasks.add)(n) for n in range(10)])
    assert total.compute(scheduler=get, num_workers=2) == 55
