"""Files out: reports, and the book for other programs."""
