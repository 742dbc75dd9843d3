"""A client of Handoff's standalone worker in plain Python, written from crates/wire/PROTOCOL.md.

`start_worker` (or `accept_worker`) gives a `Worker`; its methods are the protocol's messages.
What the built-in tasks take and answer is in nansum.py.
"""

import contextlib
import dataclasses
import fcntl
import os
import secrets
import socket
import struct
import subprocess

from postcard import Malformed, Reader, boolean, byte, data, option, signed, text, varint

PROTOCOL = 3
MAX_CHUNK = 1024 * 1024
MAX_BODY = MAX_CHUNK + 64 * 1024
# Every wait has an end. Long, for a machine that is busy with other things.
TIMEOUT_S = 60

# Tags are places in the enums.
CHUNK, CHUNK_END, CHUNK_ABORT, SETUP, ATTACH, DETACH, CALL, REPORT_MEMORY, SHUTDOWN = map(varint, range(9))
FAILURE_KINDS = ["error", "panic", "unknown task", "bad args", "bad input"]
MEMORY_FIELDS = ["heap", "heap_peak", "rss", "rss_peak", "pss", "private"]


class ProtocolError(Exception):
    """The worker cannot be talked to, or has gone."""


class Refused(Exception):
    """The worker could not be set up."""


class TaskFailed(Exception):
    """A call ended badly; the worker lives on."""

    def __init__(self, kind, message, location, backtrace):
        super().__init__(f"{kind}: {message}")
        self.kind, self.message = kind, message
        self.location, self.backtrace = location, backtrace


