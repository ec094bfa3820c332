-- Chunks that know where they came from: the sections they are of, the heading within, the code, who made them, and which text they repeat.

alter table sluice.chunks
  -- The last of several short sections that were joined.
  add column section_to integer,
  add column strategy text,
  -- Of the section, or of the heading within it that the chunk stands under; that one may begin in an earlier section.
  add column code_system text,
  add column code text,
  add column code_display text,
  add column heading text,
  add column heading_start bigint,
  add column parser_version text,
  add column chunker_version text,
  -- Text that stood in another document of the same patient before: to the letter, or nearly. Chunks of one copy_key (of one content_hash,
  -- where they have none) say the same.
  add column copied text check (copied in ('exact', 'near')),
  add column copy_of uuid,
  add column copy_key text,
  -- A sketch of the text, by which copies are found (MinHash in bands, salted by patient); only what is no copy itself has one.
  add column bands integer[];
-- Without a list of what is pending, which every look-up would walk through.
create index chunks_by_bands on sluice.chunks using gin (bands) with (fastupdate = off) where bands is not null;
create index tables_by_section on sluice.tables (ingestion_id, generation, section_ordinal);

-- How many of sixteen bands two texts have in common that say nearly the same: they share about four fifths of their runs of four words.
create function sluice.near_copy() returns integer language sql immutable as $$ select 7 $$;

-- What other documents of the same patient say that a text of this hash and these bands repeats: the best one, if any. Always by the index, as the
-- embedded database keeps no statistics to choose it by.
create function sluice.said_before(p_organization uuid, p_document uuid, p_hash text, p_bands integer[]) returns table (id uuid, key text, kind text)
language plpgsql stable strict rows 1 set search_path = sluice, extensions, pg_temp set enable_seqscan = off as $$
begin
  return query with alike as materialized (
    select c.id, c.ingestion_id, c.generation, c.content_hash, c.copy_key, c.bands from chunks c
    where c.bands && p_bands and c.bands is not null and c.organization_id = p_organization
  ) select o.id, coalesce(o.copy_key, o.content_hash), case when o.content_hash = p_hash then 'exact' else 'near' end
  from alike o join ingestions x on x.id = o.ingestion_id and x.chunked_generation = o.generation and x.document_id <> p_document and x.status <> 'cancelled'
  cross join lateral (select count(*) as n from unnest(o.bands) b where b = any (p_bands)) shared
  where o.content_hash = p_hash or shared.n >= sluice.near_copy()
  order by o.content_hash = p_hash desc, shared.n desc, o.id limit 1;
end $$;

-- What the chunker has to know of a document. Keys are given of one patient only: what is about several is a copy of nobody's text.
create function sluice.chunk_context(i sluice.ingestions) returns jsonb
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select jsonb_build_object('format', i.format, 'title', i.header->>'title', 'type', nullif(i.header->'type', 'null'),
    'identities', (select coalesce(jsonb_agg(distinct x), '[]') from (
        select jsonb_path_query(i.header, '$.patients[*].names[*]') union select jsonb_path_query(i.header, '$.patients[*].identifiers[*].value')
        union select to_jsonb(split_part(d.patient, '|', -1)) where d.patient is not null) n(x)),
    'patientKeys', (select coalesce(jsonb_agg(key order by key), '[]') from (
        select key from (
          select distinct (x->>'authority') || '|' || (x->>'value') as key from jsonb_path_query(i.header, '$.patients[*].identifiers[*]') x
          union select d.patient where d.patient is not null) k
        where jsonb_array_length(coalesce(i.header->'patients', '[]')) <= 1 order by key limit 3) few))
  from documents d where d.id = i.document_id
$$;

