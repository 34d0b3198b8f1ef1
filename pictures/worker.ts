// Decodes one picture, in a thread of its own without any permission: what a hostile file could make of the
// decoder, it could do nothing with. Whoever starts it ends it, and does not wait when it takes too long.
//
// The decoder is compiled to WebAssembly, where it can't leave its own memory either; a fault in the file stops
// it for good, as it may have left that in any state, so there is one worker for each picture.

import { PhotonImage } from "@cf-wasm/photon";
import { type Orientation, type Pixels, shrink, type Size, turn } from "./pixels.ts";
import { sixelPicture } from "./sixel.ts";

/** What is to be done. */
export interface Job {
  /** A file whose kind and size have been checked. */
  readonly content: Uint8Array<ArrayBuffer>;
  /** As the file claims. */
  readonly size: Size;
  readonly orientation: Orientation;
  /** As it will be seen: upright. */
  readonly shown: Size;
  readonly form: Made["form"];
}

/** What has been made of it, upright and in its new size. */
export type Made =
  | { readonly form: "pixels"; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly form: "png"; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly form: "sixel"; readonly data: string };

/** Nothing was made: the file is not what it claims to be. */
export interface Damaged {
  readonly form: "damaged";
  /** What the decoder says, for who looks for the reason; never shown. */
  readonly cause: string;
}

function make({ content, size, orientation, shown, form }: Job): Made {
  const isTurned = orientation >= 5;
  const stored = isTurned ? { width: shown.height, height: shown.width } : shown;
  const pixels = turn(shrink(decode(content, size), stored), orientation);
  switch (form) {
    case "pixels":
      return { form, data: pixels.data };
    case "png":
      return {
        form,
        data: own(new PhotonImage(pixels.data, pixels.width, pixels.height).get_bytes()),
      };
    case "sixel":
      return { form, data: sixelPicture(pixels) };
  }
}

function decode(content: Uint8Array, size: Size): Pixels {
  const image = PhotonImage.new_from_byteslice(content);
  const [width, height] = [image.get_width(), image.get_height()];
  if (width !== size.width || height !== size.height) {
    throw new RangeError(`it has ${width} × ${height} pixels, not ${size.width} × ${size.height}`);
  }
  const data = own(image.get_raw_pixels());
  image.free();
  return { width, height, data };
}

/** The library copies out of its memory, into memory that is nobody else's. */
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}

/** The global scope of a worker, which has other types than that of the program. */
const scope = self as unknown as {
  onmessage: (event: { data: Job }) => void;
  postMessage(message: Made | Damaged): void;
};

scope.onmessage = ({ data: job }) => {
  try {
    scope.postMessage(make(job));
  } catch (cause) {
    scope.postMessage({ form: "damaged", cause: String(cause) });
  }
};
