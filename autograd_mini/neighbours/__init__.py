"""Work with other libraries: compiled functions in PyTorch and JAX, networks as scikit-learn estimators.

Each name needs the library that it is for, which is imported when the name is first used.
"""

__all__ = ["MLPClassifier", "MLPRegressor", "to_jax", "to_torch"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autograd_mini.neighbours.estimators import MLPClassifier as MLPClassifier
    from autograd_mini.neighbours.estimators import MLPRegressor as MLPRegressor
    from autograd_mini.neighbours.in_jax import to_jax as to_jax
    from autograd_mini.neighbours.in_torch import to_torch as to_torch

_NEEDS = {
    "MLPClassifier": ("estimators", "scikit-learn", "sklearn"),
    "MLPRegressor": ("estimators", "scikit-learn", "sklearn"),
    "to_jax": ("in_jax", "jax", "jax"),
    "to_torch": ("in_torch", "torch", "torch"),
}


def __getattr__(name: str) -> object:
    from importlib import import_module
    from importlib.util import find_spec

    if name not in _NEEDS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room, project, package = _NEEDS[name]
    if find_spec(package) is None:
        raise ModuleNotFoundError(f"{name} needs {project}: pip install {project}", name=package)
    return getattr(import_module(f"{__name__}.{room}"), name)
