import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { constants } from "node:os";
import { ChatError } from "../errors.ts";
import { listen, listenError } from "./listen.ts";

Deno.test("listen: whatever the system reports, it is a sentence with a hint", () => {
  for (const host of ["192.0.2.1", "fe80::1", "name.example"]) {
    for (const [code, number] of Object.entries(constants.errno)) {
      const cause = Object.assign(new Error(`Words (os error ${number})`), { code });
      const error = listenError(host, 80, cause);
      assertMatch(error.message, /^Cannot open a room at \S+: [a-z]/);
      assert(!/os error/.test(error.message), error.message);
      assertMatch(error.hint ?? "", /^[A-Z]/);
    }
  }
});

Deno.test("listen: names the reason for a port and for addresses where no room can open", () => {
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = other.addr;
  const cases: [hostname: string, port: number, message: RegExp, hint: RegExp][] = [
    ["127.0.0.1", port, /: the port is in use$/, /chat join 127\.0\.0\.1:\d+; .*--port/],
    // For documentation only (RFC 5737): no machine has it.
    ["203.0.113.7", 0, /: this machine does not have that address$/, /--host 0\.0\.0\.0/],
    ["fe80::1", 0, /: an address that begins with fe80: needs a network interface$/, /%eth0/],
    ["nowhere.invalid", 0, /invalid:0: (?:no host has that name|its name cannot)/, /Check/],
  ];
  for (const [hostname, port, message, hint] of cases) {
    const error = assertThrows(() => listen(hostname, port), ChatError);
    assertMatch(error.message, message);
    assertMatch(error.hint ?? "", hint);
  }
  const denied = listenError("127.0.0.1", 80, new Deno.errors.PermissionDenied("(os error 13)"));
  assertEquals(
    [denied.message, denied.hint],
    [
      "Cannot open a room at 127.0.0.1:80: the system does not allow this port",
      "Ports below 1024 are often reserved: take a larger one with --port",
    ],
  );
});
