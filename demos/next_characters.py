"""A small transformer learns to predict the next character of a text: the numbers from 1 to 999 in words.

Every character is a token: a vector for the character plus one for its place. Self-attention mixes the tokens up to
each place, weighted by products of their features (lecture: "Special Case 2: Multiplicative networks", oᵢ = yⱼ yₗ,
"seen in networks such as … attention models"), an MLP transforms each, and a softmax predicts the next character:

    a_t = softmax_{s ≤ t}(q_t · k_s / √d)      x ← x + W_o Σ_s a_ts v_s      x ← x + MLP(x)      Y = softmax(W x + b)

A model is judged by -log₂ of the probability that it gave to each character that came, on average: bits a character.
Even with full knowledge of the language, one of 999 equally likely numbers takes log₂ 999 bits for all its characters.

    python demos/next_characters.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

from collections import Counter
from math import log, log2
from pathlib import Path
from random import Random

import matplotlib.pyplot as plt
from common import parse_arguments, save_figure, timed

from autograd_mini import Value, mean, softmax
from autograd_mini.nn import MLP, Layer, Module, SelfAttention, kl_softmax
from autograd_mini.optim import Adam, Cosine
from autograd_mini.training import fit

END = "."
BATCH = 4
WORDS = """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"""
ONES, TENS = WORDS.split()[:19], WORDS.split()[19:]


def in_words(number: int) -> str:
    """A number from 1 to 999 in words, as in "two hundred forty one"."""
    if number < 20:
        return ONES[number - 1]
    size, head = (10, TENS[number // 10 - 2]) if number < 100 else (100, ONES[number // 100 - 1] + " hundred")
    return f"{head} {in_words(number % size)}" if number % size else head


TEXTS = [in_words(number) + END for number in range(1, 1000)]
ALPHABET = "".join(sorted(set("".join(TEXTS))))
LONGEST = max(map(len, TEXTS))


class Transformer(Module):
    """One block: embeddings, then causal self-attention and an MLP, each with a residual connection around it."""

    def __init__(self, width: int, random: Random) -> None:
        self.characters = {c: [Value(random.gauss(0.0, 0.5)) for _ in range(width)] for c in ALPHABET}
        self.places = [[Value(random.gauss(0.0, 0.5)) for _ in range(width)] for _ in range(LONGEST)]
        self.attention = SelfAttention(width, n_heads=2, causal=True, random=random)
        self.mlp = MLP(width, [2 * width, width], "relu", random=random)
        self.readout = Layer(width, len(ALPHABET), "identity", random=random)

    def embed(self, text: str):
        """A vector for the character before each one (at the start, the end of another text), with its place."""
        return [add(self.characters[c], place) for c, place in zip(END + text[:-1], self.places)]

    def __call__(self, text: str):
        """For each place of the text, the logits of all characters, from the characters before it."""
        tokens = self.embed(text)
        tokens = [add(token, mixture) for token, mixture in zip(tokens, self.attention(tokens))]
        return [self.readout(add(token, self.mlp(token))) for token in tokens]


def add(xs, ys):
    """The sum of two vectors."""
    return [x + y for x, y in zip(xs, ys)]


def divergence(logits, text: str):
    """The KL divergence between the predictions and the characters that came, averaged over the text."""
    return mean([kl_softmax.from_logits(z, ALPHABET.index(c)) for z, c in zip(logits, text)])


def bits_of(model: Transformer, texts) -> float:
    """Bits a character, over all texts together."""
    nats = sum(divergence(model(text), text).data * len(text) for text in texts)
    return nats / log(2) / sum(map(len, texts))


def bits_by_counting(training, texts, n_before: int) -> float:
    """Bits a character of a model that counts what followed the last `n_before` characters, with Laplace smoothing."""

    def windows(texts):
        lines = [END + text for text in texts]
        return [(line[place - n_before : place], line[place]) for line in lines for place in range(1, len(line))]

    pairs, contexts = Counter(windows(training)), Counter(before for before, _ in windows(training))
    logs = [log2((pairs[pair] + 1) / (contexts[pair[0]] + len(ALPHABET))) for pair in windows(texts)]
    return -sum(logs) / len(logs)


def sample(model: Transformer, random: Random) -> str:
    """A text drawn character by character from what the model predicts."""
    text = ""
    while len(text) < LONGEST and not text.endswith(END):
        logits = model(text + END)[-1]  # they do not depend on the last character, so any will do
        text += random.choices(ALPHABET, [y.data for y in softmax(logits)])[0]
    return text


def draw_attention(model: Transformer, text: str, path: Path) -> None:
    """Plot which characters each character looks back at."""
    marks = (END + text[:-1]).replace(" ", "␣")
    figure, panels = plt.subplots(1, 2, figsize=(16, 7.5), layout="constrained")
    for head, (axes, rows) in enumerate(zip(panels, model.attention.weights(model.embed(text))), start=1):
        square = [[w.data for w in row] + [0.0] * (len(text) - len(row)) for row in rows]
        image = axes.imshow(square, cmap="Blues", vmin=0, vmax=1)
        axes.set(title=f"head {head}", xlabel="character that is attended to", ylabel="character that attends")
        axes.set(xticks=range(len(marks)), xticklabels=marks, yticks=range(len(marks)), yticklabels=marks)
    figure.colorbar(image, ax=panels, shrink=0.8, label="weight a")
    save_figure(figure, path)


def main():
    arguments = parse_arguments(__doc__)
    n_training, n_held_out, epochs, n_samples = (48, 20, 2, 3) if arguments.quick else (400, 200, 8, 50)
    random = Random(849)
    texts = random.sample(TEXTS, n_training + n_held_out)
    training, held_out = texts[:n_training], texts[n_training:]
    model = Transformer(12, random)
    print(f"{n_training} numbers in words, such as {training[0]!r}; {len(model.parameters())} weights")

    optimizer = Adam(model.parameters(), Cosine(0.02, epochs * n_training // BATCH, final=0.001))
    with timed(f"{epochs} epochs"):
        examples = [(text, text) for text in training]
        history = fit(model, examples, divergence, optimizer, batch_size=BATCH, epochs=epochs, tolerance=0.0)
    history.plot(arguments.out / "characters_loss.png")

    unigrams, bigrams = (bits_by_counting(training, held_out, n_before) for n_before in (0, 1))
    knowing = log2(len(TEXTS)) * n_held_out / sum(map(len, held_out))
    print(f"bits a character, held-out numbers: unigrams {unigrams:.2f}, bigrams {bigrams:.2f},", end=" ")
    print(f"transformer {bits_of(model, held_out):.2f}, with full knowledge of the language {knowing:.2f}")
    draw_attention(model, "seven hundred forty two.", arguments.out / "characters_attention.png")

    samples = [sample(model, random) for _ in range(n_samples)]
    right = [text for text in samples if text in TEXTS]
    new = sum(text not in training for text in right)
    print(f"{len(right)} of {n_samples} samples are numbers in words, {new} not in the training data: ", end="")
    print(" ".join(samples[:5]))
    print(f"pictures in {arguments.out}/: characters_loss.png, characters_attention.png")


if __name__ == "__main__":
    main()
