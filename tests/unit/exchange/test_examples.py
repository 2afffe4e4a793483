"""The examples in the modules that read and write tables hold."""

import doctest
import importlib
import pkgutil

import pytest

import api.exchange


@pytest.mark.parametrize("module", [module.name for module in pkgutil.iter_modules(api.exchange.__path__)])
def test_the_examples_of_reading_and_writing_tables_hold(module):
    assert doctest.testmod(importlib.import_module(f"api.exchange.{module}")).failed == 0
