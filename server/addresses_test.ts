import { assert, assertEquals } from "@std/assert";
import fc from "../tests/support/property.ts";
import { addressBytes, formatIp, inRanges, parseRange } from "./addresses.ts";

Deno.test("addressBytes: reads IPv4 and IPv6 literals, and IPv4 mapped to IPv6 as IPv4", () => {
  const hex = (text: string) => addressBytes(text)?.toHex();
  assertEquals(hex("192.0.2.7"), "00000000000000000000ffffc0000207");
  for (const text of ["::ffff:192.0.2.7", "::FFFF:c000:207", "0:0:0:0:0:ffff:192.0.2.7"]) {
    assertEquals(hex(text), hex("192.0.2.7"), text);
  }
  assertEquals(hex("::"), "00".repeat(16));
  assertEquals(hex("::1"), "00".repeat(15) + "01");
  assertEquals(hex("2001:DB8::1:0:7"), "20010db8000000000000000100000007");
  assertEquals(hex("fe80::"), "fe80" + "00".repeat(14));
  assertEquals(hex("1:2:3:4:5:6:7:8"), "00010002000300040005000600070008");
});

Deno.test("addressBytes: refuses names, other notations and everything else", () => {
  for (
    const text of [
      ...[
        "",
        "localhost",
        "example.org",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "0x1.2.3.4",
      ],
      ...["1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "1..2.3", "[::1]", "::1]", ":::", "1::2::3", "::g"],
      ...["fe80::1%eth0", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1/64", "::1]:80/[", "::1.2.3"],
      "1:".repeat(100_000),
    ]
  ) {
    assertEquals(addressBytes(text), undefined, text.slice(0, 40));
  }
});

Deno.test("formatIp: writes the shortest text, which addressBytes reads back", () => {
  for (
    const text of [
      ...["192.0.2.7", "0.0.0.0", "::", "::1", "2001:db8::1", "1:2:3:4:5:6:7:8", "fe80::1:0:0:1"],
      "2001:db8:0:1::",
    ]
  ) {
    assertEquals(formatIp(addressBytes(text)!), text);
  }
  assertEquals(formatIp(Uint8Array.of(10, 0, 0, 1)), "10.0.0.1");
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
    assertEquals(addressBytes(formatIp(bytes)), new Uint8Array(bytes));
  }));
});

Deno.test("inRanges: an address is a range of its own; CIDR notation names more", () => {
  const cases: [range: string, inside: string[], outside: string[]][] = [
    ["127.0.0.1", ["127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1"], ["127.0.0.2", "::1"]],
    ["::ffff:127.0.0.1", ["127.0.0.1"], ["127.0.0.2"]],
    ["10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0", "a00::"]],
    ["10.1.2.3/8", ["10.9.9.9"], ["11.1.2.3"]],
    ["192.0.2.128/25", ["192.0.2.128", "192.0.2.255"], ["192.0.2.127"]],
    ["192.0.2.7/32", ["192.0.2.7"], ["192.0.2.6", "192.0.2.8"]],
    ["0.0.0.0/0", ["1.2.3.4"], ["::1", "2001:db8::1"]],
    ["::1", ["::1", "0:0::1"], ["::2", "0.0.0.1"]],
    ["2001:db8::/32", ["2001:db8:ffff::1"], ["2001:db9::"]],
    ["2001:db8::/127", ["2001:db8::", "2001:db8::1"], ["2001:db8::2"]],
    ["::/0", ["::1", "1.2.3.4"], []],
  ];
  for (const [range, inside, outside] of cases) {
    const ranges = [parseRange("203.0.113.1")!, parseRange(range)!];
    for (const address of inside) assert(inRanges(ranges, address), `${address} in ${range}`);
    for (const address of outside) assert(!inRanges(ranges, address), `${address} not in ${range}`);
  }
  assert(!inRanges([], "127.0.0.1"));
  assert(!inRanges([parseRange("::/0")!], "localhost"));
});

Deno.test("parseRange: refuses what is no range", () => {
  for (
    const text of ["", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "::/08", "1.2.3.4/8/8", "x/8"]
  ) {
    assertEquals(parseRange(text), undefined, text);
  }
});
