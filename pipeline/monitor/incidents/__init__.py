"""From verdicts to alerts: when they fire, which incident they are of, what a new version explains, and what is remembered."""
