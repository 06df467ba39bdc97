"""What is said of a group's window: the verdicts on its signals, and what explains them."""
