-- What the stages write. Parts are bounded and idempotent: a part that is there is not written again. They are invisible
-- until the stage's seal, which checks their number and advances the status in one transaction.

-- True while this generation of the ingestion is the one being worked on at the stage.
create function sluice.writable(p_organization uuid, p_ingestion uuid, p_generation integer, p_status text) returns boolean
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select exists (select from ingestions where organization_id = p_organization and id = p_ingestion and generation = p_generation
    and status = p_status and next_queue is not null)
$$;

-- How many rows of the kinds that are known a part has.
create function sluice.rows_in(p_rows jsonb, p_kinds text[]) returns integer language sql immutable as $$
  select coalesce(sum(jsonb_array_length(p_rows->kind)), 0)::integer from unnest(p_kinds) kind where p_rows ? kind
$$;

-- Takes an ingestion to seal a stage of it; nothing when this generation is not the one being worked on.
create function sluice.take_to_seal(p_organization uuid, p_ingestion uuid, p_generation integer, p_status text) returns setof sluice.ingestions
language sql set search_path = sluice, extensions, pg_temp as $$
  select * from ingestions where organization_id = p_organization and id = p_ingestion and generation = p_generation
    and status = p_status and next_queue is not null for update
$$;

-- True when all parts of a stage are there with as many rows as were made; the parts are then struck off.
create function sluice.parts_complete(p_ingestion sluice.ingestions, p_stage text, p_parts integer, p_rows bigint) returns boolean
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  if (select count(*) <> p_parts or coalesce(sum(row_count), 0) <> p_rows from parts
      where ingestion_id = p_ingestion.id and generation = p_ingestion.generation and stage = p_stage) then
    return false;
  end if;
  delete from parts where ingestion_id = p_ingestion.id and generation = p_ingestion.generation and stage = p_stage;
  return true;
end $$;

-- Claims a part; false when it was written before.
create function sluice.claim_part(p_ingestion uuid, p_generation integer, p_stage text, p_part integer, p_rows integer) returns boolean
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  insert into parts (ingestion_id, generation, stage, part, row_count) values (p_ingestion, p_generation, p_stage, p_part, p_rows)
  on conflict do nothing;
  return found;
end $$;

-- What a parse writes, one part of it: p_rows {sections, pages, tables, facts}, each a list. Answers stored · stale.
-- A part counts the rows that were written, not those that were sent: what this database does not know of is missed by the seal.
create function public.sluice_put_parsed(p_organization uuid, p_ingestion uuid, p_generation integer, p_part integer, p_rows jsonb)
returns text language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.writable(p_organization, p_ingestion, p_generation, 'uploaded') then return 'stale'; end if;
  if not sluice.claim_part(p_ingestion, p_generation, 'parse', p_part, sluice.rows_in(p_rows, array['sections', 'pages', 'tables', 'facts'])) then
    return 'stored';
  end if;
  insert into sections (ingestion_id, generation, ordinal, organization_id, level, title, code_system, code, code_display, text, start_offset, page_from, page_to)
  select p_ingestion, p_generation, s.ordinal, p_organization, s.level, s.title, s.code->>'system', s.code->>'code', s.code->>'display', s.text, s.start, s."pageFrom", s."pageTo"
  from jsonb_to_recordset(coalesce(p_rows->'sections', '[]')) as s(ordinal integer, level integer, title text, code jsonb, text text, start bigint, "pageFrom" integer, "pageTo" integer);
  insert into pages (ingestion_id, generation, number, organization_id, kind, start_offset, end_offset, confidence, lines, rotation)
  select p_ingestion, p_generation, p.number, p_organization, p.kind, p.start, p."end", p.confidence, p.lines, p.rotation
  from jsonb_to_recordset(coalesce(p_rows->'pages', '[]')) as p(number integer, kind text, start bigint, "end" bigint, confidence real, lines jsonb, rotation integer);
  insert into tables (ingestion_id, generation, ordinal, organization_id, section_ordinal, title, header_rows, rows, page_from, page_to)
  select p_ingestion, p_generation, t.ordinal, p_organization, t.section, t.title, t."headerRows", t.rows, t."pageFrom", t."pageTo"
  from jsonb_to_recordset(coalesce(p_rows->'tables', '[]')) as t(ordinal integer, section integer, title text, "headerRows" integer, rows jsonb, "pageFrom" integer, "pageTo" integer);
  insert into facts (ingestion_id, generation, ordinal, organization_id, kind, text, codes, value, unit, reference_range, flag, status, effective,
    effective_precision, evidence_start, evidence_end, source, patient)
  select p_ingestion, p_generation, f.ordinal, p_organization, f.kind, f.text, f.codes, f.value, f.unit, f.range, f.flag, f.status, f.effective->>'value',
    f.effective->>'precision', (f.evidence->>'start')::bigint, (f.evidence->>'end')::bigint, f.source, f.patient
  from jsonb_to_recordset(coalesce(p_rows->'facts', '[]')) as f(ordinal integer, kind text, text text, codes jsonb, value text, unit text, range text, flag text,
    status text, effective jsonb, evidence jsonb, source text, patient integer);
  return 'stored';
