"""`python -m tramontane.worker`: the worker's process."""

from tramontane.worker import main

if __name__ == "__main__":
    main()
