// The thread that decodes one picture. It has no permissions: a hostile file that takes over the decoder can do
// nothing with it. `pictures.ts` starts it, ends it, and does not wait if it takes too long.

import { type DecodedPicture, type DecodeJob, decodePicture } from "./decode.ts";

/** Nothing was made: the file is not what it claims to be. */
export interface Damaged {
  readonly form: "damaged";
  /** What the decoder says, for who looks for the reason; never shown. */
  readonly cause: string;
}

/** The global scope of a worker, which has other types than that of the program. */
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