-- The sections of the sealed parse after an ordinal, at most p_limit and about p_length characters of text, with the places of their tables' rows and,
-- where there are several, of their pages. The first of a document brings what the chunker has to know of it (`document`).
create or replace function sluice.sections_after(i sluice.ingestions, p_after integer, p_limit integer, p_length integer) returns jsonb
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('ordinal', s.ordinal, 'level', s.level, 'title', s.title,
      'code', case when s.code is null then null else jsonb_strip_nulls(jsonb_build_object('system', s.code_system, 'code', s.code, 'display', s.code_display)) end,
      'text', s.text, 'start', s.start_offset, 'pageFrom', s.page_from, 'pageTo', s.page_to)
      || case when s.ordinal > 0 then '{}' else jsonb_build_object('document', sluice.chunk_context(i)) end
      || case when t.tables is null then '{}' else jsonb_build_object('tables', t.tables) end
      || case when s.page_from < s.page_to then jsonb_build_object('pages', (select jsonb_agg(jsonb_build_array(p.number, p.start_offset, p.end_offset) order by p.number)
          from pages p where p.ingestion_id = i.id and p.generation = i.parsed_generation and p.number between s.page_from and s.page_to)) else '{}' end order by s.ordinal), '[]')
  from (select x.*, sum(length(x.text)) over (order by x.ordinal) - length(x.text) as before from (
      select * from sections where organization_id = i.organization_id and ingestion_id = i.id and generation = i.parsed_generation
        and ordinal > p_after order by ordinal limit p_limit) x) s
  left join lateral (select jsonb_agg(jsonb_build_object('title', x.title, 'headerRows', x.header_rows,
      'rows', (select coalesce(jsonb_agg(jsonb_build_array(r->'start', r->'end')), '[]') from jsonb_array_elements(x.rows) r)) order by x.ordinal) as tables
    from tables x where x.ingestion_id = i.id and x.generation = i.parsed_generation and x.section_ordinal = s.ordinal) t on true
  where s.before < p_length
$$;

-- Chunks of one part. Answers stored · stale. Each is compared with what other documents of the same patient say.
create or replace function public.sluice_put_chunks(p_organization uuid, p_ingestion uuid, p_generation integer, p_part integer, p_chunks jsonb)
returns text language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
begin
  if not sluice.writable(p_organization, p_ingestion, p_generation, 'parsed') then return 'stale'; end if;
  if not sluice.claim_part(p_ingestion, p_generation, 'chunk', p_part, jsonb_array_length(p_chunks)) then return 'stored'; end if;
  select * into i from ingestions where organization_id = p_organization and id = p_ingestion;
  insert into chunks (ingestion_id, generation, ordinal, organization_id, section_ordinal, section_to, text, prefix, token_count, page_from, page_to, spans,
    content_hash, strategy, code_system, code, code_display, heading, heading_start, parser_version, chunker_version, copied, copy_of, copy_key, bands)
  select p_ingestion, p_generation, c.ordinal, p_organization, c."sectionOrdinal", c."sectionTo", c.text, c.prefix, c."tokenCount", c."pageFrom", c."pageTo", c.spans,
    c."contentHash", c.strategy, c.code->>'system', c.code->>'code', c.code->>'display', c.heading->>'title', (c.heading->>'start')::bigint,
    i.parser_version, i.stage_version, m.kind, m.id, m.key, case when m.id is null then c.bands end
  from jsonb_to_recordset(p_chunks) as c(ordinal integer, "sectionOrdinal" integer, "sectionTo" integer, text text, prefix text, "tokenCount" integer,
    "pageFrom" integer, "pageTo" integer, spans jsonb, "contentHash" text, strategy text, code jsonb, heading jsonb, bands integer[])
  left join lateral sluice.said_before(p_organization, i.document_id, c."contentHash", c.bands) m on true;
  return 'stored';
exception when foreign_key_violation then
  return 'stale';
end $$;

-- Seals the chunking; p_last is the last part. Where text is sent to be embedded that was embedded before, its vector is taken over.
create or replace function public.sluice_seal_chunks(p_organization uuid, p_ingestion uuid, p_generation integer, p_worker text, p_parts integer,
  p_summary jsonb, p_duration_ms integer, p_last jsonb default null) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
begin
  select * into i from sluice.take_to_seal(p_organization, p_ingestion, p_generation, 'parsed');
  if not found then return jsonb_build_object('outcome', 'stale'); end if;
  if p_last is not null then
    perform public.sluice_put_chunks(p_organization, p_ingestion, p_generation, p_parts - 1, p_last);
  end if;
  if not sluice.parts_complete(i, 'chunk', p_parts, (p_summary->>'chunks')::bigint) then return jsonb_build_object('outcome', 'incomplete'); end if;
  update ingestions set chunked_generation = p_generation, chunk_count = (p_summary->>'chunks')::integer,
    token_count = (p_summary->>'tokens')::bigint, chunker_version = p_summary->>'chunkerVersion' where id = i.id;
  insert into embeddings (chunk_id, model, organization_id, ingestion_id, embedding)
  select c.id, e.model, c.organization_id, c.ingestion_id, e.embedding
  from chunks c join chunks o on o.id = c.copy_of and o.organization_id = c.organization_id and o.text = c.text and o.prefix = c.prefix
  join embeddings e on e.chunk_id = o.id and e.model = (select active_model from organizations where id = p_organization)
  where c.ingestion_id = i.id and c.generation = p_generation and c.copied = 'exact' on conflict do nothing;
  i := sluice.advance(i, 'chunked', 'embed', p_worker, p_duration_ms);
  return jsonb_build_object('outcome', 'sealed', 'job', sluice.job(i, 0));
