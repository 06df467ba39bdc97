"""Every decoder, given bytes that nobody sent: it answers in time, within memory, with an error of ours or a value."""
