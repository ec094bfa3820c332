import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { FoundChild, ParsedRows, RowKind } from "@sluice/contracts";
import type { Sink } from "../formats/format.js";
import { weightOf } from "../writing/weight.js";
import type { Parent } from "./parent.js";
import type { SerialisedRows } from "./protocol.js";

/** Bounds of one message to the parent, in UTF-16 units of text and in rows. */
const maxBatchText = 131_072;
const maxBatchRows = 200;

const noRows = (): SerialisedRows => ({ sections: [], pages: [], tables: "", facts: "" });

/**
 * Hands rows to the parent in batches, and children as files. One batch is taken while the next is filled; a parent that is
 * slower than that is waited for.
 */
export class BatchingSink implements Sink {
  readonly #scratchDir: string;
  readonly #parent: Parent;
  #batch = noRows();
  #rows = 0;
  #text = 0;
  #underWay: Promise<void> = Promise.resolve();
  #children = 0;

  constructor(scratchDir: string, parent: Parent) {
    this.#scratchDir = scratchDir;
    this.#parent = parent;
  }

  async row<K extends RowKind>(kind: K, row: ParsedRows[K][number]): Promise<void> {
    this.#rows += 1;
    this.#text += this.#add(kind, row);
    if (this.#text < maxBatchText && this.#rows < maxBatchRows) return;
    await this.#underWay;
    this.#underWay = this.#parent.call("rows", this.#take());
  }

  async child(child: Omit<FoundChild, "file">, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const file = join(this.#scratchDir, `child-${this.#children++}`);
    await pipeline(Readable.from(bytes, { objectMode: true }), createWriteStream(file, { mode: 0o600 }));
    await this.#parent.call("child", { ...child, file });
  }

  /** What has not been handed on yet, once all else was taken. */
  async rest(): Promise<SerialisedRows> {
    await this.#underWay;
    return this.#take();
  }

  /** Answers about how much of the message the row takes. */
  #add<K extends RowKind>(kind: K, row: ParsedRows[K][number]): number {
    if (kind === "sections" || kind === "pages") {
      (this.#batch[kind] as ParsedRows[K][number][]).push(row);
      return weightOf(row);
    }
    const json = JSON.stringify(row);
    this.#batch[kind as "tables" | "facts"] += this.#batch[kind as "tables" | "facts"] === "" ? json : `,${json}`;
    return json.length;
  }

  #take(): SerialisedRows {
    const batch = this.#batch;
    this.#batch = noRows();
    [this.#rows, this.#text] = [0, 0];
    return batch;
  }
}
