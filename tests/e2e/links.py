#!/usr/bin/env python3
"""A proxy of all ways between nodes: one process, a port for each way from one node to another.

    links.py '{"1-2": PORT, ...}'    from node 1 to the port of node 2, and so on

says on its first line, as JSON, at which port each way begins. Orders are lines of JSON, each answered by `done`:

    ["cut", a, b]     nothing arrives on the ways between a and b, and nobody is told; it arrives after "heal"
    ["heal", a, b]
    ["break", a, b]   connections between a and b end at once, with RST; new ones can be made
    ["slow", k, N]    what node k is sent comes at N bytes a second; 0: as it comes

It ends when its standard input does.
"""

import asyncio
import contextlib
import json
import socket
import struct
import sys

PIECE = 16384


class Node:
    def __init__(self):
        self.rate = 0
        self._free_at = 0.0

    async def pace(self, size):
        """Returns once `size` more bytes may go to this node."""
        if self.rate:
            now = asyncio.get_running_loop().time()
            self._free_at = max(self._free_at, now) + size / self.rate
            await asyncio.sleep(self._free_at - now)


class Way:
    def __init__(self, here, there, target):
        self._here, self._there, self._target = here, there, target
        self.open = asyncio.Event()
        self.open.set()
        self._connections = set()

    async def listen(self):
        server = await asyncio.start_server(self._connected, '127.0.0.1', 0, limit=PIECE)
        return server.sockets[0].getsockname()[1]

    def break_all(self):
        for writer in self._connections:
            abort(writer)

    async def _connected(self, reader, writer):
        self._connections.add(writer)
        other = None
        try:
            await self.open.wait()
            other_reader, other = await asyncio.open_connection('127.0.0.1', self._target, limit=PIECE)
            self._connections.add(other)
            await asyncio.gather(self._pump(reader, other, self._there), self._pump(other_reader, writer, self._here))
        except OSError:
            pass  # One end is gone; the other one hears of it.
        finally:
            for end in (writer, other):
                if end:
                    self._connections.discard(end)
                    abort(end)

    async def _pump(self, reader, writer, to):
        while piece := await reader.read(PIECE):
            await to.pace(len(piece))
            await self.open.wait()
            writer.write(piece)
            await writer.drain()
        await self.open.wait()
        writer.write_eof()


def abort(writer):
    with contextlib.suppress(OSError, AttributeError):
        writer.get_extra_info('socket').setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    writer.transport.abort()


class Links:
    def __init__(self, targets):
        self._nodes = {k: Node() for way in targets for k in map(int, way.split('-'))}
        self.ways = {}
        for way, target in targets.items():
            a, b = map(int, way.split('-'))
            self.ways[a, b] = Way(self._nodes[a], self._nodes[b], target)

    def obey(self, order):
        verb, first, second = order
        if verb == 'slow':
            self._nodes[first].rate = second
            return
        for way in (self.ways[first, second], self.ways[second, first]):
            {'cut': way.open.clear, 'heal': way.open.set, 'break': way.break_all}[verb]()


async def main():
    links = Links(json.loads(sys.argv[1]))
    ports = {f'{a}-{b}': await way.listen() for (a, b), way in links.ways.items()}
    print(json.dumps(ports), flush=True)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while order := await orders.readline():
        links.obey(json.loads(order))
        print('done', flush=True)


if __name__ == '__main__':
    asyncio.run(main())