exception when foreign_key_violation then
  return 'stale';
end $$;

-- A page that was recognised by an engine; kept apart from generations, since it is the same whoever recognised it. Answers stored · stale.
create function public.sluice_put_recognised(p_organization uuid, p_ingestion uuid, p_generation integer, p_engine text, p_page integer, p_result jsonb)
returns text language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.writable(p_organization, p_ingestion, p_generation, 'uploaded') then return 'stale'; end if;
  insert into recognised_pages (ingestion_id, engine, page, organization_id, result) values (p_ingestion, p_engine, p_page, p_organization, p_result)
  on conflict do nothing;
  return 'stored';
exception when foreign_key_violation then
  return 'stale';
end $$;

-- System in the sense that only the worker that holds the generation gets an answer: what was recognised of a page before, or null.
create function public.sluice_recognised(p_organization uuid, p_ingestion uuid, p_generation integer, p_engine text, p_page integer) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select result from recognised_pages where organization_id = p_organization and ingestion_id = p_ingestion and engine = p_engine and page = p_page
    and sluice.writable(p_organization, p_ingestion, p_generation, 'uploaded')
$$;

-- The first day an ISO date of any precision covers; null when it is no date.
create function sluice.first_day(p_value text) returns date language plpgsql immutable as $$
begin
  return rpad(left(p_value, 10), 10, case length(p_value) when 4 then '-01-01' else '-01' end)::date;
exception when others then
  return null;
end $$;

-- Advances the status past a stage and puts the ingestion in line for the next one, still in its place in the window.
create function sluice.advance(p_ingestion sluice.ingestions, p_status text, p_next_queue text, p_worker text, p_duration_ms integer)
returns sluice.ingestions language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
begin
  update ingestions set status = p_status, next_queue = p_next_queue, attempts = 0, deaths = 0, error_code = null, waiting_for = null,
    lease_worker = null, lease_until = null, dispatched_at = case when p_next_queue is null then null else now() end, updated_at = now(),
    parsed_at = case when p_status = 'parsed' then now() else parsed_at end,
    chunked_at = case when p_status = 'chunked' then now() else chunked_at end,
    finished_at = case when p_status = 'vectorized' then now() else finished_at end
  where id = p_ingestion.id returning * into i;
  perform sluice.record(i, 'advanced', sluice.stage_of(p_ingestion.status), p_ingestion.attempts + 1, p_duration_ms, p_worker);
  return i;
end $$;

-- Hides the children found in other readings of a document, and shows (where they are done) those of one reading.
create function sluice.show_children(p_document uuid, p_reading uuid) returns void
language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  c record;
  v_shown uuid;
