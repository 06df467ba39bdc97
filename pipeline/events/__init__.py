"""From records to events: files, forms, paths and times."""
