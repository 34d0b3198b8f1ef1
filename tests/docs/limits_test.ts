// The limits that pages name are those of the program.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Identity } from "../../cipher/identity.ts";
import { SealedCipher } from "../../cipher/sealed.ts";
import { MAX_BODY } from "../../protocol.ts";
import { TEXT_OVERHEAD } from "../../protocol/envelope.ts";

const ROOT = new URL("../../", import.meta.url);
const page = (name: string) => Deno.readTextFileSync(new URL(name, ROOT));

const sealed = new SealedCipher({
  exportKey: new Uint8Array(64),
  identity: Identity.generate(),
  seat: { log: new Uint8Array(16), id: 1 },
  now: () => 0,
  report: () => ({ position: 0, chain: new Uint8Array(16) }),
});

Deno.test("README.md: a message has the size that a sealed room allows", () => {
  const most = (MAX_BODY - sealed.overhead - TEXT_OVERHEAD).toLocaleString("en");
  assertStringIncludes(page("README.md"), `A message has up to ${most} bytes`);
});

Deno.test("docs/json.md: the example of welcome has the size that an xor room allows", () => {
  const [, most] = /"cipher":"xor","maxText":(\d+)/.exec(page("docs/json.md"))!;
  assertEquals(Number(most), MAX_BODY - TEXT_OVERHEAD);
});
