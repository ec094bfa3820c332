import { createHash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { SluiceError } from "@sluice/contracts";
import { type Objects, storeFile } from "./store-file.js";

const organizationId = "6f1c1f3a-6f0a-4a56-8a3c-2f5b3f0c9a11";

/** An object store in memory that counts what was asked of its sender. */
function createObjects(options: { failAfter?: number } = {}) {
  const removed: string[] = [];
  const stored = new Map<string, Buffer>();
  const objects: Objects = {
    async upload(path, body) {
      const chunks: Buffer[] = [];
      for await (const chunk of body) {
        chunks.push(chunk);
        if (chunks.length > (options.failAfter ?? Number.POSITIVE_INFINITY))
          throw new SluiceError("storage_unavailable");
      }
      stored.set(path, Buffer.concat(chunks));
    },
    async remove(paths) {
      removed.push(...paths);
    },
  };
  return { objects, stored, removed };
}

/** Chunks that are made when they are asked for. */
function chunksOf(count: number, size: number) {
  const state = { made: 0 };
  async function* chunks() {
    for (; state.made < count; state.made++) yield Buffer.alloc(size, "text ");
  }
  return { state, chunks: chunks() };
}
const target = (objects: Objects, maxBytes: number) => ({ objects, organizationId, maxBytes });

describe("a file on its way to Storage", () => {
  it("is hashed and counted, under a path that says nothing", async () => {
    const { objects, stored } = createObjects();
    const file = await storeFile(
      chunksOf(40, 1_000).chunks,
      { fileName: "J\u0007ane Doe.txt" },
      target(objects, 40_000),
    );
    const [path, bytes] = [...stored][0] ?? [];
    expect(path).toMatch(new RegExp(`^${organizationId}/[0-9a-f-]{36}$`));
    expect(file).toMatchObject({
      objectPath: path,
      byteLength: 40_000,
      fileName: "Jane Doe.txt",
      mediaType: "text/plain",
    });
    expect(file.contentHash).toBe(
      createHash("sha256")
        .update(bytes as Buffer)
        .digest("hex"),
    );
  });

  it("is refused as soon as it is too large, and read no further", async () => {
    const { objects, removed } = createObjects();
    const { state, chunks } = chunksOf(1_000_000, 1_000);
    await expect(storeFile(chunks, {}, target(objects, 50_000))).rejects.toMatchObject({ code: "file_too_large" });
    expect(state.made).toBeLessThan(60);
    expect(removed).toHaveLength(1);
  });

  it("is given up on when Storage falls silent, be it in the middle or at the end", async () => {
    for (const takes of [2, Number.POSITIVE_INFINITY]) {
      const { objects, removed } = createObjects();
      const silent: Objects = {
        ...objects,
        async upload(_path, body) {
          let taken = 0;
          for await (const _ of body) if (++taken >= takes) break;
          await new Promise(() => {});
        },
      };
      const { chunks } = chunksOf(40, 1_000);
      const sent = storeFile(chunks, {}, { ...target(silent, 50_000), silenceMs: 50 });
      await expect(sent).rejects.toMatchObject({ code: "storage_unavailable" });
      expect(removed).toHaveLength(1);
    }
  });

  it("may come slowly: the sender's time is not Storage's", async () => {
    const { objects, stored } = createObjects();
    async function* slow() {
      for (let i = 0; i < 4; i++) {
        yield Buffer.from("text ");
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    }
    await storeFile(slow(), {}, { ...target(objects, 1_000), silenceMs: 30 });
    expect([...stored.values()].map(String)).toEqual(["text text text text "]);
  });

  it("is not read further than Storage takes it", async () => {
    const { state, chunks } = chunksOf(1_000, 64 * 1024);
    let arrived = () => {};
    const first = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const objects: Objects = {
      async upload(_path, body) {
        for await (const _chunk of body) {
          arrived();
          await held;
        }
      },
      remove: async () => {},
    };
    const storing = storeFile(chunks, {}, target(objects, 100 * 1024 * 1024));
    await first;
    await new Promise((resolve) => setImmediate(resolve));
    expect(state.made).toBeLessThan(10);
    release();
    expect(await storing).toMatchObject({ byteLength: 1_000 * 64 * 1024 });
  });

  it("is Storage's trouble when Storage breaks off, and the sender's when the sender does", async () => {
    const { objects, removed } = createObjects({ failAfter: 2 });
    await expect(storeFile(chunksOf(100, 9_000).chunks, {}, target(objects, 1e9))).rejects.toMatchObject({
      code: "storage_unavailable",
    });
    async function* broken() {
      yield Buffer.alloc(9_000, "a");
      throw new Error("ECONNRESET");
    }
    await expect(storeFile(broken(), {}, target(createObjects().objects, 1e9))).rejects.toMatchObject({
      code: "file_incomplete",
    });
    expect(removed).toHaveLength(1);
  });

  it("that is empty or of no known kind never reaches Storage", async () => {
    const { objects, stored } = createObjects();
    await expect(storeFile(chunksOf(0, 0).chunks, {}, target(objects, 10))).rejects.toMatchObject({
      code: "file_empty",
    });
    async function* binary() {
      yield Buffer.from([0, 1, 2, 3]);
    }
    await expect(storeFile(binary(), {}, target(objects, 10))).rejects.toMatchObject({
      code: "media_type_unsupported",
    });
    expect(stored.size).toBe(0);
  });
});
