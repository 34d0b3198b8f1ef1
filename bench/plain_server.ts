// A plain server to compare with: each message is one write to each member, its sender too, as a server with a thread a
// user does it. No admission, no names, no limits.
//
//   deno run --allow-net bench/plain_server.ts     prints its port, on 127.0.0.1; goes on until it is killed
//
// A frame is: length u32, big-endian || body.

/** The longest frame: a reader has room for it, and no more. */
const LARGEST = 64 * 1024;

class Member {
  readonly #conn: Deno.TcpConn;
  /** The last write: one at a time, for a write may take a part only. */
  #last: Promise<void> = Promise.resolve();

  constructor(conn: Deno.TcpConn) {
    conn.setNoDelay(true);
    this.#conn = conn;
  }

  write(frame: Uint8Array): void {
    this.#last = this.#last.then(async () => {
      for (let at = 0; at < frame.length;) at += await this.#conn.write(frame.subarray(at));
    }).catch(() => {
      // Its reader finds out as well.
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
    // It has been cut off.
  } finally {
    members.delete(member);
  }
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 4096 });
console.log(listener.addr.port);
for await (const conn of listener) serve(conn);
