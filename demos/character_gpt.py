"""A character GPT in plain scalar code, compiled: the numbers from 1 to 999 in words, letter by letter.

Every line of the model below computes with single numbers, as in a script for micrograd. `compile` runs it once on
Values, finds the matrix products in the recorded graph, and trains on a batch of texts at a time in machine code.

    x_t = W_e e_t + p_t        q, k, v = W_q x̂, W_k x̂, W_v x̂      a_t = softmax_{s ≤ t}(q_t · k_s / √d)
    x ← x + W_o Σ_s a_ts v_s   x ← x + W_2 relu(W_1 x̂)            Y = softmax(W x),  x̂ = x / √(mean x² + ε)

    python demos/character_gpt.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

import time
from math import log, log2
from random import Random

import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, parse_arguments, save_figure, timed
from next_characters import ALPHABET, END, LONGEST, TEXTS

from autograd_mini import Value, compile, dot, log_softmax, mean, relu, softmax, sqrt, sum
from autograd_mini.optim import Adam, Cosine

WIDTH, HEADS = 16, 4
FORBIDDEN = -1e9  # added to the scores of later characters, so that their softmax is 0


def weights(random: Random) -> dict[str, list[list[Value]]]:
    """All weights, each a separate Value."""

    def matrix(rows: int, columns: int) -> list[list[Value]]:
        return [[Value(random.gauss(0.0, columns**-0.5)) for _ in range(columns)] for _ in range(rows)]

    square = {name: matrix(WIDTH, WIDTH) for name in ("query", "key", "value", "mix")}
    return square | {
        "letter": matrix(WIDTH, len(ALPHABET)),
        "place": matrix(LONGEST, WIDTH),
        "widen": matrix(4 * WIDTH, WIDTH),
        "narrow": matrix(WIDTH, 4 * WIDTH),
        "readout": matrix(len(ALPHABET), WIDTH),
    }


def times(matrix, x):
    """The product of a matrix and a vector."""
    return [dot(row, x) for row in matrix]


def plus(xs, ys):
    return [x + y for x, y in zip(xs, ys)]


def normal(x):
    """x divided by the root of its mean square."""
    scale = 1.0 / sqrt(mean([each * each for each in x]) + 1e-5)
    return [each * scale for each in x]


def logits(w, letters):
    """The logits of the next character at each place of a text, which is given as one-hot vectors."""
    xs = [plus(times(w["letter"], letter), place) for letter, place in zip(letters, w["place"])]
    hats = [normal(x) for x in xs]
    queries, keys, values = ([times(w[name], hat) for hat in hats] for name in ("query", "key", "value"))
    size = WIDTH // HEADS
    mixed = [[] for _ in xs]
    for start in range(0, WIDTH, size):
        head = slice(start, start + size)
        for t, query in enumerate(queries):
            scores = [
                dot(query[head], key[head]) * size**-0.5 + (0.0 if s <= t else FORBIDDEN) for s, key in enumerate(keys)
            ]
            shares = softmax(scores)
            mixed[t] += [dot(shares, [value[i] for value in values]) for i in range(start, start + size)]
    xs = [plus(x, times(w["mix"], m)) for x, m in zip(xs, mixed)]
    xs = [plus(x, times(w["narrow"], [relu(h) for h in times(w["widen"], normal(x))])) for x in xs]
    return [times(w["readout"], normal(x)) for x in xs]


def divergence(w, letters, targets):
    """-Σ log Y of the characters that came; targets of zeros, after the end of a text, do not count."""
    return -sum([dot(target, log_softmax(z)) for z, target in zip(logits(w, letters), targets)])


def one_hot(texts):
    """Texts as one-hot arrays [text, place, character]: the character before each place, and the one at it."""
    targets = np.zeros((len(texts), LONGEST, len(ALPHABET)))
    for row, text in enumerate(texts):
        for place, character in enumerate(text):
            targets[row, place, ALPHABET.index(character)] = 1.0
    letters = np.roll(targets, 1, axis=1)
    letters[:, 0] = 0.0
    letters[:, 0, ALPHABET.index(END)] = 1.0
    return letters, targets


def sample(next_logits, random: Random) -> str:
    """A text drawn character by character."""
    text = ""
    while len(text) < LONGEST and not text.endswith(END):
        letters, _ = one_hot([text + END])
        z = next_logits(letters)[0, len(text)]
        chances = np.exp(z - z.max())
        text += random.choices(ALPHABET, chances.tolist())[0]
    return text


def main():
    arguments = parse_arguments(__doc__)
    n_training, batch, steps, n_samples = (100, 8, 40, 2) if arguments.quick else (700, 32, 2000, 20)
    random = Random(7)
    texts = random.sample(TEXTS, n_training + 100)
    training, held_out = texts[:n_training], texts[n_training:]
    w = weights(random)
    parameters = [value for matrix in w.values() for row in matrix for value in row]
    print(f"{len(parameters)} weights; texts such as {training[0]!r}")

    loss = compile(lambda letters, targets: divergence(w, letters, targets), batch=True, reduce="mean")
    begin = time.perf_counter()
    loss.value_and_parameter_grads(*one_hot(training[:batch]))
    print(f"compiled in {time.perf_counter() - begin:.1f} s: {len(loss.program.packs)} packs, ", end="")
    print(f"{len(loss.program.products)} matrix products")

    begin = time.perf_counter()
    letters, targets = one_hot(training[:1])
    divergence(w, letters[0].tolist(), targets[0].tolist()).backward()
    eager = (time.perf_counter() - begin) * batch
    print(f"eager: {eager:.1f} s a step of {batch} texts (one text measured)")

    order = {parameter: place for place, parameter in enumerate(loss.parameters)}
    optimizer = Adam(loss.parameters, Cosine(0.01, steps, final=0.0005))
    assert len(order) == len(parameters)
    course = []
    begin = time.perf_counter()
    with timed(f"{steps} steps"), optimizer.on_arrays() as arrays:
        for _ in range(steps):
            chosen = random.sample(training, batch)
            value, arrays.grad = loss.value_and_parameter_grads(*one_hot(chosen), parameters=arrays.data)
            course.append(value / mean([len(text) for text in chosen]) / log(2))
            arrays.step()
    compiled = (time.perf_counter() - begin) / steps
    print(f"compiled: {1e3 * compiled:.1f} ms a step, {eager / compiled:.0f} times as fast")

    characters = mean([len(text) for text in held_out])
    bits = loss(*one_hot(held_out)) / characters / log(2)
    knowing = log2(len(TEXTS)) / characters
    print(f"bits a character, held-out numbers: {bits:.2f}; with full knowledge of the language {knowing:.2f}")
    next_logits = compile(lambda letters: logits(w, letters), batch=True)
    samples = [sample(next_logits, random) for _ in range(n_samples)]
    right = len([text for text in samples if text in TEXTS])
    print(f"{right} of {n_samples} samples are numbers in words: {' '.join(samples[:5])}")

    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    axes.plot(np.convolve(course, np.ones(20) / 20, mode="valid"), color=BLUE)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlabel="step", ylabel="bits a character (mean of 20 steps)", ylim=(0, None))
    save_figure(figure, arguments.out / "gpt_loss.png")
    print(f"picture in {arguments.out}/: gpt_loss.png")


if __name__ == "__main__":
    main()
