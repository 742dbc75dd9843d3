"""A task in a module of its own, with the logger of that module."""

import logging

from meeting import meet

LOGGER = logging.getLogger(__name__)


def work(number):
    meet(number)
    LOGGER.debug("%d worked", id(LOGGER))
