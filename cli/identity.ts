// chat identity: seals the user's identity in a file for another machine, and takes it from such a file. Knows no
// room, and nothing of the seal: see `cipher/identity_export.ts`.

import { fingerprint, type Identity } from "../cipher/identity.ts";
import {
  MAX_EXPORT,
  openIdentity,
  parseExport,
  passphraseFault,
  type SealedIdentity,
  sealIdentity,
} from "../cipher/identity_export.ts";
import { ChatError, FileUnavailable, messageOf } from "../errors.ts";
import { isTaken, writeNewPrivate } from "../files/private_file.ts";
import { askHidden } from "../terminal/prompt.ts";
import { printable } from "../text/printable.ts";
import type { Command } from "./command.ts";
import { createIdentity, findIdentity, replaceIdentity } from "./home.ts";
import { readAtMost } from "./input.ts";
import { DONE, note, print, report } from "./output.ts";
import type { System } from "./system.ts";
import { places, readSecret } from "./user.ts";

type IdentityCommand = Command & { verb: "identity" };

/** Returns the exit code. */
export function moveIdentity(command: IdentityCommand, system: System): number {
  const identity = command.action === "export"
    ? exportIdentity(command, system)
    : importIdentity(command, system);
  print(system, `identity ${keyOf(identity)}\n`);
  return DONE;
}

function exportIdentity({ file, passphraseFile }: IdentityCommand, system: System): Identity {
  const shown = printable(file);
  const identity = findIdentity(places(system));
  if (!identity) {
    throw new ChatError("Cannot export your identity: you have none yet", {
      hint: "You get one when you join a sealed room for the first time",
    });
  }
  const taken = () =>
    new ChatError(`Cannot export your identity to ${shown}: the file exists already`, {
      hint: "chat never overwrites a file: choose another name",
    });
  // Before the questions; and again when the file is written.
  if (isTaken(file)) throw taken();
  const passphrase = newPassphrase(system, passphraseFile);
  if (!writeNewPrivate(file, sealIdentity(identity, passphrase))) throw taken();
  note(
    system,
    `chat: your identity is in ${shown}; on the other machine: chat identity import FILE`,
  );
  return identity;
}

function importIdentity(
  { file, passphraseFile, replace }: IdentityCommand,
  system: System,
): Identity {
  const identity = openExport(system, file, passphraseFile);
  const folders = places(system);
  let present: Identity | undefined;
  try {
    present = createIdentity(folders, identity);
  } catch (error) {
    // A damaged one is replaced like any other.
    if (!replace || !(error instanceof ChatError) || error instanceof FileUnavailable) throw error;
  }
  if (!present || keyOf(present) !== keyOf(identity)) {
    if (!replace) {
      throw new ChatError(
        `Cannot import identity ${keyOf(identity)}: you have ${keyOf(present!)} on this machine`,
        { hint: "To replace yours, and keep it in a backup: --replace" },
      );
    }
    const backup = replaceIdentity(folders, identity);
    note(system, `chat: your identity before is kept in ${printable(backup)}`);
  }
  note(
    system,
    "chat: this is your identity on this machine now; delete the file that it came from",
  );
  return identity;
}

function keyOf({ publicKey }: Identity): string {
  return fingerprint(publicKey);
}

/** Reads an export and opens it; a person at the terminal may try more than one passphrase. */
function openExport(system: System, file: string, passphraseFile: string | undefined): Identity {
  const sealed = readExport(file);
  for (;;) {
    const passphrase = passphraseFile === undefined
      ? ask(system, "Passphrase:")
      : readSecret(passphraseFile, SECRET.name);
    const identity = openIdentity(sealed, passphrase);
    if (identity) return identity;
    const error = new ChatError(`Cannot open ${printable(file)}: the passphrase is wrong`);
    if (passphraseFile !== undefined) throw error;
    report(system, error);
  }
}

function readExport(path: string): SealedIdentity {
  const shown = printable(path);
  let bytes: Uint8Array;
  try {
    using file = Deno.openSync(path);
    bytes = readAtMost(file, MAX_EXPORT);
  } catch (cause) {
    throw new ChatError(`Cannot read ${shown}: ${messageOf(cause)}`, { cause });
  }
  const parsed = parseExport(new TextDecoder().decode(bytes));
  if (parsed && "sealed" in parsed) return parsed;
  throw parsed
    ? new ChatError(`Cannot import ${shown}: it has version ${parsed.version}`, {
      hint: "Use the newer chat that wrote it",
    })
    : new ChatError(`Cannot import ${shown}: it is damaged, or no exported identity`, {
      hint: "Copy it again, or export again: chat identity export FILE",
    });
}

const SECRET = {
  name: "the passphrase",
  hint: "Name a file with the passphrase: --passphrase-file FILE",
};

function ask(system: System, question: string): string {
  return askHidden(question, system.stdin, system.stderr, SECRET);
}

/** A passphrase that is long enough, and that its user can repeat. */
function newPassphrase(system: System, passphraseFile: string | undefined): string {
  for (;;) {
    const passphrase = passphraseFile === undefined
      ? ask(system, "New passphrase:")
      : readSecret(passphraseFile, SECRET.name);
    const fault = passphraseFault(passphrase);
    const error = fault !== undefined
      ? new ChatError(`Cannot use this passphrase: a passphrase ${fault}`, {
        hint: "Six or more words that you draw at random make a good one",
      })
      : passphraseFile === undefined && ask(system, "The same again:") !== passphrase
      ? new ChatError("Cannot use this passphrase: the second one was different")
      : undefined;
    if (!error) return passphrase;
    if (passphraseFile !== undefined) throw error;
    report(system, error);
  }
}
