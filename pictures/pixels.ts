// Decoded pixels: the size in which they are shown, made smaller, turned upright. Pure. Knows no file formats and no
// terminal.

/** Rows from top to bottom, four bytes a pixel: red, green, blue, alpha (0 is transparent). */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** The values of EXIF's tag Orientation (EXIF 2.3, 4.6.4). 1 is upright. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The size of a picture after it is turned upright. */
export function uprightSize({ width, height }: Size, orientation: Orientation): Size {
  return orientation < 5 ? { width, height } : { width: height, height: width };
}

/** The largest size with the proportions of `size` that fits into `max`, never larger than `size`. */
export function fit(size: Size, max: Size): Size {
  const scale = Math.min(1, max.width / size.width, max.height / size.height);
  return {
    width: Math.max(1, Math.round(size.width * scale)),
    height: Math.max(1, Math.round(size.height * scale)),
  };
}

/**
 * `pixels` in a smaller size. Each new pixel is the average of the area that it covers: partly covered pixels count
 * in part. A transparent pixel counts less for the colour.
 *
 * @throws {RangeError} if the new size is empty, or larger than the old one
 */
export function shrink(pixels: Pixels, { width, height }: Size): Pixels {
  if (width < 1 || height < 1 || width > pixels.width || height > pixels.height) {
    throw new RangeError(
      `Cannot shrink ${pixels.width} × ${pixels.height} pixels to ${width} × ${height}`,
    );
  }
  if (width === pixels.width && height === pixels.height) return pixels;
  const across = Array.from({ length: pixels.width }, (_, x) => share(x, pixels.width, width));
  const data = new Uint8Array(4 * width * height);
  /** Sums of the new row, and of one row that was read: colours times alpha, and alpha. */
  const sums = new Float64Array(4 * width);
  const row = new Float64Array(4 * width);
  let filled = 0;
  for (let y = 0; y < pixels.height; y++) {
    sumRow(pixels, y, across, row);
    const { at, first, second } = share(y, pixels.height, height);
    for (let i = 0; i < row.length; i++) sums[i]! += row[i]! * first;
    // The second share of a row goes to the next new row.
    if (second === 0 && (y + 1) * height < (at + 1) * pixels.height) continue;
    writeRow(sums, data, filled++);
    for (let i = 0; i < row.length; i++) sums[i] = row[i]! * second;
  }
  return { width, height, data };
}

/** Where an old pixel falls among the new ones: a part of it into `at`, the rest into the next. */
interface Share {
  readonly at: number;
  readonly first: number;
  readonly second: number;
}

function share(x: number, from: number, to: number): Share {
  // In whole numbers: sides have at most 16 bits.
  const at = Math.floor(x * to / from);
  const edge = (at + 1) * from;
  const beyond = Math.max(0, (x + 1) * to - edge);
  return { at, first: (to - beyond) / from, second: beyond / from };
}

/** Sums one row into the new columns: colours times alpha, and alpha. */
function sumRow(
  { width, data }: Pixels,
  y: number,
  shares: readonly Share[],
  row: Float64Array,
): void {
  row.fill(0);
  for (let x = 0, i = 4 * width * y; x < width; x++, i += 4) {
    const { at, first, second } = shares[x]!;
    const alpha = data[i + 3]!;
    const [red, green, blue] = [data[i]! * alpha, data[i + 1]! * alpha, data[i + 2]! * alpha];
    const to = 4 * at;
    row[to]! += red * first;
    row[to + 1]! += green * first;
    row[to + 2]! += blue * first;
    row[to + 3]! += alpha * first;
    if (second === 0) continue;
    row[to + 4]! += red * second;
    row[to + 5]! += green * second;
    row[to + 6]! += blue * second;
    row[to + 7]! += alpha * second;
  }
}

function writeRow(sums: Float64Array, data: Uint8Array, y: number): void {
  for (let i = 0, to = sums.length * y; i < sums.length; i += 4, to += 4) {
    const alpha = sums[i + 3]!;
    if (alpha > 0) {
      data[to] = Math.round(sums[i]! / alpha);
      data[to + 1] = Math.round(sums[i + 1]! / alpha);
      data[to + 2] = Math.round(sums[i + 2]! / alpha);
    }
    data[to + 3] = Math.round(alpha);
  }
}

/** `pixels` turned upright. */
export function turn(pixels: Pixels, orientation: Orientation): Pixels {
  if (orientation === 1) return pixels;
  const { width, height } = uprightSize(pixels, orientation);
  const from = new Uint32Array(pixels.data.buffer, pixels.data.byteOffset, pixels.data.length / 4);
  const to = new Uint32Array(width * height);
  const [right, bottom] = [pixels.width - 1, pixels.height - 1];
  // After rows and columns were exchanged.
  const isMirrored = [2, 3, 7, 8].includes(orientation);
  const isUpsideDown = [3, 4, 6, 7].includes(orientation);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = orientation < 5 ? [x, y] : [y, x];
      const column = isMirrored ? right - u : u;
      const row = isUpsideDown ? bottom - v : v;
      to[y * width + x] = from[row * pixels.width + column]!;
    }
  }
  return { width, height, data: new Uint8Array(to.buffer) };
}
