"""Parameters in files: they come back bit by bit, and damaged or hostile files give one clear error."""

import io
import json
import os
import pickle
import struct
import zipfile
from math import isnan

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograd_mini.nn import MLP
from autograd_mini.nn.saving import FORMAT, load, save
from autograd_mini.nn.state import StateError
from tests.interrupting import interrupt_everywhere

ENDINGS = ["json", "npz"]
NAMES = ["layers.0.neurons.0.weights", "layers.0.neurons.1.weights", "layers.1.neurons.0.weights"]
in_one_folder = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def network(seed=0):
    return MLP(2, [2, 1], random=seed)


def bits(model):
    return [struct.pack("<d", parameter.data) for parameter in model.parameters()]


def npz(arrays, compression=zipfile.ZIP_STORED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", array if isinstance(array, bytes) else npy(array))
    return content.getvalue()


def npy(array, **kwargs):
    content = io.BytesIO()
    numpy.lib.format.write_array(content, numpy.asarray(array), **kwargs)
    return content.getvalue()


def npy_header(shape, descr="<f8", data=b""):
    content = io.BytesIO()
    numpy.lib.format.write_array_header_1_0(content, {"descr": descr, "fortran_order": False, "shape": shape})
    return content.getvalue() + data


def good_arrays(seed=1):
    return {name: numpy.array(numbers) for name, numbers in network(seed).state_dict().items()}


def good_json(seed=1):
    return {"format": FORMAT, "parameters": network(seed).state_dict()}


@pytest.mark.parametrize("ending", ENDINGS)
@in_one_folder
@given(numbers=st.lists(st.floats(), min_size=9, max_size=9))
def test_floats_come_back_bit_by_bit(tmp_path, ending, numbers):
    first, second = network(1), network(2)
    for parameter, number in zip(first.parameters(), numbers):
        parameter.data = number
    save(first, tmp_path / f"model.{ending}")
    assert load(second, tmp_path / f"model.{ending}") is second
    for parameter, number in zip(second.parameters(), numbers):
        if ending == "json" and isnan(number):
            assert isnan(parameter.data)
        else:
            assert struct.pack("<d", parameter.data) == struct.pack("<d", number)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_parameters_give_the_same_file(tmp_path, ending):
    for name in "ab":
        save(network(3), tmp_path / f"{name}.{ending}")
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_numpy_reads_the_file(tmp_path):
    save(network(1), tmp_path / "model.npz")
    with numpy.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        assert {name: arrays[name].tolist() for name in arrays} == network(1).state_dict()


def test_a_file_that_numpy_wrote_loads(tmp_path):
    numpy.savez_compressed(tmp_path / "model.npz", **good_arrays(seed=1))
    assert bits(load(network(2), tmp_path / "model.npz")) == bits(network(1))


def test_big_endian_arrays_load(tmp_path):
    arrays = {name: array.astype(">f8") for name, array in good_arrays(seed=1).items()}
    (tmp_path / "model.npz").write_bytes(npz(arrays))
    assert bits(load(network(2), tmp_path / "model.npz")) == bits(network(1))


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_truncation_is_refused(tmp_path, ending):
    path = tmp_path / f"model.{ending}"
    save(network(1), path)
    content = path.read_bytes()
    model = network(2)
    before = bits(model)
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(StateError, match="cannot load .*model"):
            load(model, path)
    assert bits(model) == before


@pytest.mark.parametrize("ending", ENDINGS)
@in_one_folder
@given(data=st.data())
def test_damaged_bytes_never_do_more_than_change_numbers(tmp_path, ending, data):
    path = tmp_path / f"model.{ending}"
    save(network(1), path)
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    model = network(2)
    before = bits(model)
    try:
        load(model, path)
    except StateError:
        assert bits(model) == before


class Trap:
    def __reduce__(self):
        return os.mkdir, ("sprung",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a complete JSON file"),
        (b"[]", "no parameters of this version"),
        (b'{"format": "something else", "parameters": {}}', "no parameters of this version"),
        (json.dumps({"format": FORMAT}), r"maps names of parameters to numbers, got None"),
        (json.dumps({"format": FORMAT, "parameters": {}}), "it lacks 'layers.0.neurons.0.weights'"),
        (json.dumps(good_json()).replace("0.0", '"NaN"', 1), r"weights.0 must be a number in the state, got 'NaN'"),
        (json.dumps(good_json()).replace("0.0", "9" * 400, 1), "too large for a float"),
        (json.dumps(good_json()).replace("0.0", "9" * 5000, 1), "not a complete JSON file"),
        (json.dumps(good_json()).replace("0.0", "[" * 900 + "]" * 900, 1), "must be a number in the state|too deep"),
        (json.dumps(good_json()).replace("0.0", "[" * 90_000 + "]" * 90_000, 1), "nested too deeply"),
        (json.dumps(good_json()) + " " * 2_000_000, "larger than"),
        (pickle.dumps(Trap()), "not a complete JSON file"),
    ],
)
def test_hostile_json_is_refused_and_changes_nothing(tmp_path, monkeypatch, content, message):
    refused(tmp_path, monkeypatch, "model.json", content if isinstance(content, bytes) else content.encode(), message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a complete .npz file"),
        (b"PK\x05\x06" + bytes(18), "it lacks 'layers.0.neurons.0.weights'"),
        (pickle.dumps(Trap()), "not a complete .npz file"),
        (
            npz({**good_arrays(), NAMES[0]: npy(numpy.array([Trap()] * 3), allow_pickle=True)}),
            "object instead of 64-bit",
        ),
        (npz({**good_arrays(), NAMES[0]: pickle.dumps(Trap())}), "not a complete .npz file"),
        (npz({**good_arrays(), NAMES[0]: numpy.zeros(3, numpy.float32)}), "float32 instead of 64-bit floats"),
        (npz({**good_arrays(), NAMES[0]: numpy.zeros(3, complex)}), "complex128 instead of 64-bit floats"),
        (npz({**good_arrays(), NAMES[0]: numpy.zeros(4)}), r"must have shape \(3,\)"),
        (npz({**good_arrays(), NAMES[0]: numpy.zeros((3, 1))}), "must be a number in the state, got"),
        (npz({**good_arrays(), "more": numpy.zeros(3)}), "it has, unlike the model, 'more'"),
        (npz({**good_arrays(), NAMES[0]: npy_header((10**12,))}), "not a complete .npz file"),
        (
            npz({**good_arrays(), NAMES[0]: npy_header((10**9, 0))}),
            r"shape \(1000000000, 0\), which no parameters have",
        ),
        (
            npz({**good_arrays(), NAMES[0]: npy_header((-1,), data=bytes(24))}),
            r"shape \(-1,\), which no parameters have",
        ),
        (npz({**good_arrays(), NAMES[0]: bytes(10**7)}, zipfile.ZIP_DEFLATED), "unpacked, it would be larger"),
        (npz(good_arrays(), zipfile.ZIP_LZMA), "compressed by a method"),
        (npz(good_arrays()) + bytes(2_000_000), "larger than"),
    ],
)
def test_hostile_npz_is_refused_and_changes_nothing(tmp_path, monkeypatch, content, message):
    refused(tmp_path, monkeypatch, "model.npz", content, message)


