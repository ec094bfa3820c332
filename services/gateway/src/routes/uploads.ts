import { randomUUID } from "node:crypto";
import { Manifest, type Receipt, type SluiceError, UploadAnswer, UploadPlaces, UploadRequest } from "@sluice/contracts";
import type { Scope } from "@sluice/store";
import type { Request } from "express";
import type { GatewayContext } from "../context.js";
import { type Answer, type Operation, operation } from "../http/operation.js";
import { problemHeaders, problemOf } from "../http/problems.js";
import { reachable } from "../http/reachable.js";
import { acceptFiles, acceptManifest } from "../uploads/accept.js";
import { nowhere, receiveUpload } from "../uploads/receive.js";
import type { Objects } from "../uploads/store-file.js";

/** How long Storage lets a link for an upload live, and how many are asked for at once. */
const linkSeconds = 7_200;
const signedAtOnce = 16;

/** Taking documents in. */
export function uploadOperations(context: GatewayContext): Operation[] {
  const { config, store } = context;
  const receive = (scope: Scope, request: Request, objects: Objects) =>
    receiveUpload(request, {
      objects,
      organizationId: scope.organizationId,
      maxBytes: Math.floor(config.limits.maxFileMb * 1024 * 1024),
      maxFieldBytes: config.limits.maxJsonKb * 1024,
      maxFiles: config.limits.maxFiles,
    });
  return [
    operation({
      method: "post",
      path: "/v1/documents",
      tag: "documents",
      summary: "Send documents",
      description:
        "One or many parts named `file`. The fields beside them apply to every file of the request, wherever in the form they stand: files are accepted together, when the request has been read to its end. `202` says that what is listed is durable; a file that was not accepted carries its `problem`. The same bytes for the same patient and `externalId` are answered with the document they already are (`duplicateOf`); new bytes under a known `externalId` are its next revision.",
      scope: "documents:write",
      multipart: true,
      isIntake: true,
      idempotency: "replay",
      answers: { 202: { description: "An answer for each file, in the order of the request", schema: UploadAnswer } },
      problems: [
        "file_missing",
        "file_empty",
        "file_too_large",
        "file_incomplete",
        "media_type_unsupported",
        "content_type_unsupported",
        "body_too_large",
        "batch_closed",
        "not_found",
        "storage_unavailable",
        "storage_unauthorized",
        "storage_misconfigured",
      ],
      formDigest: async ({ scope, request }) => (await receive(scope, request, nowhere)).digest,
      async handle({ scope, request }) {
        const received = await receive(scope, request, store.objects);
        const outcomes = await acceptFiles(context, scope, received);
        const documents = outcomes.map(({ receipt }) => receipt);
        const first = outcomes[0]?.problem;
        const taken = outcomes.some(({ problem }) => problem === undefined);
        if (taken || first === undefined) return { status: 202, body: { documents }, formDigest: received.digest };
        return refusal(scope, first, documents);
      },
    }),
    operation({
      method: "post",
      path: "/v1/uploads",
      tag: "documents",
      summary: "Get places in Storage to put files in bulk",
      description:
        "Bytes then need not pass through the gateway: PUT each file to its link, and name the paths in `POST /v1/batches/{id}/documents`. What is never named is removed.",
      scope: "documents:write",
      isIntake: true,
      body: UploadRequest,
      example: { count: 100 },
      answers: { 201: { description: "A path and a link for each", schema: UploadPlaces } },
      problems: ["storage_unavailable", "storage_unauthorized", "storage_misconfigured"],
      async handle({ scope, body: { count } }) {
        const expiresAt = new Date(Date.now() + linkSeconds * 1_000).toISOString();
        const paths = Array.from({ length: count }, () => `${scope.organizationId}/${randomUUID()}`);
        await store.intake.requestUploads(scope, paths);
        const uploads: { path: string; url: string }[] = [];
        for (let start = 0; start < count; start += signedAtOnce) {
          const some = paths.slice(start, start + signedAtOnce).map(async (path) => {
            return { path, url: reachable(await store.objects.signedUploadUrl(path), config) };
          });
          uploads.push(...(await Promise.all(some)));
        }
        return { status: 201, body: { uploads, expiresAt } };
      },
    }),
    operation({
      method: "post",
      path: "/v1/batches/{id}/documents",
      tag: "documents",
      summary: "Take in files that lie in Storage, by a manifest of up to 1,000 lines",
      description:
        "JSON lines: `{path, contentHash, fileName?, externalId?, patient?, tags?, metadata?}`. `202` says that what is listed is durable; a line that was not taken carries its `problem`. Naming a file again is answered with the document it already is.",
      scope: "documents:write",
      isIntake: true,
      isLines: true,
      body: Manifest,
      example: [{ path: "…", contentHash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" }],
      idempotency: "replay",
      answers: { 202: { description: "An answer for each line, in their order", schema: UploadAnswer } },
      problems: ["batch_closed", "upload_missing", "upload_taken"],
      async handle({ scope, id: batchId, body }) {
        const uploads = body.map(({ path, contentHash, fileName, declaredType, ...said }) => ({
          objectPath: path,
          contentHash,
          fileName: fileName ?? null,
          declaredType: declaredType ?? null,
          // What it is, is found when it is read.
          mediaType: null,
          ...said,
          batchId,
        }));
        const outcomes = await acceptManifest(context, scope, uploads);
        const documents = outcomes.map(({ receipt }) => receipt);
        const first = outcomes[0]?.problem;
        if (first === undefined || outcomes.some(({ problem }) => problem === undefined))
          return { status: 202, body: { documents } };
        return refusal(scope, first, documents);
      },
    }),
  ];
}

/** Nothing was taken: the first refusal, with an answer for each. */
function refusal({ caller: { requestId } }: Scope, problem: SluiceError, documents: Receipt[]): Answer {
  return {
    status: problemOf(problem).status,
    body: { ...problemOf(problem, requestId), documents },
    headers: problemHeaders(problem),
    mediaType: "application/problem+json; charset=utf-8",
  };
}
