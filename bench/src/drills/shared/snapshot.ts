import { createHash } from "node:crypto";
import type { TestSupabase } from "@sluice/local";
import type { Store } from "@sluice/store";

/** An ingestion with all that was derived from it, as digests that are the same wherever the same documents were read alike. */
export interface Row {
  /** The document: what its sender named it by, or its bytes; a child's by its parent's revision and its path. */
  key: string;
  revision: number;
  status: string;
  code: string | null;
  isActive: boolean;
  ingestionId: string;
  objectPath: string;
  contentHash: string;
  /** Times that it became searchable. */
  vectorized: number;
  chunks: number;
  tokens: number;
  /** By what it is of: `sections`, `chunks`, `vectors` … */
  digests: Record<string, string>;
}

export interface Snapshot {
  rows: Row[];
  /** What is in the books for vectors: the texts that were answered, all tokens (presumed ones too), and tokens that need not be sent again. */
  usage: { inputs: number; tokens: number; saved: number };
  /** Output of no sealed generation. */
  unsealed: number;
  /** Sealed or not, what cancelled and failed ingestions have left of a stage that never ended. */
  orphanedVectors: number;
}

const contents: Record<string, { table: string; order: string }> = {
  sections: { table: "sections", order: "ordinal" },
  pages: { table: "pages", order: "number" },
  tables: { table: "tables", order: "ordinal" },
  facts: { table: "facts", order: "ordinal" },
  chunks: { table: "chunks", order: "ordinal" },
  dates: { table: "document_dates", order: "ordinal" },
  identifiers: { table: "document_identifiers", order: "system, value" },
  relations: { table: "document_relations", order: "ordinal" },
};
/** What differs from run to run, and means nothing; who made it differs where versions work side by side. */
const names =
  "'{id,ingestion_id,organization_id,generation,search_vector,raised_at,parser_version,chunker_version}'::text[]";

const digests = Object.entries(contents).map(
  ([name, { table, order }]) =>
    `'${name}', (select md5(coalesce(string_agg((to_jsonb(x) - ${names})::text, '' order by ${order}), '')) from sluice.${table} x where x.ingestion_id = i.id)`,
);

const rowsSql = `
  with recursive tree as (
    select d.id, d.standing, case when d.external_id is null then 'bytes ' || d.content_hash else 'named ' || d.external_id end as key
    from sluice.documents d where d.organization_id = $1 and d.parent_id is null
    union all
    select c.id, c.standing, t.key || ' #' || p.revision || ' ' || c.member_path
    from tree t join sluice.documents c on c.parent_id = t.id join sluice.ingestions p on p.id = c.parent_ingestion_id)
  select t.key, i.revision, i.status, i.error_code as code, i.active as "isActive", i.id as "ingestionId", i.object_path as "objectPath",
    i.content_hash as "contentHash",
    (select count(*)::integer from sluice.document_events e where e.document_id = i.document_id and e.ingestion_id = i.id
      and e.kind = 'advanced' and e.status = 'vectorized') as vectorized,
    c.chunks, c.tokens,
    jsonb_build_object(${digests.join(", ")},
      'vectors', (select md5(coalesce(string_agg(e.model || e.embedding::text, '' order by c.ordinal), '')) from sluice.chunks c
        join sluice.embeddings e on e.chunk_id = c.id where c.ingestion_id = i.id),
      'patients', (select md5(coalesce(string_agg(p.authority || '|' || p.identifier, '' order by p.authority, p.identifier), ''))
        from sluice.document_patients dp join sluice.patients p on p.id = dp.patient_id where dp.ingestion_id = i.id),
      'reviews', (select coalesce(string_agg(r.code, ' ' order by r.code), '') from sluice.reviews r where r.ingestion_id = i.id),
      'deadLetter', (select coalesce(string_agg(l.stage || '/' || l.code || '/' || l.state, ''), '') from sluice.dead_letters l
        where l.ingestion_id = i.id and l.state = 'open'),
      'standing', t.standing,
      'description', md5(jsonb_build_array(i.media_type, i.byte_length, i.format, i.header, i.stated_at, i.warnings, i.section_count,
        i.page_count, i.table_count, i.fact_count, i.text_length, i.chunk_count, i.token_count, i.embedding_model,
        i.failed_stage, i.metadata, to_jsonb(i.tags))::text)) as digests
  from tree t join sluice.ingestions i on i.document_id = t.id
  cross join lateral (select count(*)::integer as chunks, coalesce(sum(token_count), 0)::integer as tokens from sluice.chunks where ingestion_id = i.id) c
  order by t.key, i.revision`;

const count = async (supabase: TestSupabase, sql: string, organizationId: string): Promise<number> =>
  (await supabase.query<{ n: number }>(sql, [organizationId]))[0]?.n ?? 0;

export async function takeSnapshot(supabase: TestSupabase, organizationId: string): Promise<Snapshot> {
  const rows = await supabase.query<Row>(rowsSql, [organizationId]);
  const [usage] = await supabase.query<Snapshot["usage"]>(
    `select coalesce(sum(inputs) filter (where not presumed), 0)::integer as inputs, coalesce(sum(tokens), 0)::integer as tokens,
       coalesce(sum(saved_tokens), 0)::integer as saved from sluice.usage_events where organization_id = $1`,
    [organizationId],
  );
  return {
    rows,
    usage: usage ?? { inputs: 0, tokens: 0, saved: 0 },
    unsealed: await unsealedParts(supabase, organizationId),
    orphanedVectors: await count(
      supabase,
      `select count(*)::integer as n from sluice.embeddings e join sluice.chunks c on c.id = e.chunk_id join sluice.ingestions i on i.id = e.ingestion_id
       where e.organization_id = $1 and c.generation is distinct from i.chunked_generation`,
      organizationId,
    ),
  };
}

export const unsealedParts = (supabase: TestSupabase, organizationId: string): Promise<number> =>
  count(
    supabase,
    "select count(*)::integer as n from sluice.parts p join sluice.ingestions i on i.id = p.ingestion_id where i.organization_id = $1",
    organizationId,
  );

/** Ingestions whose stored original is not what its hash says, or is gone. */
export async function damagedObjects(objects: Store["objects"], rows: Row[]): Promise<string[]> {
  const damaged: string[] = [];
  const queue = rows.values();
  const lane = async () => {
    for (const row of queue) {
      const hash = createHash("sha256");
      try {
        for await (const part of await objects.download(row.objectPath)) hash.update(part as Buffer);
      } catch {
        damaged.push(row.key);
        continue;
      }
      if (hash.digest("hex") !== row.contentHash) damaged.push(row.key);
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  return damaged;
}
