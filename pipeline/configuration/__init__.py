"""Files that people write or keep: the configuration, baselines, what a command puts out."""
