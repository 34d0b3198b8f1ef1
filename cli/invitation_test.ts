import { assertEquals } from "@std/assert";
import { INFO } from "../tests/support/fake_room.ts";
import { guestInvitation, hostInvitation } from "./invitation.ts";

const CODE = "correct horse battery staple";

Deno.test("guestInvitation: the command and the code; an address of this machine is no use to others", () => {
  const info = { ...INFO, address: "192.0.2.7:2428", cipher: "sealed" } as const;
  const commands = ["chat join 192.0.2.7:2428"];
  assertEquals(guestInvitation(info, "Correct-Horse  battery staple"), { commands, code: CODE });
  assertEquals(guestInvitation(info, undefined), { commands });
  // A code that was given to no purpose is none of this room.
  assertEquals(guestInvitation({ ...info, cipher: "xor" }, CODE), { commands });
  assertEquals(
    guestInvitation({ ...info, cipher: "xor", classic: true }, undefined).commands,
    ["chat join --classic 192.0.2.7:2428"],
  );
  const remark =
    "only this machine can reach this address; chat serve shows the others, if it has any";
  for (const host of ["127.0.0.1", "[::1]", "localhost", "127.1.2.3"]) {
    assertEquals(guestInvitation({ ...info, address: `${host}:9` }, CODE).remark, remark, host);
  }
  for (const host of ["[fe80::1]", "chat.example", "localhost.example", "12.7.0.1"]) {
    assertEquals(guestInvitation({ ...info, address: `${host}:9` }, CODE).remark, undefined, host);
  }
  assertEquals(guestInvitation({ ...info, address: "[::1]:9" }, CODE).commands, [
    "chat join '[::1]:9'",
  ]);
});

Deno.test("hostInvitation: the addresses for others; if there are none, how to get some", () => {
  assertEquals(hostInvitation(["127.0.0.1:9", "192.0.2.7:9", "198.51.100.1:9"], false, CODE), {
    commands: ["chat join 192.0.2.7:9", "chat join 198.51.100.1:9"],
    code: CODE,
  });
  assertEquals(hostInvitation(["127.0.0.1:9"], false, undefined), {
    commands: ["chat join 127.0.0.1:9"],
    remark: "only this machine can reach it; for others: chat serve --host 0.0.0.0",
  });
  assertEquals(hostInvitation(["127.0.0.1:9"], true, CODE), {
    commands: [],
    remark: "others join at the address of the proxy",
    code: CODE,
  });
});
