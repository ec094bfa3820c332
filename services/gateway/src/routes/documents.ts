import {
  Document,
  DocumentAccess,
  DocumentListQuery,
  DocumentQuery,
  list,
  Receipt,
  RestrictDocument,
} from "@sluice/contracts";
import type { GatewayContext } from "../context.js";
import { decodeCursor, encodeCursor, TimePlace } from "../http/cursor.js";
import { type Operation, operation } from "../http/operation.js";

const page = list(Document);

/** What is there, by id, by list and by query; the next revision; the end. */
export function documentOperations({ store, producer }: GatewayContext): Operation[] {
  return [
    operation({
      method: "get",
      path: "/v1/documents",
      tag: "documents",
      summary: "List documents, newest first",
      scope: "documents:read",
      query: DocumentListQuery,
      answers: { 200: { description: "A page", schema: page } },
      problems: ["cursor_invalid"],
      async handle({ scope, query: { batch, limit, cursor, ...rest } }) {
        const filter = { ...rest, ...(batch === undefined ? {} : { batchId: batch }) };
        const place = decodeCursor("documents", filter, TimePlace, cursor);
        const { items, next } = await store.reading.documents(scope, filter, place, limit);
        return { status: 200, body: { items, nextCursor: encodeCursor("documents", filter, next) } };
      },
    }),
    operation({
      method: "post",
      path: "/v1/documents/query",
      tag: "documents",
      summary: "Find documents by what may be clinical: tag, patient, external id, file name, dates, metadata",
      description: "A body, because such things must not stand in URLs.",
      scope: "documents:read",
      body: DocumentQuery,
      example: { filter: { tags: ["discharge"], from: "2024-01-01" }, limit: 20 },
      idempotency: "repeat",
      answers: { 200: { description: "A page", schema: page } },
      problems: ["cursor_invalid"],
      async handle({ scope, body: { filter, limit, cursor } }) {
        const place = decodeCursor("query", filter, TimePlace, cursor);
        const { items, next } = await store.reading.documents(scope, filter, place, limit);
        return { status: 200, body: { items, nextCursor: encodeCursor("query", filter, next) } };
      },
    }),
    operation({
      method: "get",
      path: "/v1/documents/{id}",
      tag: "documents",
      summary: "A document: status, timings, counts, and what went wrong",
      scope: "documents:read",
      answers: { 200: { description: "The document", schema: Document } },
      async handle({ scope, id }) {
        return { status: 200, body: await store.reading.document(scope, id) };
      },
    }),
    operation({
      method: "post",
      path: "/v1/documents/{id}/reprocess",
      tag: "documents",
      summary: "Read the stored original anew, as the next revision",
      description: "Readers keep the revision they have until the new one is finished.",
      scope: "documents:write",
      isIntake: true,
      idempotency: "replay",
      answers: { 202: { description: "The new revision", schema: Receipt } },
      problems: ["document_in_progress"],
      async handle({ scope, id }) {
        const { documentId, ingestionId, revision, status } = await store.intake.reprocess(scope, id);
        producer.nudge();
        return { status: 202, body: { id: documentId, ingestionId, revision, status } };
      },
    }),
    operation({
      method: "get",
      path: "/v1/documents/{id}/access",
      tag: "access",
      summary: "Who sees a document",
      scope: "admin",
      answers: { 200: { description: "Its list", schema: DocumentAccess } },
      async handle({ scope, id }) {
        return { status: 200, body: await store.access.of(scope, id) };
      },
    }),
    operation({
      method: "post",
      path: "/v1/documents/{id}/access",
      tag: "access",
      summary: "Restrict a document to some, or lift that",
      description:
        "It and all that was found in it are found, listed, searched, streamed and downloaded by those on the list and by owners; to everybody else it is not there. `subjects: null` lifts it. Who is not on the list they make does not see it any more.",
      scope: "admin",
      body: RestrictDocument,
      example: { subjects: [{ kind: "user", id: "6f1c1f3a-6f0a-4a56-8a3c-2f5b3f0c9a11" }] },
      idempotency: "repeat",
      answers: { 200: { description: "Its list", schema: DocumentAccess } },
      problems: ["document_is_child", "subject_unknown"],
      async handle({ scope, id, body }) {
        return { status: 200, body: await store.access.restrict(scope, id, body.subjects) };
      },
    }),
    operation({
      method: "delete",
      path: "/v1/documents/{id}",
      tag: "documents",
      summary: "Erase a document, its children and all that was derived from them",
      description: "Ids and times remain as tombstones. Doing it again is well.",
      scope: "documents:delete",
      answers: { 204: { description: "It is gone" } },
      async handle({ scope, id }) {
        const { objects, jobs } = await store.intake.deleteDocument(scope, id);
        producer.nudge();
        await producer.remove(jobs);
        // What Storage does not forget now is owed in the database and forgotten later.
        await erase(objects).catch(() => {});
        return { status: 204 };
      },
    }),
  ];

  async function erase(objects: string[]): Promise<void> {
    for (let start = 0; start < objects.length; start += 500) {
      await store.erase(objects.slice(start, start + 500));
    }
  }
}
