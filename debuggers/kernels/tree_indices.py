"""Rows as indices into the tables of the parts of trees: counted, and looked up."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from debuggers.kernels.compiled import compiled
from debuggers.kernels.forest import Codes, Floats, Forest, Ints, Longs
from debuggers.kernels.questions import Questions
from debuggers.kernels.tree_parts import MOST_SLOTS, Parts

BLOCK = 2048

Patterns = npt.NDArray[np.uint16]


class Seen(NamedTuple):
    """The indices that occur among the rows: tables have entries for these only.

    Parameters
    ----------
    start : ndarray of shape (n_parts + 1,)
        First of each part's in `indices`.
    indices : ndarray
        In rising order for each part.
    rank : ndarray of shape (n_indices,)
        Of every index of every part its position among those seen.
    """

    start: Longs
    indices: Ints
    rank: Ints


@compiled
def _answer(codes: Codes, first: int, n: int, row: int, questions: Questions, out: Patterns) -> None:
    """Write 1 for rows whose answer is yes, 0 for the others."""
    f, ask = questions.feature[row], questions.ask[row]
    if ask >= 0:
        for i in range(n):
            out[i] = codes[f, first + i] <= ask
    else:
        for i in range(n):
            out[i] = questions.answers[codes[f, first + i] - 1 - ask]


@compiled
def _and_bit(out: Patterns, pattern: Patterns, yes: Patterns, bit: int, inverted: bool, n: int) -> None:
    """Write a pattern whose bit stays set only where the answer is as it should be."""
    mask = np.uint16(~(1 << bit) & 0xFFFF)
    shift = np.uint16(bit)
    if inverted:
        for i in range(n):
            out[i] = pattern[i] & (mask | ((yes[i] ^ np.uint16(1)) << shift))
    else:
        for i in range(n):
            out[i] = pattern[i] & (mask | (yes[i] << shift))


@compiled
def _set_bit(out: Patterns, pattern: Patterns, yes: Patterns, bit: int, inverted: bool, n: int) -> None:
    """Write a pattern with one more bit: whether the answer is as it should be."""
    shift = np.uint16(bit)
    flip = np.uint16(1 if inverted else 0)
    for i in range(n):
        out[i] = pattern[i] | ((yes[i] ^ flip) << shift)


class Walk(NamedTuple):
    """Room for a block of rows on its way down a tree."""

    patterns: npt.NDArray[np.uint16]
    met: Longs
    many: Longs
    node: Longs
    phase: npt.NDArray[np.int8]
    yes: Patterns
    indices: Patterns


@compiled
def _room(forest: Forest) -> Walk:
    levels = forest.depth + 2
    return Walk(
        np.zeros((levels, BLOCK), np.uint16),
        np.zeros((levels, MOST_SLOTS + 1), np.int64),
        np.zeros(levels, np.int64),
        np.zeros(levels, np.int64),
        np.zeros(levels, np.int8),
        np.zeros(BLOCK, np.uint16),
        np.zeros(BLOCK, np.uint16),
    )


@compiled
def _next_part(
    d: int, part: int, codes: Codes, first: int, n: int, forest: Forest, parts: Parts, questions: Questions, walk: Walk
) -> int:  # fmt: skip
    """Go on from level `d` to the next part, write the rows' indices, and return the level; -1 where the tree ends."""
    while d >= 0:
        at, m = walk.node[d], walk.many[d]
        if walk.phase[d] == 0 and part < len(parts.root) and parts.root[part] == at:
            _index(part, m, walk.patterns[d], codes, first, n, parts, questions, walk)
            return d
        if walk.phase[d] == 2:
            d -= 1
            continue
        inverted = walk.phase[d] == 1
        walk.phase[d] += 1
        _answer(codes, first, n, forest.test[at], questions, walk.yes)
        hit = -1
        for s in range(m):
            walk.met[d + 1, s] = walk.met[d, s]
            if walk.met[d, s] == forest.feature[at]:
                hit = s
        if hit < 0:
            walk.met[d + 1, m] = forest.feature[at]
            _set_bit(walk.patterns[d + 1], walk.patterns[d], walk.yes, m, inverted, n)
            m += 1
        else:
            _and_bit(walk.patterns[d + 1], walk.patterns[d], walk.yes, hit, inverted, n)
        d += 1
        walk.node[d], walk.phase[d], walk.many[d] = forest.right[at] if inverted else forest.left[at], 0, m
    return -1


