// Pictures from files, ready for the terminal. Reads the file, and has a worker without permissions decode it within
// a time limit. The only module of this folder that uses the system. Loaded when the first picture is shown.

import { ChatError, messageOf } from "../errors.ts";
import { printable } from "../text/printable.ts";
import { cut } from "../text/width.ts";
import {
  colorsOf,
  type Graphics,
  graphicsOf,
  iterm2Picture,
  kittyPicture,
  placed,
  type Preview,
  type Stage,
  type Viewer,
} from "./graphics.ts";
import type { DecodedPicture, DecodeJob } from "./decode.ts";
import { blockPixels, blockRows } from "./half_blocks.ts";
import { inspect, MAX_PICTURE_BYTES, type Picture } from "./parse.ts";
import { fit, type Size, uprightSize } from "./pixels.ts";
import { SIXEL_ROWS } from "./sixel.ts";
import type { Damaged } from "./worker.ts";

/**
 * Time limit for a picture, in ms: the largest takes half a second on a laptop. Deno (2.8) does not interrupt a busy
 * thread, so the thread runs until the decoder ends, and nothing else is decoded before that. The limits of
 * `parse.ts` bound this: the worst picture within them takes some seconds, and half a gigabyte.
 */
const TIME_LIMIT_MS = 10_000;
/** Rows of the terminal that stay free: for the live area, and for the caption of the picture. */
const FREE_ROWS = 8;
/** Highest picture, in rows: a large screen should show one picture completely, and the messages about it. */
const MAX_ROWS = 40;
/** Longest side of a picture that a terminal draws itself, in pixels: xterm draws no larger ones. */
const MAX_GRAPHICS_SIDE = 1000;
/** A character's size in pixels if the terminal does not report it: about that of most fonts. */
const CELL: Size = { width: 10, height: 20 };

/** Shows pictures, one at a time: each takes a lot of memory while it is decoded. */
export class Pictures implements Viewer {
  readonly #limit: number;
  /** Pending views, and running threads, including those that took too long. */
  #busy = 0;

  /** @param limit time limit for a picture, in ms */
  constructor(limit = TIME_LIMIT_MS) {
    this.#limit = limit;
  }

  /**
   * A picture for this terminal. Without colours it is a line with its name, kind and size.
   *
   * @throws {ChatError} if the file cannot be read or shown, takes too long, or another one is being decoded
   *
   * @example
   * ```ts
   * const { rows } = await pictures.view("/home/ada/Downloads/cat.png", "cat.png", stage);
   * ```
   */
  async view(path: string, name: string, stage: Stage): Promise<Preview> {
    const shown = printable(name);
    if (this.#busy > 0) {
      throw new ChatError(`Cannot show ${shown}: another picture is still being decoded`);
    }
    this.#busy++;
    try {
      const picture = inspect(await readPicture(path, shown));
      if (typeof picture === "string") throw cannotShow(shown, picture);
      return await this.#preview(picture, shown, stage);
    } finally {
      this.#busy--;
    }
  }

