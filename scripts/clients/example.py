"""Sums a column through the standalone worker in every way, and prints what came as one JSON object.

    python3 scripts/clients/example.py target/release/worker data/sample.npy --field val
"""

import argparse
import contextlib
import json
import mmap
import os
import socket
import struct
import subprocess
import tempfile
import time

from forkserver import ForkServer
from handoff_client import (
    TIMEOUT_S,
    Connection,
    ProtocolError,
    Refused,
    TaskFailed,
    accept_worker,
    seal,
    segment,
    start_worker,
)
from nansum import Partial, encode_record, nansum_args, nansum_records_args
from npy import open_column

BATCHES = 3
# No multiple of a record: chunks may end anywhere.
CHUNK_BYTES = 10_007
BOARD_WORDS = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("worker", help="the worker program")
    parser.add_argument("data", help="a .npy file")
    parser.add_argument("--field", help="which field; none for a plain array")
    parser.add_argument("--forkserver", action="store_true", help="only by a worker that a forkserver forked")
    options = parser.parse_args()
    dataset = open_column(options.data, options.field)

    if options.forkserver:
        report = by_forkserver(options.worker, dataset)
    else:
        report = by_hand(options.worker, dataset, options.field)
    print(json.dumps(report, indent=1))


def by_hand(program, dataset, field):
    """All that a client may want of workers that it starts itself."""
    with start_worker(program, events=True) as worker:
        report = {
            "tasks": worker.tasks,
            "sums": dict(sums(worker, dataset, field)),
            "errors": dict(errors(worker, dataset)),
            "memory": worker.report_memory(),
            "events": len(worker.events),
            "exit": worker.shutdown(),
        }
    report["sums"]["path"], report["connected_exit"] = over_a_path(program, dataset)
    report["board"] = board(program, dataset)
    report["errors"]["initializer"] = refused(program)
    report["other_protocol"] = other_protocol(program)
    return report


def sums(worker, dataset, field):
    """The sum by each way that a batch can reach the worker."""
    args = nansum_args(dataset.column)
    size = dataset.end - dataset.start

    def stream(start, end):
        return worker.call_stream("nansum", args, chunks(dataset.path, start, end))

    def inline(start, end):
        return worker.call_inline("nansum", args, read(dataset.path, start, end))

    def in_region(region, first=dataset.start):
        return lambda start, end: worker.call_slice("nansum", args, region, start - first, end - start)

    yield "bytes", in_batches(dataset, stream)
    yield "inline", in_batches(dataset, inline)
    with segment(size) as (name, descriptor):
        fill(descriptor, dataset)
        region = worker.attach_segment(name, size)
        yield "shm", in_batches(dataset, in_region(region))
        worker.detach(region)
    with memfd("batch") as descriptor:
        fill(descriptor, dataset)
        region = worker.attach_descriptor(descriptor, size)
        yield "memfd", in_batches(dataset, in_region(region))
        worker.detach(region)
    with open(dataset.path, "rb") as file:
        region = worker.attach_descriptor(file.fileno(), dataset.end)
    yield "mmap", in_batches(dataset, in_region(region, first=0))
    worker.detach(region)
    if dataset.column.stride == 24 and field in ("index", "val"):
        encoded = b"".join(encode_record(*record) for record in study_records(dataset))
        done = worker.call_stream("nansum_records", nansum_records_args(field), cut(encoded))
        yield "serde", answer(Partial.decode(done.output))


def errors(worker, dataset):
    """How calls fail. The worker lives on, as the next answer shows."""
    args = nansum_args(dataset.column)
    yield "unknown_task", failure(lambda: worker.call("nosuch", b""))
    yield "bad_args", failure(lambda: worker.call("nansum", b"\x01"))
    yield "bad_column", failure(lambda: worker.call("nansum", b"\x10\x08\x01\x00"))
    yield "ragged", failure(lambda: worker.call_inline("nansum", args, bytes(dataset.column.stride + 1)))
    yield "ragged_stream", failure(lambda: worker.call_stream("nansum", args, [bytes(dataset.column.stride + 1)]))
    yield "no_region", failure(lambda: worker.call_slice("nansum", args, 999, 0, 0))
    with open(dataset.path, "rb") as file:
        region = worker.attach_descriptor(file.fileno(), dataset.end)
    yield "out_of_bounds", failure(lambda: worker.call_slice("nansum", args, region, dataset.end, 1))
    with segment(8) as (name, _):
        pass
    region = worker.attach_segment(name, 8)
    yield "segment_gone", failure(lambda: worker.call_slice("nansum", args, region, 0, 8))
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(dataset.column.stride))
        file.flush()
        region = worker.attach_path(file.name, mtime_ns=0)
        length = dataset.column.stride
        yield "other_file", failure(lambda: worker.call_slice("nansum", args, region, 0, length))
    yield "abort", failure(lambda: worker.call_aborted("nansum", args, [bytes(dataset.column.stride)]))


