import { assert, assertEquals, assertRejects } from "@std/assert";
import { CONTENT_TYPE } from "./metrics.ts";
import { ChatError } from "../errors.ts";
import { serveStatus } from "./metrics_http.ts";

const WINDOWS = Deno.build.os === "windows";
const METRICS = "# TYPE chat_members gauge\nchat_members 3\n";
const render = () => METRICS;

interface Answer {
  status: number;
  headers: Headers;
  body: string;
}

/** Sends a request byte by byte. */
async function ask(
  to: Deno.ConnectOptions | Deno.UnixConnectOptions,
  ...lines: string[]
): Promise<Answer> {
  const conn = "path" in to ? await Deno.connect(to) : await Deno.connect(to);
  const request = [...lines, "Connection: close", "", ""].join("\r\n");
  await conn.write(new TextEncoder().encode(request));
  const [head, ...body] = (await new Response(conn.readable).text()).split("\r\n\r\n");
  const [first, ...fields] = head!.split("\r\n");
  return {
    status: Number(first!.split(" ")[1]),
    headers: new Headers(
      fields.map((field) => field.split(/: (.*)/s).slice(0, 2) as [string, string]),
    ),
    body: body.join("\r\n\r\n"),
  };
}

/** Runs a test with the metrics on a free port. */
async function onPort(use: (port: number) => Promise<void>, text = render): Promise<void> {
  const status = await serveStatus({ port: 0 }, text);
  try {
    const [, port] = /^http:\/\/127\.0\.0\.1:(\d+)\/metrics$/.exec(status.address)!;
    await use(Number(port));
  } finally {
    await status.stop();
  }
}

/** Runs a test with the path of a socket that does not exist yet. */
async function withPath(use: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(`${folder}/status`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Leaves a socket's file without a listener, as a killed server does. */
async function leaveStale(path: string): Promise<void> {
  const listener = Deno.listen({ transport: "unix", path: `${path}-before` });
  await Deno.rename(`${path}-before`, path);
  listener.close();
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

Deno.test("serveStatus: GET of /metrics and / returns the current text, for Prometheus", async () => {
  let count = 0;
  await onPort(async (port) => {
    for (const path of ["/metrics", "/", "/metrics?name=value"]) {
      const { status, headers, body } = await ask(
        { port },
        `GET ${path} HTTP/1.1`,
        "Host: localhost",
      );
      assertEquals([status, headers.get("content-type")], [200, CONTENT_TYPE]);
      assertEquals(body, `chat_x_total ${count}\n`);
    }
    assertEquals(count, 3);
  }, () => `chat_x_total ${++count}\n`);
});

Deno.test("serveStatus: other methods and paths are refused", async () => {
  await onPort(async (port) => {
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "X"]) {
      const { status, headers } = await ask(
        { port },
        `${method} /metrics HTTP/1.1`,
        "Host: localhost",
      );
      assertEquals([status, headers.get("allow")], [405, "GET, HEAD"], method);
    }
    for (const path of ["/favicon.ico", "/metrics/", "//metrics", "/%zz"]) {
      const { status, body } = await ask({ port }, `GET ${path} HTTP/1.1`, "Host: localhost");
      assertEquals([status, body], [404, "Only /metrics exists\n"], path);
    }
    const head = await ask({ port }, "HEAD /metrics HTTP/1.1", "Host: localhost");
    assertEquals([head.status, head.body], [200, ""]);
  });
});

Deno.test("serveStatus: on a port, answers only requests that name this machine", async () => {
  await onPort(async (port) => {
    for (const host of ["localhost", "LOCALHOST:1", "127.0.0.1", `127.0.0.1:${port}`, "[::1]:80"]) {
      const { status } = await ask({ port }, "GET /metrics HTTP/1.1", `Host: ${host}`);
      assertEquals(status, 200, host);
    }
    assertEquals((await ask({ port }, "GET /metrics HTTP/1.0")).status, 200);
    const strange = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "a b", ""];
    for (const host of [...strange, "192.0.2.7", "localhost:", "[::2]", "evil@localhost"]) {
      const { status, body } = await ask({ port }, "GET /metrics HTTP/1.1", `Host: ${host}`);
      assertEquals([status, body], [403, "Only requests to 127.0.0.1 are answered\n"], host);
    }
  });
});