class Connection:
    """Frames over a connected stream socket: a little-endian u32 length, then the body."""

    def __init__(self, sock):
        self._socket = sock
        self._socket.settimeout(TIMEOUT_S)

    def send(self, body, descriptors=()):
        if len(body) > MAX_BODY:
            raise ValueError(f"a body of {len(body)} bytes is over {MAX_BODY}")
        frame = struct.pack("<I", len(body)) + body
        if descriptors:
            # They travel with the first byte of their frame.
            sent = socket.send_fds(self._socket, [frame], descriptors)
            frame = frame[sent:]
        self._socket.sendall(frame)

    def receive(self):
        """The next body."""
        (length,) = struct.unpack("<I", self.exactly(4))
        if length > MAX_BODY:
            raise ProtocolError(f"a frame announces {length} bytes, {MAX_BODY} are allowed")
        return self.exactly(length)

    def exactly(self, count):
        parts = bytearray()
        while len(parts) < count:
            part = self._socket.recv(count - len(parts))
            if not part:
                raise ProtocolError("the worker closed its socket")
            parts += part
        return bytes(parts)

    def greet(self, protocol=PROTOCOL):
        """Sends our greeting and takes theirs; gives the worker's pid."""
        hello = b"hand" + varint(protocol) + varint(os.getpid()) + text("python")
        self.send(hello)
        theirs = Reader(self.receive())
        if theirs.raw(4) != b"hand":
            raise ProtocolError("the peer did not greet: it is not a handoff process")
        number, pid, version = theirs.varint(), theirs.varint(), theirs.text()
        # Bytes that follow are a later protocol's, which the number has told already.
        if number != PROTOCOL:
            raise ProtocolError(f"the worker ({version}) speaks protocol {number}, we speak {PROTOCOL}")
        return pid

    def finish_sending(self):
        """Closes our direction alone."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self):
        self._socket.close()


@dataclasses.dataclass
class Done:
    """The answer to a call; times are CLOCK_MONOTONIC in nanoseconds."""

    output: bytes
    began_ns: int
    computed_ns: int
    arrays: tuple = ()


class Worker:
    """A worker, greeted and set up."""

    def __init__(
        self, sock, process=None, name="PythonClient-1", events=False, board=None, initializer=None, sandbox=False
    ):
        """`board`: a descriptor of shared words and the index of ours. `initializer`: (task, args).
        `sandbox`: whether the worker is to confine itself; attach regions by descriptor then."""
        self._connection = Connection(sock)
        self._process = process
        self._next_id = 1
        self._next_region = 1
        self.events = []
        self.logs = []
        self.progress = []
        self.notes = []
        try:
            self.pid = self._connection.greet()
            self.tasks = self._set_up(name, events, board, initializer, sandbox)
        except Exception:
            self.close()
            raise

    def _set_up(self, name, events, board, initializer, sandbox):
        descriptor, index = board or (None, None)
        setup = text(name) + boolean(events) + byte(0) + option(index, varint)
        setup += option(initializer, lambda run: text(run[0]) + data(run[1])) + boolean(sandbox)
        # No lane: calls come over the socket, one after another.
        setup += option(None, varint)
        # No bounds: the worker has the limits of its process.
        setup += option(None, varint)
        # It sleeps as soon as it waits for a call.
        setup += varint(0)
        self._connection.send(SETUP + setup, () if board is None else (descriptor,))
        tag, body = self._hear()
        if tag == 1:
            body.varint()  # the step: 0 the initializer, 1 the sandbox
            raise Refused(body.text())
        if tag != 0:
            raise ProtocolError(f"message {tag} came where the worker was to be ready")
        # Fingerprints and build tell builds of one program apart; we are none.
        tasks = body.sequence(lambda: (body.text(), body.varint())[0])
        body.varint()
        body.boolean()  # whether it uses the lane that it was offered
        body.end()
        return tasks

    # Regions: memory that calls refer to.

    def attach_segment(self, name, length):
        return self._attach(varint(0) + text(name) + varint(length))

    def attach_descriptor(self, descriptor, length):
        return self._attach(varint(1) + varint(length), (descriptor,))

    def attach_path(self, path, mtime_ns=None):
        """`mtime_ns`: which state of the file is meant, where that is not the present one."""
        path = os.path.abspath(path)
        found = os.stat(path)
        identity = varint(found.st_dev) + varint(found.st_ino) + varint(found.st_size)
        identity += signed(found.st_mtime_ns if mtime_ns is None else mtime_ns)
        return self._attach(varint(2) + text(path) + identity)

    def detach(self, region):
        self._connection.send(DETACH + varint(region))

    def _attach(self, source, descriptors=()):
        region = self._next_region
        self._next_region += 1
        self._connection.send(ATTACH + varint(region) + source, descriptors)
        return region

    # Calls. Each `call_…` sends one and waits for its answer.

    def call(self, task, args, arrays=()):
        """`arrays`: what the indices in `args` stand for, bytes-like; a pair (bytes, True) is handed over
        as an `ArrayMut`. Those of the output are in the answer, and its `output` has indices alone."""
        return self._answer(self._call(task, args, varint(0), arrays))

    def call_inline(self, task, args, content):
        return self._answer(self._call(task, args, varint(1) + data(content)))

    def call_slice(self, task, args, region, offset, length):
        place = varint(region) + varint(offset) + varint(length)
        return self._answer(self._call(task, args, varint(2) + place))

    def call_stream(self, task, args, chunks):
        """Streams what `chunks` gives, while the worker computes already."""
        return self._stream(task, args, chunks, CHUNK_END)

    def call_aborted(self, task, args, chunks):
        """Streams some chunks and then gives the call up, as where a source cannot be read on."""
        return self._stream(task, args, chunks, CHUNK_ABORT)

    def _stream(self, task, args, chunks, end):
        call = self._call(task, args, varint(3))
        for chunk in chunks:
            if len(chunk) > MAX_CHUNK:
                raise ValueError(f"a chunk of {len(chunk)} bytes is over {MAX_CHUNK}")
            self._connection.send(CHUNK + data(chunk))
        self._connection.send(end)
        return self._answer(call)

    def _call(self, task, args, source, arrays=()):
        call = self._next_id
        self._next_id += 1
        table, content = write_arrays(arrays)
        args = data(args + content)
        self._connection.send(CALL + varint(call) + text(task) + args + source + varint(1) + data(table))
        return call

    def _answer(self, call):
        parts = []
        while True:
            tag, body = self._hear()
            if tag == 3:
                parts.append(body.data())
            elif tag == 4:
                answered, rest = body.varint(), body.data()
                output, times = b"".join(parts) + rest, (body.varint(), body.varint())
                body.option(lambda: read_memory(body))
                output, arrays = read_arrays(output, body.data())
                done = Done(output, *times, arrays)
                self._expect(answered, call, body)
                return done
            elif tag == 5:
                answered, kind = body.varint(), FAILURE_KINDS[body.varint()]
                failure = TaskFailed(kind, body.text(), body.text(), body.text())
                body.data()  # Without a shared arena there is nothing that a failed task keeps.
                self._expect(answered, call, body)
                raise failure
            else:
                raise ProtocolError(f"message {tag} came where an answer was due")

    @staticmethod
    def _expect(answered, call, body):
        body.end()
        if answered != call:
            raise ProtocolError(f"call {answered} was answered where {call} was due")

    def report_memory(self):
        """The worker's memory in bytes, by name."""
        self._connection.send(REPORT_MEMORY)
        tag, body = self._hear()
        if tag != 6:
            raise ProtocolError(f"message {tag} came where memory was due")
        return read_memory(body)

    def _hear(self):
        """The next message that answers something: events and log records are put aside."""
        while True:
            body = Reader(self._connection.receive())
            tag = body.varint()
            if tag == 2:
                self.events.append((body.varint(), body.varint(), read_memory(body)))
                body.end()
            elif tag == 7:
                level, target, message = body.byte(), body.text(), body.text()
                self.logs.append((level, target, message, body.option(body.varint), body.varint()))
                body.end()
            elif tag == 9:
                self.progress.append((body.varint(), body.varint(), body.varint()))
                body.end()
            elif tag == 10:
                self.notes.append((body.varint(), body.data()))
                body.end()
            elif tag > 10:
                raise Malformed(f"there is no message {tag}")
            else:
                return tag, body

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def shutdown(self):
        """Says goodbye; gives the exit code of a worker that we started."""
        self._connection.send(SHUTDOWN)
        return self.close()

    def close(self):
        """Closing the socket says the same as `shutdown`."""
        self._connection.close()
        return None if self._process is None else self._process.wait(TIMEOUT_S)


