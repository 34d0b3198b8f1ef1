import { assert, assertMatch, assertRejects } from "@std/assert";
import { constants } from "node:os";
import { RoomNotFound } from "../errors.ts";
import { reservedPort } from "../tests/support/ports.ts";
import { dial, dialError } from "./dial.ts";

Deno.test("dial: whatever the system reports, it is a sentence with a hint, and the room may be elsewhere", () => {
  for (const host of ["192.0.2.1", "203.0.113.9", "240.0.0.1", "255.255.255.255", "fe80::1", "h"]) {
    for (const [code, number] of Object.entries(constants.errno)) {
      const cause = Object.assign(new Error(`Words (os error ${number})`), { code });
      const error = dialError("Cannot join h:1", host, cause);
      assertMatch(error.message, /^Cannot join h:1: [a-z]/);
      assert(!/os error/.test(error.message), error.message);
      assertMatch(error.hint ?? "", /^(?:Check|Write) /);
    }
  }
});

Deno.test("dialError: tells only the user of the same machine to open a room", () => {
  const refused = new Deno.errors.ConnectionRefused();
  for (const host of ["localhost", "127.0.0.1", "::1"]) {
    assertMatch(dialError("Cannot join", host, refused).hint!, /chat serve/);
  }
  for (const host of ["192.0.2.7", "chat.example.org", "localhost.example.org", "2001:db8::1"]) {
    assertMatch(dialError("Cannot join", host, refused).hint!, /^Check the address and the port/);
  }
});

Deno.test("dial: names the reason for the addresses of this machine that lead nowhere", async () => {
  const cases: [hostname: string, port: number, message: RegExp, hint: RegExp][] = [
    ["127.0.0.1", reservedPort(), /: nothing listens there$/, /chat serve/],
    ["fe80::1", 2428, /: an address that begins with fe80: needs a network interface$/, /%eth0/],
    ["fe80::1%no-such", 2428, /: this machine has no such network interface$/, /after the %/],
    ["nowhere.invalid", 2428, /^Cannot join nowhere\.invalid:2428: (?:no host|its name)/, /Check/],
    ["a..b", 2428, /: no host has that name$/, /spelling/],
  ];
  for (const [hostname, port, message, hint] of cases) {
    const error = await assertRejects(() => dial({ hostname, port }, 60_000), RoomNotFound);
    assertMatch(error.message, message);
    assertMatch(error.hint ?? "", hint);
    assert(!/os error/.test(error.message + error.hint), error.message + error.hint);
  }
});
