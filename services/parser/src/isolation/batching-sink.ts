import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type FoundChild, noRows, type ParsedRows, type RowKind } from "@sluice/contracts";
import type { Sink } from "../formats/format.js";
import { weightOf } from "../writing/weight.js";
import type { Parent } from "./parent.js";

/** Bounds of one message to the parent, in UTF-16 units of text and in rows. */
const maxBatchText = 131_072;
const maxBatchRows = 200;

/** Hands rows to the parent in batches, and children as files. */
export class BatchingSink implements Sink {
  readonly #scratchDir: string;
  readonly #parent: Parent;
  #batch = noRows();
  #rows = 0;
  #text = 0;
  #children = 0;

  constructor(scratchDir: string, parent: Parent) {
    this.#scratchDir = scratchDir;
    this.#parent = parent;
  }

  async row<K extends RowKind>(kind: K, row: ParsedRows[K][number]): Promise<void> {
    (this.#batch[kind] as ParsedRows[K][number][]).push(row);
    this.#rows += 1;
    this.#text += weightOf(row);
    if (this.#text >= maxBatchText || this.#rows >= maxBatchRows) await this.#parent.call("rows", this.rest());
  }

  async child(child: Omit<FoundChild, "file">, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const file = join(this.#scratchDir, `child-${this.#children++}`);
    await pipeline(Readable.from(bytes, { objectMode: true }), createWriteStream(file, { mode: 0o600 }));
    await this.#parent.call("child", { ...child, file });
  }

  /** What has not been handed on yet. */
  rest(): ParsedRows {
    const batch = this.#batch;
    this.#batch = noRows();
    [this.#rows, this.#text] = [0, 0];
    return batch;
  }
}