end $$;

-- Whether a chunk is of a section of this code: the section's own, that of another one that was joined with it, or that of the heading it stands under.
create or replace function sluice.in_section(c sluice.chunks, i sluice.ingestions, p_code text) returns boolean
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select p_code is null or c.code = p_code or exists (select from sections s where s.ingestion_id = i.id and s.generation = i.parsed_generation
    and s.ordinal between c.section_ordinal and coalesce(c.section_to, c.section_ordinal) and s.code = p_code)
$$;

-- What common headings begin within the sections of a range, as their chunks know it: [{title, code, start, end}] over the display text.
create function sluice.section_parts(i sluice.ingestions, p_from integer, p_to integer) returns table (section_ordinal integer, parts jsonb)
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select p.section_ordinal, jsonb_agg(jsonb_build_object('title', p.title, 'code', p.code, 'start', p.start, 'end', p."end") order by p.start) from (
    select c.section_ordinal, coalesce(c.heading, s.title) as title, min((c.spans#>>'{0,0}')::bigint) as start, max((c.spans#>>'{-1,1}')::bigint) as "end",
      jsonb_strip_nulls(jsonb_build_object('system', c.code_system, 'code', c.code, 'display', c.code_display)) as code
    from chunks c join sections s on s.ingestion_id = c.ingestion_id and s.generation = i.parsed_generation and s.ordinal = c.section_ordinal
    where c.ingestion_id = i.id and c.generation = i.chunked_generation and c.section_ordinal between p_from and p_to and c.code is distinct from s.code
      and c.code is not null
    group by 1, 2, c.heading_start, c.code_system, c.code, c.code_display) p
  group by 1
$$;

-- One page of what was derived from a document. p_what: sections · pages · tables · facts · chunks. Outcomes: ok · forbidden · not_found · not_ready.
create or replace function public.sluice_read_content(p_organization uuid, p_caller jsonb, p_document uuid, p_what text, p_revision integer, p_after integer, p_limit integer)
returns jsonb language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
  v_items jsonb;
  v_limit integer := least(greatest(p_limit, 1), 500);
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'document.' || p_what, 'document', array[p_document]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  if not exists (select from documents where organization_id = p_organization and id = p_document) then
    perform sluice.audit(p_organization, p_caller, 'document.' || p_what, 'document', array[p_document], 'not_found');
    return jsonb_build_object('outcome', 'not_found');
  end if;
  i := sluice.readable(p_organization, p_document, p_revision);
  perform sluice.audit(p_organization, p_caller, 'document.' || p_what, 'document', array[p_document], case when i.id is null then 'not_ready' else 'allowed' end,
    jsonb_build_object('after', p_after, 'revision', i.revision));
  if i.id is null then return jsonb_build_object('outcome', 'not_ready'); end if;
  if p_what = 'sections' then
    select coalesce(jsonb_agg(jsonb_build_object('ordinal', s.ordinal, 'level', s.level, 'title', s.title,
      'code', case when s.code is null then null else jsonb_strip_nulls(jsonb_build_object('system', s.code_system, 'code', s.code, 'display', s.code_display)) end,
      'text', s.text, 'start', s.start_offset, 'pageFrom', s.page_from, 'pageTo', s.page_to, 'parts', coalesce(p.parts, '[]')) order by s.ordinal), '[]') into v_items
    from (select * from sections where organization_id = p_organization and ingestion_id = i.id and generation = i.parsed_generation
      and ordinal > p_after order by ordinal limit v_limit) s
    left join sluice.section_parts(i, p_after + 1, p_after + v_limit) p on p.section_ordinal = s.ordinal;
  elsif p_what = 'pages' then
    select coalesce(jsonb_agg(jsonb_build_object('number', s.number, 'kind', s.kind, 'start', s.start_offset, 'end', s.end_offset,
      'confidence', s.confidence, 'lines', s.lines, 'rotation', s.rotation) order by s.number), '[]') into v_items
    from (select * from pages where organization_id = p_organization and ingestion_id = i.id and generation = i.parsed_generation
      and number > p_after order by number limit v_limit) s;
  elsif p_what = 'tables' then
    select coalesce(jsonb_agg(jsonb_build_object('ordinal', s.ordinal, 'section', s.section_ordinal, 'title', s.title, 'headerRows', s.header_rows,
      'rows', s.rows, 'pageFrom', s.page_from, 'pageTo', s.page_to) order by s.ordinal), '[]') into v_items
    from (select * from tables where organization_id = p_organization and ingestion_id = i.id and generation = i.parsed_generation
      and ordinal > p_after order by ordinal limit v_limit) s;
  elsif p_what = 'facts' then
    select coalesce(jsonb_agg(jsonb_build_object('ordinal', s.ordinal, 'kind', s.kind, 'text', s.text, 'codes', s.codes, 'value', s.value, 'unit', s.unit,
      'range', s.reference_range, 'flag', s.flag, 'status', s.status,
      'effective', case when s.effective is not null then jsonb_build_object('value', s.effective, 'precision', s.effective_precision) end,
      'evidence', case when s.evidence_start is not null then jsonb_build_object('start', s.evidence_start, 'end', s.evidence_end) end,
      'source', s.source, 'patient', s.patient) order by s.ordinal), '[]') into v_items
    from (select * from facts where organization_id = p_organization and ingestion_id = i.id and generation = i.parsed_generation
      and ordinal > p_after order by ordinal limit v_limit) s;
  elsif p_what = 'chunks' then
    select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'ordinal', s.ordinal, 'section', s.section_ordinal, 'text', s.text, 'prefix', s.prefix,
      'tokenCount', s.token_count, 'pageFrom', s.page_from, 'pageTo', s.page_to, 'spans', s.spans, 'contentHash', s.content_hash, 'sectionTo', coalesce(s.section_to, s.section_ordinal), 'strategy', s.strategy, 'heading', s.heading,
      'code', case when s.code is null then null else jsonb_strip_nulls(jsonb_build_object('system', s.code_system, 'code', s.code, 'display', s.code_display)) end,
      'copied', s.copied, 'copyKey', coalesce(s.copy_key, s.content_hash), 'parserVersion', s.parser_version, 'chunkerVersion', s.chunker_version) order by s.ordinal), '[]') into v_items
    from (select * from chunks where organization_id = p_organization and ingestion_id = i.id and generation = i.chunked_generation
      and ordinal > p_after order by ordinal limit v_limit) s;
  end if;
  return jsonb_build_object('outcome', 'ok', 'revision', i.revision, 'current', i.active, 'length', i.text_length, 'items', coalesce(v_items, '[]'));