begin
  for c in select id, parent_ingestion_id from documents where parent_id = p_document loop
    if p_reading is not null and c.parent_ingestion_id = p_reading then
      update ingestions set active = true where id = (select id from ingestions where document_id = c.id and status = 'vectorized'
        order by revision desc limit 1) and not exists (select from ingestions x where x.document_id = c.id and x.active);
      select id into v_shown from ingestions where document_id = c.id order by active desc, revision desc limit 1;
      perform sluice.show_children(c.id, v_shown);
    else
      update ingestions set active = false where document_id = c.id and active;
      perform sluice.show_children(c.id, null);
    end if;
  end loop;
end $$;

-- Whether readers may see what was found in this reading: it is the active one, or none is and it is the newest; and the
-- same holds for what it was found in.
create function sluice.reading_shown(p_reading uuid) returns boolean
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
  d documents;
begin
  select * into i from ingestions where id = p_reading;
  if not found or i.status = 'cancelled' then return false; end if;
  if i.active then return true; end if;
  if exists (select from ingestions where document_id = i.document_id and (active or (revision > i.revision and parsed_generation is not null))) then
    return false;
  end if;
  select * into d from documents where id = i.document_id;
  return d.parent_id is null or sluice.reading_shown(d.parent_ingestion_id);
end $$;

-- Whether something that was found in this reading, at any depth, is still on its way.
create function sluice.children_pending(p_document uuid, p_reading uuid) returns boolean
language sql stable set search_path = sluice, extensions, pg_temp as $$
  with recursive found as (
    select i.id, i.document_id, i.next_queue from documents d join ingestions i on i.document_id = d.id
      where d.parent_id = p_document and d.parent_ingestion_id = p_reading
    union all
    select i.id, i.document_id, i.next_queue from found f
      join documents d on d.parent_id = f.document_id and d.parent_ingestion_id = f.id join ingestions i on i.document_id = d.id)
  select exists (select from found where next_queue is not null)
$$;

-- Makes a finished revision the one that readers see, together with its children. Where they see an older one they keep it until
-- all that was found in this one is done as well; sluice.child_settled comes back to it.
create function sluice.activate(p_ingestion sluice.ingestions) returns void
language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  d documents;
begin
  perform sluice.lock_family(p_ingestion.document_id);
  select * into d from documents where id = p_ingestion.document_id;
  if d.parent_id is not null and not sluice.reading_shown(d.parent_ingestion_id) then return; end if;
  if exists (select from ingestions where document_id = d.id and active and revision > p_ingestion.revision) then return; end if;
  if exists (select from ingestions where document_id = d.id and active and id <> p_ingestion.id)
    and sluice.children_pending(d.id, p_ingestion.id) then return; end if;
  update ingestions set active = false where document_id = d.id and active and id <> p_ingestion.id;
  update ingestions set active = true where id = p_ingestion.id;
  perform sluice.show_description(p_ingestion);
  perform sluice.show_children(d.id, p_ingestion.id);
end $$;

-- A document is done, one way or another, or gone: the readings it was found in may have waited for it.
create function sluice.child_settled(p_parent uuid, p_reading uuid) returns void
language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
  d documents;
begin
  if p_parent is null then return; end if;
  perform sluice.lock_family(p_parent);
  select * into i from ingestions where id = p_reading;
  if i.status = 'vectorized' and not i.active then perform sluice.activate(i); end if;
  select * into d from documents where id = p_parent;
  perform sluice.child_settled(d.parent_id, d.parent_ingestion_id);
end $$;

