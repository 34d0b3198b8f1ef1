// chat serve: opens a room, announces it, and with --join also joins it. Connects the parts that do so; knows
// nothing of how they work.

import { ClassicAdapter } from "../classic/member.ts";
import { join, type JoinOptions, type Self } from "../client.ts";
import { drawPublicKey } from "../cipher.ts";
import { fingerprint } from "../cipher/identity.ts";
import { Verifier } from "../cipher/verifier.ts";
import { ChatError, TerminalGone } from "../errors.ts";
import type { TransferOptions } from "../files/post.ts";
import { formatAddress } from "../protocol/connection.ts";
import type { Person } from "../room.ts";
import { Server, type ServerOptions } from "../server.ts";
import { inRanges } from "../server/addresses.ts";
import { formatJson, formatText, type ServerEvent } from "../server/events.ts";
import { Journal } from "../server/journal.ts";
import { serveStatus } from "../server/metrics_http.ts";
import { startTimer } from "../server/timers.ts";
import { printable } from "../text/printable.ts";
import { isLoopback } from "./address.ts";
import { AdminService } from "./admin_service.ts";
import { networks, reconnectMs } from "./admit.ts";
import type { Command, ScreenOptions } from "./command.ts";
import type { Settings } from "./config.ts";
import { adminPath, publishRoom } from "./home.ts";
import { loadIgnored } from "./ignored_file.ts";
import { hostInvitation } from "./invitation.ts";
import { note, print, report } from "./output.ts";
import { rememberRoom } from "./remember.ts";
import { type AdmissionSetup, prepareAdmission } from "./room_code.ts";
import { Signals } from "./signals.ts";
import { openStateDir, type StateDir } from "./state_dir.ts";
import { isForPerson, stay } from "./stay.ts";
import { hasTerminal, type System } from "./system.ts";
import { chosenName, chosenView, filesFor, home, loadSelf, loadSettings, places } from "./user.ts";

type ServeCommand = Command & { verb: "serve" };

/** What guests of a room read that can never open again: nothing has its code. */
const CLOSED = "the server has closed the room for good";

/**
 * Opens a room; returns the exit code.
 *
 * 1. Read the config file and the code, open the folder that keeps the room, and check the downloads folder. An error here
 *    needs no room to be closed.
 * 2. Listen to signals.
 * 3. Show the metrics, and open the socket for `chat admin` if it has a path: if that fails, no room opens.
 * 4. Open the room and announce it.
 * 5. Join it; or give up all permissions, and serve until a signal arrives, or the operator ends the room. A room outlives a
 *    crash of its screen, and under `nohup` its terminal.
 */
export async function serve(command: ServeCommand, system: System): Promise<number> {
  const { cipher, join: screen, status } = command;
  // The screen shows what happens, while there is one.
  const view = { isOpen: screen !== undefined };
  const settings = screen ? await loadSettings(system, screen.config) : {};
  const ignored = screen && loadIgnored(system, isForPerson(system, screen));
  const files = screen && {
    ...filesFor(system, screen.files, settings),
    ignores: (who: Person) => ignored!.has(who),
  };
  // It ends last: after `chat admin close` returns, port and folder are free.
  await using admin = new AdminService(startTimer);
  using state = command.state &&
    await openStateDir(system, { ...command.state, cipher: cipher.name });
  let setup = cipher.name === "sealed"
    ? await prepareAdmission(system, cipher, command.port, screen !== undefined, state)
    : undefined;
  const publicKey = cipher.name === "xor" ? chooseKey(cipher.publicKey, state) : undefined;
  // Before the announcement, because its reader may send a signal at once. And before a code is kept, so that no signal
  // can end the program between that and the line that shows it.
  const signals = new Signals(system);
  try {
    const self = screen && setup ? loadSelf(system) : undefined;
    const moderators = moderatorsOf(command, self);
    if (command.admin !== undefined) await admin.listen(command.admin, home(system), system.os);
    const metrics = status && await serveStatus(status, () => server.status());
    let server: Server;
    // No later start has the code of this room.
    const isForGood = setup?.isDrawn === true && !state;
    let journal: Journal | undefined;
    try {
      journal = await openJournal(command, state, system);
      const options = serverOptions(command, setup, publicKey, system, view);
      server = openRoom({ ...options, moderators, ...(journal && { journal }) }, state);
    } catch (error) {
      // So the files of an earlier run stay complete, also for the next start.
      await journal?.stop();
      await metrics?.stop();
      throw error;
    }
    let stopped: Promise<void> | undefined;
    const stop = () => {
      const closed = server.government.closing ?? (isForGood ? CLOSED : undefined);
      return stopped ??= server.stop(closed === undefined ? {} : { closed });
    };
    try {
      try {
        if (state?.replaced) await state.sync();
        if (admin.path === undefined) await listenAtHome(system, admin, server.port);
        announce(system, command, server, setup, state, metrics?.address, admin.path);
      } catch (error) {
        state?.drop();
        throw error;
      }
      const { greeting, address, government } = server;
      admin.serve({ greeting, address, government, clock: () => system.now().getTime() });
      // The screen of the host ends with the room. An error is reported below.
      if (screen) government.ended.then(stop).catch(() => {});
      const { code, recordName: record } = (screen && setup) ?? {};
      const joining = screen && joinOptions(system, screen, settings, files, server, code, self);
      const invitation = hostInvitation(
        reachable(system, server),
        inRanges(command.proxies, server.localHost),
        code,
      );
      // The server needs the record that verifies the code, not the code.
      setup = undefined;
      if (screen) {
        const client = await Promise.race([join(joining!), signals.first]);
        // A signal before the user is in the room: no goodbye to wait for.
        if (!client) return signals.code;
        const isShown = hasTerminal(system);
        try {
          const view = chosenView(screen.view, settings, ignored);
          const { address } = client.info;
          return await stay(system, client, screen, view, signals, {
            log: settings.log,
            hosting: state ? "pauses" : "closes",
            invitation,
            remember: (name) =>
              rememberRoom(
                system,
                screen.config,
                { address, code, record, name: screen.name },
                name,
              ),
          });
        } catch (error) {
          if (error instanceof TerminalGone) note(system, `chat: ${error.message}`);
          else if (error instanceof ChatError) throw error;
          else report(system, error);
          const end = isShown ? "Ctrl-C" : "SIGTERM";
          note(system, `chat: the room goes on without the screen; ${end} closes it`);
          view.isOpen = false;
          await Promise.race([signals.first, government.ended]);
          return signals.code;
        }
      }
      // From here on the server only moves bytes between sockets that are open, or that its listeners accept.
      system.dropPermissions();
      await Promise.race([signals.first, government.ended]);
      return signals.code;
    } finally {
      await stop();
      await metrics?.stop();
    }
  } finally {
    signals.forget();
  }
}

