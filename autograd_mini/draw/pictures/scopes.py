"""Records, while a model runs, which module computes each Value: for pictures with a cluster for each module."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, KeysView
from types import FrameType
from typing import Any

from autograd_mini.formulas import Naming
from autograd_mini.nn.activations import name_of
from autograd_mini.nn.layers import MLP, Neuron
from autograd_mini.nn.module import Module
from autograd_mini.observing import Observer
from autograd_mini.primitives import brief
from autograd_mini.value import Value


class Scopes(Observer):
    """The modules of a model, and the one each Value belongs to: parameters to the module that holds them, results
    to the innermost module whose method computed them.

    It keeps all Values alive that were computed while it recorded.

    Attributes:
        modules: the modules by their paths, as in `named_parameters`; the path of the model itself is empty.
        parameters: the parameters of the model.
        paths: for each Value of the model, the path of the module it belongs to; other Values are missing.

    >>> from autograd_mini.nn import MLP
    >>> scopes = Scopes(MLP(2, [3, 1]))
    >>> scopes
    <Scopes of MLP 2→3→1: 13 Values in 7 modules>
    >>> scopes.titles(["layers.0", "layers.1"])
    ('layers.0 · Layer 2→3 relu', 'layers.1 · Layer 3→1')
    """

    def __init__(self, model: Module) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"scopes are recorded of a Module, got {brief(model)} ({type(model).__name__})")
        self.modules: dict[str, Module] = dict(model.named_modules())
        self._path_by_id = {id(module): path for path, module in self.modules.items()}  # modules may be unhashable
        self.paths: dict[Value, str] = {parameter: self._owner(path) for path, parameter in model.named_parameters()}
        self.parameters: KeysView[Value] = dict.fromkeys(self.paths).keys()

    def __repr__(self) -> str:
        return f"<Scopes of {describe(self.modules[''])}: {len(self.paths)} Values in {len(self.modules)} modules>"

    def around(self, path: str) -> tuple[str, ...]:
        """The paths of a module and of the modules around it, outermost first.

        >>> from autograd_mini.nn import MLP
        >>> Scopes(MLP(2, [3, 1])).around("layers.1.neurons.0")
        ('', 'layers.1', 'layers.1.neurons.0')
        """
        parts = path.split(".") if path else []
        prefixes = (".".join(parts[:length]) for length in range(len(parts) + 1))
        return tuple(prefix for prefix in prefixes if prefix in self.modules)

    def title(self, path: str) -> str:
        """A module's path, type and shape in one line.

        >>> from autograd_mini.nn import MLP
        >>> Scopes(MLP(2, [3, 1])).title("layers.0")
        'layers.0 · Layer 2→3 relu'
        """
        return " · ".join(filter(None, (path, describe(self.modules[path]))))

    def titles(self, paths: Iterable[str]) -> tuple[str, ...]:
        """The titles of several modules."""
        return tuple(map(self.title, paths))

    def naming(self, order: Iterable[Value], name_of: Naming) -> Naming:
        """Extend a naming: parameters whose name another Value has too are prefixed with their module's path."""
        names = {node: name_of(node) for node in order}
        counts = Counter(names.values())
        for parameter in self.parameters & names.keys():
            path = self.paths[parameter].partition(".neurons.")[0]
            if path and counts[names[parameter]] > 1:
                names[parameter] = f"{path}.{names[parameter]}"
        return names.__getitem__

    def node_recorded(self, node: Value) -> None:
        """Assign a new Value to the module whose method is running, the innermost if there are several."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            path = self._running(frame)
            if path is not None:
                self.paths[node] = path
                return
            frame = frame.f_back

    def _owner(self, path: str) -> str:
        """The path of the module that holds the parameter with that path."""
        while path not in self.modules:
            path = path.rpartition(".")[0]
        return path

    def _running(self, frame: FrameType) -> str | None:
        """The path of the module whose method a frame runs: the module that is the function's first argument.

        A plain function that takes the whole model, such as a loss, is not part of the model.
        """
        code = frame.f_code
        if not code.co_argcount:
            return None
        name = code.co_varnames[0]
        path = self._path_by_id.get(id(frame.f_locals.get(name)))
        return path if path or name == "self" else None


def record_scopes(model: Module) -> Scopes:
    """Record, in a `with` block, which module of `model` computes each Value of the current thread or task.

    Args:
        model: any module.

    Returns:
        A context manager whose `as` variable is the `Scopes`, to be passed to `draw`.

    Raises:
        TypeError: `model` is not a Module.

    >>> from autograd_mini.draw import draw
    >>> from autograd_mini.nn import MLP
    >>> model = MLP(2, [3, 1])
    >>> with record_scopes(model) as scopes:
    ...     y = model([1.0, -1.0])
    >>> scopes.paths[y]
    'layers.1.neurons.0'
    >>> "Layer 2→3 relu" in draw(y, scopes=scopes, fold="modules").source
    True
    """
    return Scopes(model)


def run_recorded(model: Any, *inputs: Any) -> tuple[Any, Scopes]:
    """Call the model, and return its result and the scopes of what it computed.

    Raises:
        TypeError: `model` is not a Module. Errors of the call are passed on.

    >>> from autograd_mini.nn import Neuron
    >>> y, scopes = run_recorded(Neuron(2, "tanh"), [1.0, -1.0])
    >>> scopes.title(scopes.paths[y])
    'Neuron 2→1 tanh'
    """
    with record_scopes(model) as scopes:
        return model(*inputs), scopes


def describe(module: Any) -> str:
    """A module's type and shape as a short text.

    >>> from autograd_mini.nn import MLP, LSTMCell
    >>> describe(MLP(64, [32, 10])), describe(LSTMCell(2, 3))
    ('MLP 64→32→10', 'LSTMCell 2→3')
    """
    name = type(module).__name__
    if isinstance(module, MLP):
        return f"{name} {'→'.join(map(str, [module.layers[0].n_inputs, *(la.n_outputs for la in module.layers)]))}"
    n_inputs = getattr(module, "n_inputs", None)
    n_outputs = 1 if isinstance(module, Neuron) else getattr(module, "n_outputs", getattr(module, "n_hidden", None))
    if not isinstance(n_inputs, int) or not isinstance(n_outputs, int):
        return f"{name} {module.details()}".rstrip()
    activation = name_of(module.activation) if hasattr(module, "activation") else "identity"
    return f"{name} {n_inputs}→{n_outputs}" + (f" {activation}" if activation != "identity" else "")
