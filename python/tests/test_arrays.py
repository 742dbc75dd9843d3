"""Arrays: shared, mapped, copied; each of them the task's own to write to."""

from __future__ import annotations

import os

import numpy as np
import pytest

import handoff_pool
import tasks
from conftest import descriptors
from handoff_pool import ProcessPoolExecutor, _native

STAMPED = np.dtype([("timestamp", "M8[ns]"), ("val", "f8")])


def stamped(count):
    array = np.zeros(count, STAMPED)
    array["val"] = np.arange(count)
    return array


@pytest.mark.parametrize("count", [5000, 500_000])
def test_a_task_writes_to_its_own_copy(pool, count):
    array = np.arange(float(count))
    assert pool.submit(tasks.overwrite, array).result(60) == 7
    assert array[1] == 1 and pool.submit(tasks.total, array).result(60) == array.sum()


def test_records_stay_records(pool):
    for count in (10, 100_000):
        records = stamped(count).view(np.recarray)
        came = pool.submit(tasks.echo, records).result(60)
        assert type(came) is np.recarray and came.val.sum() == records.val.sum()


def test_a_mapped_file_travels_as_a_place(pool, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(1_000_000.0))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    views = [mapped, mapped[1000:-1000], mapped[::-3], mapped.reshape(1000, 1000)[5::7, ::2]]
    for view in views:
        assert pool.submit(tasks.total, view).result(60) == view.sum()
        assert pool.submit(tasks.overwrite, view).result(60) == 7
    assert mapped[5] == 5
    from handoff_pool import _pickle

    assert len(_pickle.dumps(mapped, False)[0]) < 1000, "the bytes are in the pickle"


def test_a_file_that_was_replaced_is_not_taken_for_the_old_one(pool, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(100_000.0))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert pool.submit(tasks.total, mapped).result(60) == mapped.sum()
    np.save(tmp_path / "y.npy", np.zeros(100_000))
    (tmp_path / "y.npy").rename(tmp_path / "x.npy")
    error = pool.submit(tasks.total, mapped).exception(60)
    assert "was replaced" in str(error.__cause__), error


def test_a_file_mapped_for_writing_is_copied(pool, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(100_000.0))
    for mode in ("r+", "c"):
        mapped = np.load(tmp_path / "x.npy", mmap_mode=mode)
        mapped[0] = 5
        assert pool.submit(tasks.total, mapped).result(60) == mapped.sum()


def test_shared_arrays_are_reached_by_all_and_changed_by_none(pool):
    shared = handoff_pool.share(np.arange(600_000.0).reshape(600, 1000))
    assert not shared.flags.writeable
    with pytest.raises(ValueError):
        shared.flags.writeable = True
    views = [shared, shared[10:20], shared[::-2, 3::7], shared.T]
    assert [pool.submit(tasks.total, v).result(60) for v in views] == [v.sum() for v in views]
    assert pool.submit(tasks.overwrite, shared).result(60) == 7 and shared[0, 0] == 0
    from handoff_pool import _pickle

    assert len(_pickle.dumps(shared, False)[0]) < 1000
    with pytest.raises(TypeError):
        handoff_pool.share(np.array([object()]))


def test_a_shared_array_lives_as_long_as_tasks_that_have_it(method, tmp_path):
    with ProcessPoolExecutor(1, start_method=method) as pool:
        first = pool.submit(tasks.begin_and_wait, str(tmp_path / "begun"), str(tmp_path / "go"))
        shared = handoff_pool.share(np.ones(200_000))
        waits = pool.submit(tasks.total, shared)
        del shared
        (tmp_path / "go").touch()
        assert first.result(60) and waits.result(60) == 200_000


def test_what_a_task_keeps_does_not_change(method):
    import multiprocessing

    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        pool.submit(tasks.keep, np.ones(500_000)).result(60)
        for _ in range(4):
            pool.submit(tasks.total, np.zeros(500_000)).result(60)
        assert pool.submit(tasks.kept_total).result(60) == 500_000
        result = pool.submit(tasks.made_and_kept, 500_000).result(60)
        result[...] = 0
        again = [pool.submit(tasks.made, 500_000).result(60) for _ in range(3)]
        assert pool.submit(tasks.kept_total).result(60) == 1_000_000
        assert all(float(array.sum()) == 1_500_000 for array in again)


