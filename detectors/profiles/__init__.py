"""Profiles: mergeable summaries of the values of one signal, and what they are made of."""
