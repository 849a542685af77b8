"""Is it a 2? The lecture's first digit recogniser, on real images, in scalar Values.

The network has one sigmoid output Y in (0, 1); the desired output d is 1 for a two and 0 for anything else. Gradient
descent minimises the KL divergence between them until it has converged (lecture: "Setting up for digit recognition"):

    Y = σ(z)        Div = -d log Y - (1 - d) log(1 - Y)        Loss = 1/N Σ Div(Yᵢ, dᵢ)        w ← w - η dLoss/dw

    python demos/two_or_not_two.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

import time

from digits import digits, draw_sheet, draw_weights, parse_arguments

from autograd_mini import Value
from autograd_mini.draw import draw, draw_network, run_recorded
from autograd_mini.nn import MLP, Neuron, kl_sigmoid
from autograd_mini.optim import SGD
from autograd_mini.training import fit


def label(examples):
    """Replace each example's digit by d: 1 for a two, 0 for anything else."""
    return [(image, float(digit == 2)) for image, digit in examples]


def report(answers, examples):
    """Print and return the accuracy over the examples, and the recall of the twos among them."""
    right = sum((y > 0.5) == (d == 1.0) for y, (_, d) in zip(answers, examples))
    twos = [y > 0.5 for y, (_, d) in zip(answers, examples) if d == 1.0]
    accuracy, recall = right / len(examples), sum(twos) / len(twos)
    print(f"held-out images {len(examples)}: accuracy {accuracy:.2%}, recall of the {len(twos)} twos {recall:.2%}")
    return accuracy, recall


def graph_of(model, example):
    """Draw the graph of the network's answer to an image and of its divergence, with one box for each layer."""
    image, d = example
    y, scopes = run_recorded(model, image)
    divergence = kl_sigmoid(y, d)
    divergence.label = "Div(Y, d)"
    divergence.backward()
    return draw(divergence, scopes=scopes, fold="modules")


def small_neuron():
    """One sigmoid neuron of two inputs and its divergence from d = 1, differentiated: small enough to draw."""
    neuron = Neuron(2, "sigmoid")
    for weight, number in zip(neuron.weights, (-1.0, 0.5, 1.5)):
        weight.data = number
    x = [Value(2.0, label="x1"), Value(-0.5, label="x2")]
    y = neuron(x)
    y.label = "Y"
    divergence = kl_sigmoid(y, 1)
    divergence.label = "Div(Y, 1)"
    divergence.backward()
    return divergence, neuron.weights


def main():
    arguments = parse_arguments(__doc__)
    training, held_out = map(label, digits())
    if arguments.quick:
        training = training[:400]
    model = MLP(64, [8, 1], activation="tanh", output="sigmoid", random=2)
    print(f"{len(training)} training images, {len(model.parameters())} weights: {model}")
    print("training in scalar Values, for about half a minute …", flush=True)

    begin = time.perf_counter()
    history = fit(
        model,
        training,
        kl_sigmoid,
        SGD(model.parameters(), learning_rate=0.5),
        batch_size=16,
        epochs=5 if arguments.quick else 60,
        tolerance=0.2,
        patience=5,
    )
    state = "converged (the last 5 epochs gained less than 20%)" if history.converged else "stopped"
    print(f"{state} after {len(history)} epochs, {time.perf_counter() - begin:.1f} s: loss {history.losses[-1]:.4f}")

    answers = [model(image).data for image, _ in held_out]
    report(answers, held_out)

    history.plot(arguments.out / "loss.png")
    order = (
        sorted(range(len(held_out)), key=lambda i: -held_out[i][1])[:20]
        + [i for i in range(len(held_out)) if held_out[i][1] == 0.0][:30]
    )
    draw_sheet(
        [held_out[i][0] for i in order],
        [f"Y = {answers[i]:.3f}" for i in order],
        [(answers[i] > 0.5) != (held_out[i][1] == 1.0) for i in order],
        "Is it a 2? Held-out images and the network's answer",
        arguments.out / "held_out.png",
    )
    hidden, output = (layer.neurons for layer in model.layers)
    draw_weights(
        [[w.data for w in neuron.weights[1:]] for neuron in hidden],
        [f"unit {i} → Y: {w.data:+.2f}" for i, w in enumerate(output[0].weights[1:], start=1)],
        "What each hidden unit looks for",
        arguments.out / "hidden_units.png",
    )
    divergence_of_one, weights_of_one = small_neuron()
    pictures = {
        "graph": graph_of(model, held_out[order[0]]),
        "network": draw_network(model, divergence=kl_sigmoid),
        "neuron": draw(divergence_of_one, parameters=weights_of_one),
    }
    for name, picture in pictures.items():
        for ending in ("svg", "png"):
            picture.save(arguments.out / f"{name}.{ending}")
    names = ["loss.png", "held_out.png", "hidden_units.png", *(f"{name}.svg, {name}.png" for name in pictures)]
    print(f"pictures in {arguments.out}/: {', '.join(names)}")


if __name__ == "__main__":
    main()
