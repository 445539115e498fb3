/**
 * Ed25519 signatures (RFC 8032), verified by WebCrypto where it knows them (Chromium from 137 on), and by this module
 * elsewhere: a TV browser of 2020 has SHA-512 and BigInt (Chromium 67), and no Ed25519.
 *
 * Everything here is public, so nothing needs to take the same time for every input.
 */

type Point = readonly [bigint, bigint, bigint, bigint]; // extended coordinates X, Y, Z, T: x = X/Z, y = Y/Z, xy = T/Z

const KEY_BYTES = 32;
const ZERO = BigInt(0);
const ONE = BigInt(1);
const TWO = BigInt(2);
const P = TWO ** BigInt(255) - BigInt(19);
const ORDER = TWO ** BigInt(252) + BigInt("27742317777372353535851937790883648493");
const D = mod(BigInt(-121665) * power(BigInt(121666), P - TWO));
const ROOT_OF_MINUS_ONE = power(TWO, (P - ONE) / BigInt(4));
const NEUTRAL: Point = [ZERO, ONE, ONE, ZERO];
const BASE = decoded(fromHex("58" + "66".repeat(31))) as Point;

/**
 * Return whether a signature is that of the key over the message.
 *
 * @param key - The public key, 32 bytes.
 * @param message - What was signed.
 * @param signature - 64 bytes; of another length it is no signature.
 */
export async function verifies(key: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    const held = await crypto.subtle.importKey("raw", key as BufferSource, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, held, signature as BufferSource, message as BufferSource);
  } catch (error) {
    return verifiesInScript(key, message, signature); // this browser has no Ed25519, or the key is none
  }
}

/** The same without WebCrypto's Ed25519 (RFC 8032, section 5.1.7, without the cofactor). */
export async function verifiesInScript(key: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  if (key.length !== KEY_BYTES || signature.length !== 2 * KEY_BYTES) return false;
  const commitment = signature.slice(0, KEY_BYTES);
  const s = littleEndian(signature.slice(KEY_BYTES));
  const owner = decoded(key);
  if (owner === undefined || s >= ORDER) return false;
  const hashed = new Uint8Array(2 * KEY_BYTES + message.length);
  hashed.set(commitment);
  hashed.set(key, KEY_BYTES);
  hashed.set(message, 2 * KEY_BYTES);
  const k = littleEndian(new Uint8Array(await crypto.subtle.digest("SHA-512", hashed))) % ORDER;
  // R must be s·B − k·A. Its encoding is compared, so that R has one form only.
  const expected = encoded(sumOfMultiples(s, BASE, k, negative(owner)));
  return expected.every((byte, place) => byte === commitment[place]);
}

/** Return the bytes of hexadecimal digits, or none where it holds anything else. */
export function fromHex(text: string): Uint8Array {
  if (!/^([0-9a-f]{2})*$/.test(text)) return new Uint8Array(0);
  return Uint8Array.from({ length: text.length / 2 }, (_, place) => parseInt(text.slice(2 * place, 2 * place + 2), 16));
}

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < ZERO ? rest + P : rest;
}

function power(base: bigint, exponent: bigint): bigint {
  let product = ONE;
  for (let factor = mod(base), left = exponent; left > ZERO; left >>= ONE) {
    if (left & ONE) product = (product * factor) % P;
    factor = (factor * factor) % P;
  }
  return product;
}

/** Add two points of the twisted Edwards curve (RFC 8032, section 5.1.4; complete, so it doubles, too). */
function sum([x1, y1, z1, t1]: Point, [x2, y2, z2, t2]: Point): Point {
  const a = mod((y1 - x1) * (y2 - x2));
  const b = mod((y1 + x1) * (y2 + x2));
  const c = mod(TWO * t1 * t2 * D);
  const d = mod(TWO * z1 * z2);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

function negative([x, y, z, t]: Point): Point {
  return [mod(-x), y, z, mod(-t)];
}

/** Return m·p + n·q, with one chain of doublings for both. */
function sumOfMultiples(m: bigint, p: Point, n: bigint, q: Point): Point {
  const both = sum(p, q);
  let total = NEUTRAL;
  for (let bit = BigInt(252); bit >= ZERO; bit -= ONE) {
    total = sum(total, total);
    const inM = (m >> bit) & ONE;
    const inN = (n >> bit) & ONE;
    if (inM || inN) total = sum(total, inM && inN ? both : inM ? p : q);
  }
  return total;
}

function littleEndian(bytes: Uint8Array): bigint {
  return Array.from(bytes).reduceRight((value, byte) => (value << BigInt(8)) | BigInt(byte), ZERO);
}

function encoded([x, y, z]: Point): Uint8Array {
  const inverse = power(z, P - TWO);
  const affine = mod(y * inverse);
  const bytes = Uint8Array.from({ length: KEY_BYTES }, (_, place) => Number((affine >> BigInt(8 * place)) & BigInt(255)));
  if (mod(x * inverse) & ONE) bytes[KEY_BYTES - 1] |= 128;
  return bytes;
}

/** Return the point of an encoding (RFC 8032, section 5.1.3), or undefined where it is none. */
function decoded(bytes: Uint8Array): Point | undefined {
  const isOdd = bytes[KEY_BYTES - 1] >> 7;
  const y = littleEndian(bytes) & (TWO ** BigInt(255) - ONE);
  if (y >= P) return undefined;
  const u = mod(y * y - ONE);
  const v = mod(D * y * y + ONE);
  const v3 = mod(v * v * v);
  let x = mod(u * v3 * power(u * v3 * v3 * v, (P - BigInt(5)) / BigInt(8)));
  if (mod(v * x * x) !== u) {
    x = mod(x * ROOT_OF_MINUS_ONE);
    if (mod(v * x * x) !== u) return undefined;
  }
  if (x === ZERO && isOdd) return undefined;
  if (Number(x & ONE) !== isOdd) x = P - x;
  return [x, y, ONE, mod(x * y)];
}
