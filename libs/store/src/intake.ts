import { QueuedJob, QueueName, Status } from "@sluice/contracts";
import { z } from "zod";
import { type Scope, scoped } from "./caller.js";
import { type Rpc, refuse } from "./rpc.js";

/** An original that lies in Storage and waits to be accepted. */
export interface StoredUpload {
  objectPath: string;
  /** SHA-256, hex. */
  contentHash: string;
  byteLength: number;
  declaredType: string | null;
  mediaType: string | null;
  fileName: string | null;
  externalId?: string | null;
  patient?: string | null;
  tags?: string[];
  metadata?: Record<string, unknown>;
  batchId?: string | null;
}

const Accepted = z.object({
  outcome: z.enum(["accepted", "revision", "duplicate", "retried"]),
  documentId: z.uuid(),
  ingestionId: z.uuid(),
  revision: z.number().int(),
  status: Status,
  /** False: the bytes were there already and this object is to be removed. */
  keepObject: z.boolean(),
  job: QueuedJob.nullable(),
});
const NotAccepted = z.object({
  outcome: z.enum(["batch_closed", "batch_missing", "upload_missing", "upload_taken"]),
  keepObject: z.literal(false),
});
export type Acceptance = z.infer<typeof Accepted> | z.infer<typeof NotAccepted>;

const AcceptAnswer = z.union([
  z.object({ outcome: z.literal("ok"), items: z.array(z.union([Accepted, NotAccepted])) }),
  z.object({ outcome: z.literal("forbidden") }),
]);
const Reprocessed = z.union([
  z.object({
    outcome: z.literal("ok"),
    documentId: z.uuid(),
    ingestionId: z.uuid(),
    revision: z.number().int(),
    status: Status,
  }),
  z.object({ outcome: z.enum(["forbidden", "not_found", "document_in_progress"]) }),
]);
const Deleted = z.union([
  z.object({
    outcome: z.literal("deleted"),
    objects: z.array(z.string()),
    jobs: z.array(QueuedJob.extend({ queue: QueueName.nullable() })),
  }),
  z.object({ outcome: z.enum(["forbidden", "not_found"]) }),
]);
const Begun = z.union([
  z.object({ outcome: z.literal("replay"), status: z.number().int(), response: z.unknown() }),
  z.object({ outcome: z.enum(["new", "in_progress", "reused"]) }),
]);

/** Taking documents in and out. All of it is durable when it answers. */
export function createIntake(rpc: Rpc) {
  return {
    /** One answer for each upload, in order. `window`: the default number of ingestions an organization may have in flight. */
    async accept(scope: Scope, uploads: StoredUpload[], window: number): Promise<Acceptance[]> {
      const answer = await rpc.call(
        "sluice_accept_documents",
        { ...scoped(scope), p_items: uploads as never, p_window: window },
        AcceptAnswer,
      );
      const ok = refuse(answer);
      return ok.outcome === "ok" ? ok.items : [];
    },
    /** Notes paths under which the organization may put files into Storage. */
    async requestUploads(scope: Scope, paths: string[]): Promise<void> {
      const answer = z.object({ outcome: z.enum(["ok", "forbidden"]) });
      refuse(await rpc.call("sluice_request_uploads", { ...scoped(scope), p_paths: paths }, answer));
    },
    /** As `accept`, for files that senders put there; Storage says how long they are. */
    async acceptUploads(
      scope: Scope,
      uploads: Omit<StoredUpload, "byteLength">[],
      window: number,
    ): Promise<Acceptance[]> {
      const answer = refuse(
        await rpc.call(
          "sluice_accept_uploads",
          { ...scoped(scope), p_items: uploads as never, p_window: window },
          AcceptAnswer,
        ),
      );
      return answer.outcome === "ok" ? answer.items : [];
    },
    async expireUploads(): Promise<void> {
      await rpc.call("sluice_expire_uploads", {}, z.unknown());
    },
    async reprocess(scope: Scope, documentId: string) {
      const answer = refuse(
        await rpc.call("sluice_reprocess", { ...scoped(scope), p_document: documentId }, Reprocessed),
      );
      return answer as Extract<typeof answer, { outcome: "ok" }>;
    },
    /** The objects that Storage still has to forget are owed in the database until `erased` says they are gone. */
    async deleteDocument(scope: Scope, documentId: string) {
      const answer = refuse(
        await rpc.call("sluice_delete_document", { ...scoped(scope), p_document: documentId }, Deleted),
      );
      return answer as Extract<typeof answer, { outcome: "deleted" }>;
    },
    async erased(objectPaths: string[]): Promise<void> {
      await rpc.call("sluice_objects_erased", { p_paths: objectPaths }, z.unknown());
    },
    beginRequest(organizationId: string, key: string, fingerprint: string, staleMs: number) {
      return rpc.call(
        "sluice_begin_request",
        { p_organization: organizationId, p_key: key, p_fingerprint: fingerprint, p_stale_ms: staleMs },
        Begun,
      );
    },
    /** Says that the request is still under way; without it the key is taken for a dead gateway's after `staleMs`. */
    async touchRequest(organizationId: string, key: string): Promise<void> {
      await rpc.call("sluice_touch_request", { p_organization: organizationId, p_key: key }, z.unknown());
    },
    /** A null response gives the key back, for a request that failed and may be tried again. */
    async finishRequest(organizationId: string, key: string, status: number, response: unknown): Promise<void> {
      await rpc.call(
        "sluice_finish_request",
        { p_organization: organizationId, p_key: key, p_status: status, p_response: response as never },
        z.unknown(),
      );
    },
  };
}
