"""A client of Handoff's forkserver: `worker --forkserver N` forks workers on request."""

import os
import socket
import subprocess
import sys

from handoff_client import TIMEOUT_S, Connection, ProtocolError, Worker
from postcard import Reader, varint


class ForkServer:
    """Asks for workers and hears how they ended."""

    def __init__(self, program):
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            command = [program, "--forkserver", str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        self._connection = Connection(self._socket)
        self._connection.greet()
        self._requests = 0

    def fork(self, **setup):
        """A new worker. It gets our stderr."""
        self._requests += 1
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            descriptors = [theirs.fileno(), sys.stderr.fileno()]
            self._connection.send(varint(0) + varint(self._requests), descriptors)
        body, descriptors = self._receive()
        tag, request = body.varint(), body.varint()
        if tag == 1:
            raise ProtocolError(f"the forkserver could not fork: {body.text()}")
        if tag != 0 or request != self._requests or len(descriptors) != 1:
            raise ProtocolError(f"message {tag} came where a worker was due")
        # The pidfd reports the end of the worker; so does the forkserver, and we do not need both.
        os.close(descriptors[0])
        pid = body.varint()
        body.end()
        worker = Worker(ours, **setup)
        if worker.pid != pid:
            raise ProtocolError(f"worker {worker.pid} greeted where {pid} was forked")
        return worker

    def wait_ended(self):
        """The next worker that ends: its pid, its exit code, and the signal that ended it.

        The most memory that it ever had comes with it, and is not of interest here.
        """
        body, _ = self._receive()
        if body.varint() != 2:
            raise ProtocolError("a message came where the end of a worker was due")
        ended = body.varint(), body.option(body.signed), body.option(body.signed)
        body.varint()
        body.end()
        return ended

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the forkserver; gives its exit code."""
        self._connection.close()
        return self._process.wait(TIMEOUT_S)

    def _receive(self):
        """A body, and the descriptors that came with its frame's first byte."""
        prefix, descriptors, _, _ = socket.recv_fds(self._socket, 4, 1)
        rest = prefix + self._connection.exactly(4 - len(prefix))
        return Reader(self._connection.exactly(int.from_bytes(rest, "little"))), descriptors
