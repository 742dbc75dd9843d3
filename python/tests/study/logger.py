"""Where the log records of workers go: logger.py METHOD [own] [init].

With "own", the task is in a module of its own. With "init", each worker installs a handler first.
"""

import asyncio
import logging
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

import own_logger
from meeting import meet

LOGGER = logging.getLogger(__name__)
print(f"{multiprocessing.current_process().name}|{__name__}|imported", flush=True)


def install_handler():
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("{processName}|{name}|{message}", style="{"))
    logging.basicConfig(level=logging.DEBUG, handlers=[handler])
    if handler not in logging.root.handlers:
        # A forked worker has the parent's handler already, and gets a second one.
        logging.root.addHandler(handler)


def work(number):
    meet(number)
    LOGGER.debug("%d worked", id(LOGGER))


async def main(method, options):
    LOGGER.debug("%d started", id(LOGGER))
    task = own_logger.work if "own" in options else work
    initializer = install_handler if "init" in options else None
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(max_workers=2, mp_context=context, initializer=initializer) as executor:
        executor.map(task, [1, 2])


if __name__ == "__main__":
    install_handler()
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
