"""An edge as an `up` of the stack local deploys it, for tests that call it."""

from pathlib import Path

import pytest

from tests.edge_accounts import deploy, install_packages


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the account's folder; its leases are short, so that their end can be waited for."""
    install_packages()
    return deploy(tmp_path_factory.mktemp("edge")).account
