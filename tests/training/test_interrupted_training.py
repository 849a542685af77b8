"""After Ctrl-C at any place of a training, the model is in a state it had, files are whole, and modes are as before."""

import os
import tempfile

import pytest

from autograd_mini import Value
from autograd_mini.nn import MLP, squared_error
from autograd_mini.optim import Adam
from autograd_mini.training import fit
from autograd_mini.training.objective import Objective
from autograd_mini.training.run import Run
from tests.interrupting import interrupt_everywhere

EXAMPLES = [([0.1, 0.2], 0.5), ([0.3, -0.2], -0.5)]
EPOCHS = 2


class Case:
    """A model and its optimizer, with a folder for the checkpoint."""

    def __init__(self, tmp_path, compiled=False):
        self.model, self.compiled = MLP(2, [1, 1], random=1), compiled
        self.model.eval()
        self.optimizer = Adam(self.model.parameters(), 0.05)
        self.folder = tempfile.mkdtemp(dir=tmp_path)
        self.path = os.path.join(self.folder, "checkpoint.json")

    def fit(self, epochs=EPOCHS, **options):
        if epochs:
            options |= {"epochs": epochs, "compiled": self.compiled, "checkpoint": self.path}
            return fit(self.model, EXAMPLES, squared_error, self.optimizer, **options)
        return None

    def numbers(self):
        return [parameter.data for parameter in self.model.parameters()]


@pytest.mark.parametrize(("compiled", "within", "most"), [
    (False, [""], 60),
    (False, ["training", "optim"], 60),
    (True, [""], 30),
    (True, ["training", "optim"], 60),
])  # fmt: skip
def test_parameters_optimizer_and_checkpoint_are_of_one_step(compiled, within, most, tmp_path):
    cases = [Case(tmp_path, compiled) for _ in range(EPOCHS + 1)]
    for epochs, case in enumerate(cases):
        case.fit(epochs)
    numbers = [case.numbers() for case in cases]
    states = [case.optimizer.state_dict() for case in cases]

    def check(case):
        assert case.numbers() in numbers
        assert case.optimizer.state_dict() in states
        assert not any(module.training for module in case.model.modules())
        assert os.listdir(case.folder) in ([], ["checkpoint.json"])
        other = Case(tmp_path, compiled)
        other.path = case.path
        other.fit(resume=True)
        assert other.numbers() == numbers[-1]

    interrupt_everywhere(lambda: Case(tmp_path, compiled), Case.fit, check, most=most, within=within)


def test_an_optimizer_on_arrays_follows_wherever_training_ends(tmp_path):
    """Without a checkpoint nothing but the end of the training brings it up to date."""

    def make():
        case = Case(tmp_path)
        objective = Objective(case.model, squared_error)
        options = {"batch_size": 2, "shuffle": False, "seed": 0, "tolerance": 0.0, "patience": 9}
        run = Run(case.model, objective, case.optimizer, EXAMPLES, [], {}, **options)
        run.compile()
        return run

    def train(run):
        run.train(1, lambda: None, lambda: None)

    run = make()
    states = [run.optimizer.state_dict()]
    train(run)
    states.append(run.optimizer.state_dict())

    def check(run):
        assert run.optimizer.state_dict() in states

    interrupt_everywhere(
        make, train, check, within=["training/compiled_steps.py", "training/run.py", "optim/arrays.py"]
    )


def test_the_best_parameters_go_with_the_best_epoch(tmp_path):
    """The model keeps those that the history calls best, wherever the epoch was taken down."""
    case = Case(tmp_path)
    before = [case.numbers()]
    for epochs in range(1, EPOCHS):
        case = Case(tmp_path)
        case.fit(epochs)
        before.append(case.numbers())

    def run(case):
        case.history = case.fit()

    def check(case):
        if not hasattr(case, "history"):
            assert case.numbers() in before
        elif case.history.interrupted:
            best = case.history.best_epoch
            assert (best is None) == (not case.history.epochs)
            assert case.numbers() == before[best or 0]

    interrupt_everywhere(lambda: Case(tmp_path), run, check, most=100, within=["training/run.py"])


def test_the_progress_bar_is_closed(monkeypatch, tmp_path):
    open_bars = set()

    class Bar:
        """Like tqdm's progress bar, which closes itself when nobody holds it."""

        def __init__(self):
            open_bars.add(id(self))

        def update(self):
            pass

        def set_postfix_str(self, text):
            pass

        def close(self):
            open_bars.discard(id(self))

        __del__ = close

    monkeypatch.setattr("autograd_mini.training.fitting._progress_bars", lambda *args: [Bar()])

    def check(_):
        assert not open_bars

    interrupt_everywhere(lambda: Case(tmp_path), Case.fit, check, most=80, within=["training/fitting.py"])


def test_a_step_is_taken_or_not():
    def make():
        parameters = [Value(1.0), Value(2.0), Value(3.0)]
        for parameter in parameters:
            parameter.grad = 0.5
        return Adam(parameters, 0.1)

    def state(optimizer):
        return [parameter.data for parameter in optimizer.parameters], optimizer.state_dict()

    optimizer = make()
    before = state(optimizer)
    optimizer.step()
    after = state(optimizer)

    def check(optimizer):
        assert state(optimizer) in (before, after)

    assert before != after
    interrupt_everywhere(make, Adam.step, check)


def test_a_step_on_arrays_is_taken_or_not():
    def make():
        return Adam([Value(1.0), Value(2.0)], 0.1)

    def run(optimizer, steps=3):
        with optimizer.on_arrays() as arrays:
            for _ in range(steps):
                arrays.grad = 2.0 * arrays.data
                arrays.step()

    def state(optimizer):
        return [parameter.data for parameter in optimizer.parameters], optimizer.state_dict()

    states = []
    for steps in range(4):
        optimizer = make()
        run(optimizer, steps)
        states.append(state(optimizer))

    def check(optimizer):
        found = state(optimizer)
        if found not in states:  # the moment in which the context ends: as before it, but for the steps counted
            assert found[1].pop("steps") == 3
            assert found == (states[0][0], {name: part for name, part in states[0][1].items() if name != "steps"})

    interrupt_everywhere(make, run, check)
