"""`python -m tramontane.cli`: the same as `tramontane`."""

from tramontane.cli import main

main()
