"""The alert topic read again: to notify, and to answer."""
