"""Embeddings of worlds that stay as they are, or change: most of what varies lies in few directions, as in those of texts."""

import numpy as np

from detectors.profiles.ordering import Floats

DIMENSION = 384
_RANK = 24


class World:
    """Topics, each a mean and weights, and a spectrum that falls off; embeddings have length 1, as models give them."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.axes = np.linalg.qr(rng.normal(size=(DIMENSION, _RANK)))[0].T
        self.scales = 1.0 / np.sqrt(1.0 + np.arange(_RANK))
        self.topics = 0.8 * rng.normal(size=(3, _RANK)) * self.scales
        self.centre = rng.normal(size=DIMENSION) / np.sqrt(DIMENSION)
        self.weights = np.array([0.5, 0.3, 0.2])
        self.shift: Floats = np.zeros(DIMENSION)
        self.turn: Floats = np.eye(_RANK)

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Shape (n, DIMENSION)."""
        topic = rng.choice(len(self.weights), n, p=self.weights)
        own = rng.normal(size=(n, _RANK)) * self.scales @ self.turn
        raw = self.centre + (self.topics[topic] + own) @ self.axes + self.shift + 0.02 * rng.normal(size=(n, DIMENSION))
        return np.round(raw / np.linalg.norm(raw, axis=1, keepdims=True), 6)


def shifted(world: World, by: float, seed: int) -> World:
    """The mean moves by so much of what a usual embedding varies, along a random direction of those that vary."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=_RANK) * world.scales
    direction *= by * np.sqrt((world.scales**2).sum()) / np.linalg.norm(direction)
    world.shift = direction @ world.axes
    return world


def turned(world: World, seed: int) -> World:
    """What varies turns to other directions; no mean moves."""
    world.turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(_RANK, _RANK)))[0]
    return world


def mixed(world: World, weights: tuple[float, float, float]) -> World:
    """The same topics, more of some and less of others."""
    world.weights = np.array(weights)
    return world
