import asyncio, logging, multiprocessing, sys
from handoff_pool import ProcessPoolExecutor
from time import sleep
import separate

logger = logging.getLogger(__name__)
print(f"{multiprocessing.current_process().name} - {__name__} - Print[MODULE SCOPE]", flush=True)

def call_logger(count):
    sleep(count / 5)
    logger.debug(f"Logger(id: {id(logger)}): function executed.")

def init_logger():
    root = logging.getLogger()
    root.setLevel(logging.DEBUG)
    handler = logging.StreamHandler(sys.stdout)
    handler.setLevel(logging.DEBUG)
    handler.setFormatter(logging.Formatter('%(processName)s - %(name)s:   %(message)s'))
    root.addHandler(handler)

async def main(method, own, init):
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(max_workers=2, mp_context=context, initializer=init_logger if init else None) as executor:
        executor.map(separate.call_logger if own else call_logger, range(1, 3))

if __name__ == "__main__":
    init_logger()
    asyncio.run(main(sys.argv[1], 'own' in sys.argv, 'init' in sys.argv))
