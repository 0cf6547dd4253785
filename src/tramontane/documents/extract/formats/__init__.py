"""One file for each format: from its bytes to blocks of text. Runs in the child only."""
