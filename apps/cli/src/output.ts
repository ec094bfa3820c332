import type { Batch } from "@sluice/contracts";
import { SingleBar } from "cli-progress";

/** Rows under headings, columns as wide as their widest cell; numbers to the right. */
export function table(headings: string[], rows: (string | number)[][]): string {
  const widths = headings.map((heading, i) =>
    Math.max(heading.length, ...rows.map((row) => String(row[i] ?? "").length)),
  );
  const line = (cells: (string | number)[]) =>
    cells
      .map((cell, i) =>
        typeof cell === "number" ? String(cell).padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [line(headings), line(widths.map((width) => "─".repeat(width))), ...rows.map(line)].join("\n");
}

/** Terminals obey control characters; text from documents and file names must not reach them as such. */
export function printable(text: string, most = 200): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g, " ").trim();
  return clean.length > most ? `${clean.slice(0, most - 1)}…` : clean;
}

export interface Progress {
  sent(count: number): void;
  batch(batch: Batch): void;
  stop(): void;
}

/** A bar for people at a terminal, a line now and then for logs, lines of JSON for programs. */
export function createProgress(mode: "person" | "json"): Progress {
  if (mode === "json") {
    return {
      sent: () => {},
      batch: ({ counts, inFlight, finished, ratePerMinute, secondsLeft }) =>
        printJson({ type: "progress", counts, inFlight, finished, ratePerMinute, secondsLeft }),
      stop: () => {},
    };
  }
  if (!process.stderr.isTTY) {
    let last = 0;
    const now = (text: string) => {
      if (Date.now() - last < 2_000) return;
      last = Date.now();
      process.stderr.write(`${text}\n`);
    };
    return {
      sent: (count) => now(`sent ${count}`),
      batch: (batch) => now(`done ${batch.finished} of ${batch.finished + batch.inFlight}`),
      stop: () => {},
    };
  }
  const bar = new SingleBar({
    format: "{phase} [{bar}] {value}/{total} {left}",
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  });
  let started = false;
  const show = (phase: string, value: number, total: number, left: string) => {
    if (!started) bar.start(total, value, { phase, left });
    else {
      bar.setTotal(total);
      bar.update(value, { phase, left });
    }
    started = true;
  };
  return {
    sent: (count) => process.stderr.write(`\rsent ${count} files `),
    batch: ({ finished, inFlight, secondsLeft }) =>
      show(
        "processing",
        finished,
        finished + inFlight,
        secondsLeft === null || secondsLeft === 0 ? "" : `about ${secondsLeft} s left`,
      ),
    stop: () => {
      if (started) bar.stop();
    },
  };
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
