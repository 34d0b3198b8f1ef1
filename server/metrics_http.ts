// The counters over HTTP, for this machine alone: on a loopback port or a Unix socket. Knows neither the
// room nor what is counted: it is given the text.

import { ChatError, messageOf } from "../errors.ts";
import { printable } from "../text/printable.ts";
import { CONTENT_TYPE } from "./metrics.ts";

/** Where the status is to be had: a port of the loopback interface (0 takes a free one), or a socket's path. */
export type StatusPlace = { readonly port: number } | { readonly path: string };

export interface Status {
  /** `http://127.0.0.1:PORT/metrics`, or the path. */
  readonly address: string;
  /** Ends it at once, with whoever is asking; a socket's file is gone then. */
  stop(): Promise<void>;
}

const HOSTNAME = "127.0.0.1";

/**
 * Answers GET of `/metrics`, and of `/`, with what `render` gives.
 *
 * A socket's file that a killed server has left is taken over; one behind which somebody answers is not,
 * and what is no socket stays as it is. Deno takes its own away when it ends, without asking for permission.
 *
 * @param os the system, as `Deno.build` names it
 * @throws {ChatError} if it can't listen there
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
    await clearPath(where.path, os);
    const answer = (request: Request) => respond(request, render);
    server = listen(where, () => Deno.serve({ ...common, path: where.path }, answer));
  } else {
    const answer = (request: Request) =>
      isForLoopback(request)
        ? respond(request, render)
        : text(403, "This is for 127.0.0.1 alone\n");
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
  // DENO_SERVE_ADDRESS goes before what the program says, and could let the world in.
  const isAsked = "path" in where
    ? addr.transport === "unix" && addr.path === where.path
    : addr.transport === "tcp" && addr.hostname === HOSTNAME &&
      (where.port === 0 || addr.port === where.port);
  if (!isAsked) {
    await stop();
    throw new ChatError(`${cannotShowAt(where)}: the environment says another address`, {
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

/** @throws {ChatError} if a socket can't be made there, or somebody else's is there */
async function clearPath(path: string, os: string): Promise<void> {
  const cannot = cannotShowAt({ path });
  if (os === "windows") {
    throw new ChatError(`${cannot}: Windows has no such sockets`, {
      hint: "Take a port, such as: --status 9428",
    });
  }
  try {
    if (!Deno.lstatSync(path).isSocket) {
      throw new ChatError(`${cannot}: there is a file that is no socket`, {
        hint: "Take another path",
      });
    }
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return;
    if (cause instanceof ChatError) throw cause;
    throw new ChatError(`${cannot}: ${explain(cause)}`, { cause });
  }
  try {
    const conn = await Deno.connect({ transport: "unix", path });
    conn.close();
  } catch (cause) {
    // Nobody listens: a server that was killed has left it.
    if (cause instanceof Deno.errors.ConnectionRefused) return remove(path, cannot);
    if (cause instanceof Deno.errors.NotFound) return;
    throw new ChatError(`${cannot}: ${explain(cause)}`, { cause });
  }
  throw new ChatError(`${cannot}: another program answers there`, {
    hint: "It may be another room's: take another path",
  });
}

function remove(path: string, cannot: string): void {
  try {
    Deno.removeSync(path);
  } catch (cause) {
    throw new ChatError(`${cannot}: an old socket can't be removed: ${explain(cause)}`, { cause });
  }
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
    throw new ChatError(`${cannot}: ${explain(cause)}`, { cause });
  }
}

function explain(cause: unknown): string {
  return printable(messageOf(cause));
}

/**
 * Whether a request was made for this machine: a web page from elsewhere can let its own name point to
 * 127.0.0.1, and have a browser here ask (DNS rebinding); but then its name is in Host.
 */
function isForLoopback(request: Request): boolean {
  const host = request.headers.get("host");
  // HTTP/1.0 needs none, and no browser speaks it.
  if (host === null) return true;
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i.test(host);
}

function respond(request: Request, render: () => string): Response {
  const { pathname } = new URL(request.url);
  if (pathname !== "/metrics" && pathname !== "/") return text(404, "Only /metrics is here\n");
  if (request.method !== "GET" && request.method !== "HEAD") {
    return text(405, "Only GET is taken\n", { Allow: "GET, HEAD" });
  }
  return text(200, render(), { "Content-Type": CONTENT_TYPE });
}

function text(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, {
    status,
    headers: {
      "Content-Type": "text/plain; charset=utf-8",
      // What else a browser may do with it is nothing.
      "X-Content-Type-Options": "nosniff",
      "Cache-Control": "no-store",
      ...headers,
    },
  });
}
