// Sizes in words. Pure.

import { format } from "@std/fmt/bytes";

/** `3 MiB`. */
export function bytesText(bytes: number): string {
  return format(bytes, { binary: true }).replace("kiB", "KiB");
}
