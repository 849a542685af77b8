"""Which digit is it, or none of the above? Ten outputs for the digits and an eleventh for non-digits.

The lecture's "Recognizing the digit" has 10 or 11 outputs, where the "optional 11th is for none of the above". It needs
non-digits to learn from, which are composed from the images themselves, in three ways:

    halves      the left half of one digit beside the right half of another
    blocks      the four quarters of a digit, each at another's place
    overlaid    two different digits, one written over the other

The network learns from halves and blocks composed from training images; it is tested on halves and blocks from held-out
images, and on overlaid ones, a kind that it has never seen. Some halves do form a digit: those count as mistakes here.

    Yᵢ = exp(zᵢ) / Σⱼ exp(zⱼ), i = 0 … 10        Div = Σᵢ dᵢ log(dᵢ / Yᵢ) = -log Y_d        Loss = 1/N Σ Div

    python demos/eleven_digits.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

from itertools import permutations
from random import Random

import numpy as np
from common import parse_arguments, timed
from digits import SIDE, Example, digits, draw_confusion, draw_sheet, most_likely

from autograd_mini.nn import MLP, kl_softmax
from autograd_mini.optim import SGD, Cosine
from autograd_mini.training import fit

BATCH = 16
NONE = 10
CLASSES = [*(str(digit) for digit in range(10)), "none"]
DERANGEMENTS = [places for places in permutations(range(4)) if all(i != place for i, place in enumerate(places))]


def two_digits(examples: list[Example], random: Random) -> tuple[np.ndarray, np.ndarray]:
    """Images of two different digits."""
    while True:
        (first, one), (second, other) = random.sample(examples, 2)
        if one != other:
            return np.reshape(first, (SIDE, SIDE)), np.reshape(second, (SIDE, SIDE))


def halves(examples: list[Example], random: Random) -> np.ndarray:
    """The left half of one digit beside the right half of another."""
    left, right = two_digits(examples, random)
    return np.hstack([left[:, : SIDE // 2], right[:, SIDE // 2 :]])


def blocks(examples: list[Example], random: Random) -> np.ndarray:
    """The quarters of one digit, each at another's place."""
    image, _ = random.choice(examples)
    quarters = [q for half in np.vsplit(np.reshape(image, (SIDE, SIDE)), 2) for q in np.hsplit(half, 2)]
    a, b, c, d = (quarters[place] for place in random.choice(DERANGEMENTS))
    return np.block([[a, b], [c, d]])


def overlaid(examples: list[Example], random: Random) -> np.ndarray:
    """Two digits, one written over the other."""
    return np.maximum(*two_digits(examples, random))


KINDS = {"halves": halves, "blocks": blocks, "overlaid": overlaid}


def make_non_digits(kind, n: int, examples: list[Example], random: Random) -> list[Example]:
    """n non-digits of one kind, with class 10."""
    return [([float(pixel) for pixel in kind(examples, random).flat], NONE) for _ in range(n)]


def main():
    arguments = parse_arguments(__doc__)
    random = Random(849)
    training, held_out = digits()
    epochs, n_each = 15, 400
    if arguments.quick:
        training, epochs, n_each = training[:200], 3, 50
    data = training + [made for kind in (halves, blocks) for made in make_non_digits(kind, n_each, training, random)]
    model = MLP(64, [48, 11], activation="tanh", output="softmax", random=1)
    print(f"{len(training)} digits, {len(data) - len(training)} non-digits, {len(model.parameters())} weights: {model}")

    with timed(f"{epochs} epochs"):
        history = fit(
            model,
            data,
            kl_softmax,
            SGD(model.parameters(), Cosine(0.1, epochs * len(data) // BATCH), momentum=0.9),
            batch_size=BATCH,
            epochs=epochs,
        )
    print(history)

    tests = {name: make_non_digits(kind, 150, held_out, random) for name, kind in KINDS.items()}
    answers = [most_likely(model(image)) for image, _ in held_out]
    n, refused, right = len(held_out), answers.count(NONE), sum(a == d for a, (_, d) in zip(answers, held_out))
    print(f"{n} held-out digits: {right / n:.2%} recognised, {refused} ({refused / n:.2%}) wrongly refused")
    truths, sheet = [digit for _, digit in held_out], []
    for name, images in tests.items():
        found = [most_likely(model(image)) for image, _ in images]
        refused = found.count(NONE)
        print(f"{len(found)} held-out non-digits, {name}: {refused} refused ({refused / len(found):.0%})")
        truths, answers = truths + [NONE] * len(found), answers + found
        sheet += [(image, answer) for (image, _), answer in zip(images[:10], found)]

    history.plot(arguments.out / "eleven_digits_loss.png")
    draw_confusion(
        truths, answers, CLASSES, "Held-out digits and non-digits", arguments.out / "eleven_digits_confusion.png"
    )
    draw_sheet(
        [image for image, _ in sheet],
        [CLASSES[answer] for _, answer in sheet],
        [answer != NONE for _, answer in sheet],
        f"Held-out non-digits and answers, by row: {', '.join(tests)}",
        arguments.out / "eleven_digits_non_digits.png",
    )
    print(f"pictures in {arguments.out}/: eleven_digits_loss.png, …_confusion.png, …_non_digits.png")


if __name__ == "__main__":
    main()
