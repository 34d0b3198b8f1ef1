import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import fc from "../tests/support/property.ts";
import { addressBytes, formatIp } from "./addresses.ts";
import { MAX_PROXY_HEADER, parseProxyHeader, type ProxyHeader } from "./proxy_header.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";

/** A header of any fields, and of any rest. */
function header(command: number, family: number, rest: Uint8Array): Uint8Array<ArrayBuffer> {
  const fixed = Uint8Array.of(command, family, rest.length >> 8, rest.length & 0xff);
  return concat([Uint8Array.fromHex(SIGNATURE), fixed, rest]);
}

const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(" ", ""));
/** 192.0.2.7:51234 to 198.51.100.1:2428. */
const IPV4 = hex("c0000207 c6336401 c822 097c");
const IPV6 = concat([addressBytes("2001:db8::7")!, addressBytes("2001:db8::1")!, hex("c822 097c")]);

Deno.test("parseProxyHeader: has the client's address and port, over IPv4 and IPv6", () => {
  assertEquals(parseProxyHeader(header(0x21, 0x11, IPV4)), {
    kind: "header",
    size: 28,
    client: { hostname: "192.0.2.7", port: 51234 },
    local: { hostname: "198.51.100.1", port: 2428 },
  });
  assertEquals(parseProxyHeader(header(0x21, 0x21, IPV6)), {
    kind: "header",
    size: 52,
    client: { hostname: "2001:db8::7", port: 51234 },
    local: { hostname: "2001:db8::1", port: 2428 },
  });
});

Deno.test("parseProxyHeader: an IPv4 address that is mapped to IPv6 is that IPv4 address", () => {
  const mapped = concat([
    ...[addressBytes("192.0.2.7")!, addressBytes("198.51.100.1")!, hex("c822 097c")],
  ]);
  const found = parseProxyHeader(header(0x21, 0x21, mapped));
  assertEquals(found.kind === "header" && found.client?.hostname, "192.0.2.7");
});

Deno.test("parseProxyHeader: skips what follows the addresses, up to a limit", () => {
  const most = MAX_PROXY_HEADER - 16;
  for (const extra of [1, 3, 100, most - IPV4.length - 1, most - IPV4.length]) {
    const rest = concat([IPV4, new Uint8Array(extra).fill(0xee)]);
    const found = parseProxyHeader(concat([header(0x21, 0x11, rest), hex("63686174")]));
    assert(found.kind === "header");
    assertEquals([found.size, found.client?.port], [28 + extra, 51234]);
  }
  const tooLong = header(0x21, 0x11, new Uint8Array(most + 1));
  assertEquals(parseProxyHeader(tooLong.subarray(0, 16)), {
    kind: "none",
    why: `its PROXY header has more than ${MAX_PROXY_HEADER} bytes`,
  });
});

Deno.test("parseProxyHeader: a health check, an unknown family and a Unix socket have no address", () => {
  const unix = new Uint8Array(216).fill(0x2f);
  for (
    const [command, family, rest] of [
      ...[[0x20, 0x00, ""], [0x20, 0x11, IPV4], [0x20, 0x11, ""], [0x20, 0x77, "0102"]] as const,
      ...[[0x21, 0x00, ""], [0x21, 0x00, "040000"], [0x21, 0x31, unix]] as const,
    ]
  ) {
    const bytes = header(command, family, typeof rest === "string" ? hex(rest) : rest);
    assertEquals(parseProxyHeader(bytes), { kind: "header", size: bytes.length });
  }
});

Deno.test("parseProxyHeader: refuses everything else, and says why", () => {
  const cases: [bytes: Uint8Array, why: string][] = [
    [new TextEncoder().encode("chat/1\n"), "it sent no PROXY header of version 2"],
    [
      new TextEncoder().encode("PROXY TCP4 192.0.2.7 198.51.100.1 51234 2428\r\n"),
      "it sent no PROXY header of version 2",
    ],
    [header(0x11, 0x11, IPV4), "its PROXY header has the command 17"],
    [header(0x22, 0x11, IPV4), "its PROXY header has the command 34"],
    [header(0x21, 0x12, IPV4), "its PROXY header has addresses of the unknown kind 18"],
    [header(0x21, 0x01, IPV4), "its PROXY header has addresses of the unknown kind 1"],
    [header(0x21, 0x11, IPV4.subarray(1)), "its PROXY header is too short for its addresses"],
    [header(0x21, 0x21, IPV6.subarray(1)), "its PROXY header is too short for its addresses"],
    [header(0x21, 0x21, IPV4), "its PROXY header is too short for its addresses"],
    [header(0x21, 0x11, hex("")), "its PROXY header is too short for its addresses"],
  ];
  for (const [bytes, why] of cases) {
    assertEquals(parseProxyHeader(bytes), { kind: "none", why }, bytes.toHex());
  }
  // One wrong byte of the signature is enough, wherever it is.
  for (let at = 0; at < 12; at++) {
    const bytes = header(0x21, 0x11, IPV4);
    bytes[at]! ^= 1;
    assertEquals(parseProxyHeader(bytes.subarray(0, at)).kind, "more");
    assertEquals(parseProxyHeader(bytes.subarray(0, at + 1)).kind, "none");
  }
});

Deno.test("parseProxyHeader: asks for more as long as a header may follow, and ignores what follows it", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(4, 16),
      fc.uint8Array({ minLength: 36, maxLength: 36 }),
      fc.uint8Array({ maxLength: MAX_PROXY_HEADER - 52 }),
      fc.uint8Array({ maxLength: 20 }),
      (length, addresses, extra, after) => {
        const family = length === 4 ? 0x11 : 0x21;
        const rest = concat([addresses.subarray(0, 2 * length + 4), extra]);
        const bytes = header(0x21, family, rest);
        for (let end = 0; end < bytes.length; end++) {
          assertEquals(parseProxyHeader(bytes.subarray(0, end)).kind, "more");
        }
        const found = parseProxyHeader(concat([bytes, after]));
        assert(found.kind === "header");
        assertEquals(found.size, bytes.length);
        assertEquals(found.client?.hostname, formatIp(addresses.subarray(0, length)));
        assertEquals(found, parseProxyHeader(bytes));
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("parseProxyHeader: never throws, decides within its limit, and never changes its decision", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    // Bytes of any value after the right signature.
    fc.uint8Array({ maxLength: 600 }).map((rest) => concat([hex(SIGNATURE), rest])),
    fc.tuple(fc.constantFrom(0x20, 0x21, 0x22), fc.nat(255), fc.uint8Array({ maxLength: 600 }))
      .map(([command, family, rest]) => header(command, family, rest)),
  );
  fc.assert(fc.property(bytes, (bytes) => {
    let decided: ProxyHeader | undefined;
    for (let end = 0; end <= bytes.length; end++) {
      const found = parseProxyHeader(bytes.subarray(0, end));
      if (decided) assertEquals(found, decided);
      else if (found.kind !== "more") decided = found;
    }
    assert(decided || bytes.length < MAX_PROXY_HEADER);
  }));
});
