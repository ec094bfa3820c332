-- What the gateway calls for somebody: batches, status, content, deletion. Each checks the caller and writes the audit entry.

-- A document with the state of its newest ingestion `i`, and what readers see of it: the active revision's, or the newest one's facts
-- about the file while there is none. The header was read from the document, so nobody sees it before the seal.
create function sluice.describe(d sluice.documents, i sluice.ingestions) returns jsonb
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select jsonb_build_object('id', d.id, 'externalId', d.external_id, 'patient', d.patient, 'fileName', d.file_name, 'contentHash', s.content_hash,
    'byteLength', s.byte_length, 'mediaType', s.media_type, 'declaredType', s.declared_type, 'format', s.format,
    'tags', to_jsonb(d.tags), 'metadata', d.metadata, 'parentId', d.parent_id, 'memberPath', d.member_path, 'batchId', i.batch_id,
    'ingestionId', i.id, 'revision', i.revision, 'generation', i.generation, 'status', i.status, 'queue', i.next_queue,
    'waitingFor', i.waiting_for, 'attempts', i.attempts, 'errorCode', i.error_code, 'failedStage', i.failed_stage,
    'activeRevision', case when s.active then s.revision end, 'standing', d.standing, 'standingBy', d.standing_by,
    'header', case when s.active then s.header end, 'warnings', s.warnings, 'embeddingModel', s.embedding_model,
    'counts', jsonb_build_object('sections', s.section_count, 'pages', s.page_count, 'tables', s.table_count, 'facts', s.fact_count, 'chunks', s.chunk_count, 'tokens', s.token_count,
      'children', (select count(*) from documents c where c.parent_id = d.id and c.parent_ingestion_id = s.id)),
    'timings', jsonb_build_object('acceptedAt', i.accepted_at, 'parsedAt', i.parsed_at, 'chunkedAt', i.chunked_at, 'finishedAt', i.finished_at))
  from (select * from ingestions where document_id = d.id and (active or id = i.id) order by active desc limit 1) s
$$;

create function sluice.latest(p_document uuid) returns sluice.ingestions
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select * from ingestions where document_id = p_document order by revision desc limit 1
$$;

