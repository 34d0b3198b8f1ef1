"""A plain server for comparison: one thread for each user, and each message is one write to each member, including its
sender. No admission, no names, no limits.

  python3 bench/plain_server.py     prints its port on 127.0.0.1, and runs until it is killed

A frame is: length u32, big-endian || body.
"""

import resource
import socket
import threading

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
# In bytes. Many machines refuse thousands of threads with the default of 8 MiB.
threading.stack_size(256 * 1024)
members = []
# Held for a complete round, so that all members receive the same order.
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
