import importlib.util

import pytest

from autograd_mini import neighbours


@pytest.mark.parametrize("name", neighbours.__all__)
def test_a_library_that_is_missing_is_named(monkeypatch, name):
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    with pytest.raises(ModuleNotFoundError, match=rf"^{name} needs ([\w-]+): pip install \1$"):
        getattr(neighbours, name)


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'to_tensorflow'"):
        neighbours.to_tensorflow  # noqa: B018
