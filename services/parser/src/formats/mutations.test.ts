import { readdir, readFile, rm } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { SluiceError } from "@sluice/contracts";
import { ParserPool } from "../isolation/parser-pool.js";
import { checked, parseInPool, temporaryFile } from "../testing/collect.js";
import { mutate, randomNumbers } from "../testing/mutate.js";

// Samples, damaged at random: a sample of such inputs here, many more in .ci/run (SLUICE_MUTATIONS). A failure names its number, and
// SLUICE_MUTATION=<number> tries that one alone.
const count = Number(process.env.SLUICE_MUTATIONS ?? 240);
const only = process.env.SLUICE_MUTATION;

/** Never any of these: the process died, the code failed, or it did not end. */
const faults = ["parser_crashed", "parser_failed", "internal_error", "limit_time"];

const folder = new URL("../../../../samples/documents/", import.meta.url);
const pool = new ParserPool({ size: 2, timeoutMs: 60_000, recognition: "elsewhere" });
const samples: { name: string; bytes: Buffer }[] = [];
beforeAll(async () => {
  for (const name of (await readdir(folder)).sort())
    samples.push({ name, bytes: await readFile(new URL(name, folder)) });
});
afterAll(() => pool.destroy());

async function outcome(bytes: Uint8Array): Promise<string> {
  const job = await temporaryFile(bytes);
  try {
    const parsed = checked(await parseInPool(pool, job));
    expect(JSON.stringify(parsed.sections)).not.toMatch(/\\u0000|\\ud[89a-f]/);
    return "read";
  } catch (error) {
    if (error instanceof SluiceError) return error.code;
    if (error instanceof Error && error.message === "needs_recognition") return error.message;
    throw error;
  } finally {
    await rm(job.scratchDir, { recursive: true, force: true });
  }
}

it(
  "are read or refused, and never hurt the parser",
  async () => {
    const numbers = only === undefined ? Array.from({ length: count }, (_, number) => number) : [Number(only)];
    const outcomes = new Map<string, number>();
    const failed: string[] = [];
    const next = numbers.values();
    const work = async () => {
      for (const number of next) {
        const random = randomNumbers(number);
        const { name, bytes } = samples[number % samples.length] as (typeof samples)[number];
        const found = await outcome(
          mutate(
            bytes,
            samples.map((sample) => sample.bytes),
            random,
          ),
        );
        outcomes.set(found, (outcomes.get(found) ?? 0) + 1);
        if (faults.includes(found)) failed.push(`${number} (${name}): ${found}`);
      }
    };
    await Promise.all([work(), work()]);
    expect(failed).toEqual([]);
    // What is damaged a little can mostly be read.
    expect(outcomes.get("read") ?? 0).toBeGreaterThan(count / 4);
  },
  60_000 + count * 500,
);
