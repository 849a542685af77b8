"""A training that spends most of its time writing checkpoints, as a program to be killed."""

import sys

from autograd_mini.nn import MLP, squared_error
from autograd_mini.optim import SGD
from autograd_mini.training import fit


def train_wide(epochs, **kwargs):
    model = MLP(100, [30], "tanh", random=5)
    optimizer = SGD(model.parameters(), 0.01, momentum=0.9)
    data = [([0.01 * i] * 100, [0.1] * 30) for i in range(2)]
    history = fit(model, data, squared_error, optimizer, epochs=epochs, patience=10**9, batch_size=1, **kwargs)
    return model, history


def die_at_byte(limit):
    """Make the kernel kill this process when it has written this many bytes of a file."""
    import resource
    import signal

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


if __name__ == "__main__":
    path, *limit = sys.argv[1:]
    if limit:
        die_at_byte(int(limit[0]))
    train_wide(10**9, checkpoint=path, resume=True)
