export interface SearchRows {
  organizationId: string;
  model: string;
  dimensions: number;
  perDocument: number;
  /** So many documents, the first ones, have the tag `rare`. */
  rare: number;
  from: number;
  to: number;
}

/** Documents whose passages can be searched. Vectors lie around 300 centres, as those of texts on so many subjects do, each apart from all others. */
export function searchRowsSql({ organizationId, model, dimensions, perDocument, rare, from, to }: SearchRows): string {
  const point = (of: string) =>
    `array(select random() - 0.5 + ${of} * 0 from generate_series(1, ${dimensions}))::extensions.vector`;
  return `
    create schema if not exists bench;
    create table if not exists bench.centres as select i, ${point("i")} as v from generate_series(0, 299) i;
    create table if not exists bench.noise as select i, ${point("i")} as v from generate_series(0, 1999) i;
    create temp table if not exists n (i integer, document uuid, ingestion uuid);
    truncate n;
    insert into n select i, gen_random_uuid(), gen_random_uuid() from generate_series(${from}, ${to - 1}) i;
    insert into sluice.documents (id, organization_id, identity_key, content_hash, tags)
      select document, '${organizationId}', 'bench' || i, 'h', case when i < ${rare} then '{rare}'::text[] else '{}' end from n;
    insert into sluice.ingestions (id, organization_id, document_id, revision, status, next_queue, object_path, content_hash, byte_length, active,
        parsed_generation, chunked_generation, chunk_count)
      select ingestion, '${organizationId}', document, 1, 'vectorized', null, 'bench/' || i, 'h', 1, true, 1, 1, ${perDocument} from n;
    insert into sluice.chunks (ingestion_id, generation, ordinal, organization_id, section_ordinal, text, token_count, spans, content_hash)
      select ingestion, 1, o, '${organizationId}', 0,
        -- Words as in language: few that are common, many that are rare.
        (select string_agg(case when random() < 0.02 then (array['fever','cough','apixaban','potassium','fracture','delirium','metformin','biopsy','oedema','rash'])[1 + floor(random() * 10)::integer]
          else 'w' || floor(20000 * power(random(), 3))::integer end, ' ') from generate_series(1, 60 + n.i * 0 + o * 0)),
        80, '[[0,1]]', 'bench' || i || '-' || o
      from n, generate_series(0, ${perDocument - 1}) o;
    insert into sluice.embeddings (chunk_id, model, organization_id, ingestion_id, embedding)
      select c.id, '${model}', c.organization_id, c.ingestion_id, a.v operator(extensions.+) b.v operator(extensions.+) d.v
      from n join sluice.chunks c on c.ingestion_id = n.ingestion
      join bench.centres a on a.i = (n.i * 7 + c.ordinal) % 300
      join bench.noise b on b.i = (n.i * 13 + c.ordinal * 31) % 2000 join bench.noise d on d.i = (n.i / 2000 + c.ordinal * 101 + n.i * 17) % 2000`;
}
