import { zodToOpenAPIRegistry } from "@asteasolutions/zod-to-openapi";
import {
  Batch,
  Code,
  DeadLetter,
  Document,
  DocumentChunk,
  DocumentEvent,
  DocumentFilter,
  Header,
  ManifestLine,
  Page,
  Problem,
  Receipt,
  SearchFilter,
  SearchHit,
  Section,
  Status,
  StreamEnd,
  StreamProgress,
} from "@sluice/contracts";

const named = {
  Batch,
  Code,
  DeadLetter,
  Document,
  DocumentChunk,
  DocumentEvent,
  DocumentFilter,
  Header,
  ManifestLine,
  Page,
  Problem,
  Receipt,
  SearchFilter,
  SearchHit,
  Section,
  Status,
  StreamEnd,
  StreamProgress,
};

/** The contract's schemas by the names they have in code, so that the description refers to them instead of repeating them. */
export function nameSchemas(): void {
  for (const [refId, schema] of Object.entries(named)) zodToOpenAPIRegistry.add(schema, { _internal: { refId } });
}
