"""A plain server to compare with: a thread a user, and each message is one write to each member, its sender too. No
admission, no names, no limits.

  python3 bench/plain_server.py     prints its port, on 127.0.0.1; goes on until it is killed

A frame is: length u32, big-endian || body.
"""

import resource
import socket
import threading

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
# Bytes: thousands of threads with the usual 8 MiB would be refused on many machines.
threading.stack_size(256 * 1024)
members = []
# Held for a whole round, so that all hear the same order.
lock = threading.Lock()


def serve(member):
    held = b""
    while True:
        try:
            got = member.recv(64 * 1024)
        except OSError:
            got = b""
        if not got:
            with lock:
                members.remove(member)
            member.close()
            return
        held += got
        while len(held) >= 4:
            end = 4 + int.from_bytes(held[:4], "big")
            if len(held) < end:
                break
            frame, held = held[:end], held[end:]
            with lock:
                for other in members:
                    try:
                        other.sendall(frame)
                    except OSError:
                        pass  # Its own thread removes it.


listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
print(listener.getsockname()[1], flush=True)
while True:
    member, _ = listener.accept()
    member.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with lock:
        members.append(member)
    threading.Thread(target=serve, args=(member,), daemon=True).start()
