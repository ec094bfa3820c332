import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { describeCode, type ErrorCode, type Receipt } from "@sluice/contracts";
import { type Client, ProblemError, Receipts } from "../client.js";
import { CommandError, exitCodes } from "../exit-codes.js";
import type { Journal, SentFile } from "./journal.js";
import { multipart } from "./multipart.js";
import type { Candidate } from "./walk.js";

const requestBytes = 8 * 1024 * 1024;
const closed = new Set(["batch_closed", "not_found"]);

function localProblem(code: ErrorCode): Receipt {
  const { title, advice, status = 400 } = describeCode(code);
  return { problem: { type: "about:blank", title, status, code, advice } };
}

async function unchanged(file: SentFile): Promise<boolean> {
  const now = await stat(file.path).catch(() => undefined);
  return now !== undefined && now.size === file.size && Math.round(now.mtimeMs) === file.mtimeMs;
}

/** Requests of up to `most` files and about 8 MB; files with something said about them go alone, since fields are for all files of a request. */
export async function* group(files: AsyncIterable<Candidate>, most: number): AsyncGenerator<Candidate[]> {
  let current: Candidate[] = [];
  let bytes = 0;
  for await (const file of files) {
    const alone = Object.keys(file.fields).length > 0;
    if (current.length > 0 && (alone || current.length >= most || bytes + file.size > requestBytes)) {
      yield current;
      [current, bytes] = [[], 0];
    }
    if (alone) yield [file];
    else {
      current.push(file);
      bytes += file.size;
    }
  }
  if (current.length > 0) yield current;
}

/**
 * Sends what the journal does not know yet, several requests at once; unanswered requests of an earlier run first, under their
 * own keys. Every answer is in the journal before the next file is taken.
 */
export async function upload(
  client: Client,
  journal: Journal,
  files: AsyncIterable<Candidate>,
  options: {
    limits: { maxFileBytes: number; maxFilesPerRequest: number };
    concurrency: number;
    onReceipt: (file: string, receipt: Receipt) => void;
    onWait: (ms: number) => void;
  },
): Promise<void> {
  const { limits } = options;
  const report = async (key: string, sent: readonly SentFile[], receipts: Receipt[]) => {
    await journal.receipt(key, sent, receipts);
    for (const [i, file] of sent.entries()) {
      const receipt = receipts[i] ?? {};
      if (receipt.id !== undefined || receipt.problem !== undefined) options.onReceipt(file.path, receipt);
    }
  };

  // Of an upload `not_found` says that the batch is not there. What is true of it for one file is true for all that are left.
  const refuseClosedBatch = (receipts: readonly Receipt[]) => {
    const code = receipts.map(({ problem }) => problem?.code).find((each) => each !== undefined && closed.has(each));
    if (code === undefined) return;
    const why = code === "not_found" ? "is not there any more" : "was sealed or cancelled and takes no more documents";
    throw new CommandError(
      `${code}: batch ${journal.batchId} ${why}. ${journal.receipts.size} files were answered before that; to send the rest, ingest under another --batch name: what was taken already is recognised.`,
      exitCodes.someFailed,
    );
  };

  const send = async (key: string, sent: readonly SentFile[]): Promise<void> => {
    const attempt = async (): Promise<Receipt[]> => {
      const { contentType, body } = multipart(
        { batchId: journal.batchId, ...sent[0]?.fields },
        sent.map((file) => file.path),
      );
      try {
        const { documents } = await client.call("/v1/documents", Receipts, {
          body,
          headers: { "content-type": contentType },
          idempotencyKey: key,
        });
        return documents;
      } catch (error) {
        // A request all of whose files were refused is an answer; so is one the service will never take.
        if (error instanceof ProblemError) refuseClosedBatch([{ problem: error.problem }, ...(error.receipts ?? [])]);
        if (
          !(error instanceof ProblemError) ||
          error.problem.status >= 500 ||
          [401, 403, 409, 429].includes(error.problem.status)
        )
          throw error;
        return error.receipts ?? sent.map(() => ({ problem: error.problem }));
      }
    };
    const receipts = await client.persist(attempt, { onWait: options.onWait });
    // A file that met an outage while others were taken is no answer: it is sent again, under a key of its own.
    const again = sent.filter((_, i) => (receipts[i]?.problem?.status ?? 0) >= 500);
    const againKey = randomUUID();
    if (again.length > 0) await journal.intent(againKey, again);
    await report(
      key,
      sent,
      receipts.map((receipt) => ((receipt.problem?.status ?? 0) >= 500 ? {} : receipt)),
    );
    if (again.length > 0) {
      await sleep(2_000);
      await send(againKey, again);
    }
  };

  const fresh = async function* (): AsyncGenerator<Candidate> {
    for await (const file of files) {
      if (journal.has(file)) continue;
      const code = file.size === 0 ? "file_empty" : file.size > limits.maxFileBytes ? "file_too_large" : undefined;
      if (code === undefined) yield file;
      else {
        const key = randomUUID();
        await journal.intent(key, [file]);
        await report(key, [file], [localProblem(code)]);
      }
    }
  };
  const requests = (async function* (): AsyncGenerator<[string, readonly SentFile[]]> {
    for (const [key, sent] of [...journal.unanswered]) {
      const same = await Promise.all(sent.map(unchanged));
      if (same.every(Boolean)) yield [key, sent];
      else {
        // Not the request it was: what is still there goes under a new key, and the service knows bytes that it has.
        await journal.receipt(key, sent, []);
        const left = sent.filter((_, i) => same[i]);
        if (left.length > 0) {
          const again = randomUUID();
          await journal.intent(again, left);
          yield [again, left];
        }
      }
    }
    for await (const files of group(fresh(), Math.min(16, limits.maxFilesPerRequest))) {
      const key = randomUUID();
      await journal.intent(key, files);
      yield [key, files];
    }
  })();
  let stopped = false;
  const lane = async () => {
    try {
      while (!stopped) {
        const next = await requests.next();
        if (next.done === true) return;
        await send(...next.value);
      }
    } finally {
      stopped = true;
    }
  };
  // When one lane fails the others finish what they have under way, and write it down, before the run ends.
  const lanes = await Promise.allSettled(Array.from({ length: options.concurrency }, lane));
  const failed = lanes.find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
