import { assertEquals } from "@std/assert";
import { tryLock } from "./lock.ts";

Deno.test("tryLock: waits a moment where no call answers at once, and reports a file system without locks", async () => {
  const none = { tryLockSync: undefined };
  const file = (lock: () => Promise<void>) => ({ ...none, lock }) as unknown as Deno.FsFile;
  assertEquals(await tryLock(file(() => Promise.resolve()), 1), true);
  assertEquals(await tryLock(file(() => new Promise(() => {})), 1), false);
  assertEquals(
    await tryLock(file(() => Promise.reject(new Deno.errors.NotSupported())), 1),
    undefined,
  );
  const refusing = {
    tryLockSync: () => {
      throw new Deno.errors.NotSupported();
    },
  };
  assertEquals(await tryLock(refusing as unknown as Deno.FsFile, 1), undefined);
});
