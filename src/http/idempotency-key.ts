/** Keys are at most this long, as with Stripe. */
const MAX_KEY_LENGTH = 255;

/** Printable ASCII in quotes; a quote and a backslash are escaped (RFC 9651, section 3.3.3). */
const QUOTED = /^"((?:[ !#-[\]-~]|\\["\\])*)"$/;

/** What clients send bare, as Stripe's do. Two keys in one header are joined by a comma. */
const BARE = /^[!#-+\--[\]-~]+$/;

/**
 * The key of an `Idempotency-Key` header, quoted or bare; undefined for a malformed one.
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */
export function parseIdempotencyKey(header: string): string | undefined {
  const text = header.trim();
  const quoted = QUOTED.exec(text)?.[1]?.replaceAll(/\\(["\\])/g, "$1");
  const key = quoted ?? (BARE.test(text) ? text : "");
  return key.length >= 1 && key.length <= MAX_KEY_LENGTH ? key : undefined;
}
