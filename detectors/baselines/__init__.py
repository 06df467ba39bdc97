"""Baselines: what windows are compared with, in total and window by window, and what is frozen with them."""
