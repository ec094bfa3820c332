import { emptyHeader, noRows, type ParsedRows, type QueueName, type Section } from "@sluice/contracts";
import type { Held, Task } from "@sluice/store";
import type { Pipeline } from "./pipeline.js";

/** The calls a worker makes, made one by one: what a worker would do that dies, lags behind or repeats itself. */
export async function take(
  { store }: Pipeline,
  queue: QueueName,
  held: Held,
  worker: string,
  options: { leaseMs?: number; maxDeaths?: number; alone?: boolean; version?: string } = {},
): Promise<Task> {
  const [begun] = await store.work.begin(queue, [held], worker, { leaseMs: 30_000, maxDeaths: 3, ...options });
  if (begun?.outcome !== "started") throw new Error(`not started: ${begun?.outcome}`);
  return begun;
}

export function section(ordinal: number, text: string, start: number): Section {
  return { ordinal, level: 1, title: null, code: null, text, start, pageFrom: null, pageTo: null };
}

/** Sections of these texts, as they stand in the display text. */
export function sectionsOf(texts: string[]): Section[] {
  let start = 0;
  return texts.map((text, ordinal) => {
    const made = section(ordinal, text, start);
    start += text.length + 2;
    return made;
  });
}

/** Rows of nothing but these sections. */
export function onlySections(sections: Section[]): ParsedRows {
  return { ...noRows(), sections };
}

/** A parse to seal, of so many sections in so many parts. */
export function parsed(parts: number, sections: number, length = 100) {
  return {
    parts,
    summary: {
      format: "text",
      mediaType: "text/plain",
      header: emptyHeader(),
      warnings: [],
      counts: { sections, pages: 0, tables: 0, facts: 0 },
      length,
      parserVersion: "by-hand",
    },
    children: [],
    durationMs: 1,
  };
}
