// Pictures from files, as a terminal can show them. The edge of `pictures/parse.ts` and its family: reads the file,
// and has it decoded in a worker that has no permissions and little time. Loaded when it is needed.

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
 * How long a picture is waited for, in ms: the largest takes half a second on a laptop. The thread itself ends no
 * sooner than the decoder, because Deno (2.8) does not interrupt one that is at work: so nothing else is decoded
 * until it has. The limits of `pictures/parse.ts` bound that: the worst that they let through takes some seconds, and half
 * a gigabyte.
 */
const TIME_LIMIT_MS = 10_000;
/** Rows of the terminal that stay free: for what stands beneath the messages, and the line under a picture. */
const FREE_ROWS = 8;
/** Highest picture, in rows: of two pictures, one should be seen whole with what was said about it. */
const MAX_ROWS = 40;
/** Longest side of what a terminal draws itself, in pixels; xterm draws no larger ones. */
const MAX_GRAPHICS_SIDE = 1000;
/** A character's size in pixels where the terminal does not tell: as if it were that of most fonts. */
const CELL: Size = { width: 10, height: 20 };

/** Shows pictures, one after the other: each takes much memory while it is decoded. */
export class Pictures implements Viewer {
  readonly #limit: number;
  /** Views that are waited for, and threads at work, waited for or not. */
  #busy = 0;

  /** @param limit how long a picture is waited for, in ms */
  constructor(limit = TIME_LIMIT_MS) {
    this.#limit = limit;
  }

  /**
   * A picture as it can be shown there. Without colours it is a line that tells what there would be to see.
   *
   * @throws {ChatError} if the file can't be read or shown, takes too long, or another is being decoded
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
        rows: [cut(`${title}; it is shown where there are colours`, stage.columns)],
        height: 1,
      };
    }
    const caption = cut(title, stage.columns - 1);
    const graphics = graphicsOf(stage.environment, stage.answers);
    const cell = stage.answers.cell ?? CELL;
    const rows = Math.max(1, Math.min(MAX_ROWS, stage.rows - FREE_ROWS));
    const most = boxFor(graphics, { width: Math.max(1, stage.columns - 1), height: rows }, cell);
    const shown = fit(size, most);
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
    // What fits into the box takes no more rows than the box has.
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
    // Not before it has answered: it could be at work still, and nobody would know for how long.
    const ended = promise.finally(() => {
      worker.terminate();
      this.#busy--;
    });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      // Else it would end the program.
      event.preventDefault();
      resolve({ form: "damaged", cause: event.message });
    };
    worker.onmessageerror = () => resolve({ form: "damaged", cause: "it can't be passed on" });
    // The file is handed over, not copied.
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

// `deno` is an option of Deno's own that the types of the web do not know.
const WITHOUT_PERMISSIONS = {
  type: "module",
  name: "picture",
  deno: { permissions: "none" },
} as WorkerOptions;

/** Pixels that fill so many columns and rows. */
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

/** Rows of pixels that the terminal draws for it. */
function drawnHeight({ height }: Size, graphics: Graphics): number {
  return graphics === "sixel" ? Math.ceil(height / SIXEL_ROWS) * SIXEL_ROWS : height;
}

/** The whole file, if it is not too long. */
async function readPicture(path: string, name: string): Promise<Uint8Array<ArrayBuffer>> {
  const long = `has more than ${MAX_PICTURE_BYTES / 1024 / 1024} MiB`;
  try {
    // Before it is opened: a pipe might never open.
    const { isFile, size } = await Deno.stat(path);
    if (!isFile) throw cannotShow(name, "is no file any more");
    if (size > MAX_PICTURE_BYTES) throw cannotShow(name, long);
    using file = await Deno.open(path);
    // One more, so that a file that grows meanwhile is found out.
    const buffer = new Uint8Array(size + 1);
    let length = 0;
    while (length < buffer.length) {
      const count = await file.read(buffer.subarray(length));
      if (count === null) return buffer.subarray(0, length);
      length += count;
    }
    throw cannotShow(name, "is being changed just now");
  } catch (cause) {
    if (cause instanceof ChatError) throw cause;
    if (cause instanceof Deno.errors.NotFound) throw cannotShow(name, "is not there any more");
    const message = messageOf(cause);
    throw new ChatError(`Cannot read ${name}: ${printable(message)}`, { cause });
  }
}

/** @param fault the rest of a sentence that starts with "it" */
function cannotShow(name: string, fault: string, cause?: unknown): ChatError {
  return new ChatError(`Cannot show ${name}: it ${fault}`, cause === undefined ? {} : { cause });
}