create function public.sluice_get_document(p_organization uuid, p_caller jsonb, p_document uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  d documents;
  i ingestions;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'document.read', 'document', array[p_document]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  select * into d from documents where organization_id = p_organization and id = p_document;
  if found then i := sluice.latest(d.id); end if;
  perform sluice.audit(p_organization, p_caller, 'document.read', 'document', array[p_document], case when i.id is null then 'not_found' else 'allowed' end);
  if i.id is null then return jsonb_build_object('outcome', 'not_found'); end if;
  return jsonb_build_object('outcome', 'ok', 'document', sluice.describe(d, i));
end $$;

-- Whether a document and its ingestion pass a filter {status, code, batchId, tags, patient, externalId, fileName, format, documentId, parentId,
-- metadata, from, to}; from and to are days, compared with the document's service, authored or received dates.
create function sluice.passes(d sluice.documents, i sluice.ingestions, p_filter jsonb) returns boolean
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select (p_filter->>'status' is null or i.status = p_filter->>'status')
    and (p_filter->>'code' is null or i.error_code = p_filter->>'code')
    and (p_filter->>'batchId' is null or i.batch_id = (p_filter->>'batchId')::uuid)
    and (p_filter->>'documentId' is null or d.id = (p_filter->>'documentId')::uuid)
    and (p_filter->>'parentId' is null or d.parent_id = (p_filter->>'parentId')::uuid)
    and (p_filter->>'externalId' is null or d.external_id = p_filter->>'externalId')
    and (p_filter->>'fileName' is null or d.file_name = p_filter->>'fileName')
    and (p_filter->>'format' is null or i.format = p_filter->>'format')
    and (p_filter->'tags' is null or d.tags @> array(select jsonb_array_elements_text(p_filter->'tags')))
    and (p_filter->'metadata' is null or d.metadata @> (p_filter->'metadata'))
    and (p_filter->>'patient' is null or d.patient = p_filter->>'patient' or exists (
      select from document_patients dp join patients p on p.id = dp.patient_id
      where dp.ingestion_id = i.id and (p.identifier = p_filter->>'patient' or p.authority || '|' || p.identifier = p_filter->>'patient')))
    and ((p_filter->>'from' is null and p_filter->>'to' is null) or exists (
      select from document_dates x where x.ingestion_id = i.id
        and (p_filter->>'from' is null or x.day >= (p_filter->>'from')::date) and (p_filter->>'to' is null or x.day <= (p_filter->>'to')::date)))
$$;

-- Documents newest first, after the cursor (created at, id). What people may filter by is clinical content, so it travels in the body.
create function public.sluice_query_documents(p_organization uuid, p_caller jsonb, p_filter jsonb, p_before_at timestamptz, p_before_id uuid, p_limit integer)
returns jsonb language plpgsql security definer set search_path = sluice, extensions, pg_temp set plan_cache_mode = force_custom_plan as $$
declare
  v_items jsonb;
  v_ids uuid[];
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'documents.query', 'document') then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  select coalesce(jsonb_agg(sluice.describe(x.d, x.i) || jsonb_build_object('createdAt', (x.d).created_at) order by (x.d).created_at desc, (x.d).id desc), '[]'),
    coalesce(array_agg((x.d).id), '{}')
  into v_items, v_ids from (
    select d, i from documents d join ingestions i on i.document_id = d.id
      and not exists (select from ingestions newer where newer.document_id = d.id and newer.revision > i.revision)
    where d.organization_id = p_organization and (p_before_at is null or (d.created_at, d.id) < (p_before_at, p_before_id))
      -- Spelled out, so that a plan made for the filter at hand drops what it does not name and finds the rest by index.
      and (p_filter->>'documentId' is null or d.id = (p_filter->>'documentId')::uuid)
      and (p_filter->>'parentId' is null or d.parent_id = (p_filter->>'parentId')::uuid)
      and (p_filter->>'externalId' is null or d.external_id = p_filter->>'externalId')
      and (p_filter->>'fileName' is null or d.file_name = p_filter->>'fileName')
      and (p_filter->'tags' is null or d.tags @> array(select jsonb_array_elements_text(p_filter->'tags')))
      and (p_filter->'metadata' is null or d.metadata @> (p_filter->'metadata'))
      and (p_filter->>'batchId' is null or exists (select from ingestions b where b.document_id = d.id and b.batch_id = (p_filter->>'batchId')::uuid))
      and (p_filter->>'status' is null or i.status = p_filter->>'status')
      and (p_filter->>'code' is null or i.error_code = p_filter->>'code')
      and (p_filter->>'format' is null or i.format = p_filter->>'format')
      and (p_filter->>'patient' is null or d.id = any (array(
        select named.id from documents named where named.organization_id = p_organization and named.patient = p_filter->>'patient'
        union select read.document_id from patients p join document_patients dp on dp.patient_id = p.id
          join ingestions read on read.id = dp.ingestion_id and read.active
          where p.organization_id = p_organization and (p.identifier = p_filter->>'patient'
            or (p.identifier = substr(p_filter->>'patient', strpos(p_filter->>'patient', '|') + 1)
              and p.authority || '|' || p.identifier = p_filter->>'patient')))))
      and ((p_filter->>'from' is null and p_filter->>'to' is null) or exists (
        select from document_dates x join ingestions dated on dated.id = x.ingestion_id and dated.active where dated.document_id = d.id
          and (p_filter->>'from' is null or x.day >= (p_filter->>'from')::date) and (p_filter->>'to' is null or x.day <= (p_filter->>'to')::date)))
    order by d.created_at desc, d.id desc limit least(p_limit, 500)) x;
  perform sluice.audit(p_organization, p_caller, 'documents.query', 'document', v_ids, 'allowed');
  return jsonb_build_object('outcome', 'ok', 'items', v_items);
