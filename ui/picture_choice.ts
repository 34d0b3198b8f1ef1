// Which received file the user means with `/view`. Pure: names and numbers; opens no file.

import { findHandled } from "../files/handles.ts";
import type { Transfer } from "../room.ts";

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
 * The received files that the argument of `/view` means: a number, a member or a file name, as for `/accept`. It shows
 * one file: several, and it must ask which.
 */
export function choosePictures(transfers: readonly Transfer[], which: string): Received[] {
  const files = transfers.filter((one): one is Received => isReceived(one)).map((file) => (
    { file, number: file.number, name: file.name, who: file.who?.name, isIncoming: true }
  ));
  const result = findHandled(files, which);
  return ("found" in result ? result.found : result.ambiguous).map(({ file }) => file);
}