end $$;

-- Passages for a query, best first. Each mode is one or more ranked lists, fused by reciprocal rank (Cormack, Clarke, Büttcher 2009: 1/(60+rank)).
-- keyword: exact phrase, and words by cover density · semantic: cosine of p_vector under p_model · hybrid: all of them.
-- Outcomes: ok {hits, model, lexical} · forbidden · model_inactive {activeModel}. The audit entry names the documents whose
-- passages came back, and the query only by the keyed hash the gateway gives.
create or replace function public.sluice_search(p_organization uuid, p_caller jsonb, p_query text, p_mode text, p_vector text, p_model text, p_filter jsonb,
  p_limit integer, p_query_hash text) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_active text;
  v_hits jsonb;
  v_depth integer := greatest(60, least(p_limit, 200) * 2);
  v_words tsquery := sluice.any_word(sluice.for_search(p_query));
  v_phrase tsquery := phraseto_tsquery('english', sluice.for_search(p_query));
begin
  if not sluice.authorize(p_organization, p_caller, 'search', 'search', 'document') then return jsonb_build_object('outcome', 'forbidden'); end if;
  if p_mode <> 'keyword' then
    select active_model into v_active from organizations where id = p_organization;
    if v_active is not null and v_active <> p_model then
      perform sluice.audit(p_organization, p_caller, 'search', 'document', '{}', 'model_inactive', jsonb_build_object('mode', p_mode));
      return jsonb_build_object('outcome', 'model_inactive', 'activeModel', v_active);
    end if;
  end if;

  with phrase as (
    select c.id, row_number() over (order by ts_rank_cd(c.search_vector, v_phrase, 1) desc, c.id) as rank
    from chunks c join ingestions i on i.id = c.ingestion_id and i.active and i.chunked_generation = c.generation join documents d on d.id = i.document_id
    where p_mode <> 'semantic' and numnode(v_phrase) > 1 and c.organization_id = p_organization and c.search_vector @@ v_phrase
      and sluice.stands(d.standing, p_filter) and (p_filter = '{}' or (sluice.passes(d, i, p_filter) and sluice.in_section(c, i, p_filter->>'sectionCode')))
    order by rank limit v_depth
  ), words as (
    select c.id, row_number() over (order by ts_rank_cd(c.search_vector, v_words, 1) desc, c.id) as rank
    from chunks c join ingestions i on i.id = c.ingestion_id and i.active and i.chunked_generation = c.generation join documents d on d.id = i.document_id
    where p_mode <> 'semantic' and numnode(v_words) > 0 and c.organization_id = p_organization and c.search_vector @@ v_words
      and sluice.stands(d.standing, p_filter) and (p_filter = '{}' or (sluice.passes(d, i, p_filter) and sluice.in_section(c, i, p_filter->>'sectionCode')))
    order by rank limit v_depth
  ), near as (
    select id, row_number() over (order by distance, id) as rank, distance from (
      select c.id, e.embedding <=> p_vector::vector as distance
      from embeddings e join chunks c on c.id = e.chunk_id join ingestions i on i.id = c.ingestion_id and i.active and i.chunked_generation = c.generation
      join documents d on d.id = i.document_id
      where p_mode <> 'keyword' and e.organization_id = p_organization and e.model = p_model
        and sluice.stands(d.standing, p_filter) and (p_filter = '{}' or (sluice.passes(d, i, p_filter) and sluice.in_section(c, i, p_filter->>'sectionCode')))
      order by e.embedding <=> p_vector::vector, c.id limit v_depth) n
  ), lists as (
    select id, rank, 'phrase' as list, null::double precision as distance from phrase
    union all select id, rank, 'words', null from words
    union all select id, rank, 'near', distance from near
  ), fused as (
    select id, sum(1.0 / (60 + rank)) as score, min(rank) filter (where list = 'phrase') as phrase_rank,
      min(rank) filter (where list = 'words') as word_rank, min(rank) filter (where list = 'near') as near_rank, min(distance) as distance
    from lists group by id
  ), best as (
    select f.*, c.ingestion_id, c.ordinal, c.text, c.prefix, c.spans, c.page_from, c.page_to, c.section_ordinal, coalesce(c.heading, s.title) as title,
      coalesce(c.code, s.code) as code, case when c.code is null then s.code_system else c.code_system end as code_system,
      case when c.code is null then s.code_display else c.code_display end as code_display, c.copied, coalesce(c.copy_key, c.content_hash) as copy_key
    from fused f join chunks c on c.id = f.id join ingestions i on i.id = c.ingestion_id
    left join sections s on s.ingestion_id = c.ingestion_id and s.generation = i.parsed_generation and s.ordinal = c.section_ordinal
    order by f.score desc, f.id limit least(p_limit, 200)
  )
  select coalesce(jsonb_agg(jsonb_build_object('chunkId', b.id, 'score', round(b.score::numeric, 6),
      'ranks', jsonb_strip_nulls(jsonb_build_object('phrase', b.phrase_rank, 'words', b.word_rank, 'semantic', b.near_rank)),
      'similarity', case when b.distance is null then null else round((1 - b.distance)::numeric, 4) end,
      'text', b.text, 'prefix', b.prefix, 'spans', b.spans, 'pageFrom', b.page_from, 'pageTo', b.page_to,
      'section', jsonb_build_object('ordinal', b.section_ordinal, 'title', b.title,
        'code', case when b.code is null then null else jsonb_strip_nulls(jsonb_build_object('system', b.code_system, 'code', b.code, 'display', b.code_display)) end),
      'copied', b.copied, 'copyKey', b.copy_key,
      'document', jsonb_build_object('id', d.id, 'externalId', d.external_id, 'fileName', d.file_name, 'title', i.header->>'title', 'revision', i.revision,
        'mediaType', i.media_type, 'parentId', d.parent_id, 'standing', d.standing, 'standingBy', d.standing_by,
        'warnings', (select coalesce(jsonb_agg(distinct w->>'code'), '[]') from jsonb_array_elements(i.warnings) w))) order by b.score desc, b.id), '[]') into v_hits
  from best b join ingestions i on i.id = b.ingestion_id join documents d on d.id = i.document_id;

  perform sluice.audit(p_organization, p_caller, 'search', 'document',
    array(select distinct (h#>>'{document,id}')::uuid from jsonb_array_elements(v_hits) h), 'allowed',
    jsonb_build_object('mode', p_mode, 'hits', jsonb_array_length(v_hits), 'query', p_query_hash));
  return jsonb_build_object('outcome', 'ok', 'hits', v_hits, 'model', case when p_mode = 'keyword' then null else p_model end,
    'lexical', (select lexical from embedding_models where id = p_model));
end $$;

select sluice.raise_walls();
