"""Send datagrams to ADDRESS PORT as fast as possible from the last processor until the input ends; print how many.

One more goes to PORT + 1 at the end: on one processor nothing overtakes it.
"""

import os
import select
import socket
import sys

BURST = 50


def main(address: str, port: int) -> int:
    os.sched_setaffinity(0, {(os.cpu_count() or 1) - 1})
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        while not select.select([sys.stdin], [], [], 0)[0]:
            for _ in range(BURST):
                out.sendto(b"datagram", (address, port))
            sent += BURST
        out.sendto(b"end", (address, port + 1))
    return sent


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2])))
