import { checkType } from "../check.ts";

/** Turns the result of a job into text, which is stored, and back. */
export interface Codec<T> {
  encode(result: T): string;
  decode(text: string): T;
}

/**
 * `T` with `never` wherever JSON would change it: a Date, a Map, a bigint, a function. A result of
 * such a type needs a {@link Codec}.
 */
export type Json<T> = unknown extends T
  ? T
  : T extends string | number | boolean | null | undefined | void
    ? T
    : T extends bigint | symbol | ((...args: never[]) => unknown) | { toJSON(): unknown }
      ? never
      : T extends object
        ? { [Key in keyof T]: Json<T[Key]> }
        : never;

/** For what JSON can represent; the empty text is undefined. */
export const JSON_CODEC: Codec<unknown> = {
  encode: (result) => (result === undefined ? "" : JSON.stringify(result)),
  decode: (text) => (text === "" ? undefined : JSON.parse(text)),
};

/** @throws LockConfigurationError unless it has both functions */
export function checkCodec<T>(codec: Codec<T>): void {
  checkType("codec", codec, "object");
  for (const name of ["encode", "decode"] as const) {
    checkType(`codec.${name}`, codec[name], "function");
  }
}