def start_worker(program, **setup):
    """Starts `worker --fd N` on one end of a socket pair."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with theirs:
        command = [program, "--fd", str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    return Worker(ours, process, **setup)


def accept_worker(listener, process=None, **setup):
    """Takes in a worker that was started with `--connect PATH`, where `listener` listens at PATH."""
    listener.settimeout(TIMEOUT_S)
    sock, _ = listener.accept()
    return Worker(sock, process, **setup)


def seal(descriptor):
    """Fixes a memfd's size, as the board's has to be."""
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)


@contextlib.contextmanager
def segment(length):
    """A shared-memory segment of our own; gives its name and descriptor, and removes it at the end."""
    with open("/proc/self/stat") as stat:
        start_time = stat.read().rpartition(")")[2].split()[19]
    name = f"/handoff-{os.getpid()}-{start_time}-{secrets.token_hex(8)}"
    path = f"/dev/shm{name}"
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        # A lock that is held marks a segment that is in use.
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if length:
            # A full /dev/shm is an error here; a mapping would die of SIGBUS.
            os.posix_fallocate(descriptor, 0, length)
        yield name, descriptor
    finally:
        os.unlink(path)
        os.close(descriptor)


def write_arrays(arrays):
    """The table beside arguments, and the bytes that follow them."""
    if not arrays:
        return b"", b""
    table, content = varint(len(arrays)), b""
    for array in arrays:
        array, mutable = array if isinstance(array, tuple) else (array, False)
        array = bytes(array)
        table += varint(1) + varint(len(array)) + boolean(mutable)
        content += array
    return table + varint(0) + varint(0), content


def read_arrays(output, table):
    """The output without the arrays behind it, and these."""
    if not table:
        return output, ()
    body = Reader(table)

    def length():
        if body.varint() != 1:
            raise ProtocolError("an array lies in an arena that was never sent")
        count = body.varint()
        body.byte()  # Whether it is an `ArrayMut`.
        return count

    lengths = body.sequence(length)
    start = len(output) - sum(lengths)
    if start < 0:
        raise ProtocolError("arrays that travel as bytes are cut off")
    arrays, at = [], start
    for count in lengths:
        arrays.append(output[at : at + count])
        at += count
    return output[:start], tuple(arrays)


def read_memory(body):
    return {field: body.varint() for field in MEMORY_FIELDS}
