"""Parameters in files: as JSON, which people can read, or NumPy's .npz; never as a pickle."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograd_mini.files import parse_json, read_within, write_whole
from autograd_mini.nn.module import Module
from autograd_mini.nn.state import StateError
from autograd_mini.primitives import brief

FORMAT = "autograd_mini parameters 1"

Refusal = Callable[[str], Exception]


def save(model: Module, path: str | os.PathLike[str]) -> None:
    """Write the parameters of a model into a file, whole or not at all; every float is restored bit by bit
    (from JSON a nan is restored as a nan, without its sign).

    Args:
        model: the module whose `state_dict` is saved.
        path: ends in .json, which people can read, or in .npz, which NumPy can read.

    Raises:
        ValueError: the path has another ending, or two parameters have the same name.
        OSError: the file cannot be written; an existing one is left as it was.

    >>> import tempfile
    >>> from autograd_mini.nn import MLP
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(MLP(2, [3, 1], random=1), f"{folder}/model.json")
    ...     network = load(MLP(2, [3, 1], random=2), f"{folder}/model.json")
    >>> network.state_dict() == MLP(2, [3, 1], random=1).state_dict()
    True
    """
    write = {".json": _to_json, ".npz": _to_npz}[_ending(path)]
    write_whole(path, write(model.state_dict()))


def load(model: Module, path: str | os.PathLike[str]) -> Module:
    """Set the parameters of a model to those of a file that `save` wrote. The file may come from anybody: it
    can neither run code nor take more memory than parameters of this model need.

    Returns:
        The model.

    Raises:
        StateError: (a ValueError) the file is damaged or of another architecture; nothing is changed.
        ValueError: the ending is neither .json nor .npz.
        OSError: the file cannot be read.

    >>> import os, tempfile
    >>> from autograd_mini.nn import MLP
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.json")
    ...     save(MLP(2, [3, 1], random=1), path)
    ...     model = load(MLP(2, [3, 1], random=2), path)
    >>> model([0.5, -1.0]).data == MLP(2, [3, 1], random=1)([0.5, -1.0]).data
    True
    """
    read = {".json": _from_json, ".npz": _from_npz}[_ending(path)]
    expected = model.state_dict()
    room = 1_000_000 + sum(200 * len(name) + 100 * _count(numbers) for name, numbers in expected.items())

    def refuse(reason: str) -> StateError:
        return StateError(f"cannot load {os.fspath(path)}: {reason}")

    state = read(read_within(path, room, refuse), room, refuse)
    try:
        model.load_state_dict(state)
    except StateError as error:
        raise refuse(str(error)) from error
    return model


def _ending(path: str | os.PathLike[str]) -> str:
    ending = Path(path).suffix.lower()
    if ending not in (".json", ".npz"):
        raise ValueError(f"parameters are saved in files that end in .json or .npz, got {brief(os.fspath(path))}")
    return ending


def _count(numbers: Any) -> int:
    return sum(map(_count, numbers)) if isinstance(numbers, list) else 1


def _to_json(state: dict[str, Any]) -> bytes:
    return json.dumps({"format": FORMAT, "parameters": state}, indent=1).encode()


def _from_json(content: bytes, room: int, refuse: Refusal) -> Any:
    parsed = parse_json(content, refuse)
    if not isinstance(parsed, dict) or parsed.get("format") != FORMAT:
        raise refuse("it holds no parameters of this version of autograd_mini")
    return parsed.get("parameters")


def _to_npz(state: dict[str, Any]) -> bytes:
    import numpy

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, numbers in state.items():
            array = io.BytesIO()
            numpy.lib.format.write_array(array, numpy.array(numbers, dtype="<f8"), allow_pickle=False)
            # A fixed date, so that the same parameters give the same file.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), array.getvalue())
    return content.getvalue()


def _from_npz(content: bytes, room: int, refuse: Refusal) -> dict[str, Any]:
    state = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > room:
                raise refuse("unpacked, it would be larger than the parameters of this model")
            if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
                raise refuse("it is compressed by a method that .npz files do not use")
            for entry in entries:
                state[entry.filename.removesuffix(".npy")] = _array(archive.read(entry), refuse).tolist()
    except StateError:
        raise
    except Exception as error:  # zipfile and numpy raise many kinds at damaged files
        raise refuse(f"it is not a complete .npz file ({error})") from error
    return state


def _array(content: bytes, refuse: Refusal) -> Any:
    """An array of floats from the content of a .npy file, whose header is not trusted."""
    import numpy

    file = io.BytesIO(content)
    if numpy.lib.format.read_magic(file) != (1, 0):
        raise refuse("it is in a version of the .npy format that parameters do not use")
    shape, is_fortran, dtype = numpy.lib.format.read_array_header_1_0(file)
    if dtype.kind != "f" or dtype.itemsize != 8:
        raise refuse(f"it holds {dtype} instead of 64-bit floats")
    if min(shape, default=1) < 1:
        raise refuse(f"it holds an array of shape {shape}, which no parameters have")
    numbers = numpy.frombuffer(file.read(), dtype)
    return numbers.reshape(shape, order="F" if is_fortran else "C")
