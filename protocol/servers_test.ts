import { assertEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "../errors.ts";
import { MAX_SERVERS, parseServer, parseServers } from "./servers.ts";

Deno.test("parseServer: takes a host or an IPv6 address in brackets, with a port", () => {
  assertEquals(parseServer("chat.example.org:2428"), { hostname: "chat.example.org", port: 2428 });
  assertEquals(parseServer("192.0.2.7:1"), { hostname: "192.0.2.7", port: 1 });
  assertEquals(parseServer("[2001:db8::7]:65535"), { hostname: "2001:db8::7", port: 65535 });
});

Deno.test("parseServer: refuses everything else", () => {
  const wrong = [
    "",
    "h",
    ":1",
    "h:",
    "h:0",
    "h:65536",
    "h:01",
    "h:1 ",
    " h:1",
    "h:1\n",
    "h:-1",
    "a b:1",
  ];
  const more = [
    "[::1]",
    "::1:1",
    "[fe80::1%eth0]:1",
    "[:::]:1",
    "[1.2.3.4]:1",
    "büro:1",
    "h:1,i:1",
    "\x1b[2J:1",
  ];
  for (const text of [...wrong, ...more, "-h:1", "h:1e3", `${"a".repeat(254)}:1`, "h:999999"]) {
    assertEquals(parseServer(text), undefined, text);
  }
});

Deno.test("parseServers: takes a short list of addresses, and nothing else", () => {
  assertEquals(parseServers(undefined), []);
  const most = Array.from({ length: MAX_SERVERS }, (_, n) => `h:${n + 1}`);
  assertEquals(parseServers(most), most);
  for (const wrong of [null, "h:1", {}, 1, [...most, "h:9"], ["h"], [1], [["h:1"]], [null]]) {
    assertThrows(() => parseServers(wrong), ProtocolError);
  }
});
