"""Which digit is it? Ten outputs with softmax and KL divergence, on real images, in scalar Values.

The softmax output layer distributes a total probability of 1 over ten classes; ideally the right one gets 1 and the
others 0. The KL divergence from that ideal, averaged over the training images, is the loss that gradient descent
minimises (lecture: "Setting up for digit recognition", "Recognizing the digit"):

    Yᵢ = exp(zᵢ) / Σⱼ exp(zⱼ)        Div = Σᵢ dᵢ log(dᵢ / Yᵢ) = -log Y_d        Loss = 1/N Σ Div

    python demos/ten_digits.py [--out FOLDER] [--quick] [--compiled]
"""

from __future__ import annotations

from common import parse_arguments, timed
from digits import digits, draw_confusion, draw_sheet, most_likely

from autograd_mini.nn import MLP, kl_softmax
from autograd_mini.optim import SGD, Cosine
from autograd_mini.training import fit

BATCH = 16
CLASSES = [str(digit) for digit in range(10)]


def main():
    arguments = parse_arguments(__doc__, can_compile=True)
    training, held_out = digits()
    epochs = 15
    if arguments.quick:
        training, epochs = training[:250], 4
    model = MLP(64, [48, 10], activation="tanh", output="softmax", random=1)
    print(f"{len(training)} training images, {len(model.parameters())} weights: {model}")

    with timed(f"{epochs} epochs"):
        history = fit(
            model,
            training,
            kl_softmax,
            SGD(model.parameters(), Cosine(0.1, epochs * len(training) // BATCH), momentum=0.9),
            batch_size=BATCH,
            epochs=epochs,
            compiled=arguments.compiled,
        )
    print(history)

    outputs = [model(image) for image, _ in held_out]
    answers, truths = [most_likely(y) for y in outputs], [digit for _, digit in held_out]
    wrong = [answer != digit for answer, digit in zip(answers, truths)]
    print(f"held-out images {len(wrong)}: accuracy {1 - sum(wrong) / len(wrong):.2%}, {sum(wrong)} wrong")

    history.plot(arguments.out / "ten_digits_loss.png")
    draw_confusion(truths, answers, CLASSES, "Held-out digits", arguments.out / "ten_digits_confusion.png")
    shown = sorted(range(len(wrong)), key=lambda i: not wrong[i])[:40]
    draw_sheet(
        [held_out[i][0] for i in shown],
        [
            f"{answers[i]}, not {truths[i]}" if wrong[i] else f"{answers[i]}: {outputs[i][answers[i]].data:.0%}"
            for i in shown
        ],
        [wrong[i] for i in shown],
        "Held-out images: wrong answers (framed), then right ones and how sure the network is",
        arguments.out / "ten_digits_held_out.png",
    )
    print(f"pictures in {arguments.out}/: ten_digits_loss.png, ten_digits_confusion.png, ten_digits_held_out.png")


if __name__ == "__main__":
    main()
