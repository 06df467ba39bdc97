"""What events look like on real buses, and how each form becomes the plain one. One file and one entry of `table.FORMATS`
for each form."""
