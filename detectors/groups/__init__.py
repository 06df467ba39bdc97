"""The profiles of a group of events, and their wire form."""