end $$;

-- The revision a reader gets: the active one, or an older or newer sealed one when asked for by number (labelled by `current`).
create function sluice.readable(p_organization uuid, p_document uuid, p_revision integer) returns sluice.ingestions
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select * from ingestions where organization_id = p_organization and document_id = p_document and status = 'vectorized'
    and case when p_revision is null then active else revision = p_revision end
$$;

-- One page of what was derived from a document. p_what: sections · pages · tables · facts · chunks. Outcomes: ok · forbidden · not_found · not_ready.
create function public.sluice_read_content(p_organization uuid, p_caller jsonb, p_document uuid, p_what text, p_revision integer, p_after integer, p_limit integer)
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
      'text', s.text, 'start', s.start_offset, 'pageFrom', s.page_from, 'pageTo', s.page_to) order by s.ordinal), '[]') into v_items
    from (select * from sections where organization_id = p_organization and ingestion_id = i.id and generation = i.parsed_generation
      and ordinal > p_after order by ordinal limit v_limit) s;
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
      'tokenCount', s.token_count, 'pageFrom', s.page_from, 'pageTo', s.page_to, 'spans', s.spans, 'contentHash', s.content_hash) order by s.ordinal), '[]') into v_items
    from (select * from chunks where organization_id = p_organization and ingestion_id = i.id and generation = i.chunked_generation
      and ordinal > p_after order by ordinal limit v_limit) s;
  end if;
  return jsonb_build_object('outcome', 'ok', 'revision', i.revision, 'current', i.active, 'length', i.text_length, 'items', coalesce(v_items, '[]'));
end $$;

-- The document's timeline after a place (xid, id), oldest first; holds no content. As with sluice_events_since only what nothing can appear
-- before any more is read, so that a place is good for going on.
create function public.sluice_document_events(p_organization uuid, p_caller jsonb, p_document uuid, p_after_xid text, p_after_id bigint, p_limit integer)
returns jsonb language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_items jsonb;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'document.events', 'document', array[p_document]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'xid', e.xid::text, 'ingestionId', e.ingestion_id, 'kind', e.kind, 'status', e.status, 'stage', e.stage,
    'generation', e.generation, 'attempt', e.attempt, 'durationMs', e.duration_ms, 'worker', e.worker, 'code', e.code, 'at', e.at) order by e.xid, e.id), '[]') into v_items
  from (select * from document_events where organization_id = p_organization and document_id = p_document and xid < v_horizon
    and (p_after_xid is null or (xid, id) > (p_after_xid::xid8, p_after_id)) order by xid, id limit least(p_limit, 500)) e;
  perform sluice.audit(p_organization, p_caller, 'document.events', 'document', array[p_document], 'allowed');
  if v_items = '[]' and not exists (select from document_events where organization_id = p_organization and document_id = p_document) then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  return jsonb_build_object('outcome', 'ok', 'items', v_items);
end $$;

