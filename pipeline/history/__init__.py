"""The whole core over what has been: files, or a range of topics."""
