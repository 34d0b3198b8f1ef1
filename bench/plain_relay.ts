// A relay that only copies, with which files.ts compares the server of a room: its first connection gets the bytes of
// its second one. It reads into one buffer while it writes the other. Prints its port, then that the receiver has connected.
//
//   deno run --allow-net bench/plain_relay.ts

const SIZE = 256 * 1024;

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) bytes = bytes.subarray(await to.write(bytes));
}

using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(`listening ${listener.addr.port}`);
using receiver = await listener.accept();
console.log("receiver");
using sender = await listener.accept();
const buffers = [new Uint8Array(SIZE), new Uint8Array(SIZE)] as const;
let written = Promise.resolve();
for (let i: 0 | 1 = 0;; i = i === 0 ? 1 : 0) {
  const n = await sender.read(buffers[i]);
  await written;
  if (n === null) break;
  written = writeAll(receiver, buffers[i].subarray(0, n));
}
