import { assertEquals, assertMatch } from "@std/assert";
import { hostFault } from "./host_fault.ts";

const lookup = (what: string) => new Error(`failed to lookup address information: ${what}`);

Deno.test("hostFault: a link-local address needs its interface, whatever the system reports", () => {
  for (const host of ["fe80::1", "FEBF::1", "fe80:0:0:0:0:0:0:1"]) {
    for (const message of ["Invalid argument (os error 22)", "No route to host (os error 65)"]) {
      const fault = hostFault(host, new Error(message));
      assertEquals(fault?.what, "an address that begins with fe80: needs a network interface");
      assertEquals(fault?.hint, `Write the interface after the address, such as ${host}%eth0`);
    }
  }
  for (const host of ["fe80::1%eth0", "fe8::1", "fec0::1", "fe80.example", "::1"]) {
    assertEquals(hostFault(host, new Error("Invalid argument (os error 22)")), undefined);
  }
});

Deno.test("hostFault: tells an unknown name, a failed look-up and an unknown interface apart", () => {
  const unknown = [
    lookup("Name or service not known"),
    lookup("nodename nor servname provided, or not known"),
    lookup("No such host is known. (os error 11001)"),
    new URIError("invalid host 'a..b': empty label found in FQDN"),
  ];
  for (const cause of unknown) {
    assertEquals(hostFault("a.example", cause)?.what, "no host has that name");
  }
  const temporary = [
    lookup("Temporary failure in name resolution"),
    lookup(
      "This is usually a temporary error during hostname resolution and means that the local " +
        "server did not receive a response from an authoritative server. (os error 11002)",
    ),
  ];
  for (const cause of temporary) {
    const fault = hostFault("a.example", cause);
    assertEquals(fault?.what, "its name cannot be looked up at the moment");
    assertMatch(fault!.hint, /online/);
  }
  const { what, hint } = hostFault("fe80::1%no", lookup("Name or service not known"))!;
  assertEquals([what, hint], [
    "this machine has no such network interface",
    "Check the name after the %",
  ]);
});

Deno.test("hostFault: a host or network without a way to it gets the hint to check both ends", () => {
  const cases = [
    ["EHOSTUNREACH", "the host cannot be reached"],
    ["ENETUNREACH", "the network cannot be reached"],
    ["EHOSTDOWN", "the host is down"],
    ["ENETDOWN", "the network is down"],
  ] as const;
  for (const [code, expected] of cases) {
    const cause = Object.assign(new Error("No route to host (os error 113)"), { code });
    const fault = hostFault("192.0.2.1", cause);
    assertEquals(fault?.what, expected);
    assertMatch(fault!.hint, /Check the address, .* online/);
  }
});

Deno.test("hostFault: what is not about the host is left to the caller", () => {
  for (const cause of [new Deno.errors.ConnectionRefused("x"), new Deno.errors.AddrInUse("x"), 7]) {
    assertEquals(hostFault("192.0.2.1", cause), undefined);
  }
});
