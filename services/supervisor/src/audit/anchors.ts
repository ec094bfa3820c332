import { open, readFile } from "node:fs/promises";
import { type Anchor, type ChainKeys, readAnchors } from "@sluice/store";

const putMs = 10_000;

/** Where signed heads go, out of the reach of whoever administers the database. */
export interface Anchors {
  /** The furthest head that was signed here and is still to be found; a sealer that begins anew knows the chain by it. */
  last(keys: ChainKeys): Promise<Anchor | undefined>;
  put(anchor: Anchor): Promise<void>;
}

/** A file that only grows, a bucket that speaks HTTP, both, or none. */
export function createAnchors(to: {
  anchorFile?: string | undefined;
  anchorUrl?: string | undefined;
  anchorAuthorization?: string | undefined;
}): Anchors {
  const { anchorFile: file, anchorUrl: url, anchorAuthorization: authorization } = to;
  return {
    async last(keys) {
      if (file === undefined) return undefined;
      const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return "";
        throw error;
      });
      return readAnchors(text)
        .anchors.filter(keys.signed)
        .reduce<Anchor | undefined>(
          (last, each) => (last === undefined || each.seq >= last.seq ? each : last),
          undefined,
        );
    },
    async put(anchor) {
      const text = JSON.stringify(anchor);
      if (file !== undefined) await append(file, text);
      if (url !== undefined) {
        const response = await fetch(`${url.replace(/\/$/, "")}/${String(anchor.seq).padStart(16, "0")}.json`, {
          method: "PUT",
          // What a try before left there is the same head; Supabase Storage wants to be told.
          headers: { "content-type": "application/json", "x-upsert": "true", ...(authorization && { authorization }) },
          body: text,
          redirect: "error",
          signal: AbortSignal.timeout(putMs),
        });
        await response.body?.cancel();
        if (!response.ok) throw Object.assign(new Error("anchor refused"), { code: `HTTP_${response.status}` });
      }
    },
  };
}

/** On disk before it returns. A line that a crash cut off is ended first, so that it spoils no other. */
async function append(file: string, line: string): Promise<void> {
  const handle = await open(file, "a+", 0o600);
  try {
    const { size } = await handle.stat();
    const end = size === 0 ? "\n" : (await handle.read(Buffer.alloc(1), 0, 1, size - 1)).buffer.toString();
    await handle.write(`${end === "\n" ? "" : "\n"}${line}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
