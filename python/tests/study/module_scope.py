import asyncio, multiprocessing, os, sys
from handoff_pool import ProcessPoolExecutor
from time import sleep

MODULE_SCOPE_LIST = ["Initial value"]
print(f"[MODULE SCOPE] {multiprocessing.current_process().name} {id(MODULE_SCOPE_LIST)} {MODULE_SCOPE_LIST}", flush=True)

def append_to_shared_list(count):
    sleep(count / 5)
    print(f"[FUNC SCOPE] {multiprocessing.current_process().name} {id(MODULE_SCOPE_LIST)} {MODULE_SCOPE_LIST}", flush=True)
    MODULE_SCOPE_LIST.append(f"Child process {count} update")

async def main(method):
    MODULE_SCOPE_LIST.append("Parent process update")
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(max_workers=2, mp_context=context) as executor:
        executor.map(append_to_shared_list, range(1, 3))
    print(f"finally {id(MODULE_SCOPE_LIST)} {MODULE_SCOPE_LIST}", flush=True)

if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