  async #preview(picture: Picture, name: string, stage: Stage): Promise<Preview> {
    const size = uprightSize(picture, picture.orientation);
    const title = `${name}: ${picture.kind}, ${size.width} × ${size.height} pixels`;
    if (!stage.hasColors) {
      return {
        rows: [cut(`${title}; pictures need a terminal with colours`, stage.columns)],
        height: 1,
      };
    }
    const caption = cut(title, stage.columns - 1);
    const graphics = graphicsOf(stage.environment, stage.answers);
    const cell = stage.answers.cell ?? CELL;
    const rows = Math.max(1, Math.min(MAX_ROWS, stage.rows - FREE_ROWS));
    const box = boxFor(graphics, { width: Math.max(1, stage.columns - 1), height: rows }, cell);
    const shown = fit(size, box);
    const { content, orientation } = picture;
    const made = await this.#decode({
      content,
      size: { width: picture.width, height: picture.height },
      orientation,
      shown,
      form: FORMS[graphics],
    }, name);
    if (made.form === "pixels") {
      const text = blockRows({ ...shown, data: made.data }, colorsOf(stage.environment));
      return { rows: [...text, caption], height: text.length + 1 };
    }
    // A picture that fits into the box takes no more rows than the box.
    const height = Math.min(rows, Math.ceil(drawnHeight(shown, graphics) / cell.height));
    const columns = Math.ceil(shown.width / cell.width);
    const drawn = made.form === "sixel"
      ? made.data
      : graphics === "kitty"
      ? kittyPicture(made.data, height)
      : iterm2Picture(made.data, columns, height);
    return { rows: [placed(drawn, height, caption)], height: height + 1 };
  }

  async #decode(job: DecodeJob, name: string): Promise<DecodedPicture> {
    const { promise, resolve } = Promise.withResolvers<DecodedPicture | Damaged>();
    const worker = new Worker(new URL("./worker.ts", import.meta.url), WITHOUT_PERMISSIONS);
    this.#busy++;
    // Not before it has answered: until then it may still be busy, and its memory in use.
    const ended = promise.finally(() => {
      worker.terminate();
      this.#busy--;
    });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      // Otherwise the error would end the program.
      event.preventDefault();
      resolve({ form: "damaged", cause: event.message });
    };
    worker.onmessageerror = () => resolve({ form: "damaged", cause: "it can't be passed on" });
    // The file's bytes are transferred, not copied.
    worker.postMessage(job, [job.content.buffer]);
    const late = Promise.withResolvers<"late">();
    const timer = setTimeout(() => late.resolve("late"), this.#limit);
    const made = await Promise.race([ended, late.promise]);
    clearTimeout(timer);
    if (made === "late") throw cannotShow(name, "takes too long to decode");
    if (made.form === "damaged") throw cannotShow(name, "is damaged", new Error(made.cause));
    return made;
  }
}

const FORMS: Readonly<Record<Graphics, DecodedPicture["form"]>> = {
  kitty: "png",
  iterm2: "png",
  sixel: "sixel",
  none: "pixels",
};

// The types of the web do not have Deno's option `deno`.
const WITHOUT_PERMISSIONS = {
  type: "module",
  name: "picture",
  deno: { permissions: "none" },
} as WorkerOptions;

/** The size in pixels that fills these columns and rows. */
function boxFor(graphics: Graphics, { width, height }: Size, cell: Size): Size {
  if (graphics === "none") return blockPixels(width, height);
  const down = height * cell.height;
  return {
    width: Math.min(MAX_GRAPHICS_SIDE, width * cell.width),
    height: Math.min(
      MAX_GRAPHICS_SIDE,
      graphics === "sixel" ? Math.max(1, down - (down % SIXEL_ROWS)) : down,
    ),
  };
}

/** Rows of pixels that the terminal draws for a picture of this size. */
function drawnHeight({ height }: Size, graphics: Graphics): number {
  return graphics === "sixel" ? Math.ceil(height / SIXEL_ROWS) * SIXEL_ROWS : height;
}

/** The file's content, if it is not too long. */
async function readPicture(path: string, name: string): Promise<Uint8Array<ArrayBuffer>> {
  const long = `has more than ${MAX_PICTURE_BYTES / 1024 / 1024} MiB`;
  try {
    // Checked before it is opened: a pipe might never open.
    const { isFile, size } = await Deno.stat(path);
    if (!isFile) throw cannotShow(name, "is no longer a file");
    if (size > MAX_PICTURE_BYTES) throw cannotShow(name, long);
    using file = await Deno.open(path);
    // One byte more: it shows that the file has grown.
    const buffer = new Uint8Array(size + 1);
    let length = 0;
    while (length < buffer.length) {
      const count = await file.read(buffer.subarray(length));
      if (count === null) return buffer.subarray(0, length);
      length += count;
    }
    throw cannotShow(name, "is being changed");
  } catch (cause) {
    if (cause instanceof ChatError) throw cause;
    if (cause instanceof Deno.errors.NotFound) throw cannotShow(name, "no longer exists");
    const message = messageOf(cause);
    throw new ChatError(`Cannot read ${name}: ${printable(message)}`, { cause });
  }
}

/** @param fault the rest of a sentence that starts with "it" */
function cannotShow(name: string, fault: string, cause?: unknown): ChatError {
  return new ChatError(`Cannot show ${name}: it ${fault}`, cause === undefined ? {} : { cause });
}
