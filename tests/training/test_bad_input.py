"""Bad input is refused with one clear sentence before training starts."""

import re
from math import inf, nan

import numpy
import pytest

from autograd_mini import Value
from autograd_mini.nn import MLP, Module, Sequential, kl_sigmoid, kl_softmax, squared_error
from autograd_mini.optim import SGD
from autograd_mini.training import fit, pairs

GOOD = [([0.0, 1.0], 0), ([1.0, 0.0], 2)]


def network(output="softmax", width=3):
    return MLP(2, [4, width], output=output)


def with_example(x, d):
    return [GOOD[0], (x, d)]


CASES = {
    "no data": ({"data": []}, ValueError, "data holds no examples; give a list of pairs"),
    "data of another type": ({"data": 7}, TypeError, "data must be a list, got 7 (int)"),
    "no pair": (
        {"data": [GOOD[0], [1.0, 2.0, 3.0]]},
        ValueError,
        "list of pairs (X, d), but item 1 is [1.0, 2.0, 3.0]",
    ),
    "a string": ({"data": ["ab"]}, ValueError, "list of pairs (X, d), but item 0 is 'ab'"),
    "two lists": ({"data": ([x for x, _ in GOOD], [0, 1, 2])}, ValueError, "pairs(X, d) makes one from all inputs"),
    "nan input": ({"data": with_example([0.0, nan], 1)}, ValueError, "the input of example 1 of data holds nan or inf"),
    "inf input": ({"data": with_example([0.0, inf], 1)}, ValueError, "the input of example 1 of data holds nan or inf"),
    "nan in an array": (
        {"data": with_example(numpy.array([nan, 1.0]), 1)},
        ValueError,
        "the input of example 1 of data holds nan or inf",
    ),
    "nan in float32": (
        {"data": with_example([numpy.float32(nan), 1.0], 1)},
        ValueError,
        "the input of example 1 of data holds nan or inf",
    ),
    "nan label": (
        {"data": with_example([0.0, 1.0], [nan, 0.5, 0.5])},
        ValueError,
        "the desired output of example 1 of data holds nan or inf, [nan, 0.5, 0.5]",
    ),
    "nan in validation": (
        {"validation": with_example([nan, 1.0], 1)},
        ValueError,
        "the input of example 1 of validation holds nan",
    ),
    "empty validation": ({"validation": []}, ValueError, "validation holds no examples"),
    "too few inputs": (
        {"data": with_example([1.0], 1)},
        ValueError,
        "takes 2 inputs, but example 1 of data has",
    ),
    "too many inputs": (
        {"validation": with_example([1.0] * 3, 1)},
        ValueError,
        "takes 2 inputs, but example 1 of validation has [1.0, 1.0, 1.0]",
    ),
    "one number as input": ({"data": [(1.0, 1)]}, ValueError, "takes 2 inputs, but example 0 of data has 1.0"),
    "text as input": ({"data": [(["a", "b"], 1)]}, ValueError, "example 0 of data does not fit: an input takes a real"),
    "label out of range": (
        {"data": with_example([0.0, 1.0], 3)},
        ValueError,
        "example 1 of data does not fit: a label must be a class from 0 to 2, got 3",
    ),
    "label no class": (
        {"data": with_example([0.0, 1.0], 0.5)},
        ValueError,
        "example 1 of data does not fit: a label is",
    ),
    "label no distribution": (
        {"data": with_example([0.0, 1.0], [0.5, 0.6, 0.5])},
        ValueError,
        "example 1 of data does not fit: a distribution has entries",
    ),
    "label in validation": (
        {"validation": with_example([0.0, 1.0], -1)},
        ValueError,
        "example 1 of validation does not fit: a label must be a class from 0 to 2, got -1",
    ),
    "label of another length": (
        {"model": network("identity"), "divergence": squared_error, "data": [([0.0, 1.0], [1.0, 2.0])]},
        ValueError,
        "does not fit: the desired output must have as many numbers as the output, 3, got 2",
    ),
    "softmax KL on sigmoids": (
        {"model": network("sigmoid")},
        ValueError,
        "kl_softmax belongs to a softmax output, but the output of this model is sigmoid; make the model with "
        "output='softmax' or choose another divergence",
    ),
    "softmax KL on logits": ({"model": network("identity")}, ValueError, "but the output of this model is identity"),
    "sigmoid KL on a softmax": ({"divergence": kl_sigmoid}, ValueError, "kl_sigmoid belongs to a sigmoid output"),
    "a divergence that is none": ({"divergence": "kl"}, TypeError, "a divergence is a function of (y, d), such as"),
    "a divergence without a Value": (
        {"divergence": lambda y, d: 1.0},
        ValueError,
        "a divergence must give one Value made from the model's output, but that of example 0 of data is 1.0 (float)",
    ),
    "no module": ({"model": lambda x: x}, TypeError, "fit trains a Module, such as an MLP, got <function"),
    "no parameters": ({"model": Module()}, ValueError, "needs a model with parameters"),
    "another optimizer": ({"optimizer": "SGD"}, TypeError, "one of autograd_mini.optim, such as SGD, got 'SGD'"),
    "an optimizer of others": (
        {"optimizer": SGD([Value(1.0)], 0.1)},
        ValueError,
        "the optimizer updates parameters that are not the model's",
    ),
    "batch size 0": ({"batch_size": 0}, ValueError, "batch_size must be an int of 1 or more, got 0"),
    "batch size ½": ({"batch_size": 0.5}, ValueError, "batch_size must be an int of 1 or more, got 0.5"),
    "batch size True": ({"batch_size": True}, ValueError, "batch_size must be an int of 1 or more, got True"),
    "no epochs": ({"epochs": 0}, ValueError, "epochs must be an int of 1 or more, got 0"),
    "no patience": ({"patience": 0}, ValueError, "patience must be an int of 1 or more, got 0"),
    "negative tolerance": ({"tolerance": -1e-3}, ValueError, "tolerance must be a finite number ≥ 0, got -0.001"),
    "nan tolerance": ({"tolerance": nan}, ValueError, "tolerance must be a finite number ≥ 0, got nan"),
    "a seed that is none": ({"seed": "x"}, TypeError, "seed must be an int, got 'x' (str)"),
    "metrics without names": ({"metrics": [abs]}, TypeError, "metrics must be functions of (y, d) by name"),
    "a metric that is none": ({"metrics": {"accuracy": 1}}, TypeError, "metrics must be functions of (y, d) by name"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_before_any_work(name, tmp_path):
    kwargs, error, message = CASES[name]
    arguments = {"model": network(), "data": GOOD, "divergence": kl_softmax, **kwargs}
    parameters = arguments["model"].parameters() if isinstance(arguments["model"], Module) else []
    before = [(parameter.data, parameter.grad) for parameter in parameters]
    with pytest.raises(error, match=re.escape(message)) as caught:
        fit(**arguments, checkpoint=tmp_path / "checkpoint.json")
    assert "\n" not in str(caught.value)
    assert [(parameter.data, parameter.grad) for parameter in parameters] == before
    assert not (tmp_path / "checkpoint.json").exists()


def test_a_learning_rate_of_zero_is_refused():
    with pytest.raises(ValueError, match="learning_rate must be a finite number > 0, got 0"):
        SGD(network().parameters(), learning_rate=0)


def test_pairs_refuses_lengths_that_differ():
    with pytest.raises(ValueError, match="each input needs one desired output, but there are 2 inputs and 3 outputs"):
        pairs([[0.0], [1.0]], [0, 1, 2])
    with pytest.raises(TypeError, match=r"desired outputs must be a list, got 7 \(int\)"):
        pairs([[0.0], [1.0]], 7)


def test_good_input_of_every_kind_is_taken():
    for data in (GOOD, tuple(GOOD), iter(GOOD), [list(pair) for pair in GOOD], pairs(*zip(*GOOD))):
        assert len(fit(network(), data, kl_softmax, epochs=1)) == 1
    arrays = pairs(numpy.array([x for x, _ in GOOD]), numpy.array([d for _, d in GOOD]))
    assert arrays == GOOD
    assert [type(d) for _, d in arrays] == [int, int]


def test_inputs_need_not_be_numbers():
    class Table(Module):
        def __init__(self):
            self.weights = {"cat": Value(1.0), "dog": Value(2.0)}

        def __call__(self, x):
            return self.weights[x]

    model = Table()
    fit(model, [("cat", 3.0), ("dog", 4.0)], squared_error, SGD(model.parameters(), 1.0), epochs=60)
    assert model.weights["cat"].data == pytest.approx(3.0)
    assert model.weights["dog"].data == pytest.approx(4.0)


def test_labels_are_tried_before_any_work_whatever_the_model():
    model = Sequential(network())
    before = model.state_dict()
    with pytest.raises(ValueError, match="example 2 of data does not fit: a label must be a class from 0 to 2, got 5"):
        fit(model, [*GOOD, ([0.0, 0.0], 5)], kl_softmax, batch_size=1, shuffle=False, epochs=1)
    assert model.state_dict() == before