def refused(folder, monkeypatch, name, content, message):
    monkeypatch.chdir(folder)
    (folder / name).write_bytes(content)
    model = network(2)
    before = bits(model)
    with pytest.raises(StateError, match=message) as caught:
        load(model, folder / name)
    assert str(caught.value).startswith(f"cannot load {folder / name}: ")
    assert "\n" not in str(caught.value)
    assert bits(model) == before
    assert os.listdir(folder) == [name]


def test_another_architecture_is_refused(tmp_path):
    for ending in ENDINGS:
        save(MLP(2, [3, 1]), tmp_path / f"model.{ending}")
        with pytest.raises(StateError, match="has, unlike the model, 'layers.0.neurons.2.weights'"):
            load(network(), tmp_path / f"model.{ending}")


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    save(network(1), tmp_path / "model.json")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        save(network(2), tmp_path / "model.json")
    assert bits(load(network(3), tmp_path / "model.json")) == bits(network(1))


@pytest.mark.parametrize("action", [save, load])
@pytest.mark.parametrize("name", ["model", "model.pkl", "model.json.gz"])
def test_other_endings_are_refused(tmp_path, action, name):
    with pytest.raises(ValueError, match="files that end in .json or .npz, got"):
        action(network(), tmp_path / name)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(network(), tmp_path / "model.json")


def test_ctrl_c_while_loading_leaves_the_old_parameters_or_the_new_ones(tmp_path):
    save(MLP(1, [1], random=1), tmp_path / "model.json")
    known = [MLP(1, [1], random=random).state_dict() for random in (1, 2)]

    def check(model):
        assert model.state_dict() in known

    def run(model):
        load(model, tmp_path / "model.json")

    interrupt_everywhere(lambda: MLP(1, [1], random=2), run, check, most=100)
    interrupt_everywhere(lambda: MLP(1, [1], random=2), run, check, within=["nn/state.py", "observing.py"])
