import { readFile } from "node:fs/promises";
import { inflateSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { SluiceError } from "@sluice/contracts";
import { temporaryFile } from "../testing/collect.js";
import { coloursAt, inkAt, shadeAt, tiffFiles, tiffHeight, tiffWidth } from "../testing/tiff-files.js";
import type { Picture } from "./picture.js";
import { Tiff } from "./tiff.js";

const fax = await readFile(new URL("../../../../samples/documents/faxed-results.tif", import.meta.url));

async function pages(bytes: Uint8Array, maxPixels = 10_000_000, maxPages = 10): Promise<Picture[]> {
  const { file } = await temporaryFile(bytes);
  const tiff = await Tiff.open(file, maxPages);
  try {
    const read: Picture[] = [];
    for (let number = 1; number <= tiff.pages; number += 1) read.push(await tiff.page(number, maxPixels));
    return read;
  } finally {
    await tiff.close();
  }
}

function bytesOf(name: string): Buffer {
  return inflateSync(Buffer.from(tiffFiles[name] ?? "", "base64"));
}

/** The shade that the test picture has there. */
function expected(kind: string, x: number, y: number): number {
  if (kind === "b") return inkAt(x, y) ? 0 : 255;
  if (kind === "g") return shadeAt(x, y);
  const [red, green, blue] = coloursAt(x, y);
  return 0.3 * red + 0.59 * green + 0.11 * blue;
}

/** A one-page TIFF of tags that hold one number each. */
function tiffOf(tags: [tag: number, value: number][], data: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.from("49492a0008000000", "hex");
  const directory = Buffer.alloc(2 + tags.length * 12 + 4);
  directory.writeUInt16LE(tags.length, 0);
  const dataAt = head.length + directory.length;
  for (const [index, [tag, value]] of [...tags].sort(([a], [b]) => a - b).entries()) {
    directory.writeUInt16LE(tag, 2 + index * 12);
    directory.writeUInt16LE(4, 4 + index * 12);
    directory.writeUInt32LE(1, 6 + index * 12);
    directory.writeUInt32LE(tag === 273 ? dataAt : value, 10 + index * 12);
  }
  return Buffer.concat([head, directory, data]);
}

describe("TIFF", () => {
  test.each(Object.keys(tiffFiles))("%s has the picture's pixels", async (name) => {
    const [page] = await pages(bytesOf(name));
    expect([page?.width, page?.height]).toEqual([tiffWidth, tiffHeight]);
    const tolerance = name.includes("jpeg") ? 6 : name.includes("planar") ? 3 : 1.5;
    let worst = 0;
    for (let y = 0; y < tiffHeight; y += 1) {
      for (let x = 0; x < tiffWidth; x += 1) {
        const shade = page?.data[y * tiffWidth + x] ?? Number.NaN;
        worst = Math.max(worst, Math.abs(shade - expected(name[0] ?? "", x, y)));
      }
    }
    expect(worst).toBeLessThan(tolerance);
  });

  test("pages come one by one, with the resolution that a fax has across and down", async () => {
    const read = await pages(fax);
    expect(read.map(({ width, height, dpi }) => [width, height, dpi])).toEqual(
      [1, 2, 3].map(() => [1166, 361, { x: 200, y: 100 }]),
    );
    expect(read[2]?.data.every((shade) => shade === 255)).toBe(true);
  });

  test("a damaged line of a fax takes the one above, and reading goes on behind it", async () => {
    const bytes = bytesOf("b-g3");
    bytes.fill(0xff, 120, 123);
    const [page] = await pages(bytes);
    const lastRow = Array.from({ length: tiffWidth }, (_, x) => expected("b", x, tiffHeight - 1));
    expect([...(page?.data.slice(-tiffWidth) ?? [])]).toEqual(lastRow);
  });

  test("the pixels of a page are counted before they are unpacked", async () => {
    const bomb = tiffOf(
      [
        [256, 50_000],
        [257, 50_000],
        [259, 4],
        [273, 0],
        [279, 4],
      ],
      Buffer.alloc(4),
    );
    await expect(pages(bomb)).rejects.toMatchObject({ code: "limit_pixels" });
    const wideTiles = tiffOf([
      [256, 8],
      [257, 8],
      [322, 1_000_000],
      [323, 1_000_000],
      [324, 8],
      [325, 4],
    ]);
    await expect(pages(wideTiles)).rejects.toMatchObject({ code: "limit_pixels" });
  });

  test("a chain of pages that bites its tail ends, and a long one is cut after the limit", async () => {
    const circular = tiffOf(
      [
        [256, 8],
        [257, 2],
        [262, 1],
        [273, 0],
        [279, 2],
      ],
      Uint8Array.of(0xf0, 0x0f),
    );
    circular.writeUInt32LE(8, 8 + 2 + 5 * 12);
    const [page, ...others] = await pages(circular);
    expect(others).toEqual([]);
    expect([...(page?.data ?? [])]).toEqual([255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]);
    expect((await pages(fax, undefined, 1)).length).toBe(2);
  });

  test("what is cut off or flipped is a picture or damage, never anything else", async () => {
    let state = 7;
    const random = (below: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return state % below;
    };
    const outcomes = new Set<string>();
    for (const name of Object.keys(tiffFiles)) {
      for (let run = 0; run < 12; run += 1) {
        const bytes = bytesOf(name);
        for (let count = 0; count < 4; count += 1) bytes[random(bytes.length)] = random(256);
        const damaged = run % 3 === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
        const outcome = await pages(damaged, 1_000_000).then(
          () => "read",
          (error: unknown) => (error instanceof SluiceError ? error.code : String(error)),
        );
        outcomes.add(outcome);
      }
    }
    outcomes.delete("limit_pixels");
    expect([...outcomes].sort()).toEqual(["document_corrupt", "read"]);
  });
});
