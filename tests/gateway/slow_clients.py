"""Slow readers and slow senders in a process of their own, until stdin ends.

    python -m tests.gateway.slow_clients PORT KEY COUNT

Half of them send a request one byte at a time, half ask for a stream and hardly read it.
"""

import select
import sys

from tests.gateway.bytewise import Talk, asked

PAUSE_S = 0.05


def main(port: int, key: str, count: int) -> None:
    """Connect `count` clients, say "ready", and be slow."""
    talks = [Talk(port) for _ in range(count)]
    for i, talk in enumerate(talks):
        data = asked(key, "[[standin tokens=20000]]" + "x" * 10_000, stream=True)
        talk.send(data if i % 2 else data[: len(data) // 2])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not select.select([sys.stdin], [], [], PAUSE_S)[0]:
        for talk in talks[::2]:
            talk.send(b"x")
        for talk in talks[1::2]:
            talk.socket.recv(100)
    for talk in talks:
        talk.socket.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
