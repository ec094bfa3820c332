import type { Batch } from "@sluice/contracts";
import { SingleBar } from "cli-progress";
import stringWidth from "string-width";

/** Rows under headings, columns as wide as their widest cell on a terminal; numbers to the right. */
export function table(headings: string[], rows: (string | number)[][]): string {
  const widths = headings.map((heading, i) =>
    rows.reduce((most, row) => Math.max(most, stringWidth(String(row[i] ?? ""))), stringWidth(heading)),
  );
  const line = (cells: (string | number)[]) =>
    cells
      .map((cell, i) => {
        const space = " ".repeat(Math.max(0, (widths[i] ?? 0) - stringWidth(String(cell))));
        return typeof cell === "number" ? space + cell : cell + space;
      })
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

/** US dollars; small amounts to the hundredth of a cent. */
export const usd = (amount: number): string => `$${amount.toFixed(amount < 1 ? 4 : 2)}`;

export interface Progress {
  /** A line for people, above whatever moves. */
  note(text: string): void;
  sent(count: number): void;
  batch(batch: Batch): void;
  stop(): void;
}

/** A bar for people at a terminal, a line now and then for logs, lines of JSON for programs. */
export function createProgress(mode: "person" | "json"): Progress {
  const line = (text: string) => process.stderr.write(`${text}\n`);
  if (mode === "json") {
    return {
      note: line,
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
      line(text);
    };
    return {
      note: line,
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
  // Where the cursor stands behind a count of files sent.
  let counting = false;
  const endCount = () => {
    if (counting) process.stderr.write("\r\u001b[K");
    counting = false;
  };
  const show = (phase: string, value: number, total: number, left: string) => {
    endCount();
    if (!started) bar.start(total, value, { phase, left });
    else {
      bar.setTotal(total);
      bar.update(value, { phase, left });
    }
    started = true;
  };
  return {
    note: (text) => {
      process.stderr.write(`\r\u001b[K${text}\n`);
    },
    sent: (count) => {
      counting = true;
      process.stderr.write(`\rsent ${count} files`);
    },
    batch: ({ finished, inFlight, secondsLeft }) =>
      show(
        "processing",
        finished,
        finished + inFlight,
        secondsLeft === null || secondsLeft === 0 ? "" : `about ${secondsLeft} s left`,
      ),
    stop: () => {
      endCount();
      if (started) bar.stop();
    },
  };
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
