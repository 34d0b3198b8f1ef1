// The report of `chat crack`: how a key was found, or why not, and the list of candidates. It computes no evidence:
// `classic/crack.ts` finds the key. Pure.

import { XorCipher } from "../cipher.ts";
import { counted } from "../text/counts.ts";
import { printable } from "../text/printable.ts";
import { announcedKey, announcement, hasBoth, type Traffic } from "./captured.ts";
import { type Candidate, ENOUGH, type Finding, sampleOf } from "./crack.ts";

/** Characters of a preview. */
const PREVIEW = 40;

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The first characters under a key, text or not, as one line that is safe to print. */
export function preview(traffic: Traffic, { publicKey }: Candidate): string {
  const [{ kind, body } = { kind: "run", body: new Uint8Array(0) }] = sampleOf(traffic).bodies;
  const start = kind === "run" ? announcement(body, publicKey) : 0;
  // The longest character has four bytes.
  const { plaintext } = new XorCipher(publicKey).open(body.subarray(start, start + 4 * PREVIEW));
  return printable(Array.from(utf8.decode(plaintext)).slice(0, PREVIEW).join(""));
}

/** A list of the most likely keys: one line each, safe to print. */
export function listCandidates(traffic: Traffic, { candidates }: Finding, max: number): string {
  return candidates.slice(0, max).map((candidate) => {
    const columns = [
      String(candidate.publicKey).padStart(3),
      bitsOf(candidate).padStart(12),
      `${percent(candidate)} %`.padStart(7),
      preview(traffic, candidate),
    ];
    return columns.join("  ").trimEnd() + "\n";
  }).join("");
}

/** How a key was found, as sentences. */
export function explain(traffic: Traffic, { candidates, tried }: Finding): string[] {
  const [best, next] = candidates as [Candidate, Candidate];
  const sentences = [
    `all 256 keys were tried on ${counted(tried, "byte")}${
      traffic.kind === "frames" ? `, sealed in ${describe(traffic)}` : ""
    }`,
    `${best.publicKey} gives text, with ${
      bitsOf(best)
    } of evidence; the next best, ${next.publicKey}, ` +
    `has ${bitsOf(next)}: more than ${percent(best)} % certain`,
    `each byte was XORed with ${best.privateKey}, the private key of ${best.publicKey}`,
  ];
  const announced = traffic.kind === "run"
    ? announcement(traffic.bytes, best.publicKey) > 0
    : announcedKey(traffic) === best.publicKey;
  if (announced) {
    sentences.push("the server also sent this key in clear, which was not needed");
  }
  if (traffic.kind === "frames" && hasBoth(traffic)) {
    sentences.push(
      "the capture has both directions: messages from the client appear twice, and its direct " +
        "messages show the receiver's name",
    );
  }
  if (traffic.kind === "frames" && traffic.unread > 0) {
    sentences.push(
      `skipped at the end, not a complete frame: ${counted(traffic.unread, "byte")}`,
    );
  }
  return sentences;
}

/** Why no key was found, and a hint; undefined if one was found. */
export function failure(
  traffic: Traffic,
  { verdict, candidates, tried }: Finding,
): { message: string; hint?: string } | undefined {
  const [best] = candidates as [Candidate];
  switch (verdict) {
    case "found":
      return undefined;
    case "empty":
      return traffic.kind === "run"
        ? { message: "Cannot find a key: the input is empty" }
        : { message: `Cannot find a key: nothing is encrypted in ${describe(traffic)}` };
    case "unsure":
      return {
        message: `Cannot find the key: ${
          tried < ENOUGH
            ? `${counted(tried, "byte")} ${tried === 1 ? "is" : "are"} too few`
            : `more than one key gives text for ${counted(tried, "byte")}`
        }; the most likely key, ${best.publicKey}, is ${percent(best)} % certain`,
        hint: "Capture more of the conversation, or list the most likely keys with --top 5",
      };
    case "none":
      return {
        message: "Cannot find a key: none of the 256 keys gives text, as with a sealed room",
        hint: announcedKey(traffic) === "sealed"
          ? "The server's greeting says that the room is sealed"
          : traffic.kind === "run"
          ? "If the room is not sealed, give one direction of a connection, from the start of a packet"
          : "If the room is not sealed, most of the capture may not be text, such as files",
      };
  }
}

function describe(traffic: Traffic): string {
  if (traffic.kind === "run") return counted(traffic.bytes.length, "byte");
  return counted(traffic.frames.length, "frame");
}

function bitsOf({ bits }: Candidate): string {
  return counted(Math.round(bits), "bit");
}

/** Rounded down, and never 100: no finding is certain. */
function percent({ confidence }: Candidate): string {
  return (Math.min(999, Math.floor(1000 * confidence)) / 10).toFixed(1);
}
