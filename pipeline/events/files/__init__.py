"""Events from files. One file for each kind of file, and an entry in `files` for each ending."""
