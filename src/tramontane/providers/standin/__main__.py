"""`python -m tramontane.providers.standin '{"port": 9001}'`: options as JSON, address as JSON."""

import sys

import msgspec

from tramontane.providers.standin import StandinOptions, main

if __name__ == "__main__":
    text = sys.argv[1] if len(sys.argv) > 1 else "{}"
    main(msgspec.json.decode(text, type=StandinOptions), as_json=True)
