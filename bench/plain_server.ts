// A plain server for comparison: each message is one write to each member, including its sender, like a server with a
// thread for each user. No admission, no names, no limits.
//
//   deno run --allow-net bench/plain_server.ts     prints its port on 127.0.0.1, and runs until it is killed
//
// A frame is: length u32, big-endian || body.

/** The longest frame, which is also the size of a reader's buffer. */
const LARGEST = 64 * 1024;

class Member {
  readonly #conn: Deno.TcpConn;
  /** The last write. One at a time, because a write may take only a part. */
  #last: Promise<void> = Promise.resolve();

  constructor(conn: Deno.TcpConn) {
    conn.setNoDelay(true);
    this.#conn = conn;
  }

  write(frame: Uint8Array): void {
    this.#last = this.#last.then(async () => {
      for (let at = 0; at < frame.length;) at += await this.#conn.write(frame.subarray(at));
    }).catch(() => {
      // Its reader fails, too.
    });
  }

  async read(take: (frame: Uint8Array) => void): Promise<void> {
    const bytes = new Uint8Array(LARGEST);
    const view = new DataView(bytes.buffer);
    let filled = 0;
    for (;;) {
      const count = await this.#conn.read(bytes.subarray(filled));
      if (!count) return;
      filled += count;
      let at = 0;
      while (filled - at >= 4) {
        const end = at + 4 + view.getUint32(at);
        if (end > filled) break;
        take(bytes.slice(at, end));
        at = end;
      }
      bytes.copyWithin(0, at, filled);
      filled -= at;
    }
  }
}

const members = new Set<Member>();

async function serve(conn: Deno.TcpConn): Promise<void> {
  const member = new Member(conn);
  members.add(member);
  try {
    await member.read((frame) => {
      for (const other of members) other.write(frame);
    });
  } catch {
    // The connection was closed.
  } finally {
    members.delete(member);
  }
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 4096 });
console.log(listener.addr.port);
for await (const conn of listener) serve(conn);