Deno.test("serveStatus: reports a port that is in use", async () => {
  await onPort(async (port) => {
    const error = await assertRejects(() => serveStatus({ port }, render), ChatError);
    assertEquals(error.message, `Cannot show the status at 127.0.0.1:${port}: it is in use`);
    assertEquals(error.hint, "Take another, or a free one with: --status 0");
  });
});

Deno.test("serveStatus: stops at once, and frees the port", async () => {
  const first = await serveStatus({ port: 0 }, () => "x".repeat(1 << 20));
  const port = Number(new URL(first.address).port);
  const idle = await Deno.connect({ port });
  // A client that sends requests and never reads.
  const greedy = await Deno.connect({ port });
  const asked = greedy.write(
    new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(16)),
  );
  await asked;
  await greedy.read(new Uint8Array(1));
  await first.stop();
  const second = await serveStatus({ port }, render);
  await second.stop();
  idle.close();
  greedy.close();
});

Deno.test({
  name:
    "serveStatus: on a Unix socket answers everybody who may open it, and removes it at the end",
  ignore: WINDOWS,
  fn: () =>
    withPath(async (path) => {
      const status = await serveStatus({ path }, render);
      assertEquals(status.address, path);
      for (const host of ["localhost", "evil.example"]) {
        const answer = await ask({ transport: "unix", path }, "GET / HTTP/1.1", `Host: ${host}`);
        assertEquals([answer.status, answer.body], [200, METRICS]);
      }
      await status.stop();
      assert(!await exists(path));
    }),
});

Deno.test({
  name: "serveStatus: replaces a socket that a killed server has left",
  ignore: WINDOWS,
  fn: () =>
    withPath(async (path) => {
      await leaveStale(path);
      assert(await exists(path));
      const status = await serveStatus({ path }, render);
      const { body } = await ask({ transport: "unix", path }, "GET / HTTP/1.1", "Host: a");
      assertEquals(body, METRICS);
      await status.stop();
    }),
});

Deno.test({
  name: "serveStatus: keeps a socket where a program answers, and files that are not sockets",
  ignore: WINDOWS,
  fn: () =>
    withPath(async (path) => {
      const other = await serveStatus({ path }, render);
      const taken = await assertRejects(() => serveStatus({ path }, () => "mine"), ChatError);
      assertEquals(
        [taken.message, taken.hint],
        [
          `Cannot show the status at ${path}: another program answers there`,
          "Another room may use it: take another path",
        ],
      );
      const { body } = await ask({ transport: "unix", path }, "GET / HTTP/1.1", "Host: a");
      assertEquals(body, METRICS);
      await other.stop();
      await Deno.writeTextFile(path, "precious");
      const file = await assertRejects(() => serveStatus({ path }, render), ChatError);
      assertEquals(
        file.message,
        `Cannot show the status at ${path}: the file is not a socket`,
      );
      assertEquals(await Deno.readTextFile(path), "precious");
    }),
});

Deno.test({
  name: "serveStatus: refuses an impossible path, with the reason",
  ignore: WINDOWS,
  fn: () =>
    withPath(async (path) => {
      const missing = await assertRejects(
        () => serveStatus({ path: `${path}/a` }, render),
        ChatError,
      );
      assertEquals(
        missing.message,
        `Cannot show the status at ${path}/a: its folder does not exist`,
      );
      const long = path + "x".repeat(200);
      const error = await assertRejects(() => serveStatus({ path: long }, render), ChatError);
      assertEquals(
        [error.message, error.hint],
        [
          `Cannot show the status at ${long}: the system does not accept it`,
          "Take another port or path, or a free port with: --status 0",
        ],
      );
    }),
});

Deno.test("serveStatus: on Windows, suggests a port instead of a Unix socket", async () => {
  const opening = () => serveStatus({ path: "C:\\status" }, render, "windows");
  const error = await assertRejects(opening, ChatError);
  assertEquals(
    [error.message, error.hint],
    [
      "Cannot show the status at C:\\status: Deno has no Unix sockets on Windows",
      "Use a port, such as: --status 9428",
    ],
  );
});

Deno.test("serveStatus: an address in the environment does not open it to others", async () => {
  Deno.env.set("DENO_SERVE_ADDRESS", "tcp:0.0.0.0:0");
  try {
    const error = await assertRejects(() => serveStatus({ port: 0 }, render), ChatError);
    assertEquals(error.hint, "Unset DENO_SERVE_ADDRESS");
  } finally {
    Deno.env.delete("DENO_SERVE_ADDRESS");
  }
});
