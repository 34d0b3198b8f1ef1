// Which of the files that have been received a person wants to see. Pure: names and numbers; knows no file.

import type { Transfer } from "../room.ts";
import { printable } from "../text/printable.ts";

/** A file that has been received, whole: what is in it is seen when it is opened. */
export type Received = Transfer & { readonly path: string };

function isReceived({ direction, state, path }: Transfer): boolean {
  return direction === "in" && state === "done" && path !== undefined;
}

/** Whether it has been received, and is a picture by its name: such are shown and offered where none is named. */
export function isPicture(transfer: Transfer): transfer is Received {
  return isReceived(transfer) && /\.(?:png|jpe?g|gif)$/i.test(transfer.name);
}

/**
 * The received file that a person means by what stands behind `/view`: its number, or its name as it is shown,
 * or the beginning of that, whatever its case. Of several of one name it is the newest, as numbers tell.
 */
export function choosePicture(
  transfers: readonly Transfer[],
  which: string,
): Received | undefined {
  const files = transfers.filter((one): one is Received => isReceived(one));
  const typed = which.toLowerCase();
  const nameOf = ({ name }: Transfer) => printable(name).toLowerCase();
  return files.find(({ number }) => String(number) === which) ??
    files.findLast((file) => nameOf(file) === typed) ??
    files.findLast((file) => nameOf(file).startsWith(typed));
}