def over_a_path(program, dataset):
    """The file by its path and identity, for sockets that carry no descriptors."""
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(directory, "socket")
        listener.bind(path)
        listener.listen()
        process = subprocess.Popen([program, "--connect", path], stdin=subprocess.DEVNULL)
        with accept_worker(listener, process) as worker:
            region = worker.attach_path(dataset.path)
            result = sum_of_region(worker, dataset, region)
            return result, worker.close()


def by_forkserver(program, dataset):
    """The same by a worker that a forkserver forked; and how both ended."""
    with ForkServer(program) as server:
        with server.fork() as worker, open(dataset.path, "rb") as file:
            region = worker.attach_descriptor(file.fileno(), dataset.end)
            result = sum_of_region(worker, dataset, region)
            worker.shutdown()
        pid, code, signal = server.wait_ended()
        ended = {"same": pid == worker.pid, "exit": code, "signal": signal, "server": server.close()}
        return {"sums": {"forkserver": result}, "ended": ended}


def board(program, dataset):
    """The words that a worker shows on its board: before, while and after it runs a call."""
    descriptor = os.memfd_create("board", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, descriptor)
        os.ftruncate(descriptor, 8 * BOARD_WORDS)
        seal(descriptor)
        words = stack.enter_context(mmap.mmap(descriptor, 8 * BOARD_WORDS))
        worker = stack.enter_context(start_worker(program, board=(descriptor, 2)))

        def word():
            return struct.unpack_from("<Q", words, 16)[0]

        seen = [word()]

        def wait_until_running():
            yield bytes(dataset.column.stride)
            deadline = time.monotonic() + TIMEOUT_S
            while word() == 0 and time.monotonic() < deadline:
                time.sleep(0.001)
            seen.append(word())

        worker.call_stream("nansum", nansum_args(dataset.column), wait_until_running())
        # An answer may be here a moment before its word is 0 again; the next answer is later.
        worker.report_memory()
        seen.append(word())
        worker.shutdown()
    return seen


def refused(program):
    try:
        start_worker(program, initializer=("nansum", b"\x01"))
    except Refused as refusal:
        return str(refusal)


def other_protocol(program):
    """What a worker says to a peer of another protocol before it leaves."""
    ours, theirs = socket.socketpair()
    with theirs:
        command = [program, "--fd", str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stderr=subprocess.PIPE, text=True)
    connection = Connection(ours)
    connection.greet(protocol=77)
    with contextlib.suppress(ProtocolError):
        connection.receive()
    connection.close()
    _, said = process.communicate(timeout=TIMEOUT_S)
    return {"exit": process.returncode, "stderr": said}


def sum_of_region(worker, dataset, region):
    args = nansum_args(dataset.column)
    return in_batches(dataset, lambda start, end: worker.call_slice("nansum", args, region, start, end - start))


def in_batches(dataset, run):
    """Runs the batches and merges their partials."""
    stride, merged = dataset.column.stride, Partial()
    bounds = [dataset.start + dataset.records * i // BATCHES * stride for i in range(BATCHES + 1)]
    for start, end in zip(bounds, bounds[1:]):
        merged = merged.merge(Partial.decode(run(start, end).output))
    return answer(merged)


def answer(partial):
    return {"sum_hex": partial.value().hex(), "count": partial.count, "nan_count": partial.nan_count}


def failure(run):
    try:
        run()
    except TaskFailed as failed:
        return str(failed)


def read(path, start, end):
    with open(path, "rb") as file:
        return os.pread(file.fileno(), end - start, start)


def chunks(path, start, end):
    """The bytes `[start, end)` of a file, a chunk at a time."""
    with open(path, "rb") as file:
        file.seek(start)
        while start < end:
            chunk = file.read(min(CHUNK_BYTES, end - start))
            if not chunk:
                raise OSError(f"{path} ends {end - start} bytes too soon")
            start += len(chunk)
            yield chunk


def cut(content):
    return (content[at : at + CHUNK_BYTES] for at in range(0, len(content), CHUNK_BYTES))


def fill(descriptor, dataset):
    """Writes, rather than maps: where there is no room, that is an error and not a signal."""
    for chunk in chunks(dataset.path, dataset.start, dataset.end):
        while chunk:
            chunk = chunk[os.write(descriptor, chunk) :]


@contextlib.contextmanager
def memfd(name):
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def study_records(dataset):
    layout = "<qqd"  # index, timestamp, val
    return struct.iter_unpack(layout, read(dataset.path, dataset.start, dataset.end))


if __name__ == "__main__":
    main()
