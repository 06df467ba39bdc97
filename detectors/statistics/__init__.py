"""Statistics of counts: how far apart two distributions are, whether chance explains it, and what the budget allows."""
