/** How files of a repository are read. */

/**
 * Reads a file of the repository, such as `metadata/timestamp.json`, and stops after `maxBytes`; undefined where the
 * server says that there is no such file (404, 403). No cache may answer for `metadata/timestamp.json`.
 */
export type FetchFile = (path: string, maxBytes: number) => Promise<Uint8Array | undefined>;

/**
 * Return a reader of the repository at an address, by the browser's `fetch`.
 *
 * @param address - Where the folders `metadata` and `targets` stand, such as `https://example.org/tuf/`.
 */
export function repositoryAt(address: string): FetchFile {
  const base = address.endsWith("/") ? address : `${address}/`;
  return async (path, maxBytes) => {
    const answer = await fetch(base + path, {
      cache: path === "metadata/timestamp.json" ? "no-store" : "default", credentials: "omit",
    });
    if (answer.status === 404 || answer.status === 403) return undefined;
    if (!answer.ok || !answer.body) throw new Error(`the server answered ${answer.status}`);
    const parts: Uint8Array[] = [];
    let length = 0;
    const reader = answer.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      length += part.value.length;
      if (length > maxBytes) {
        await reader.cancel();
        throw new Error(`it is longer than ${maxBytes} bytes`);
      }
    }
    const bytes = new Uint8Array(length);
    parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
    return bytes;
  };
}
