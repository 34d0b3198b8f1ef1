import { assertEquals } from "@std/assert";
import { Scope, scopeOf, scopeOfHost } from "./scope.ts";

Deno.test("scopeOf: this machine, private networks and the internet", () => {
  const { MACHINE, PRIVATE, PUBLIC } = Scope;
  const cases: [Scope, string[]][] = [
    [MACHINE, [
      "127.0.0.1",
      "127.9.9.9",
      "0.0.0.0",
      "::1",
      "::",
      "0:0:0:0:0:0:0:1",
      "::ffff:127.0.0.1",
    ]],
    [PRIVATE, ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1"]],
    [PRIVATE, ["100.64.0.1", "100.127.0.1", "fd00::1", "fe80::1", "::ffff:10.1.2.3", "fec0::1"]],
    // They may lead to an IPv4 address of any scope.
    [PRIVATE, ["64:ff9b::7f00:1", "::ffff:7f00:1"]],
    [PUBLIC, ["8.8.8.8", "172.15.0.1", "172.32.0.1", "192.169.0.1", "100.128.0.1", "11.0.0.1"]],
    [PUBLIC, ["2001:4860:4860::8888", "3fff::1", "::ffff:8.8.8.8"]],
  ];
  for (const [scope, ips] of cases) for (const ip of ips) assertEquals(scopeOf(ip), scope, ip);
});

Deno.test("scopeOfHost: a name may be anywhere, so it counts as public", () => {
  assertEquals(scopeOfHost("localhost"), Scope.MACHINE);
  assertEquals(scopeOfHost("127.0.0.1"), Scope.MACHINE);
  assertEquals(scopeOfHost("fd00::1"), Scope.PRIVATE);
  assertEquals(scopeOfHost("printer"), Scope.PUBLIC);
});
