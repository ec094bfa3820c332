import { type Receipt, SluiceError } from "@sluice/contracts";
import type { Acceptance, Scope, StoredUpload } from "@sluice/store";
import type { GatewayContext } from "../context.js";
import { problemOf } from "../http/problems.js";
import type { Received } from "./receive.js";
import { removeQuietly } from "./store-file.js";

const refusals = {
  batch_closed: () => new SluiceError("batch_closed", { errors: [{ path: "batchId", message: "Takes no more" }] }),
  upload_missing: () =>
    new SluiceError("upload_missing", { errors: [{ path: "path", message: "Nothing lies there" }] }),
  upload_taken: () => new SluiceError("upload_taken", { errors: [{ path: "path", message: "Is another document" }] }),
  batch_missing: () => new SluiceError("not_found", { errors: [{ path: "batchId", message: "No such batch" }] }),
};

/** The answer for one file, and the failure it came to if it was not accepted. */
export interface Outcome {
  receipt: Receipt;
  problem?: SluiceError;
}

function outcomeOf(acceptance: Acceptance): Outcome {
  if (!("documentId" in acceptance)) return refused(refusals[acceptance.outcome]());
  const { outcome, documentId, ingestionId, revision, status } = acceptance;
  const known = outcome === "duplicate" || outcome === "retried";
  return { receipt: { id: documentId, ingestionId, status, revision, ...(known ? { duplicateOf: documentId } : {}) } };
}

function refused(problem: SluiceError): Outcome {
  return { receipt: { problem: problemOf(problem) }, problem };
}

/** Tells Redis what was accepted, and whoever watches. */
async function announce({ producer }: Pick<GatewayContext, "producer">, acceptances: Acceptance[]): Promise<void> {
  const jobs = acceptances.flatMap((each) => ("job" in each && each.job !== null ? [each.job] : []));
  if (jobs.length > 0) await producer.enqueue(jobs);
  if (acceptances.length > 0) producer.nudge();
}

/** Makes files durable that senders put into Storage themselves. What is a duplicate there the walk over Storage removes. */
export async function acceptManifest(
  context: Pick<GatewayContext, "store" | "producer" | "config">,
  scope: Scope,
  uploads: Omit<StoredUpload, "byteLength">[],
): Promise<Outcome[]> {
  const acceptances = await context.store.intake.acceptUploads(scope, uploads, context.config.window);
  await announce(context, acceptances);
  return acceptances.map(outcomeOf);
}

/**
 * Makes what was received durable in one call, then tells Redis. When the database's answer is lost, what is stored is left alone: it
 * may have been accepted. Nobody's object is found and removed by the supervisor.
 */
export async function acceptFiles(
  { store, producer, config }: Pick<GatewayContext, "store" | "producer" | "config">,
  scope: Scope,
  { fields, files }: Received,
): Promise<Outcome[]> {
  const uploads = files.flatMap((file): StoredUpload[] => ("stored" in file ? [{ ...file.stored, ...fields }] : []));
  const acceptances = uploads.length === 0 ? [] : await accept();
  await announce({ producer }, acceptances);
  removeQuietly(
    store.objects,
    uploads.filter((_, index) => acceptances[index]?.keepObject === false).map(({ objectPath }) => objectPath),
  );

  const answers = acceptances.values();
  return files.map((file) => {
    if ("problem" in file) return refused(file.problem);
    const next = answers.next();
    return next.done === true ? refused(new SluiceError("internal_error")) : outcomeOf(next.value);
  });

  async function accept(): Promise<Acceptance[]> {
    try {
      return await store.intake.accept(scope, uploads, config.window);
    } catch (error) {
      const refusedByDatabase = error instanceof SluiceError && error.code === "forbidden";
      if (refusedByDatabase)
        removeQuietly(
          store.objects,
          uploads.map((upload) => upload.objectPath),
        );
      throw error;
    }
  }
}
