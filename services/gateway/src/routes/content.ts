import {
  ChunkList,
  ContentQuery,
  DocumentEvent,
  EventListQuery,
  FactList,
  FileLink,
  FileQuery,
  list,
  PageList,
  SectionList,
  SluiceError,
  sectionSeparator,
  TableList,
  TextContent,
} from "@sluice/contracts";
import { supportedTypes } from "@sluice/media";
import type { DerivedKind } from "@sluice/store";
import type { z } from "zod";
import type { GatewayContext } from "../context.js";
import { decodeCursor, EventPlace, encodeCursor, OrdinalPlace } from "../http/cursor.js";
import { type Call, type Operation, operation } from "../http/operation.js";
import { reachable } from "../http/reachable.js";

type ContentCall = Call<z.infer<typeof ContentQuery>, unknown>;

const describeDerived =
  "Of the current revision, or of the one asked for by number; `current` says which it is. The pages of one list stay with its revision.";

/** What was derived from a document, its timeline, and its original. */
export function contentOperations({ store, config }: GatewayContext): Operation[] {
  /** One page of something derived, with the cursor of the next. A cursor names its revision. */
  async function derived<K extends DerivedKind>(kind: K, list: string, { scope, id, query }: ContentCall) {
    const place = decodeCursor(list, [id, query.revision ?? null], OrdinalPlace, query.cursor);
    const answer = await store.reading.derived(scope, id, kind, {
      revision: place?.revision ?? query.revision,
      after: place?.after ?? -1,
      limit: query.limit,
    });
    if (answer.outcome === "not_ready") throw new SluiceError("document_not_ready");
    const last = answer.items.length < query.limit ? undefined : answer.items.at(-1);
    const after = last === undefined ? undefined : "number" in last ? last.number : last.ordinal;
    const next = after === undefined ? null : { after, revision: answer.revision };
    const { revision, current, length, items } = answer;
    const nextCursor = encodeCursor(list, [id, query.revision ?? null], next);
    return { revision, current, length, items, nextCursor };
  }
  const derivedOperation = (kind: DerivedKind, summary: string, schema: z.ZodType) =>
    operation({
      method: "get",
      path: `/v1/documents/{id}/${kind}`,
      tag: "content",
      summary,
      description: describeDerived,
      scope: "documents:read",
      query: ContentQuery,
      answers: { 200: { description: "A page", schema } },
      problems: ["cursor_invalid", "document_not_ready"],
      handle: async (call) => ({ status: 200, body: await derived(kind, kind, call) }),
    });

  return [
    operation({
      method: "get",
      path: "/v1/documents/{id}/content",
      tag: "content",
      summary: "A document's display text, piece by piece",
      description: `${describeDerived} A piece is as many sections as \`limit\` says.`,
      scope: "documents:read",
      query: ContentQuery,
      answers: { 200: { description: "A piece", schema: TextContent } },
      problems: ["cursor_invalid", "document_not_ready"],
      async handle(call) {
        const { items, ...page } = await derived("sections", "content", call);
        const text = items.map((section) => section.text).join(sectionSeparator);
        return { status: 200, body: { ...page, start: items[0]?.start ?? page.length, text } };
      },
    }),
    derivedOperation("sections", "A document's sections, in reading order", SectionList),
    derivedOperation("pages", "A document's pages: what each is, and where its text stands", PageList),
    derivedOperation("tables", "A document's tables: cells, and where each row stands in the display text", TableList),
    derivedOperation("facts", "What a document states in codes or fields, with the evidence for each", FactList),
    derivedOperation("chunks", "A document's passages, as they are searched", ChunkList),
    operation({
      method: "get",
      path: "/v1/documents/{id}/events",
      tag: "documents",
      summary: "A document's timeline, oldest first",
      scope: "documents:read",
      query: EventListQuery,
      answers: { 200: { description: "A page", schema: list(DocumentEvent) } },
      problems: ["cursor_invalid"],
      async handle({ scope, id, query: { limit, cursor } }) {
        const after = decodeCursor("events", id, EventPlace, cursor);
        const events = await store.reading.events(scope, id, after, limit);
        const last = events.length < limit ? undefined : events.at(-1);
        const items = events.map(({ xid: _, ...event }) => event);
        return {
          status: 200,
          body: { items, nextCursor: encodeCursor("events", id, last ? { xid: last.xid, id: last.id } : null) },
        };
      },
    }),
    operation({
      method: "get",
      path: "/v1/documents/{id}/file",
      tag: "content",
      summary: "A short-lived link to the original",
      description: "The link holds no name: what the file was called is beside it.",
      scope: "documents:read",
      query: FileQuery,
      answers: { 200: { description: "The link", schema: FileLink } },
      problems: ["storage_unavailable", "storage_unauthorized", "storage_misconfigured"],
      async handle({ scope, id, query: { revision } }) {
        const { objectPath, mediaType, fileName, byteLength } = await store.reading.original(scope, id, revision);
        const expiresAt = new Date(Date.now() + config.signedUrlSeconds * 1_000).toISOString();
        const extension = supportedTypes.find((type) => type.mediaType === mediaType)?.extensions[0] ?? "bin";
        const signed = await store.objects.signedUrl(objectPath, config.signedUrlSeconds, `${id}.${extension}`);
        return { status: 200, body: { url: reachable(signed, config), expiresAt, fileName, mediaType, byteLength } };
      },
    }),
  ];
}
