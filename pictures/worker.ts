// The thread that decodes one picture. It has no permissions: a hostile file that takes over the decoder can do
// nothing with it. `pictures.ts` starts it, ends it, and does not wait if it takes too long.

import { type DecodedPicture, type DecodeJob, decodePicture } from "./decode.ts";

/** The file is damaged, or not what it claims to be. */
export interface Damaged {
  readonly form: "damaged";
  /** The decoder's message, for debugging. Never shown. */
  readonly cause: string;
}

/** The global scope of a worker: TypeScript knows only that of the program. */
const scope = self as unknown as {
  onmessage: (event: { data: DecodeJob }) => void;
  postMessage(message: DecodedPicture | Damaged): void;
};

scope.onmessage = ({ data: job }) => {
  try {
    scope.postMessage(decodePicture(job));
  } catch (cause) {
    scope.postMessage({ form: "damaged", cause: String(cause) });
  }
};
