"""scikit-learn's own tests with our backend as the default of joblib."""

from __future__ import annotations

import joblib.parallel
import pytest

import handoff_pool.joblib as backend

backend.register(make_default=True)
joblib.parallel.BACKENDS["loky"] = backend.HandoffBackend


@pytest.fixture(scope="session", autouse=True)
def the_executor_ends():
    yield
    backend.shutdown()
