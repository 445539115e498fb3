// What an app on Hermes sets before it imports keyart: the engine itself has no WebCrypto and no text coders. An app
// takes native modules for them; these are as small as the test allows.

const ROUND_CONSTANTS = primes(64).map((prime) => fraction(Math.cbrt(prime)));
const START = primes(8).map((prime) => fraction(Math.sqrt(prime)));

globalThis.TextEncoder = class {
  encode(text) {
    const escaped = encodeURIComponent(text).replace(/%([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
    return Uint8Array.from(escaped.split(""), (letter) => letter.charCodeAt(0));
  }
};

globalThis.TextDecoder = class {
  decode(bytes) {
    let escaped = "";
    for (const byte of bytes) escaped += "%" + (byte < 16 ? "0" : "") + byte.toString(16);
    return decodeURIComponent(escaped); // throws where the bytes are not UTF-8, as `fatal: true` does
  }
};

globalThis.crypto = {
  getRandomValues: (bytes) => bytes.map(() => Math.floor(256 * Math.random())),
  subtle: { digest: async (_, data) => sha256(data).buffer },
};

/** Return the SHA-256 of bytes (FIPS 180-4). */
function sha256(data) {
  const padded = new Uint8Array(64 * Math.ceil((data.length + 9) / 64));
  padded.set(data);
  padded[data.length] = 0x80;
  const words = new DataView(padded.buffer);
  words.setUint32(padded.length - 4, 8 * data.length);
  const state = START.slice();
  for (let block = 0; block < padded.length; block += 64) {
    const w = Array.from({ length: 16 }, (_, i) => words.getUint32(block + 4 * i));
    for (let i = 16; i < 64; i++) {
      const [x, y] = [w[i - 15], w[i - 2]];
      w[i] = (w[i - 16] + w[i - 7] + (turned(x, 7) ^ turned(x, 18) ^ (x >>> 3)) + (turned(y, 17) ^ turned(y, 19) ^ (y >>> 10))) | 0;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const first = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + ROUND_CONSTANTS[i] + w[i];
      const second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      [a, b, c, d, e, f, g, h] = [(first + second) | 0, a, b, c, (d + first) | 0, e, f, g];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => (state[i] = (state[i] + value) | 0));
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((value, i) => digest.setInt32(4 * i, value));
  return new Uint8Array(digest.buffer);
}

function turned(word, bits) {
  return (word >>> bits) | (word << (32 - bits));
}

/** Return the first 32 bits of the part behind the point. */
function fraction(value) {
  return Math.floor((value % 1) * 2 ** 32) | 0;
}

function primes(count) {
  const found = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime)) found.push(n);
  return found;
}