@compiled
def _index(
    part: int, m: int, pattern: Patterns, codes: Codes, first: int, n: int, parts: Parts, questions: Questions,
    walk: Walk,
) -> None:  # fmt: skip
    index = walk.indices
    index[:n] = pattern[:n]
    for k in range(parts.test_start[part], parts.test_start[part + 1]):
        _answer(codes, first, n, parts.test[k], questions, walk.yes)
        shift = np.uint16(m + k - parts.test_start[part])
        for i in range(n):
            index[i] |= walk.yes[i] << shift


@compiled
def count_indices(
    codes: Codes, start: int, stop: int, weights: Floats, forest: Forest, parts: Parts, questions: Questions,
    index_start: Longs,
) -> Floats:  # fmt: skip
    """Return the weight of the rows from `start` to `stop` at each index of each part.

    Parameters
    ----------
    weights : ndarray of shape (n,)
    index_start : ndarray of shape (n_parts + 1,)
        Where the indices of each part begin.
    """
    out = np.zeros(index_start[-1])
    walk = _room(forest)
    for first in range(start, stop, BLOCK):
        n = min(BLOCK, stop - first)
        part = 0
        while part < len(parts.root):
            walk.node[0], walk.phase[0], walk.many[0] = forest.root[parts.tree[part]], 0, 0
            walk.patterns[0, :n] = 0
            d = 0
            while True:
                d = _next_part(d, part, codes, first, n, forest, parts, questions, walk)
                if d < 0:
                    break
                at = index_start[part]
                for i in range(n):
                    out[at + walk.indices[i]] += weights[first + i]
                part += 1
                d -= 1
    return out


@compiled
def list_seen(counts: Floats, index_start: Longs) -> Seen:
    """Return which indices have rows."""
    start, rank = np.zeros(len(index_start), np.int64), np.zeros(len(counts), np.int32)
    index = np.zeros(len(counts), np.int32)
    total = 0
    for part in range(len(index_start) - 1):
        for i in range(index_start[part], index_start[part + 1]):
            if counts[i] > 0.0:
                index[total], rank[i] = i - index_start[part], total - start[part]
                total += 1
        start[part + 1] = total
    return Seen(start, index[:total].copy(), rank)


@compiled
def add_values(
    codes: Codes, start: int, stop: int, forest: Forest, parts: Parts, questions: Questions, index_start: Longs,
    seen: Seen, table: Floats, table_start: Longs, share: Floats, out: Floats,
) -> None:  # fmt: skip
    """Add the share of each row from `start` to `stop` of what the tables say of it.

    Parameters
    ----------
    table_start : ndarray of shape (n_parts + 1,)
        Where each part's table begins: for each of its columns and outputs of its leaves a number for each index seen.
    share : ndarray of shape (n,)
    out : ndarray of shape (n, n_features, n_outputs)
    """
    walk = _room(forest)
    block, rank = np.zeros((out.shape[1] * out.shape[2], BLOCK)), np.zeros(BLOCK, np.int64)
    for first in range(start, stop, BLOCK):
        n = min(BLOCK, stop - first)
        block[:] = 0.0
        part = 0
        while part < len(parts.root):
            walk.node[0], walk.phase[0], walk.many[0] = forest.root[parts.tree[part]], 0, 0
            walk.patterns[0, :n] = 0
            d = 0
            while True:
                d = _next_part(d, part, codes, first, n, forest, parts, questions, walk)
                if d < 0:
                    break
                for i in range(n):
                    rank[i] = seen.rank[index_start[part] + walk.indices[i]]
                _look_up(part, rank, n, forest, parts, seen, table, table_start[part], out.shape[2], block)
                part += 1
                d -= 1
        for i in range(n):
            for f in range(out.shape[1]):
                for o in range(out.shape[2]):
                    out[first + i, f, o] += share[first + i] * block[f * out.shape[2] + o, i]


@compiled
def _look_up(
    part: int, rank: Longs, n: int, forest: Forest, parts: Parts, seen: Seen, table: Floats, at: int, n_outputs: int,
    block: Floats,
) -> None:  # fmt: skip
    """Add one part's entries, the table beginning at `at`, to a block of rows."""
    output = forest.output[parts.tree[part]]
    for q in range(parts.feature_start[part], parts.feature_start[part + 1]):
        for j in range(forest.value.shape[1]):
            row = parts.feature[q] * n_outputs + output + j
            for i in range(n):
                block[row, i] += table[at + rank[i]]
            at += seen.start[part + 1] - seen.start[part]