def test_results_made_in_place(pool):
    results = [pool.submit(tasks.made, 500_000, float(n)).result(60) for n in range(5)]
    assert [float(array.sum()) for array in results] == [500_000.0 * n for n in range(5)]
    assert tasks.memory_of_block(results[0]) == "Buffer"
    first, second = pool.submit(tasks.made_in_parts, 500_000).result(60)
    first[...] = 1
    assert float(second.sum()) == 750_000
    assert handoff_pool.empty(5).shape == (5,) and handoff_pool.empty((2, 3), int).dtype == int


def test_results_outlive_their_workers(method):
    with ProcessPoolExecutor(1, start_method=method) as pool:
        result = pool.submit(tasks.made, 500_000).result(60)
    result[0] = 4
    assert float(result.sum()) == 1_500_001


def test_many_large_arguments_wait_at_once(pool):
    futures = [pool.submit(tasks.total, np.full(150_000, float(n))) for n in range(300)]
    assert [future.result(60) for future in futures] == [150_000.0 * n for n in range(300)]


def blocks():
    """The blocks of shared memory of this process, by their inodes."""
    found = descriptors().items()
    names = (name for name, link in found if link.startswith("/memfd:handoff "))
    return {os.stat(f"/proc/self/fd/{name}").st_ino for name in names}


def test_a_call_waits_a_while_for_memory_that_is_used_again(tmp_path):
    data = np.zeros(16 << 20)
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with ProcessPoolExecutor(1) as pool:
        assert pool.submit(tasks.after, 0, data).result(60) == len(data)
        # What may be kept is one block and a half.
        _native.divide_blocks(physical // 8 // (data.nbytes * 3 // 2))
        try:
            waited = False
            for _ in range(20):
                before = blocks()
                first = pool.submit(tasks.after, 0.03, data)
                # Where this process is slow, the task ends before the other call, or the wait
                # before the task.
                running = not first.done()
                second = pool.submit(tasks.after, 0, data)
                waited = running and blocks() == before
                assert first.result(60) == second.result(60) == len(data)
                if waited:
                    break
            assert waited
            # A task that needs its caller is not waited for without end.
            first = pool.submit(lambda path, _: tasks.wait_for(path), str(tmp_path / "go"), data)
            second = pool.submit(tasks.after, 0, data)
            (tmp_path / "go").touch()
            assert first.result(60) and second.result(60) == len(data)
        finally:
            _native.divide_blocks(1)


@pytest.mark.parametrize("task", [tasks.made, tasks.ones])
def test_more_results_are_kept_than_there_are_blocks(task):
    with ProcessPoolExecutor(1) as pool:
        kept = [pool.submit(task, 140_000, float(number)).result(60) for number in range(300)]
        assert [float(array[-1]) for array in kept] == list(range(300))


def test_a_retried_task_finds_its_array(method, tmp_path):
    def task(array, path):
        tasks.die_once(path)
        return float(array.sum())

    with ProcessPoolExecutor(1, start_method=method, retries=1) as pool:
        assert pool.submit(task, np.ones(500_000), str(tmp_path / "died")).result(60) == 500_000


def test_other_buffers_travel_outside_the_pickle(pool):
    import pickle

    data = bytearray(b"x" * 3_000_000)
    came = pool.submit(tasks.echo, pickle.PickleBuffer(data)).result(60)
    assert bytes(came) == bytes(data)


def test_frames_of_pandas(pool):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": np.arange(400_000.0), "b": np.arange(400_000)})
    came = pool.submit(tasks.echo, frame).result(60)
    pandas.testing.assert_frame_equal(came, frame)


def test_tables_of_pyarrow(pool):
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"a": np.arange(400_000.0), "b": ["x", "y"] * 200_000})
    assert pool.submit(tasks.echo, table).result(60).equals(table)
    from handoff_pool import _pickle

    assert len(_pickle.dumps(table, False)[0]) < 10_000, "the bytes are in the pickle"
