"""A GRU learns to tell balanced from unbalanced brackets.

The network reads a string such as (()()) one bracket at a time, as +1 or -1, and after the last one says how likely the
string is balanced. It is given no rule: the gates, which multiply what passes through them (lecture: "Special Case 2:
Multiplicative networks", oᵢ = yⱼ yₗ, "seen in networks such as LSTMs, GRUs"), must learn to count.

    n = tanh(W x + b + r ⊙ (U h + c))        h' = (1 - z) ⊙ n + z ⊙ h        Y = σ(w·h + b)        Div = KL

    python demos/brackets.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

from itertools import accumulate, count, islice
from pathlib import Path
from random import Random

import matplotlib.pyplot as plt
from common import BLUE, ORANGE, parse_arguments, save_figure, timed

from autograd_mini.nn import GRUCell, Module, Neuron, kl_sigmoid
from autograd_mini.optim import Adam, Cosine
from autograd_mini.training import accuracy, fit

BATCH = 16
TRAINED_LENGTHS = (2, 4, 6, 8, 10, 12)
LONGER_LENGTHS = (14, 16, 18, 20, 22, 24)

Example = tuple[str, float]


class Judge(Module):
    """A GRU that reads the brackets, and a neuron that reads its last hidden state."""

    def __init__(self, n_hidden: int, random: Random) -> None:
        self.cell = GRUCell(1, n_hidden, random=random)
        self.readout = Neuron(n_hidden, "sigmoid", random=random)

    def __call__(self, brackets: str):
        _, hidden = self.cell.run([[step(bracket)] for bracket in brackets])
        return self.readout(hidden)


def step(bracket: str) -> float:
    """+1 for an opening bracket, -1 for a closing one."""
    return 1.0 if bracket == "(" else -1.0


def is_balanced(brackets: str) -> bool:
    """Whether the nesting depth is never below 0, and 0 at the end."""
    depths = list(accumulate(map(step, brackets), initial=0.0))
    return min(depths) == 0.0 and depths[-1] == 0.0


def draw_balanced(random: Random, length: int) -> str:
    """A random balanced string: at each place an opening bracket only if enough places are left to close it."""
    brackets, depth = "", 0
    for left in range(length, 0, -1):
        opens = depth == 0 or (depth < left and random.random() < 0.5)
        brackets += "(" if opens else ")"
        depth += 1 if opens else -1
    return brackets


def draw_unbalanced(random: Random, length: int) -> str:
    """A random unbalanced string close to a balanced one. Half of them have one bracket turned round, half have as
    many brackets of one kind as of the other, so that comparing the two counts is not enough."""
    while True:
        brackets = list(draw_balanced(random, length))
        first = random.randrange(length)
        if random.random() < 0.5:
            brackets[first] = ")" if brackets[first] == "(" else "("
        else:
            random.shuffle(brackets)
        if not is_balanced("".join(brackets)):
            return "".join(brackets)


def draw_examples(random: Random, n_each: int, lengths, known: frozenset[str] = frozenset()) -> list[Example]:
    """For each length, equally many balanced (d = 1) and unbalanced strings (d = 0), none of them among the known."""
    examples = []
    for length in lengths:
        for draw, d in ((draw_balanced, 1.0), (draw_unbalanced, 0.0)):
            brackets = (draw(random, length) for _ in count())
            examples += [(text, d) for text in islice((text for text in brackets if text not in known), n_each)]
    return examples


def report(name: str, answers, examples) -> None:
    """Print the accuracy of the network, and of the rule "as many opening as closing brackets"."""
    right = sum(accuracy(y, d) for y, (_, d) in zip(answers, examples)) / len(examples)
    rule = sum((text.count("(") == text.count(")")) == d for text, d in examples) / len(examples)
    print(f"{len(examples)} {name}: accuracy {right:.2%} (guessing 50%, comparing bracket counts {rule:.0%})")


def draw_answers(model: Judge, texts, path: Path) -> None:
    """Plot how sure the network is, after every bracket, that the string up to there is balanced."""
    figure, panels = plt.subplots(len(texts), 1, figsize=(9, 2.6 * len(texts)), layout="constrained", sharey=True)
    for axes, text in zip(panels, texts):
        places = range(1, len(text) + 1)
        balanced = [is_balanced(text[:place]) for place in places]
        axes.plot(places, [model(text[:place]).data for place in places], color=BLUE, marker="o", label="network")
        axes.plot(places, balanced, "x", color=ORANGE, markersize=9, markeredgewidth=2.5, label="truth")
        axes.set(xticks=places, xticklabels=text, ylabel="Y", ylim=(-0.1, 1.1))
    panels[0].set_title("Is the string balanced, if it ends here?")
    panels[0].legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    save_figure(figure, path)


def main():
    arguments = parse_arguments(__doc__)
    n_each, epochs, n_held_out = (8, 3, 10) if arguments.quick else (100, 15, 50)
    random = Random(849)
    training = draw_examples(random, n_each, TRAINED_LENGTHS)
    known = frozenset(text for text, _ in training)
    model = Judge(6, Random(1))
    print(f"{len(training)} strings of 2 to 12 brackets, {len(model.parameters())} weights: {model}")

    optimizer = Adam(model.parameters(), Cosine(0.02, epochs * len(training) // BATCH, final=0.001))
    with timed(f"{epochs} epochs"):
        history = fit(model, training, kl_sigmoid, optimizer, batch_size=BATCH, epochs=epochs, tolerance=0.0)

    tests = {"unseen strings of 10 or 12 brackets": TRAINED_LENGTHS[-2:], "longer ones, of 14 to 24": LONGER_LENGTHS}
    for name, lengths in tests.items():
        examples = draw_examples(random, n_held_out, lengths, known)
        report(name, [model(text).data for text, _ in examples], examples)

    history.plot(arguments.out / "brackets_loss.png")
    draw_answers(model, ("(()(()))()", "((()))((())(())", "()())(()()"), arguments.out / "brackets_answers.png")
    print(f"pictures in {arguments.out}/: brackets_loss.png, brackets_answers.png")


if __name__ == "__main__":
    main()
