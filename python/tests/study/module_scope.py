"""What workers see of a list at module scope that the parent has changed: module_scope.py METHOD."""

import asyncio
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from meeting import meet

VISITORS = ["import"]


def show(where):
    process = multiprocessing.current_process().name
    print(f"{process} {where} {id(VISITORS)} {','.join(VISITORS)}", flush=True)


show("module")


def visit(number):
    meet(number)
    show("before")
    VISITORS.append(f"worker {number}")
    show("after")


async def main(method):
    VISITORS.append("parent")
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(max_workers=2, mp_context=context) as executor:
        executor.map(visit, [1, 2])
    show("end")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
