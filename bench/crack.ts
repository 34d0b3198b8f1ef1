// How often `chat crack` finds the key of XOR traffic: conversations in three languages, under random keys from a
// seed, so that all runs are the same. And how often it claims to find a key in noise.
//
//   deno run --allow-read bench/crack.ts [CONVERSATIONS] [SEED]      1,000 and 2428, unless given

import { privateKey } from "../cipher.ts";
import { readTraffic } from "../classic/captured.ts";
import { crack, type Finding } from "../classic/crack.ts";
import { seededRandom } from "../tests/support/random.ts";
import { conversation, LANGUAGES } from "../tests/support/sentences.ts";

const LENGTHS = [10, 20, 40, 60, 100] as const;
/** From this size on, all keys should be found. */
const PROMISED = 40;

const [conversations, seed] = [Deno.args[0] ?? "1000", Deno.args[1] ?? "2428"].map(Number);
if (!Number.isInteger(conversations) || conversations! < 1 || !Number.isInteger(seed)) {
  console.error("usage: bench/crack.ts [CONVERSATIONS] [SEED]");
  Deno.exit(2);
}

/** Counts of conversations: the key was found, no key was claimed, a wrong key was claimed. */
class Tally {
  #tried = 0;
  #found = 0;
  #wrong = 0;

  /** @param publicKey undefined for noise, which has none */
  count({ verdict, candidates }: Finding, publicKey?: number): void {
    this.#tried++;
    if (verdict !== "found") return;
    if (candidates[0]!.publicKey === publicKey) this.#found++;
    else this.#wrong++;
  }

  get text(): string {
    const share = (100 * this.#found / this.#tried).toFixed(1);
    return `${share} %${this.#wrong === 0 ? "" : `, ${this.#wrong} wrong`}`;
  }

  get wrong(): number {
    return this.#wrong;
  }

  get isComplete(): boolean {
    return this.#found === this.#tried;
  }
}

const begin = performance.now();
let complete = true;
console.log(
  `${conversations} conversations of each length, seed ${seed}: keys found from the text alone\n`,
);
console.log(`| bytes | ${LANGUAGES.join(" | ")} | all | noise: claimed |`);
console.log(`| ----: |${LANGUAGES.map(() => " ---: |").join("")} ---: | ---: |`);
for (const length of LENGTHS) {
  const random = seededRandom(seed!, length, 0);
  const tallies = new Map(LANGUAGES.map((language) => [language, new Tally()]));
  const [all, noise] = [new Tally(), new Tally()];
  for (let i = 0; i < conversations!; i++) {
    const language = LANGUAGES[i % LANGUAGES.length]!;
    const publicKey = random(256);
    const bytes = conversation(language, length, random).map((byte) =>
      byte ^ privateKey(publicKey)
    );
    const finding = crack(readTraffic(bytes));
    for (const tally of [tallies.get(language)!, all]) tally.count(finding, publicKey);
    noise.count(crack(readTraffic(Uint8Array.from({ length }, () => random(256)))));
  }
  const cells = [...tallies.values(), all].map(({ text }) => text);
  console.log(`| ${[length, ...cells, noise.wrong].join(" | ")} |`);
  if (length >= PROMISED) complete &&= all.isComplete && noise.wrong === 0;
}
const ms = (performance.now() - begin) / (2 * LENGTHS.length * conversations!);
console.log(
  `\n${ms.toFixed(2)} ms each; ${
    complete ? "all" : "NOT ALL"
  } of ${PROMISED} bytes and more were found`,
);
Deno.exitCode = complete ? 0 : 1;
