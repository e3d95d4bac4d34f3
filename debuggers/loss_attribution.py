"""What each column contributes to a row's loss: which columns cause the error.

For one background row the change of the raw output has Shapley values; the change of the loss is that of the raw output
times the slope of the line between both, and so are its attributions (as shap's TreeExplainer has it). Over a whole
background that slope c(a, b), of the outputs a of the row and b of the background row, is a smooth function of b, and a
polynomial of low degree in b is as good as it to nine digits. So the attributions of all rows against all background
rows are sums of a few interventional attributions with weighted backgrounds, and not one per pair.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from debuggers.coding import Coder
from debuggers.tree_attribution import TreeAttribution

Floats = npt.NDArray[np.float64]
Loss = Callable[[Floats, Floats], Floats]

#: How well the polynomial has to meet the slope, as a share of the largest slope, and its highest degree.
TOLERANCE = 1e-10
MOST_POINTS = 96


def log_loss(slope: float = 1.0) -> Loss:
    """Return the log loss of raw outputs whose logistic, after multiplying by `slope`, is the probability of 1.

    Examples
    --------
    >>> log_loss()(np.array([0.0]), np.array([1.0])).round(6).tolist()
    [0.693147]
    """
    return lambda raw, y: np.logaddexp(0.0, np.where(y > 0, -slope, slope) * raw)


def squared_error(raw: Floats, y: Floats) -> Floats:
    """Return the squared error of raw outputs that are the predictions."""
    return np.asarray((raw - y) ** 2)


def loss_attributions(
    coder: Coder, inputs: Floats, background: Floats, y: Floats, loss: Loss, *, tolerance: float = TOLERANCE
) -> tuple[Floats, Floats]:
    """Return the contribution of each column to each row's loss, and each row's base.

    Parameters
    ----------
    coder : Coder
        Of trees with one raw output.
    inputs, background : ndarray of shape (n, n_inputs) and (n_background, n_inputs)
        Encoded rows.
    y : ndarray of shape (n,)
        Truth of the rows.
    loss : callable
        From raw outputs and truths to losses.
    tolerance : float
        How well the polynomial has to meet the slope, as a share of the largest slope.

    Returns
    -------
    values : ndarray of shape (n, n_features)
    base : ndarray of shape (n,)
        Mean loss that the row's truth would have under the outputs of the background: with the values it adds up to the
        row's own loss.
    """
    ours, others = coder.trees.raw(inputs)[:, 0], coder.trees.raw(background)[:, 0]
    base = (
        np.array([loss(others, np.full(len(others), label)).mean() for label in y])
        if len(y) < 3
        else _bases(others, y, loss)
    )
    points = _points(ours, others, y, loss, tolerance)
    if len(points) >= len(ours):
        return _row_by_row(coder, inputs, background, (ours, others, y), loss), base
    found = TreeAttribution(coder, inputs, background)
    slopes = np.stack([_slope(ours, np.full_like(ours, point), y, loss) for point in points], axis=1)
    values = found.mixed_values(_lagrange(points, others) / len(others), slopes)[:, :, 0]
    return values, base


def _bases(others: Floats, y: Floats, loss: Loss) -> Floats:
    labels, which = np.unique(y, return_inverse=True)
    if len(labels) <= 64:
        means = np.array([loss(others, np.full(len(others), label)).mean() for label in labels])
        return np.asarray(means[which])
    return np.array([loss(others, np.full(len(others), label)).mean() for label in y])


def _row_by_row(
    coder: Coder, inputs: Floats, background: Floats, known: tuple[Floats, Floats, Floats], loss: Loss
) -> Floats:
    """Give the background rows each row's own weights: for fewer rows than the polynomial has points."""
    ours, others, y = known
    values = np.zeros((len(ours), coder.n_features))
    for i in range(len(ours)):
        weights = _slope(np.full_like(others, ours[i]), others, np.full_like(others, y[i]), loss) / len(others)
        values[i] = TreeAttribution(coder, inputs[i : i + 1], background).values(weights)[0, :, 0]
    return values


def _slope(a: Floats, b: Floats, y: Floats, loss: Loss) -> Floats:
    """Return the slope of the loss between two outputs; of outputs that are as good as equal that at their middle."""
    apart = a - b
    near = np.abs(apart) < 1e-5
    middle, step = (a + b) / 2, 1e-5
    tangent = (loss(middle + step, y) - loss(middle - step, y)) / (2 * step)
    secant = (loss(a, y) - loss(b, y)) / np.where(near, 1.0, apart)
    return np.where(near, tangent, secant)


def _points(ours: Floats, others: Floats, y: Floats, loss: Loss, tolerance: float) -> Floats:
    """Return as few Chebyshev points over the background's outputs as give the slopes to the tolerance."""
    low, high = float(others.min()), float(others.max())
    rng = np.random.default_rng(0)
    rows, back = rng.integers(len(ours), size=400), rng.uniform(low, high, 400)
    truth = _slope(ours[rows], back, y[rows], loss)
    n = 2
    while n < MOST_POINTS:
        points = (low + high) / 2 - (high - low) / 2 * np.cos((2 * np.arange(n) + 1) * np.pi / (2 * n))
        at = np.stack([_slope(ours[rows], np.full(400, p), y[rows], loss) for p in points], axis=1)
        apart = np.abs((at * _lagrange(points, back)).sum(axis=1) - truth).max()
        if apart <= tolerance * max(1.0, float(np.abs(truth).max())):
            break
        n += 2 if n < 8 else 4
    return points


def _lagrange(points: Floats, x: Floats) -> Floats:
    """Return the polynomials that are 1 at one point and 0 at the others, at x; shape (n_x, n_points)."""
    if len(points) == 1 or np.ptp(points) == 0:
        return np.full((len(x), len(points)), 1.0 / len(points))
    k = np.arange(len(points))
    weights = (-1.0) ** k * np.sin((2 * k + 1) * np.pi / (2 * len(points)))  # barycentric, of Chebyshev points
    apart = x[:, None] - points
    hit = apart == 0
    terms = weights / np.where(hit, 1.0, apart)
    out = terms / terms.sum(axis=1, keepdims=True)
    on_point = hit.any(axis=1)
    out[on_point] = hit[on_point]
    return np.asarray(out)
