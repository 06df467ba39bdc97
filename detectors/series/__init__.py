"""Series: what is unusual in one column of numbers as it comes, and where its course changes. One pass, no look-ahead."""
