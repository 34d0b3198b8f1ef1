// One picture decoded, made smaller and turned upright, in the form that the terminal needs. Runs foreign code on
// hostile files: the program calls it in `worker.ts` alone. Knows no file, no terminal and no thread.
//
// The decoder is compiled to WebAssembly, so that it cannot leave its own memory. A damaged file may stop it and
// leave that memory in any state, so there is one worker for each picture.

import { PhotonImage } from "@cf-wasm/photon";
import { type Orientation, type Pixels, shrink, type Size, turn } from "./pixels.ts";
import { sixelPicture } from "./sixel.ts";

/** A picture to decode. */
export interface DecodeJob {
  /** A file that `inspect` has checked. */
  readonly content: Uint8Array<ArrayBuffer>;
  /** The size that the file claims. */
  readonly size: Size;
  readonly orientation: Orientation;
  /** The new size, upright. */
  readonly shown: Size;
  readonly form: DecodedPicture["form"];
}

/** A decoded picture, upright and in its new size. */
export type DecodedPicture =
  | { readonly form: "pixels"; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly form: "png"; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly form: "sixel"; readonly data: string };

/** @throws {Error} if the file is damaged, or not what it claims to be */
export function decodePicture(
  { content, size, orientation, shown, form }: DecodeJob,
): DecodedPicture {
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

/** The library returns copies, which are not in its shared memory. Its types do not show this. */
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}
