"""An LSTM learns to add two marked numbers of a sequence, and to forget the others.

Each step gives the network a number and a mark: two numbers are marked with 1, all others with 0, and the answer is the
sum of the two. Gates multiply what passes through them (lecture: "Special Case 2: Multiplicative networks", oᵢ = yⱼ yₗ,
"seen in networks such as LSTMs"), so a cell can let a number in when its mark says so and keep it until the end:

    c' = f ⊙ c + i ⊙ g        h' = o ⊙ tanh(c')        Y = w·h + b        Div = ½(Y - d)²

    python demos/adding_problem.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import matplotlib.pyplot as plt
from common import BLUE, ORANGE, parse_arguments, save_figure, timed

from autograd_mini.nn import LSTMCell, Module, Neuron, squared_error
from autograd_mini.optim import Adam, Cosine
from autograd_mini.training import fit

LENGTH = 10
BATCH = 16

Example = tuple[list[list[float]], float]


class Adder(Module):
    """An LSTM that reads the sequence, and a neuron that reads its last hidden state."""

    def __init__(self, n_hidden: int, random: Random) -> None:
        self.cell = LSTMCell(2, n_hidden, random=random)
        self.readout = Neuron(n_hidden, "identity", random=random)

    def __call__(self, sequence):
        _, state = self.cell.run(sequence)
        return self.readout(state.hidden)


def draw_example(random: Random, length: int = LENGTH) -> Example:
    """A sequence of [number in [0, 1], mark], one mark in each half, and the sum of the marked numbers."""
    numbers = [random.random() for _ in range(length)]
    marked = {random.randrange(length // 2), random.randrange(length // 2, length)}
    return [[x, float(i in marked)] for i, x in enumerate(numbers)], sum(numbers[i] for i in marked)


def mean_squared_error(answers, examples):
    """The mean of (Y - d)²."""
    return sum((y - d) ** 2 for y, (_, d) in zip(answers, examples)) / len(examples)


def draw_predictions(answers, examples, path: Path) -> None:
    """Plot the network's answers for held-out sequences against the true sums."""
    figure, axes = plt.subplots(figsize=(7, 6.5), layout="constrained")
    axes.plot([0, 2], [0, 2], color=ORANGE, linestyle="--", label="Y = d")
    axes.plot([d for _, d in examples], answers, "o", color=BLUE, alpha=0.6, label="held-out sequence")
    axes.set(xlabel="sum of the two marked numbers, d", ylabel="answer of the network, Y", aspect="equal")
    axes.set_title("The LSTM's answers")
    axes.legend(frameon=False)
    save_figure(figure, path)


def main():
    arguments = parse_arguments(__doc__)
    n_training, epochs = (160, 3) if arguments.quick else (480, 25)
    random = Random(849)
    training = [draw_example(random) for _ in range(n_training)]
    held_out = [draw_example(random) for _ in range(60 if arguments.quick else 300)]
    model = Adder(6, Random(2))
    print(f"{n_training} sequences of {LENGTH} steps, {len(model.parameters())} weights: {model}")

    steps = epochs * n_training // BATCH
    optimizer = Adam(model.parameters(), Cosine(0.02, steps, final=0.001))
    with timed(f"{epochs} epochs"):
        history = fit(model, training, squared_error, optimizer, batch_size=BATCH, epochs=epochs, tolerance=0.0)

    answers = [model(sequence).data for sequence, _ in held_out]
    mean = sum(d for _, d in training) / n_training
    error, chance = mean_squared_error(answers, held_out), mean_squared_error([mean] * len(held_out), held_out)
    print(f"{len(held_out)} held-out sequences, mean squared error: network {error:.5f}, ", end="")
    print(f"always answering the mean {chance:.5f}, {chance / error:.1f} times as much")
    if arguments.quick:
        print("(--quick does not train long enough for a better answer)")

    history.plot(arguments.out / "adding_loss.png")
    draw_predictions(answers, held_out, arguments.out / "adding_predictions.png")
    print(f"pictures in {arguments.out}/: adding_loss.png, adding_predictions.png")


if __name__ == "__main__":
    main()
