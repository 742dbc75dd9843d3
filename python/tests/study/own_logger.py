"""A task in a module of its own, with the logger of that module."""

import logging
import time

LOGGER = logging.getLogger(__name__)


def work(number):
    time.sleep(0.3 * number)
    LOGGER.debug("%d worked", id(LOGGER))