function serverOptions(
  { hostname, port, advertise, proxies, cipher, limits, readOnly, log }: ServeCommand,
  setup: AdmissionSetup | undefined,
  publicKey: number | undefined,
  system: System,
  view: { readonly isOpen: boolean },
): ServerOptions {
  return {
    ...limits,
    hostname,
    port,
    advertise,
    proxies,
    readOnly,
    onEvent: (event: ServerEvent) => {
      if (view.isOpen) return;
      note(system, log === "json" ? formatJson(event, system.now()) : `chat: ${formatText(event)}`);
    },
    ...(setup && { admission: setup.admission, recordName: setup.recordName }),
    ...(publicKey !== undefined && { publicKey }),
    ...(cipher.name === "xor" && cipher.classic &&
      { classic: (key: number) => new ClassicAdapter(key) }),
  };
}

/**
 * The keys of the moderators: those on the command line, and the user of `--join`.
 *
 * @throws {ChatError} if a key is none
 */
function moderatorsOf({ moderators }: ServeCommand, self: Self | undefined): string[] {
  for (const key of moderators) {
    try {
      new Verifier(Uint8Array.fromBase64(key));
    } catch (cause) {
      throw new ChatError(`Cannot use the key ${key} of a moderator: nobody can have it`, {
        cause,
      });
    }
  }
  return [...moderators, ...self ? [fingerprint(self.identity.publicKey)] : []];
}

/** The room as an earlier run has kept it, and the files that keep it from now on. */
async function openJournal(
  { state: options }: ServeCommand,
  dir: StateDir | undefined,
  system: System,
): Promise<Journal | undefined> {
  if (!options || !dir) return undefined;
  const { keep, keepForMs, newLog } = options;
  const { files, bootId: boot } = dir;
  return await Journal.open({
    files,
    keep,
    keepForMs,
    newLog,
    boot,
    clock: () => system.now().getTime(),
    after: startTimer,
  });
}

/** The public key of a room with the cipher xor; undefined: the server draws it. */
function chooseKey(given: number | undefined, state: StateDir | undefined): number | undefined {
  const kept = state?.publicKey;
  if (kept !== undefined && given !== undefined && given !== kept) {
    throw new ChatError(
      `Cannot use the key ${given}: ${printable(state!.path)} keeps the key ${kept}`,
      { hint: "Leave out --key, or name another folder with --state" },
    );
  }
  return given ?? kept ?? (state && drawPublicKey());
}

/** Opens the room. If its code or key is new, it is kept first; and dropped if the room does not open. */
function openRoom(options: ServerOptions, state: StateDir | undefined): Server {
  const { admission, publicKey } = options;
  if (admission && !state?.admission) state?.keepCode(admission);
  else if (publicKey !== undefined && state?.publicKey === undefined) state?.keepKey(publicKey);
  try {
    return new Server(options);
  } catch (error) {
    state?.drop();
    throw error;
  }
}

