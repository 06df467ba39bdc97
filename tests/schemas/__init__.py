"""Tests of what crosses a boundary."""
