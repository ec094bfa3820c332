import { UploadAnswer } from "@sluice/contracts";
import type { Scope } from "@sluice/store";
import type { Request } from "express";
import type { GatewayContext } from "../context.js";
import { type Operation, operation } from "../http/operation.js";
import { problemHeaders, problemOf } from "../http/problems.js";
import { acceptFiles } from "../uploads/accept.js";
import { nowhere, receiveUpload } from "../uploads/receive.js";
import type { Objects } from "../uploads/store-file.js";

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
        return refusal(first);

        function refusal(problem: NonNullable<typeof first>) {
          const { requestId } = scope.caller;
          return {
            status: problemOf(problem).status,
            body: { ...problemOf(problem, requestId), documents },
            headers: problemHeaders(problem),
            mediaType: "application/problem+json; charset=utf-8",
          };
        }
      },
    }),
  ];
}
