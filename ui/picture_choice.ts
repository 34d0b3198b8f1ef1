// Which received file the user means with `/view`. Pure: names and numbers; opens no file.

import type { Transfer } from "../room.ts";
import { printable } from "../text/printable.ts";

/** A received and verified file; its content is checked when it is opened. */
export type Received = Transfer & { readonly path: string };

function isReceived({ direction, state, path }: Transfer): boolean {
  return direction === "in" && state === "done" && path !== undefined;
}

/** Whether it is a received picture by its file name: `/view` and Tab offer these. */
export function isPicture(transfer: Transfer): transfer is Received {
  return isReceived(transfer) && /\.(?:png|jpe?g|gif)$/i.test(transfer.name);
}

/**
 * The received file that the argument of `/view` means: a number, a name as it is shown, or the beginning of a
 * name, in either case. Of several with the same name, the newest.
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
