"""joblib, dask and tqdm on the executor."""

from __future__ import annotations

import threading

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


def test_a_copy_of_this_process_may_use_the_backend_too(joblib):
    # Without its own lock it would wait for this process, until its time is over.
    with joblib.parallel_config("handoff", start_method="fork", timeout=60):
        assert joblib.Parallel(2)(joblib.delayed(nested)(n) for n in range(3)) == [3, 6, 9]


@pytest.fixture
def elsewhere(joblib):
    """Starts a call of joblib in another thread; gives what returns its outcome."""

    def start(calls, **options):
        outcome = []

        def run():
            try:
                outcome.append(joblib.Parallel(2, backend="handoff", batch_size=1, **options)(calls))
            except BaseException as error:
                outcome.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()

        def result():
            thread.join(60)
            return outcome[0] if outcome else "nothing"

        return result

    return start


def test_a_call_goes_on_where_another_asks_for_other_workers(joblib, elsewhere, tmp_path):
    begun, end = str(tmp_path / "begun"), str(tmp_path / "end")
    waiting = joblib.delayed(tasks.begin_and_wait)(begun, end)
    first = elsewhere([waiting] + [joblib.delayed(tasks.add)(n) for n in range(20)], pre_dispatch=1)
    tasks.wait_for(begun)
    other = joblib.Parallel(3, backend="handoff")
    assert other(joblib.delayed(tasks.add)(n) for n in range(5)) == [1, 2, 3, 4, 5]
    open(end, "w").close()
    assert first()[1:] == list(range(1, 21))


def test_a_call_that_fails_leaves_others_alone(joblib, elsewhere, tmp_path):
    begun, end = str(tmp_path / "begun"), str(tmp_path / "end")
    first = elsewhere([joblib.delayed(tasks.begin_and_wait)(begun, end)])
    tasks.wait_for(begun)
    with pytest.raises(ValueError, match="of the task"):
        joblib.Parallel(2, backend="handoff")([joblib.delayed(tasks.fail)("of the task")])
    open(end, "w").close()
    (pid,) = first()
    assert isinstance(pid, int)


def test_a_generator_that_is_given_up_leaves_others_alone(joblib, tmp_path):
    calls = [joblib.delayed(tasks.add)(1), joblib.delayed(tasks.wait_for)(str(tmp_path / "end"))]
    with joblib.parallel_config("handoff"):
        # Both have the backend of this block.
        first, other = (joblib.Parallel(2, return_as="generator", batch_size=1)(calls) for _ in range(2))
        assert next(first) == next(other) == 2
        with pytest.warns(UserWarning, match="cancelled"):
            del other
        (tmp_path / "end").touch()
        (pid,) = first
    assert isinstance(pid, int)


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
