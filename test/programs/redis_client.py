"""
redis_client.py: a client of Redis, as much as the tests need.
"""

import socket


class Client:
    """A connection that speaks just enough of the protocol: arrays of bulk strings out, any reply
    in."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rb")

    @staticmethod
    def encode(words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)

    def reply(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else self.stream.read(length + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        if kind == b"-":
            raise ValueError(rest.decode())
        return int(rest) if kind == b":" else rest

    def call(self, *words):
        self.socket.sendall(self.encode(words))
        return self.reply()

    def pipeline(self, commands, batch=500):
        for start in range(0, len(commands), batch):
            part = commands[start : start + batch]
            self.socket.sendall(b"".join(self.encode(words) for words in part))
            for _ in part:
                self.reply()
