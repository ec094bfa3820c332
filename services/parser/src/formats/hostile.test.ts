import { readdir, readFile } from "node:fs/promises";
import { afterAll, expect, test } from "@jest/globals";
import type { SluiceError } from "@sluice/contracts";
import { ParserPool } from "../isolation/parser-pool.js";
import { parseInPool, temporaryFile } from "../testing/collect.js";

const folder = new URL("../../../../samples/documents/", import.meta.url);
const pool = new ParserPool({ size: 2, timeoutMs: 20_000 });
afterAll(() => pool.destroy());

/** What damage may lead to: text, or one of these. Never a crash, never an error of ours. */
const allowed = [
  "read",
  "document_corrupt",
  "document_empty",
  "document_encrypted",
  "document_type_unsupported",
  "ocr_required",
];

async function outcome(bytes: Uint8Array): Promise<string> {
  const parsed = await parseInPool(pool, await temporaryFile(bytes)).catch((error: SluiceError) => error);
  if ("code" in parsed) return parsed.code;
  expect(JSON.stringify(parsed.sections)).not.toMatch(/\\u0000|\\ud[89a-f]/);
  return "read";
}

/** The same damage on every run. */
function flip(bytes: Buffer, seed: number): Buffer {
  const damaged = Buffer.from(bytes);
  let state = seed;
  for (let count = 0; count < 20; count += 1) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    const at = state % damaged.length;
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (state % 8));
  }
  return damaged;
}

test.each(await readdir(folder))("%s, cut short or with flipped bits, is read or refused", async (name) => {
  const bytes = await readFile(new URL(name, folder));
  const damaged: Buffer[] = [0.3, 0.7, 0.98].map((share) => bytes.subarray(0, Math.floor(bytes.length * share)));
  for (let seed = 1; seed <= 6; seed += 1) damaged.push(flip(bytes, seed));
  for (const each of damaged) expect(allowed).toContain(await outcome(each));
});
