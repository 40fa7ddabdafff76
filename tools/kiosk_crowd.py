"""A crowd at the kiosk's server on this machine: readers of the live picture, and connections that dawdle.

    python tools/kiosk_crowd.py http://127.0.0.1:8080 SECONDS [READERS [SLOW]]

Slow connections send a byte of a request every two seconds, or ask for pictures and read next to nothing; who is cut
off comes again. Prints how many pictures were read. Ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from urllib.parse import urlsplit


async def reader(host: str, port: int, read: list[int]) -> None:
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            stream, out = await asyncio.open_connection(host, port)
            out.write(f"GET /live HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            while data := await stream.read(1 << 16):
                read[0] += data.count(b"\xff\xd8\xff")
            out.close()
        await asyncio.sleep(0.5)


async def dawdler(host: str, port: int, kind: int) -> None:
    request = f"GET /{'live' if kind % 2 else ''} HTTP/1.1\r\nHost: {host}:{port}\r\n"
    while True:
        with contextlib.suppress(OSError):
            stream, out = await asyncio.open_connection(host, port, limit=1024)
            if kind % 2:  # reads next to nothing
                out.write(f"{request}\r\n".encode())
                while await stream.read(64):
                    await asyncio.sleep(2)
            for letter in request:  # never comes to its end
                out.write(letter.encode())
                await out.drain()
                await asyncio.sleep(2)
            out.close()
        await asyncio.sleep(0.5)


async def crowd(url: str, seconds: float, readers: int, slow: int) -> int:
    """How many pictures the readers got."""
    address = urlsplit(url)
    host, port = address.hostname or "127.0.0.1", address.port or 80
    read = [0]
    tasks = [asyncio.create_task(reader(host, port, read)) for _ in range(readers)]
    tasks += [asyncio.create_task(dawdler(host, port, i)) for i in range(slow)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return read[0]


if __name__ == "__main__":
    where, how_long, *numbers = sys.argv[1:]
    if urlsplit(where).hostname not in ("127.0.0.1", "localhost", "::1"):
        sys.exit("only for a server on this machine")
    print(asyncio.run(crowd(where, float(how_long), *(map(int, numbers) if numbers else (20, 200)))), file=sys.stderr)
