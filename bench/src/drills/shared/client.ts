import { randomUUID } from "node:crypto";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Batch, UploadAnswer } from "@sluice/contracts";
import { withDeadline } from "@sluice/runtime";
import { z } from "zod";
import { type DrillFile, keyOf, type Shipment } from "./documents.js";

const lanes = 4;
const requestMs = 40_000;
/** A connection that is dropped is dropped within this: before, in, or after the body. */
const dropsWithinMs = 400;

/** A line of the client's own list: what was answered `202`, in the order of the answers. */
const Entry = z.object({ key: z.string(), id: z.string(), ingestionId: z.string(), revision: z.number() });
export type Entry = z.infer<typeof Entry>;

/** A problem, or a receipt whose files have problems of their own. */
const Refusal = z
  .object({
    code: z.string().optional(),
    documents: z.array(z.object({ problem: z.object({ code: z.string() }).optional() })).optional(),
  })
  .transform(({ code, documents = [] }) => ({ code: code ?? documents.find(({ problem }) => problem)?.problem?.code }));

export interface Client {
  /** Sends all, several requests at once, each until it is accepted; what is accepted is on disk before the next one goes. */
  send(shipments: Shipment[], batchId?: string): Promise<void>;
  /** Files accepted so far. */
  accepted(): number;
  /** From now on this share of the requests loses its connection, and is sent again. */
  drop(share: number): void;
  /** Requests that were sent again because nothing or no good came back. */
  retries(): number;
  /** How often it was answered what, but for what was taken: `503 storage_unavailable`. What must say when to come again and does not is marked. */
  refusals: Record<string, number>;
  post<T>(path: string, body: unknown, answer: z.ZodType<T>): Promise<T>;
  openBatch(name: string): Promise<string>;
  /** As it is on disk. */
  journal(): Promise<Entry[]>;
  destroy(): Promise<void>;
}

/** Worth another try: no answer, somebody's trouble, the first try still running, or too much at once. */
const passing = (status: number) => status >= 500 || [408, 409, 429].includes(status);

export async function createClient(options: {
  gatewayUrl: string;
  apiKey: string;
  journalFile: string;
  signal: AbortSignal;
  /** Of the seed, 0 ≤ x < 1. */
  random: () => number;
}): Promise<Client> {
  const file: FileHandle = await open(options.journalFile, "a");
  const { signal } = options;
  let [accepted, retries, dropping] = [0, 0, 0];
  const refusals: Record<string, number> = {};
  let writing: Promise<void> = Promise.resolve();

  function note(entries: Entry[]): Promise<void> {
    writing = writing.then(async () => {
      await file.appendFile(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
      await file.sync();
      accepted += entries.length;
    });
    return writing;
  }

  function noteRefusal({ status, headers }: Response, answer: unknown): void {
    const { code } = Refusal.safeParse(answer).data ?? {};
    const when = [429, 503, 507].includes(status) && !headers.has("retry-after") ? " without Retry-After" : "";
    const name = `${status} ${code ?? "without a code"}${when}`;
    refusals[name] = (refusals[name] ?? 0) + 1;
  }

  /** Tries until there is an answer that is one, under one key. */
  async function insist<T>(
    path: string,
    body: () => FormData | string,
    headers: Record<string, string>,
    read: (status: number, body: unknown) => T | undefined,
  ): Promise<T> {
    const key = randomUUID();
    for (;;) {
      signal.throwIfAborted();
      // Some senders lose their connection anywhere between the first byte and the answer.
      const patienceMs = options.random() < dropping ? options.random() * dropsWithinMs : requestMs;
      let waitMs = 200 + Math.random() * 600;
      try {
        const { response, answer } = await withDeadline(patienceMs, signal, async (within) => {
          const response = await fetch(new URL(path, options.gatewayUrl), {
            method: "POST",
            headers: { "x-api-key": options.apiKey, "idempotency-key": key, ...headers },
            body: body(),
            signal: within,
          });
          return { response, answer: (await response.json()) as unknown };
        });
        const taken = read(response.status, answer);
        if (taken !== undefined) return taken;
        noteRefusal(response, answer);
        if (!passing(response.status) && response.status !== 202)
          throw new Refused(`${path} was answered ${response.status}`);
        waitMs = Math.max(waitMs, Math.min(5, Number(response.headers.get("retry-after") ?? 0)) * 1_000);
      } catch (error) {
        if (error instanceof Refused || signal.aborted) throw error;
      }
      retries += 1;
      await sleep(waitMs, undefined, { signal });
    }
  }

  function form(files: DrillFile[], batchId?: string): FormData {
    const data = new FormData();
    if (batchId !== undefined) data.set("batchId", batchId);
    if (files[0]?.externalId !== undefined) data.set("externalId", files[0].externalId);
    for (const each of files) data.append("file", new Blob([new Uint8Array(each.bytes)]), each.name);
    return data;
  }

  function entriesOf(files: DrillFile[], answer: unknown): Entry[] | undefined {
    const { documents } = UploadAnswer.parse(answer);
    const refused = documents.find(({ problem }) => problem !== undefined && !passing(problem.status));
    if (refused !== undefined) throw new Refused(`a file was refused: ${refused.problem?.code}`);
    if (documents.length !== files.length) throw new Refused("an answer was not for each file");
    // What was not taken is sent again with the rest, under the same key.
    if (documents.some(({ problem }) => problem !== undefined)) return undefined;
    return documents.map(({ id, ingestionId, revision }, i) =>
      Entry.parse({ key: keyOf(files[i] as DrillFile), id, ingestionId, revision }),
    );
  }

  const client: Client = {
    async send(shipments, batchId) {
      const queue = shipments.values();
      const lane = async () => {
        for (const shipment of queue) {
          for (const files of shipment) {
            const entries = await insist(
              "/v1/documents",
              () => form(files, batchId),
              {},
              (status, answer) => (status === 202 ? entriesOf(files, answer) : undefined),
            );
            await note(entries);
          }
        }
      };
      await Promise.all(Array.from({ length: lanes }, lane));
    },
    drop(share) {
      dropping = share;
    },
    accepted: () => accepted,
    retries: () => retries,
    refusals,
    post: (path, body, answer) =>
      insist(
        path,
        () => JSON.stringify(body),
        { "content-type": "application/json" },
        (status, got) => (status < 300 ? answer.parse(got) : undefined),
      ),
    async openBatch(name) {
      return (await client.post("/v1/batches", { name }, Batch)).id;
    },
    async journal() {
      await writing;
      const lines = (await readFile(options.journalFile, "utf8")).split("\n").filter((line) => line !== "");
      return lines.map((line) => Entry.parse(JSON.parse(line)));
    },
    destroy: () => file.close(),
  };
  return client;
}

/** The service said no to what it had to take. */
class Refused extends Error {}
