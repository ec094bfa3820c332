import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { type FoundChild, type Page, type ParseSummary, type Section, toSluiceError } from "@sluice/contracts";
import type { Limits, Sink } from "../formats/format.js";
import type { FileToParse } from "../formats/parse-file.js";
import type { FromWorker, ToWorker, WorkerJob } from "./protocol.js";

/** Bounds of one message to the parent, in UTF-16 units of text and in rows. */
const maxBatchText = 131_072;
const maxBatchRows = 200;

export type Parse = (job: FileToParse, sink: Sink, limits: Limits) => Promise<ParseSummary>;

/** The child process's side: takes jobs one at a time until the parent is gone. */
export function serve(parse: Parse): void {
  let acknowledge: (() => void) | undefined;
  const send = (message: FromWorker) => process.send?.(message);
  const deliver = async (message: FromWorker) => {
    const acknowledged = new Promise<void>((resolve) => {
      acknowledge = resolve;
    });
    send(message);
    await acknowledged;
  };

  process.on("message", async (message: ToWorker) => {
    if (message.type === "acknowledged") return acknowledge?.();
    const sink = new BatchingSink(message.job, deliver);
    try {
      const summary = await parse(message.job, sink, message.job.limits);
      await sink.flush();
      send({ type: "done", summary });
    } catch (error) {
      send({ type: "failed", code: toSluiceError(error).code });
    }
  });
  process.on("disconnect", () => process.exit());
  exitWithParent();
  send({ type: "ready" });
}

/** A parse that never yields does not see the parent go, so a thread of its own looks for it. */
function exitWithParent(): void {
  const watch = `
    const parent = process.ppid;
    setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, "SIGKILL"); }, 1000);`;
  new Worker(watch, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8 } }).unref();
}

class BatchingSink implements Sink {
  readonly #job: WorkerJob;
  readonly #deliver: (message: FromWorker) => Promise<void>;
  #sections: Section[] = [];
  #pages: Page[] = [];
  #text = 0;
  #children = 0;

  constructor(job: WorkerJob, deliver: (message: FromWorker) => Promise<void>) {
    this.#job = job;
    this.#deliver = deliver;
  }

  async section(section: Section): Promise<void> {
    this.#sections.push(section);
    this.#text += section.text.length;
    if (this.#text >= maxBatchText || this.#sections.length >= maxBatchRows) await this.flush();
  }

  async page(page: Page): Promise<void> {
    this.#pages.push(page);
    if (this.#pages.length >= maxBatchRows) await this.flush();
  }

  async child(child: Omit<FoundChild, "file">, bytes: Uint8Array): Promise<void> {
    const file = join(this.#job.scratchDir, `child-${this.#children++}`);
    await writeFile(file, bytes, { mode: 0o600 });
    await this.#deliver({ type: "child", child: { ...child, file } });
  }

  async flush(): Promise<void> {
    const [sections, pages] = [this.#sections, this.#pages];
    [this.#sections, this.#pages, this.#text] = [[], [], 0];
    if (sections.length > 0) await this.#deliver({ type: "sections", batch: sections });
    if (pages.length > 0) await this.#deliver({ type: "pages", batch: pages });
  }
}
