"""The ground floor of Driftline: what crosses a boundary.

Events, the messages and files made of them, the configuration, and the errors a user sees. Nothing here computes on
data, opens a connection or reads a file; the one thing that writes files is `schemas.export`, the JSON Schemas.
"""
