"""What groups are compared with: baselines from files, learned and rolling, made ready."""
