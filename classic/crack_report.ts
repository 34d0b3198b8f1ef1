// What `chat crack` reports to people: the sentences about a finding, the list of candidates, and why no key was
// found. Pure; `classic/crack.ts` finds the key.

import { XorCipher } from "../cipher.ts";
import { printable } from "../text/printable.ts";
import { announcedKey, announcement, hasBoth, type Traffic } from "./captured.ts";
import { type Candidate, ENOUGH, type Finding, sampleOf } from "./crack.ts";

/** Characters of a preview. */
const PREVIEW = 40;

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The first that a key gives, text or not, as one line that is safe to print. */
export function preview(traffic: Traffic, { publicKey }: Candidate): string {
  const [{ kind, body } = { kind: "run", body: new Uint8Array(0) }] = sampleOf(traffic).bodies;
  const start = kind === "run" ? announcement(body, publicKey) : 0;
  // Four bytes are the longest character.
  const { plaintext } = new XorCipher(publicKey).open(body.subarray(start, start + 4 * PREVIEW));
  return printable(Array.from(utf8.decode(plaintext)).slice(0, PREVIEW).join(""));
}

// ---- what people are told ----

/** A list of the likeliest keys: one line each, safe to print. */
export function listCandidates(traffic: Traffic, { candidates }: Finding, most: number): string {
  return candidates.slice(0, most).map((candidate) => {
    const columns = [
      String(candidate.publicKey).padStart(3),
      bitsOf(candidate).padStart(12),
      `${percent(candidate)} %`.padStart(7),
      preview(traffic, candidate),
    ];
    return columns.join("  ").trimEnd() + "\n";
  }).join("");
}

/** How a key was found: sentences. */
export function explain(traffic: Traffic, { candidates, tried }: Finding): string[] {
  const [best, next] = candidates as [Candidate, Candidate];
  const sentences = [
    `all 256 keys were tried on ${count(tried, "byte")}${
      traffic.kind === "frames" ? `, sealed in ${describe(traffic)}` : ""
    }`,
    `${best.publicKey} gives text, with ${
      bitsOf(best)
    } of evidence; the next best, ${next.publicKey}, ` +
    `has ${bitsOf(next)}: that is more than ${percent(best)} % sure`,
    `each byte was XORed with ${best.privateKey}, the private key of ${best.publicKey}`,
  ];
  const announced = traffic.kind === "run"
    ? announcement(traffic.bytes, best.publicKey) > 0
    : announcedKey(traffic) === best.publicKey;
  if (announced) {
    sentences.push("the server has sent this key itself, in clear: that was not needed");
  }
  if (traffic.kind === "frames" && hasBoth(traffic)) {
    sentences.push(
      "both directions are in it: what the client says comes twice, and of what it says to one " +
        "member alone the name is the receiver's",
    );
  }
  if (traffic.kind === "frames" && traffic.unread > 0) {
    sentences.push(
      `the last ${count(traffic.unread, "byte")} are no whole frame, and were not read`,
    );
  }
  return sentences;
}

/** Why no key was found. @returns undefined if one was */
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
        ? { message: "Cannot find a key: there is nothing to read" }
        : { message: `Cannot find a key: nothing is sealed in ${describe(traffic)}` };
    case "unsure":
      return {
        message: `Cannot find the key: in ${count(tried, "byte")} ${
          tried < ENOUGH ? "there is too little to tell" : "more than one key gives text"
        }; the likeliest, ${best.publicKey}, is ${percent(best)} % sure`,
        hint: "More of the conversation tells more; the likeliest keys are listed by: --top 5",
      };
    case "none":
      return {
        message: "Cannot find a key: none of the 256 keys gives text; that is what a sealed " +
          "stream looks like",
        hint: announcedKey(traffic) === "sealed"
          ? "It is one: the server's greeting says so"
          : traffic.kind === "run"
          ? "If it is not sealed: give one direction of a connection, from the start of a packet"
          : "If it is not sealed, there may be too much in it that is no text, such as files",
      };
  }
}

function describe(traffic: Traffic): string {
  if (traffic.kind === "run") return count(traffic.bytes.length, "byte");
  return count(traffic.frames.length, "frame");
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

function bitsOf({ bits }: Candidate): string {
  return count(Math.round(bits), "bit");
}

/** Rounded down, and never 100: nobody is that sure. */
function percent({ confidence }: Candidate): string {
  return (Math.min(999, Math.floor(1000 * confidence)) / 10).toFixed(1);
}
