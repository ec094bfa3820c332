import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Receipt, UploadFields } from "@sluice/contracts";
import { takeLock } from "@sluice/runtime";
import { z } from "zod";

/**
 * What this client has sent and what was answered, on its own disk, so that a run that was cut off goes on where it stopped:
 *
 *   run      once: whose it is, and the key its batch is made with
 *   batch    the batch
 *   intent   before a request: its idempotency key and its files
 *   receipt  after its answer: one entry a file
 *   sealed   all is sent: a run that was cut off after this waits for what was sent, and takes nothing more
 *   end      the run is over: the next one begins anew
 *
 * A request whose receipt is missing is sent again under the same key, and the service gives the answer it gave before.
 * It holds file names, so only its owner can read it. One run at a time writes it.
 */
const File = z.object({
  path: z.string(),
  size: z.number(),
  mtimeMs: z.number(),
  fields: UploadFields.omit({ batchId: true }),
});
export type SentFile = z.infer<typeof File>;
const Line = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("run"),
    version: z.literal(1),
    key: z.string(),
    name: z.string(),
    organization: z.uuid(),
  }),
  z.object({ type: z.literal("batch"), batchId: z.string() }),
  z.object({ type: z.literal("intent"), key: z.string(), files: z.array(File) }),
  z.object({ type: z.literal("receipt"), key: z.string(), receipts: z.array(Receipt) }),
  z.object({ type: z.literal("sealed") }),
  z.object({ type: z.literal("end") }),
]);
type Line = z.infer<typeof Line>;

export interface Journal {
  readonly file: string;
  /** The idempotency key of the run itself, for its batch. */
  readonly key: string;
  readonly name: string;
  batchId: string | undefined;
  /** True when it goes on with a run that was cut off. */
  readonly resumed: boolean;
  /** True when that run had sent everything. */
  readonly wasSealed: boolean;
  /** Requests that were sent and not answered. */
  readonly unanswered: Map<string, SentFile[]>;
  /** Answers by `entryOf` the file: its path, where nothing is said about it. */
  readonly receipts: Map<string, Receipt>;
  /** Whether this file, as it is now, was answered or is in an unanswered request. */
  has(file: SentFile): boolean;
  batch(batchId: string): Promise<void>;
  intent(key: string, files: readonly SentFile[]): Promise<void>;
  receipt(key: string, files: readonly SentFile[], receipts: Receipt[]): Promise<void>;
  sealed(): Promise<void>;
  end(): Promise<void>;
  close(): Promise<void>;
}

/** A file with what is said about it: a manifest may send the same file for two patients. */
export function entryOf({ path, fields }: Pick<SentFile, "path" | "fields">): string {
  return Object.keys(fields).length === 0 ? path : `${path} ${JSON.stringify(fields)}`;
}
const identity = (file: SentFile) => `${file.mtimeMs}:${file.size}:${entryOf(file)}`;

/** The lines of a journal; a last line that was cut off in the writing is not one. */
export async function* readJournal(file: string): AsyncGenerator<Line> {
  const input = createReadStream(file, "utf8");
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      try {
        yield Line.parse(JSON.parse(text));
      } catch {}
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/**
 * Opens the journal of what is to be sent, and holds it until it is closed: the same organization, batch name and paths find the same
 * journal again, wherever the service is reached. Throws a LockedError while another run holds it.
 */
export async function openJournal(
  home: string,
  run: { organization: string; name: string; sources: readonly string[] },
): Promise<Journal> {
  const id = createHash("sha256")
    .update(JSON.stringify([run.organization, run.name, run.sources]))
    .digest("hex")
    .slice(0, 24);
  const file = join(home, "journals", `${id}.jsonl`);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const lock = await takeLock(`${file}.lock`);
  try {
    return await openHeld(file, run, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openHeld(
  file: string,
  run: { organization: string; name: string },
  lock: { release(): Promise<void> },
): Promise<Journal> {
  let [key, batchId, ended] = [randomUUID() as string, undefined as string | undefined, false];
  let [resumed, wasSealed] = [false, false];
  const unanswered = new Map<string, SentFile[]>();
  const receipts = new Map<string, Receipt>();
  const known = new Set<string>();
  for await (const line of readJournal(file)) {
    if (line.type === "run") [key, resumed] = [line.key, true];
    else if (line.type === "batch") batchId = line.batchId;
    else if (line.type === "intent") {
      unanswered.set(line.key, line.files);
      for (const each of line.files) known.add(identity(each));
    } else if (line.type === "receipt") {
      for (const [i, each] of (unanswered.get(line.key) ?? []).entries())
        receipts.set(entryOf(each), line.receipts[i] ?? {});
      unanswered.delete(line.key);
    } else if (line.type === "sealed") wasSealed = true;
    else ended = true;
  }
  if (ended) {
    await rename(file, `${file}.${Date.now()}.done`);
    [key, batchId, resumed, wasSealed] = [randomUUID(), undefined, false, false];
    for (const each of [unanswered, receipts, known]) each.clear();
  }

  const handle: FileHandle = await open(file, "a", 0o600);
  // One line at a time, and on the disk before anything is done about it. It begins with a line break, in case the last was cut off.
  let writing: Promise<void> = Promise.resolve();
  const write = (line: Line) => {
    writing = writing.then(async () => {
      await handle.appendFile(`\n${JSON.stringify(line)}`);
      await handle.datasync();
    });
    return writing;
  };
  if (!resumed) await write({ type: "run", version: 1, key, name: run.name, organization: run.organization });

  const journal: Journal = {
    file,
    key,
    name: run.name,
    batchId,
    resumed,
    wasSealed,
    unanswered,
    receipts,
    has: (each) => known.has(identity(each)),
    async batch(id) {
      journal.batchId = id;
      await write({ type: "batch", batchId: id });
    },
    async intent(requestKey, files) {
      const plain = files.map(({ path, size, mtimeMs, fields }) => ({ path, size, mtimeMs, fields }));
      for (const each of plain) known.add(identity(each));
      await write({ type: "intent", key: requestKey, files: plain });
    },
    async receipt(requestKey, files, answers) {
      for (const [i, each] of files.entries()) receipts.set(entryOf(each), answers[i] ?? {});
      unanswered.delete(requestKey);
      await write({ type: "receipt", key: requestKey, receipts: answers });
    },
    sealed: () => write({ type: "sealed" }),
    end: () => write({ type: "end" }),
    async close() {
      await writing.finally(() => handle.close()).finally(() => lock.release());
    },
  };
  return journal;
}
