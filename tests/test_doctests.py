"""The examples in docstrings hold."""

import doctest
import importlib
import pkgutil

import pytest

PACKAGES = (
    "capacity",
    "headroom.blueprint",
    "headroom.cli",
    "headroom.conformance",
    "headroom.forecast",
    "headroom.located",
    "headroom.review",
    "policies",
)


def _modules() -> list[str]:
    found = []
    for name in PACKAGES:
        package = importlib.import_module(name)
        found += [name, *(module.name for module in pkgutil.walk_packages(package.__path__, f"{name}."))]
    # The pack serves an engine as soon as it is imported.
    return [name for name in found if not name.startswith("policies.pack") and not name.endswith("__main__")]


@pytest.mark.parametrize("module", _modules())
def test_the_examples_of_a_module_hold(module: str) -> None:
    """Every example prints what its docstring says."""
    assert doctest.testmod(importlib.import_module(module)).failed == 0