/** Prints what others need to join, and how well the room is protected. */
function announce(
  system: System,
  { cipher, log, proxies }: ServeCommand,
  server: Server,
  setup: AdmissionSetup | undefined,
  state: StateDir | undefined,
  metrics: string | undefined,
  admin: string | undefined,
): void {
  publishAddress(system, server, { ...setup, admin });
  const addresses = reachable(system, server);
  print(system, addresses.map((address) => `listening ${address}\n`).join(""));
  if (setup?.isDrawn) print(system, `code ${setup.code}\n`);
  // The text log does not repeat what stdout shows.
  if (log === "json") {
    for (const address of addresses) {
      note(system, formatJson({ event: "listening", address }, system.now()));
    }
  }
  const { greeting } = server;
  note(
    system,
    greeting.cipher === "xor"
      ? `chat: the room is open. NOT SECRET: anyone on the network can read it (xor, key ${greeting.key})`
      : "chat: the room is open and sealed: only people with the code can join or read it",
  );
  if (cipher.name === "xor" && cipher.classic) note(system, "chat: classic clients can join, too");
  if (state) {
    const { path, admission, publicKey, replaced } = state;
    const kept = admission ? "code" : publicKey === undefined ? undefined : "key";
    if (replaced) note(system, "chat: the room has a new code: the old one is not valid any more");
    if (kept) note(system, `chat: the ${kept} is unchanged (kept in ${printable(path)})`);
  }
  const { locked, readOnly } = server.government.rules;
  if (locked) note(system, "chat: the room is locked: newcomers need chat admin unlock");
  if (readOnly) note(system, "chat: only moderators speak to the room, until chat admin writable");
  if (metrics !== undefined) note(system, `chat: the metrics are at ${printable(metrics)}`);
  if (isLoopback(server.hostname)) {
    note(system, "chat: only this machine can reach it; for others: --host 0.0.0.0");
  }
  note(
    system,
    inRanges(proxies, server.localHost)
      ? "chat: join it through the proxy, also on this machine"
      : `chat: join it with: chat join ${addresses.at(-1)}`,
  );
}

/** Opens the socket for `chat admin` beside the files of this user's rooms. The room opens also without it. */
async function listenAtHome(system: System, admin: AdminService, port: number): Promise<void> {
  try {
    await admin.listen(adminPath(places(system), port), home(system), system.os);
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    note(system, `chat: \`chat admin\` cannot reach this room. ${error.message}`);
  }
}

/** Saves address, code and ticket, so that `chat join` on this machine finds the room and is not locked out of it. */
function publishAddress(
  system: System,
  server: Server,
  { code, recordName: record, admin }: Partial<AdmissionSetup> & { admin: string | undefined },
): void {
  try {
    const room = { hostname: server.localHost, port: server.port };
    const { ticket } = server;
    const sealed = record !== undefined && { record, ticket, ...(code !== undefined && { code }) };
    const path = admin !== undefined && { admin };
    publishRoom(places(system), { ...room, ...sealed, ...path });
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    note(system, `chat: \`chat join\` needs the address to find this room. ${error.message}`);
    if (error.hint !== undefined) note(system, `chat: hint: ${error.hint}`);
  }
}

/** The addresses where others reach the server; for a wildcard, all of this machine's. */
function reachable(system: System, server: Server): string[] {
  const { hostname, port } = server;
  if (hostname !== "0.0.0.0" && hostname !== "::") return [server.address];
  const addresses = system.addresses()
    // A link-local address means nothing without its interface; `::` takes both families.
    .filter(({ family, address }) =>
      !address.startsWith("fe80:") && (hostname === "::" || family === "IPv4")
    )
    .map(({ address }) => address);
  // This machine's own addresses first.
  addresses.sort((a, b) => Number(isLoopback(b)) - Number(isLoopback(a)));
  return addresses.map((address) => formatAddress(address, port));
}

function joinOptions(
  system: System,
  screen: ScreenOptions,
  settings: Settings,
  files: TransferOptions | undefined,
  server: Server,
  code: string | undefined,
  self: Self | undefined,
): JoinOptions {
  return {
    hostname: server.localHost,
    port: server.port,
    name: chosenName(screen, settings),
    self: () => self ?? loadSelf(system),
    retryMs: reconnectMs(system, screen),
    networks: () => networks(system),
    // If it ends without a goodbye, so does the server: in a kept room, nobody could ever resume this session.
    brief: true,
    ...(files && { files }),
    ...(code !== undefined && { code }),
    ticket: () => server.ticket,
  };
}
