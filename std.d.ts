// Types for the parts of `@std` that this project uses. npm has these modules without types (see `imports` in deno.json).
// The declarations follow the library's documentation, and `tests/std_test.ts` calls each of them.

declare module "@std/assert" {
  export class AssertionError extends Error {}
  export function assert(condition: unknown, message?: string): asserts condition;
  export function assertEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertNotEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertStrictEquals<T>(
    actual: unknown,
    expected: T,
    message?: string,
  ): asserts actual is T;
  export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T>;
  export function assertMatch(actual: string, expected: RegExp, message?: string): void;
  export function assertStringIncludes(actual: string, expected: string, message?: string): void;
  export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void;
  export function assertLess<T>(actual: T, expected: T, message?: string): void;
  export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void;
  export function assertThrows<E extends Error>(
    fn: () => unknown,
    // deno-lint-ignore no-explicit-any
    errorClass: new (...args: any[]) => E,
    messageIncludes?: string,
  ): E;
  export function assertRejects<E extends Error>(
    fn: () => PromiseLike<unknown>,
    // deno-lint-ignore no-explicit-any
    errorClass: new (...args: any[]) => E,
    messageIncludes?: string,
  ): Promise<E>;
  export function fail(message?: string): never;
}

declare module "@std/async/deadline" {
  export interface DeadlineOptions {
    signal?: AbortSignal;
  }
  /** @throws {DOMException} `TimeoutError`, if `p` does not settle within `ms` */
  export function deadline<T>(p: Promise<T>, ms: number, options?: DeadlineOptions): Promise<T>;
}

declare module "@std/bytes/concat" {
  export function concat(buffers: readonly Uint8Array[]): Uint8Array<ArrayBuffer>;
}

declare module "@std/bytes/equals" {
  export function equals(a: Uint8Array, b: Uint8Array): boolean;
}

declare module "@std/path/join" {
  /** Joins with the separator of this system, and normalizes. */
  export function join(path?: string, ...paths: string[]): string;
}

declare module "@std/cli/parse-args" {
  export interface ParseOptions {
    boolean?: readonly string[];
    string?: readonly string[];
    collect?: readonly string[];
    alias?: Readonly<Record<string, string | readonly string[]>>;
    "--"?: boolean;
    /** Called for each option that is not declared; `false` leaves it out of the result. */
    unknown?: (arg: string, key?: string, value?: unknown) => unknown;
  }
  export function parseArgs(
    args: readonly string[],
    options?: ParseOptions,
  ): { _: (string | number)[]; "--"?: string[] } & Record<string, unknown>;
}

declare module "@std/fmt/bytes" {
  export interface FormatOptions {
    binary?: boolean;
    minimumFractionDigits?: number;
    maximumFractionDigits?: number;
    locale?: boolean | string | string[];
  }
  export function format(bytes: number, options?: FormatOptions): string;
}

declare module "@std/fmt/colors" {
  export function bold(text: string): string;
  export function dim(text: string): string;
  export function italic(text: string): string;
  export function inverse(text: string): string;
  export function red(text: string): string;
  export function green(text: string): string;
  export function yellow(text: string): string;
  export function cyan(text: string): string;
  export function rgb8(text: string, color: number): string;
  export function stripAnsiCode(text: string): string;
  export function getColorEnabled(): boolean;
  export function setColorEnabled(value: boolean): void;
}

declare module "@std/streams/limited-bytes-transform-stream" {
  export class LimitedBytesTransformStream
    extends TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
    constructor(size: number, options?: { error?: boolean });
  }
}

declare module "@std/streams/to-text" {
  export function toText(stream: ReadableStream<string | Uint8Array>): Promise<string>;
}

declare module "@std/text/levenshtein-distance" {
  export function levenshteinDistance(str1: string, str2: string): number;
}

declare module "@std/msgpack/encode" {
  export type ValueType =
    | number
    | bigint
    | string
    | boolean
    | null
    | Uint8Array
    | readonly ValueType[]
    | { [name: string]: ValueType };
  /** Encodes a value as MessagePack. */
  export function encode(object: ValueType): Uint8Array<ArrayBuffer>;
}

declare module "@std/msgpack/decode" {
  import type { ValueType } from "@std/msgpack/encode";
  /** @throws {Error} if the bytes are not one value of MessagePack */
  export function decode(uint8: Uint8Array): ValueType;
}

declare module "@std/toml/parse" {
  /** @throws {SyntaxError} `Parse error on line L, column C: …`, if the text is not TOML */
  export function parse(tomlString: string): Record<string, unknown>;
}
