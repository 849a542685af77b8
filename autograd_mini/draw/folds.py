"""Which modules to fold: `"modules"`, a depth, or names."""

from __future__ import annotations

from collections.abc import Collection

from autograd_mini.draw.scopes import Scopes
from autograd_mini.primitives import brief

OUTERMOST = "modules"
NAMES_SHOWN = 12

Fold = str | int | Collection[str]
"""`"modules"` for the outermost modules within the model, a depth (0 is the model itself), or paths of modules."""


def check_scopes(scopes: Scopes | None, fold: Fold | None) -> None:
    """Raise the fitting error unless `scopes` are some, or none and nothing is to be folded."""
    if scopes is None:
        if fold is not None:
            raise ValueError(
                "to fold modules, draw needs scopes; compute the graph within `with record_scopes(model) as scopes` "
                "and pass scopes=scopes"
            )
    elif not isinstance(scopes, Scopes):
        raise TypeError(f"scopes must be what record_scopes(model) gave, got {brief(scopes)} ({type(scopes).__name__})")


def fold_by_path(scopes: Scopes, fold: Fold | None) -> dict[str, str | None]:
    """For the path of every module, that of the module into which it is folded, if into any.

    Raises:
        ValueError: there is no such way to fold, or no module of that name.
        TypeError: `fold` is of another type.

    >>> from autograd_mini.nn import MLP
    >>> fold_by_path(Scopes(MLP(2, [1])), "modules")
    {'': None, 'layers.0': 'layers.0', 'layers.0.neurons.0': 'layers.0'}
    """
    folded = _folded(scopes, fold)
    return {path: next((outer for outer in scopes.around(path) if outer in folded), None) for path in scopes.modules}


def _folded(scopes: Scopes, fold: Fold | None) -> Collection[str]:
    """The paths of the modules to fold; others within them go along."""
    if fold is None:
        return ()
    if isinstance(fold, int) and not isinstance(fold, bool):
        if fold < 0:
            raise ValueError(f"a depth to fold at is 0 (the model itself) or more, got {fold}")
        return [path for path in scopes.modules if len(scopes.around(path)) == fold + 1]
    if fold == OUTERMOST and fold not in scopes.modules:
        return [path for path in scopes.modules if len(scopes.around(path)) == 2] or [""]
    names = [fold] if isinstance(fold, str) else fold
    if isinstance(fold, bool) or not isinstance(names, Collection) or not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"fold takes {OUTERMOST!r}, a depth such as 1, or a list of names of modules, got {brief(fold)} "
            f"({type(fold).__name__})"
        )
    for name in names:
        if name not in scopes.modules:
            known = [repr(path) for path in scopes.modules]
            listed = ", ".join(known[:NAMES_SHOWN]) + (" …" if len(known) > NAMES_SHOWN else "")
            raise ValueError(f"no module is named {brief(name)}; fold {OUTERMOST!r}, a depth, or some of {listed}")
    return names
