"""One file for each kind of provider: what it is called, where it answers, what is known of it."""