-- Where the original lies, for a short-lived link.
create function public.sluice_original(p_organization uuid, p_caller jsonb, p_document uuid, p_revision integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
  d documents;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'document.file', 'document', array[p_document]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  select * into d from documents where organization_id = p_organization and id = p_document;
  select * into i from ingestions where organization_id = p_organization and document_id = p_document
    and (p_revision is null or revision = p_revision) order by active desc, revision desc limit 1;
  perform sluice.audit(p_organization, p_caller, 'document.file', 'document', array[p_document], case when i.id is null then 'not_found' else 'allowed' end);
  if i.id is null then return jsonb_build_object('outcome', 'not_found'); end if;
  return jsonb_build_object('outcome', 'ok', 'objectPath', i.object_path, 'mediaType', i.media_type, 'fileName', d.file_name, 'byteLength', i.byte_length);
end $$;

-- Erases a document, its children and all that was derived; leaves tombstones, and in `erasures` what Storage still has to forget.
-- Answers {outcome: deleted, objects, jobs} · not_found · forbidden. Deleting what was deleted is well.
create function public.sluice_delete_document(p_organization uuid, p_caller jsonb, p_document uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_ids uuid[];
  v_objects text[];
  v_jobs jsonb;
  v_patients uuid[];
  d documents;
  i ingestions;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:delete', 'document.delete', 'document', array[p_document]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  select * into d from documents where organization_id = p_organization and id = p_document;
  perform sluice.lock_family(d.id);
  if not exists (select from documents where id = d.id) then
    if exists (select from tombstones where organization_id = p_organization and document_id = p_document) then
      return jsonb_build_object('outcome', 'deleted', 'objects', '[]'::jsonb, 'jobs', '[]'::jsonb);
    end if;
    perform sluice.audit(p_organization, p_caller, 'document.delete', 'document', array[p_document], 'not_found');
    return jsonb_build_object('outcome', 'not_found');
  end if;
  with recursive tree as (
    select id from documents where organization_id = p_organization and id = p_document
    union all select c.id from documents c join tree t on c.parent_id = t.id)
  select array_agg(id) into v_ids from tree;
  -- Locked in one order, so that workers sealing at this moment come before or after, not between.
  perform 1 from ingestions where document_id = any (v_ids) order by id for update;
  select coalesce(array_agg(distinct object_path), '{}') into v_objects from ingestions where document_id = any (v_ids);
  select coalesce(jsonb_agg(sluice.job(x, 0)), '[]') into v_jobs from ingestions x where x.document_id = any (v_ids) and x.dispatched_at is not null;
  for i in select * from ingestions where document_id = any (v_ids) loop
    insert into tombstones (ingestion_id, organization_id, document_id, batch_id, accepted_at) values (i.id, p_organization, i.document_id, i.batch_id, i.accepted_at);
    i.status := 'deleted';
    perform sluice.record(i, 'deleted');
  end loop;
  insert into erasures (object_path, organization_id) select unnest(v_objects), p_organization on conflict do nothing;
  v_patients := array(select distinct dp.patient_id from document_patients dp join ingestions x on x.id = dp.ingestion_id where x.document_id = any (v_ids));
  delete from documents where organization_id = p_organization and id = any (v_ids);
  delete from patients p where p.organization_id = p_organization and p.id = any (v_patients) and not exists (select from document_patients dp where dp.patient_id = p.id);
  perform sluice.child_settled(d.parent_id, d.parent_ingestion_id);
  perform sluice.audit(p_organization, p_caller, 'document.delete', 'document', v_ids, 'allowed');
  return jsonb_build_object('outcome', 'deleted', 'objects', to_jsonb(v_objects), 'jobs', v_jobs);
end $$;

create function public.sluice_dead_letters(p_organization uuid, p_caller jsonb, p_filter jsonb, p_before_at timestamptz, p_before_id uuid, p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_items jsonb;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'dead_letters.list', 'dead_letter') then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  select coalesce(jsonb_agg(jsonb_build_object('ingestionId', l.ingestion_id, 'documentId', l.document_id, 'batchId', l.batch_id, 'stage', l.stage, 'code', l.code,
    'attempts', l.attempts, 'firstSeen', l.first_seen, 'lastSeen', l.last_seen) order by l.last_seen desc, l.ingestion_id desc), '[]') into v_items
  from (select * from dead_letters where organization_id = p_organization
    and (p_filter->>'stage' is null or stage = p_filter->>'stage') and (p_filter->>'code' is null or code = p_filter->>'code')
    and (p_filter->>'batchId' is null or batch_id = (p_filter->>'batchId')::uuid)
    and (p_before_at is null or (last_seen, ingestion_id) < (p_before_at, p_before_id))
    order by last_seen desc, ingestion_id desc limit least(p_limit, 500)) l;
  perform sluice.audit(p_organization, p_caller, 'dead_letters.list', 'dead_letter', '{}', 'allowed');
  return jsonb_build_object('outcome', 'ok', 'items', v_items);
end $$;

-- ── Batches ─────────────────────────────────────────────────────────────────────────────────────────────────

create function sluice.describe_batch(b sluice.batches) returns jsonb
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select jsonb_build_object('id', b.id, 'name', b.name, 'createdAt', b.created_at, 'sealedAt', b.sealed_at, 'expected', b.expected, 'pausedAt', b.paused_at,
    'cancelledAt', b.cancelled_at, 'counts', c.counts, 'duplicates', c.duplicates, 'submitted', c.submitted,
    'short', greatest(0, b.expected - c.submitted), 'inFlight', c.in_flight, 'finished', c.finished,
    'complete', b.sealed_at is not null and c.in_flight = 0,
    'finishedLastMinute', (select count(*) from ingestions i where i.batch_id = b.id and i.finished_at > now() - interval '1 minute'))
  from (
    select coalesce(jsonb_object_agg(s.status, s.n) filter (where s.status is not null), '{}') as counts,
      coalesce(sum(s.n) filter (where s.status in ('uploaded', 'parsed', 'chunked')), 0) as in_flight,
      coalesce(sum(s.n) filter (where s.status in ('vectorized', 'failed', 'cancelled', 'deleted')), 0) as finished,
      coalesce(sum(s.n) filter (where s.measure = 'duplicate'), 0) as duplicates,
      coalesce(sum(s.n) filter (where s.measure in ('submitted', 'duplicate')), 0) as submitted
    from (
      select case when t.key in ('parse', 'ocr') then 'uploaded' when t.key = 'chunk' then 'parsed' when t.key = 'embed' then 'chunked'
          when t.key in ('vectorized', 'failed', 'cancelled', 'deleted') then t.key end as status,
        case when t.key in ('submitted', 'duplicate') then t.key end as measure, sum(t.value::bigint) as n
      from jsonb_each_text(sluice.tally(b.organization_id, b.id)) t group by 1, 2) s) c
$$;

create function public.sluice_create_batch(p_organization uuid, p_caller jsonb, p_name text, p_expected integer default null) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  b batches;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:write', 'batch.create', 'batch') then return jsonb_build_object('outcome', 'forbidden'); end if;
  insert into batches (organization_id, name, expected) values (p_organization, p_name, p_expected) returning * into b;
  perform sluice.audit(p_organization, p_caller, 'batch.create', 'batch', array[b.id], 'allowed');
  return jsonb_build_object('outcome', 'ok', 'batch', sluice.describe_batch(b));
end $$;

create function public.sluice_get_batch(p_organization uuid, p_caller jsonb, p_batch uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  b batches;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'batch.read', 'batch', array[p_batch]) then return jsonb_build_object('outcome', 'forbidden'); end if;
  select * into b from batches where organization_id = p_organization and id = p_batch;
  perform sluice.audit(p_organization, p_caller, 'batch.read', 'batch', array[p_batch], case when b.id is null then 'not_found' else 'allowed' end);
  if b.id is null then return jsonb_build_object('outcome', 'not_found'); end if;
  return jsonb_build_object('outcome', 'ok', 'batch', sluice.describe_batch(b));
end $$;

create function public.sluice_list_batches(p_organization uuid, p_caller jsonb, p_before_at timestamptz, p_before_id uuid, p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'batches.list', 'batch') then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform sluice.audit(p_organization, p_caller, 'batches.list', 'batch', '{}', 'allowed');
  return jsonb_build_object('outcome', 'ok', 'items', (select coalesce(jsonb_agg(sluice.describe_batch(b) order by b.created_at desc, b.id desc), '[]')
    from (select * from batches where organization_id = p_organization and (p_before_at is null or (created_at, id) < (p_before_at, p_before_id))
      order by created_at desc, id desc limit least(p_limit, 200)) b));
end $$;

-- p_action: seal (p_expected may say how many were meant) · pause · resume · cancel · retry. Cancel and retry do at most p_limit a call and
-- answer `more`; what is left of a cancelled batch is never dispatched and falls to the supervisor.
create function public.sluice_batch_action(p_organization uuid, p_caller jsonb, p_batch uuid, p_action text, p_expected integer, p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  b batches;
  i ingestions;
  v_count integer := 0;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:write', 'batch.' || p_action, 'batch', array[p_batch]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  -- Not "for update", which would hold up a parse that is being sealed: its children refer to the batch.
  select * into b from batches where organization_id = p_organization and id = p_batch for no key update;
  if not found then return jsonb_build_object('outcome', 'not_found'); end if;
  if p_action = 'seal' then
    update batches set sealed_at = coalesce(sealed_at, now()), expected = coalesce(p_expected, expected) where id = b.id returning * into b;
  elsif p_action = 'pause' then
    update batches set paused_at = coalesce(paused_at, now()) where id = b.id returning * into b;
  elsif p_action = 'resume' then
    update batches set paused_at = null where id = b.id returning * into b;
  elsif p_action = 'cancel' then
    update batches set cancelled_at = coalesce(cancelled_at, now()) where id = b.id returning * into b;
    v_count := sluice.cancel_some(b.id, p_limit);
  elsif p_action = 'retry' then
    if b.cancelled_at is not null then return jsonb_build_object('outcome', 'batch_closed'); end if;
    for i in select * from ingestions where batch_id = b.id and status = 'failed' order by id limit p_limit for update skip locked loop
      perform sluice.resume(i);
      v_count := v_count + 1;
    end loop;
  end if;
  perform sluice.audit(p_organization, p_caller, 'batch.' || p_action, 'batch', array[p_batch], 'allowed', jsonb_build_object('count', v_count));
  return jsonb_build_object('outcome', 'ok', 'count', v_count, 'more', (p_action = 'retry' and v_count = p_limit) or (p_action = 'cancel'
      and exists (select from ingestions where batch_id = b.id and status in ('uploaded', 'parsed', 'chunked'))), 'batch', sluice.describe_batch(b));
end $$;

-- ── Repeated requests ───────────────────────────────────────────────────────────────────────────────────────

-- Takes a key for one request: new · replay {status, response} · in_progress · reused (another request had it). A request that
-- was begun and not finished within p_stale_ms died with its gateway and may be done again.
create function public.sluice_begin_request(p_organization uuid, p_key text, p_fingerprint text, p_stale_ms integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  k idempotency_keys;
begin
  insert into idempotency_keys (organization_id, key, fingerprint) values (p_organization, p_key, p_fingerprint) on conflict do nothing;
  if found then return jsonb_build_object('outcome', 'new'); end if;
  select * into k from idempotency_keys where organization_id = p_organization and key = p_key for update;
  if not found then return jsonb_build_object('outcome', 'in_progress'); end if;
  if k.fingerprint <> p_fingerprint then return jsonb_build_object('outcome', 'reused'); end if;
  if k.response is not null then return jsonb_build_object('outcome', 'replay', 'status', k.status, 'response', k.response); end if;
  if k.created_at > now() - make_interval(secs => p_stale_ms / 1000.0) then return jsonb_build_object('outcome', 'in_progress'); end if;
  update idempotency_keys set created_at = now() where organization_id = p_organization and key = p_key;
  return jsonb_build_object('outcome', 'new');
end $$;

-- A request under way says so; one whose gateway died falls silent, and its key can be used again soon.
create function public.sluice_touch_request(p_organization uuid, p_key text) returns void
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  update idempotency_keys set created_at = now() where organization_id = p_organization and key = p_key and response is null
$$;

-- Keeps the answer; a null response gives the key back, for a request that failed and may be tried again.
create function public.sluice_finish_request(p_organization uuid, p_key text, p_status integer, p_response jsonb) returns void
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if p_response is null then
    delete from idempotency_keys where organization_id = p_organization and key = p_key and response is null;
  else
    update idempotency_keys set status = p_status, response = p_response where organization_id = p_organization and key = p_key;
  end if;
end $$;
