import { assert, assertEquals } from "@std/assert";
import { constants } from "node:os";
import { messageOf } from "./errors.ts";

/** An error as Deno makes it of one of the system's. */
function systemError(code: string, number: number, context: string): Error {
  const error = new Error(`Some reason (os error ${number})${context}`);
  return Object.assign(error, { code });
}

Deno.test("messageOf: no number of the system and no repeated path is left of any of its errors", () => {
  const all = Object.entries(constants.errno);
  assertEquals(all.length > 50, true);
  for (const [code, number] of all) {
    for (const context of ["", ": open '/some/place'", ": rename '/a\n' -> '/b'"]) {
      const message = messageOf(systemError(code, number, context));
      assert(!/os error|some\/place|\/a|[A-Z]/.test(message), message);
    }
  }
});

Deno.test("messageOf: names the reason by the code, by the class, or else in the system's words", () => {
  const cases: [unknown, string][] = [
    [systemError("EISDIR", 21, ""), "it is a folder"],
    [systemError("ENOSPC", 28, ": write"), "no space is left on the disk"],
    // As on Windows, where many errors have no such code.
    [new Deno.errors.NotFound("Das System kann … nicht finden. (os error 3)"), "it does not exist"],
    [
      new Deno.errors.NotCapable('Requires all access to "/proc/1"'),
      "Deno does not let programs use it",
    ],
    [new Error("The device is not ready. (os error 21)"), "the device is not ready"],
    [new Error("Our own words"), "Our own words"],
    // Not the property of an object that every object has.
    [Object.assign(new Error("odd"), { code: "toString" }), "odd"],
    ["no error at all", "no error at all"],
  ];
  for (const [error, expected] of cases) assertEquals(messageOf(error), expected);
});

Deno.test("messageOf: what the system of this machine reports is a sentence, too", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const file = `${folder}/file`;
    Deno.writeTextFileSync(file, "x");
    const cases: [() => unknown, string][] = [
      [() => Deno.readFileSync(`${folder}/none`), "it does not exist"],
      [
        () => Deno.mkdirSync(`${file}/sub/sub`, { recursive: true }),
        "a part of its path is not a folder",
      ],
      [
        () => Deno.readFileSync(`${folder}/${"x".repeat(300)}`),
        "the name is too long for the file system",
      ],
      [() => Deno.readFileSync("\0"), "the system does not accept it"],
    ];
    if (Deno.build.os !== "windows") {
      Deno.symlinkSync("loop", `${folder}/loop`);
      cases.push([() => Deno.readFileSync(`${folder}/loop`), "its links lead in a circle"]);
      cases.push([() => Deno.readFileSync(folder), "it is a folder"]);
    } else {
      // Windows reports these two in its own ways.
      cases.splice(1, 2);
    }
    for (const [act, expected] of cases) {
      let message = "nothing";
      try {
        act();
      } catch (error) {
        message = messageOf(error);
      }
      assertEquals(message, expected);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
