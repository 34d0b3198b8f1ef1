// Serves the metrics over HTTP, for this machine only: on a loopback port or a Unix socket. Knows neither the room nor
// the metrics: it is given the text.

import { resolve } from "node:path";
import { ChatError, messageOf } from "../errors.ts";
import { printable } from "../text/printable.ts";
import { CONTENT_TYPE } from "./metrics.ts";
import { clearSocket } from "./unix_socket.ts";

/** Where the metrics are served: on a port of the loopback interface (0 takes a free one), or a socket's path. */
export type StatusPlace = { readonly port: number } | { readonly path: string };

export interface Status {
  /** `http://127.0.0.1:PORT/metrics`, or the path. */
  readonly address: string;
  /** Ends the service and its connections at once, and removes the socket's file. */
  stop(): Promise<void>;
}

const HOSTNAME = "127.0.0.1";

/**
 * Answers GET of `/metrics` and `/` with the result of `render`.
 *
 * Replaces a socket's file that a killed server has left, but neither a socket where a program answers nor any other
 * file. Deno removes its own socket at the end; it needs no permission for that.
 *
 * @param os the system, as `Deno.build` names it
 * @throws {ChatError} if it cannot listen there
 */
export async function serveStatus(
  where: StatusPlace,
  render: () => string,
  os: string = Deno.build.os,
): Promise<Status> {
  const controller = new AbortController();
  const common = { signal: controller.signal, onListen: () => {} };
  let server: Deno.HttpServer<Deno.Addr>;
  if ("path" in where) {
    const cannot = cannotShowAt(where);
    await clearSocket(where.path, { cannot, hint: "Use a port, such as: --status 9428", os });
    const answer = (request: Request) => respond(request, render);
    server = listen(where, () => Deno.serve({ ...common, path: where.path }, answer));
  } else {
    const answer = (request: Request) =>
      isForLoopback(request)
        ? respond(request, render)
        : text(403, "Only requests to 127.0.0.1 are answered\n");
    server = listen(
      where,
      () => Deno.serve({ ...common, hostname: HOSTNAME, port: where.port }, answer),
    );
  }
  const stop = async () => {
    controller.abort();
    await server.finished;
  };
  const { addr } = server;
  // DENO_SERVE_ADDRESS overrides the program's address, and could open the metrics to the network. Deno may report a
  // relative path as an absolute one.
  const isAsked = "path" in where
    ? addr.transport === "unix" && resolve(addr.path) === resolve(where.path)
    : addr.transport === "tcp" && addr.hostname === HOSTNAME &&
      (where.port === 0 || addr.port === where.port);
  if (!isAsked) {
    await stop();
    throw new ChatError(`${cannotShowAt(where)}: the environment sets another address`, {
      hint: "Unset DENO_SERVE_ADDRESS",
    });
  }
  const address = "port" in addr ? `http://${HOSTNAME}:${addr.port}/metrics` : addr.path;
  return { address, stop };
}

function cannotShowAt(where: StatusPlace): string {
  const place = "path" in where ? printable(where.path) : `${HOSTNAME}:${where.port}`;
  return `Cannot show the status at ${place}`;
}

function listen<Server>(where: StatusPlace, open: () => Server): Server {
  try {
    return open();
  } catch (cause) {
    const cannot = cannotShowAt(where);
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new ChatError(`${cannot}: it is in use`, {
        hint: "Take another, or a free one with: --status 0",
        cause,
      });
    }
    if (cause instanceof Deno.errors.NotFound) {
      throw new ChatError(`${cannot}: its folder does not exist`, { cause });
    }
    const hint = "Take another port or path, or a free port with: --status 0";
    throw new ChatError(`${cannot}: ${explain(cause)}`, { hint, cause });
  }
}

function explain(cause: unknown): string {
  return printable(messageOf(cause));
}

/**
 * Whether a request names this machine. A foreign web page can point its own name to 127.0.0.1 and make a browser
 * on this machine ask (DNS rebinding), but then its name is in Host.
 */
function isForLoopback(request: Request): boolean {
  const host = request.headers.get("host");
  // HTTP/1.0 does not require it, and no browser speaks that.
  if (host === null) return true;
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i.test(host);
}

function respond(request: Request, render: () => string): Response {
  const { pathname } = new URL(request.url);
  if (pathname !== "/metrics" && pathname !== "/") return text(404, "Only /metrics exists\n");
  if (request.method !== "GET" && request.method !== "HEAD") {
    return text(405, "Only GET is allowed\n", { Allow: "GET, HEAD" });
  }
  return text(200, render(), { "Content-Type": CONTENT_TYPE });
}

function text(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, {
    status,
    headers: {
      "Content-Type": "text/plain; charset=utf-8",
      // Browsers must neither guess another type nor keep a copy.
      "X-Content-Type-Options": "nosniff",
      "Cache-Control": "no-store",
      ...headers,
    },
  });
}