-- Makes what a header says findable: whom the document is about, when, under which numbers, and what it does to others.
create function sluice.index_header(p_ingestion sluice.ingestions) returns void
language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions := p_ingestion;
begin
  insert into patients (organization_id, authority, identifier)
  select distinct i.organization_id, x->>'authority', x->>'value' from jsonb_path_query(i.header, '$.patients[*].identifiers[*]') x
  order by 2, 3 on conflict do nothing;
  insert into document_patients (ingestion_id, patient_id, organization_id)
  select distinct i.id, p.id, i.organization_id from jsonb_path_query(i.header, '$.patients[*].identifiers[*]') x
  join patients p on p.organization_id = i.organization_id and p.authority = x->>'authority' and p.identifier = x->>'value'
  on conflict do nothing;
  insert into document_dates (ingestion_id, ordinal, organization_id, kind, value, day, precision, origin)
  select i.id, x.ordinality, i.organization_id, x.value->>'kind', x.value->>'value', sluice.first_day(x.value->>'value'), x.value->>'precision', x.value->>'origin'
  from jsonb_array_elements(coalesce(i.header->'dates', '[]')) with ordinality x
  where sluice.first_day(x.value->>'value') is not null
  on conflict do nothing;
  insert into document_identifiers (ingestion_id, organization_id, system, value)
  select distinct i.id, i.organization_id, x->>'system', x->>'value' from jsonb_array_elements(coalesce(i.header->'identifiers', '[]')) x
  on conflict do nothing;
  insert into document_relations (ingestion_id, ordinal, organization_id, kind, target_system, target_value, source)
  select i.id, x.ordinality, i.organization_id, x.value->>'kind', x.value#>>'{target,system}', x.value#>>'{target,value}', x.value->>'source'
  from jsonb_array_elements(coalesce(i.header->'relations', '[]')) with ordinality x
  on conflict do nothing;
  update ingestions set stated_at = (select x->>'value' from jsonb_array_elements(coalesce(i.header->'dates', '[]')) x
    order by x->>'kind' <> 'authored', x->>'value' desc limit 1) where id = i.id;
end $$;

-- Seals the parse: p_summary is the parser's {format, mediaType, header, warnings, counts by kind of row, length} with
-- parserVersion and children [{path, objectPath, contentHash, byteLength, declaredType, mediaType, fileName}].
-- Answers {outcome: sealed, job} · stale · incomplete.
-- p_last is the last part, written here: a document of one part takes one call.
create function public.sluice_seal_parse(p_organization uuid, p_ingestion uuid, p_generation integer, p_worker text, p_parts integer,
  p_summary jsonb, p_duration_ms integer, p_last jsonb default null) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
  d documents;
