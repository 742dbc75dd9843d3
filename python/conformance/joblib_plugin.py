"""joblib's own tests with our backend in the place of loky."""

from __future__ import annotations

import joblib.parallel
import pytest

import handoff_pool.joblib as backend

backend.register()
joblib.parallel.BACKENDS["loky"] = backend.HandoffBackend


@pytest.fixture(scope="session", autouse=True)
def the_executor_ends():
    yield
    backend.shutdown()