begin
  perform sluice.lock_family((select document_id from ingestions where organization_id = p_organization and id = p_ingestion));
  select * into i from sluice.take_to_seal(p_organization, p_ingestion, p_generation, 'uploaded');
  if not found then return jsonb_build_object('outcome', 'stale'); end if;
  if p_last is not null then
    perform public.sluice_put_parsed(p_organization, p_ingestion, p_generation, p_parts - 1, p_last);
  end if;
  if not sluice.parts_complete(i, 'parse', p_parts, (select sum(value::integer) from jsonb_each_text(p_summary->'counts'))) then
    return jsonb_build_object('outcome', 'incomplete');
  end if;
  delete from recognised_pages where ingestion_id = i.id;

  update ingestions set parsed_generation = p_generation, format = p_summary->>'format', media_type = p_summary->>'mediaType',
    header = p_summary->'header', warnings = p_summary->'warnings', section_count = (p_summary#>>'{counts,sections}')::integer,
    page_count = (p_summary#>>'{counts,pages}')::integer, table_count = coalesce((p_summary#>>'{counts,tables}')::integer, 0),
    fact_count = coalesce((p_summary#>>'{counts,facts}')::integer, 0), text_length = (p_summary->>'length')::bigint, parser_version = p_summary->>'parserVersion'
  where id = i.id;
  i := sluice.advance(i, 'parsed', 'chunk', p_worker, p_duration_ms);

  perform sluice.index_header(i);

  select * into d from documents where id = i.document_id;
  -- In whole sets: an archive has thousands of members.
  with found as (
    select value as c, sluice.child_id(i.id, value->>'path') as id from jsonb_array_elements(coalesce(p_summary->'children', '[]'))
  ), new_documents as (
    insert into documents (id, organization_id, identity_key, content_hash, file_name, parent_id, parent_ingestion_id, member_path, depth, patient, tags)
    select f.id, p_organization, 'child:' || f.id, c->>'contentHash', c->>'fileName', d.id, i.id, c->>'path', d.depth + 1, d.patient, i.tags from found f
  ), new_ingestions as (
    insert into ingestions (organization_id, document_id, revision, batch_id, file_name, tags, object_path, content_hash, byte_length, declared_type, media_type)
    select p_organization, f.id, 1, i.batch_id, c->>'fileName', i.tags, c->>'objectPath', c->>'contentHash', (c->>'byteLength')::bigint, c->>'declaredType',
      c->>'mediaType' from found f
    returning *
  ), new_acceptances as (
    insert into acceptances (ingestion_id, organization_id, document_id, batch_id, revision, origin)
    select n.id, n.organization_id, n.document_id, n.batch_id, n.revision, 'child' from new_ingestions n
  )
  insert into document_events (organization_id, document_id, ingestion_id, batch_id, kind, status, generation)
  select n.organization_id, n.document_id, n.id, n.batch_id, 'accepted', n.status, n.generation from new_ingestions n;
  -- Where readers see no revision yet, they see what was found in the newest reading.
  if not exists (select from ingestions where document_id = d.id and active) then
    perform sluice.show_children(d.id, i.id);
  end if;
  return jsonb_build_object('outcome', 'sealed', 'job', sluice.job(i, 0));
end $$;

-- System in the sense that only the worker that holds the generation gets an answer; null when it no longer does.
-- The sections of the sealed parse after an ordinal, at most p_limit and about p_bytes of text.
create function public.sluice_sections_to_chunk(p_organization uuid, p_ingestion uuid, p_generation integer, p_after integer, p_limit integer, p_length integer)
returns jsonb language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select sluice.sections_after(i, p_after, p_limit, p_length) from ingestions i
  where organization_id = p_organization and id = p_ingestion and generation = p_generation and status = 'parsed' and next_queue is not null
$$;

-- Chunks of one part. Answers stored · stale.
create function public.sluice_put_chunks(p_organization uuid, p_ingestion uuid, p_generation integer, p_part integer, p_chunks jsonb)
returns text language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.writable(p_organization, p_ingestion, p_generation, 'parsed') then return 'stale'; end if;
  if not sluice.claim_part(p_ingestion, p_generation, 'chunk', p_part, jsonb_array_length(p_chunks)) then return 'stored'; end if;
  insert into chunks (ingestion_id, generation, ordinal, organization_id, section_ordinal, text, prefix, token_count, page_from, page_to, spans, content_hash)
  select p_ingestion, p_generation, c.ordinal, p_organization, c."sectionOrdinal", c.text, c.prefix, c."tokenCount", c."pageFrom", c."pageTo", c.spans, c."contentHash"
  from jsonb_to_recordset(p_chunks) as c(ordinal integer, "sectionOrdinal" integer, text text, prefix text, "tokenCount" integer,
    "pageFrom" integer, "pageTo" integer, spans jsonb, "contentHash" text);
  return 'stored';
exception when foreign_key_violation then
  return 'stale';
end $$;

-- Seals the chunking; p_last is the last part.
create function public.sluice_seal_chunks(p_organization uuid, p_ingestion uuid, p_generation integer, p_worker text, p_parts integer,
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
  i := sluice.advance(i, 'chunked', 'embed', p_worker, p_duration_ms);
  return jsonb_build_object('outcome', 'sealed', 'job', sluice.job(i, 0));
end $$;

-- System. An embedding model that a deployment uses; the first description of an id stands.
create function public.sluice_register_model(p_id text, p_provider text, p_name text, p_dimensions integer, p_lexical boolean) returns void
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  insert into embedding_models (id, provider, name, dimensions, lexical) values (p_id, p_provider, p_name, p_dimensions, p_lexical) on conflict do nothing
$$;

-- The chunks of the sealed chunking that have no vector of the model yet, after an ordinal; null when the generation is not this one.
create function public.sluice_chunks_to_embed(p_organization uuid, p_ingestion uuid, p_generation integer, p_model text, p_after integer, p_limit integer)
returns jsonb language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select sluice.chunks_after(i, p_model, p_after, p_limit) from ingestions i
  where organization_id = p_organization and id = p_ingestion and generation = p_generation and status = 'chunked' and next_queue is not null
$$;

-- System. Vectors of chunks of several documents: items {organizationId, ingestionId, generation, chunkId, vector}, the vector as pgvector text
-- of any scale, normalised here: whole numbers parse ten times faster than fractions on the embedded database.
-- Written at once as requests finish, so that a crash repeats only what was under way; nobody sees them before the seal.
create function public.sluice_put_embeddings(p_model text, p_items jsonb) returns integer
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_count integer;
begin
  insert into embeddings (chunk_id, model, organization_id, ingestion_id, embedding)
  select c.id, p_model, c.organization_id, c.ingestion_id, l2_normalize(x.vector::vector)
  from jsonb_to_recordset(p_items) as x("organizationId" uuid, "ingestionId" uuid, generation integer, "chunkId" uuid, vector text)
  join chunks c on c.id = x."chunkId" and c.organization_id = x."organizationId" and c.ingestion_id = x."ingestionId"
  join ingestions i on i.id = c.ingestion_id and i.generation = x.generation and i.status = 'chunked' and i.chunked_generation = c.generation
  on conflict (chunk_id, model) do nothing;
  get diagnostics v_count = row_count;
  return v_count;
end $$;

-- Seals the embedding and makes the revision the one that readers see. Answers sealed · stale · incomplete · model_inactive.
-- p_last are the last vectors, as sluice_put_embeddings takes them.
create function public.sluice_seal_embed(p_organization uuid, p_ingestion uuid, p_generation integer, p_worker text, p_model text, p_duration_ms integer,
  p_last jsonb default null) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
  v_active text;
begin
  perform sluice.lock_family((select document_id from ingestions where organization_id = p_organization and id = p_ingestion));
  select * into i from sluice.take_to_seal(p_organization, p_ingestion, p_generation, 'chunked');
  if not found then return jsonb_build_object('outcome', 'stale'); end if;
  select active_model into v_active from organizations where id = p_organization;
  if v_active is null then
    update organizations set active_model = coalesce(active_model, p_model) where id = p_organization returning active_model into v_active;
  end if;
  if v_active <> p_model then return jsonb_build_object('outcome', 'model_inactive'); end if;
  if p_last is not null then perform public.sluice_put_embeddings(p_model, p_last); end if;
  if exists (select from chunks c where c.ingestion_id = i.id and c.generation = i.chunked_generation
      and not exists (select from embeddings e where e.chunk_id = c.id and e.model = p_model)) then
    return jsonb_build_object('outcome', 'incomplete');
  end if;
  update ingestions set embedding_model = p_model where id = i.id;
  i := sluice.advance(i, 'vectorized', null, p_worker, p_duration_ms);
  perform sluice.activate(i);
  perform sluice.child_settled(d.parent_id, d.parent_ingestion_id) from documents d where d.id = i.document_id;
  return jsonb_build_object('outcome', 'sealed',
    'sinceAcceptedMs', round(extract(epoch from clock_timestamp() - i.accepted_at) * 1000));
end $$;

create function public.sluice_record_usage(p_organization uuid, p_provider text, p_model text, p_inputs integer, p_tokens bigint, p_latency_ms integer) returns void
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  insert into usage_events (organization_id, provider, model, inputs, tokens, latency_ms) values (p_organization, p_provider, p_model, p_inputs, p_tokens, p_latency_ms)
$$;
