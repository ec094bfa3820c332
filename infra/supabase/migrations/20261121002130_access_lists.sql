-- Documents that an organization restricts to some: found, listed, searched, streamed and downloaded by those on their list, and by owners.

-- The document whose list says who sees this one: itself, or the one it was found in; null: whoever may read in the organization.
alter table sluice.documents add access_id uuid;
create index documents_restricted on sluice.documents (organization_id, access_id) where access_id is not null;

create table sluice.document_access (
  document_id uuid not null references sluice.documents on delete cascade,
  organization_id uuid not null,
  kind text not null check (kind in ('user', 'api_key')),
  subject_id uuid not null,
  granted_at timestamptz not null default now(),
  primary key (document_id, kind, subject_id)
);
create index document_access_by_subject on sluice.document_access (organization_id, kind, subject_id);

-- What is found in a restricted document is as restricted, from its first moment.
create function sluice.inherit_access() returns trigger language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  if new.parent_id is not null then new.access_id := (select access_id from documents where id = new.parent_id); end if;
  return new;
end $$;
create trigger inherit_access before insert on sluice.documents for each row execute function sluice.inherit_access();

-- Who comes back as a member finds no old leave waiting.
create function sluice.forget_access() returns trigger language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  delete from document_access where organization_id = old.organization_id and kind = 'user' and subject_id = old.user_id;
  return old;
end $$;
create trigger forget_access after delete on sluice.memberships for each row execute function sluice.forget_access();

create function sluice.is_owner(p_organization uuid, p_caller jsonb) returns boolean
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return p_caller->>'kind' = 'user' and exists (
  select from memberships where organization_id = p_organization and user_id = sluice.caller_id(p_caller) and role = 'owner');
end $$;

-- Whether a caller, who may read in the organization, sees documents of this access_id.
create function sluice.sees(p_organization uuid, p_caller jsonb, p_access uuid) returns boolean
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin
  if p_access is null then return true; end if;
  return exists (select from document_access where document_id = p_access and organization_id = p_organization and kind = p_caller->>'kind'
    and subject_id = sluice.caller_id(p_caller)) or sluice.is_owner(p_organization, p_caller);
end $$;

create function sluice.sees_document(p_organization uuid, p_caller jsonb, p_document uuid) returns boolean
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return exists (select from documents where organization_id = p_organization and id = p_document and sluice.sees(p_organization, p_caller, access_id));
end $$;

-- A search's filter with what its caller sees of what is restricted, as `seen`: true for everything, else an object of access ids. Nobody can send it along.
create function sluice.seeing(p_organization uuid, p_caller jsonb, p_filter jsonb) returns jsonb
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (p_filter - 'seen') || jsonb_build_object('seen', case when sluice.is_owner(p_organization, p_caller) then 'true'::jsonb else (
  select coalesce(jsonb_object_agg(document_id, 1), '{}') from document_access where organization_id = p_organization and kind = p_caller->>'kind'
    and subject_id = sluice.caller_id(p_caller)) end);
end $$;

-- Whether a search shows a document: see sluice.stands. A filter that says nothing of `seen` shows nothing restricted.
create function sluice.is_shown(p_standing text, p_access uuid, p_filter jsonb) returns boolean language sql immutable as $$
  select sluice.stands(p_standing, p_filter) and (p_access is null or coalesce(p_filter->'seen' = 'true' or p_filter->'seen' ? p_access::text, false))
$$;

create function sluice.describe_access(p_document uuid, p_access uuid) returns jsonb
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return jsonb_build_object('restricted', p_access is not null, 'through', nullif(p_access, p_document), 'subjects', (
  select coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'id', subject_id) order by kind, subject_id), '[]') from document_access where document_id = p_access));
end $$;

-- Who sees a document: for admins who do.
create function public.sluice_document_access(p_organization uuid, p_caller jsonb, p_document uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  d documents;
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'document.access', 'document', array[p_document]) then return jsonb_build_object('outcome', 'forbidden'); end if;
  select * into d from documents where organization_id = p_organization and id = p_document and sluice.sees(p_organization, p_caller, access_id);
  perform sluice.audit(p_organization, p_caller, 'document.access', 'document', array[p_document], case when d.id is null then 'not_found' else 'allowed' end);
  if d.id is null then return jsonb_build_object('outcome', 'not_found'); end if;
  return jsonb_build_object('outcome', 'ok', 'access', sluice.describe_access(d.id, d.access_id));
end $$;

-- Restricts a document, and all that was found in it, to these [{kind, id}] and the owners; p_subjects null: to nobody in particular any more.
-- Outcomes: ok · forbidden · not_found · document_is_child (its parent's list is its own) · subject_unknown (no member, or no live key).
create function public.sluice_restrict_document(p_organization uuid, p_caller jsonb, p_document uuid, p_subjects jsonb) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  d documents;
  v_outcome text := 'ok';
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'document.restrict', 'document', array[p_document]) then return jsonb_build_object('outcome', 'forbidden'); end if;
  -- A parse that is being sealed locks the family, too: no child slips in between.
  perform sluice.lock_family(p_document) from documents where organization_id = p_organization and id = p_document;
  select * into d from documents where organization_id = p_organization and id = p_document and sluice.sees(p_organization, p_caller, access_id) for update;
  if not found then v_outcome := 'not_found';
  elsif d.parent_id is not null then v_outcome := 'document_is_child';
  elsif exists (select from jsonb_array_elements(p_subjects) x where not case x->>'kind'
      when 'user' then exists (select from memberships where organization_id = p_organization and user_id = (x->>'id')::uuid)
      when 'api_key' then exists (select from api_keys where organization_id = p_organization and id = (x->>'id')::uuid and revoked_at is null)
      else false end) then v_outcome := 'subject_unknown';
  end if;
  if v_outcome = 'ok' then
    delete from document_access where document_id = d.id;
    insert into document_access (document_id, organization_id, kind, subject_id)
    select distinct d.id, p_organization, x->>'kind', (x->>'id')::uuid from jsonb_array_elements(p_subjects) x;
    d.access_id := case when p_subjects is not null then d.id end;
    with recursive tree as (select d.id union all select c.id from documents c join tree t on c.parent_id = t.id)
    update documents set access_id = d.access_id where id in (select id from tree);
  end if;
  perform sluice.audit(p_organization, p_caller, 'document.restrict', 'document', array[p_document],
    case v_outcome when 'ok' then 'allowed' when 'not_found' then 'not_found' else 'refused' end,
    jsonb_build_object('restricted', p_subjects is not null, 'subjects', jsonb_array_length(coalesce(p_subjects, '[]'))));
  return case v_outcome when 'ok' then jsonb_build_object('outcome', 'ok', 'access', sluice.describe_access(d.id, d.access_id)) else jsonb_build_object('outcome', v_outcome) end;
end $$;

-- ── What reads, reading no more than its caller sees ────────────────────────────────────────────────────────

-- System. As before, with whether the document is restricted.
create or replace function public.sluice_events_since(p_xid text, p_id bigint, p_limit integer) returns jsonb
language plpgsql stable security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_events jsonb;
begin
  if p_xid is null then
    return jsonb_build_object('xid', (v_horizon::text::bigint - 1)::text, 'id', 9007199254740991, 'events', '[]'::jsonb);
  end if;
  select coalesce(jsonb_agg(to_jsonb(e) - 'x' order by e.x, e.id), '[]') into v_events from (
    select xid as x, xid::text as xid, id, organization_id as "organizationId", document_id as "documentId", ingestion_id as "ingestionId", batch_id as "batchId",
      kind, status, stage, generation, attempt, duration_ms as "durationMs", code, at,
      exists (select from documents d where d.id = document_id and d.access_id is not null) as restricted
    from document_events where (xid, id) > (p_xid::xid8, p_id) and xid < v_horizon order by document_events.xid, document_events.id limit least(p_limit, 1000)) e;
  return jsonb_build_object('xid', coalesce(v_events->-1->>'xid', p_xid), 'id', coalesce((v_events->-1->>'id')::bigint, p_id), 'events', v_events);
end $$;

create or replace function public.sluice_get_document(p_organization uuid, p_caller jsonb, p_document uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  d documents;
  i ingestions;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'document.read', 'document', array[p_document]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  select * into d from documents where organization_id = p_organization and id = p_document and sluice.sees(p_organization, p_caller, access_id);
  if found then i := sluice.latest(d.id); end if;
  perform sluice.audit(p_organization, p_caller, 'document.read', 'document', array[p_document], case when i.id is null then 'not_found' else 'allowed' end);
  if i.id is null then return jsonb_build_object('outcome', 'not_found'); end if;
  return jsonb_build_object('outcome', 'ok', 'document', sluice.describe(d, i));
end $$;

create or replace function public.sluice_why(p_organization uuid, p_caller jsonb, p_document uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  d documents;
  i ingestions;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'document.why', 'document', array[p_document]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  select * into d from documents where organization_id = p_organization and id = p_document and sluice.sees(p_organization, p_caller, access_id);
  if found then i := sluice.latest(d.id); end if;
  perform sluice.audit(p_organization, p_caller, 'document.why', 'document', array[p_document], case when i.id is null then 'not_found' else 'allowed' end);
  if i.id is null then return jsonb_build_object('outcome', 'not_found'); end if;
  return jsonb_build_object('outcome', 'ok', 'document', sluice.describe(d, i), 'waits', sluice.waits_for(i), 'deaths', i.deaths);
end $$;

create or replace function public.sluice_reprocess(p_organization uuid, p_caller jsonb, p_document uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  d documents;
  i ingestions;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:write', 'document.reprocess', 'document', array[p_document]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  select * into d from documents where organization_id = p_organization and id = p_document and sluice.sees(p_organization, p_caller, access_id) for update;
  if not found then return jsonb_build_object('outcome', 'not_found'); end if;
  select * into i from ingestions where organization_id = p_organization and document_id = p_document order by revision desc limit 1 for update;
  if not found then return jsonb_build_object('outcome', 'not_found'); end if;
  if i.next_queue is not null then return jsonb_build_object('outcome', 'document_in_progress'); end if;
  i := sluice.start_ingestion(p_organization, d.id, null, jsonb_build_object('fileName', i.file_name, 'tags', to_jsonb(i.tags), 'metadata', i.metadata, 'objectPath', i.object_path, 'contentHash', i.content_hash,
    'byteLength', i.byte_length, 'declaredType', i.declared_type, 'mediaType', i.media_type), 'reprocess', false);
  perform sluice.audit(p_organization, p_caller, 'document.reprocess', 'document', array[p_document], 'allowed');
  return jsonb_build_object('outcome', 'ok', 'documentId', d.id, 'ingestionId', i.id, 'revision', i.revision, 'status', i.status);
end $$;

create or replace function public.sluice_query_documents(p_organization uuid, p_caller jsonb, p_filter jsonb, p_before_at timestamptz, p_before_id uuid, p_limit integer)
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
    where d.organization_id = p_organization and (d.access_id is null or sluice.sees(p_organization, p_caller, d.access_id))
      and (p_before_at is null or (d.created_at, d.id) < (p_before_at, p_before_id))
      -- What was found in a reading that a later one has replaced is not there for readers.
      and (d.parent_id is null or not exists (select from ingestions shown join ingestions found on found.id = d.parent_ingestion_id
        where shown.document_id = d.parent_id and shown.active and shown.revision > found.revision))
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
  if not exists (select from documents where organization_id = p_organization and id = p_document and sluice.sees(p_organization, p_caller, access_id)) then
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

create or replace function public.sluice_document_events(p_organization uuid, p_caller jsonb, p_document uuid, p_after_xid text, p_after_id bigint, p_limit integer)
returns jsonb language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_items jsonb;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'document.events', 'document', array[p_document]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  if exists (select from documents where organization_id = p_organization and id = p_document and not sluice.sees(p_organization, p_caller, access_id)) then
    perform sluice.audit(p_organization, p_caller, 'document.events', 'document', array[p_document], 'not_found');
    return jsonb_build_object('outcome', 'not_found');
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

create or replace function public.sluice_original(p_organization uuid, p_caller jsonb, p_document uuid, p_revision integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
  d documents;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'document.file', 'document', array[p_document]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  select * into d from documents where organization_id = p_organization and id = p_document and sluice.sees(p_organization, p_caller, access_id);
  select * into i from ingestions where organization_id = p_organization and document_id = d.id
    and (p_revision is null or revision = p_revision) order by active desc, revision desc limit 1;
  perform sluice.audit(p_organization, p_caller, 'document.file', 'document', array[p_document], case when i.id is null then 'not_found' else 'allowed' end);
  if i.id is null then return jsonb_build_object('outcome', 'not_found'); end if;
  return jsonb_build_object('outcome', 'ok', 'objectPath', i.object_path, 'mediaType', i.media_type, 'fileName', d.file_name, 'byteLength', i.byte_length);
end $$;

create or replace function public.sluice_delete_document(p_organization uuid, p_caller jsonb, p_document uuid) returns jsonb
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
  if d.id is not null and not sluice.sees(p_organization, p_caller, d.access_id) then
    perform sluice.audit(p_organization, p_caller, 'document.delete', 'document', array[p_document], 'not_found');
    return jsonb_build_object('outcome', 'not_found');
  end if;
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
  perform 1 from documents where id = any (v_ids) order by depth, id for update;
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

create or replace function public.sluice_dead_letters(p_organization uuid, p_caller jsonb, p_filter jsonb, p_before_at timestamptz, p_before_id uuid, p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_items jsonb;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'dead_letters.list', 'dead_letter') then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  select coalesce(jsonb_agg(jsonb_build_object('ingestionId', l.ingestion_id, 'documentId', l.document_id, 'batchId', l.batch_id, 'stage', l.stage, 'code', l.code,
    'version', l.version, 'state', l.state, 'replays', l.replays, 'poison', l.poison, 'decidedAt', l.decided_at, 'reason', l.reason,
    'attempts', l.attempts, 'tries', sluice.tries_of(l.ingestion_id), 'firstSeen', l.first_seen, 'lastSeen', l.last_seen)
    order by l.last_seen desc, l.ingestion_id desc), '[]') into v_items
  from (select * from dead_letters l where organization_id = p_organization and sluice.sees_document(p_organization, p_caller, l.document_id) and sluice.dead_letter_passes(l, p_filter)
    and (p_before_at is null or (last_seen, ingestion_id) < (p_before_at, p_before_id))
    order by last_seen desc, ingestion_id desc limit least(p_limit, 500)) l;
  perform sluice.audit(p_organization, p_caller, 'dead_letters.list', 'dead_letter', '{}', 'allowed');
  return jsonb_build_object('outcome', 'ok', 'items', v_items);
end $$;

create or replace function public.sluice_decide_dead_letters(p_organization uuid, p_caller jsonb, p_decision text, p_ids uuid[], p_filter jsonb, p_reason text, p_limit integer)
returns jsonb language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  l dead_letters;
  i ingestions;
  v_done uuid[] := '{}';
  v_seen integer := 0;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:write', 'dead_letters.' || p_decision, 'dead_letter', p_ids) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  for l in select * from dead_letters x where organization_id = p_organization and state = 'open' and sluice.sees_document(p_organization, p_caller, x.document_id)
    and case when p_ids is null then sluice.dead_letter_passes(x, p_filter - 'state') and (not poison or (p_filter->>'poison')::boolean is true) else ingestion_id = any (p_ids) end
    and not (p_decision = 'replay' and exists (select from batches b where b.id = x.batch_id and b.cancelled_at is not null))
    order by ingestion_id limit p_limit loop
    v_seen := v_seen + 1;
    select * into i from ingestions where organization_id = p_organization and id = l.ingestion_id and status = 'failed' for update skip locked;
    continue when not found;
    if p_decision = 'replay' then
      perform sluice.resume(i);
      update dead_letters set decided_by = sluice.caller_id(p_caller) where ingestion_id = i.id;
    else
      update dead_letters set state = 'discarded', decided_at = now(), decided_by = sluice.caller_id(p_caller), reason = p_reason where ingestion_id = i.id;
    end if;
    v_done := v_done || i.id;
  end loop;
  perform sluice.audit(p_organization, p_caller, 'dead_letters.' || p_decision, 'dead_letter', v_done, 'allowed');
  return jsonb_build_object('outcome', 'ok', 'count', cardinality(v_done), 'left', case when p_ids is null then 0 else cardinality(p_ids) - cardinality(v_done) end,
    'more', p_ids is null and v_seen = p_limit and cardinality(v_done) > 0);
end $$;

create or replace function public.sluice_reviews(p_organization uuid, p_caller jsonb, p_before_at timestamptz, p_before_id uuid, p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'reviews.list', 'review') then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform sluice.audit(p_organization, p_caller, 'reviews.list', 'review', '{}', 'allowed');
  return jsonb_build_object('outcome', 'ok', 'items', (select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'documentId', r.document_id,
      'ingestionId', r.ingestion_id, 'code', r.code, 'raisedAt', r.raised_at) order by r.raised_at desc, r.id desc), '[]')
    from (select * from reviews where organization_id = p_organization and settled_at is null and sluice.sees_document(p_organization, p_caller, document_id)
      and (p_before_at is null or (raised_at, id) < (p_before_at, p_before_id)) order by raised_at desc, id desc limit least(p_limit, 200)) r));
end $$;

create or replace function public.sluice_settle_review(p_organization uuid, p_caller jsonb, p_review uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:write', 'review.settle', 'review', array[p_review]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  if not exists (select from reviews where organization_id = p_organization and id = p_review and sluice.sees_document(p_organization, p_caller, document_id)) then
    perform sluice.audit(p_organization, p_caller, 'review.settle', 'review', array[p_review], 'not_found');
    return jsonb_build_object('outcome', 'not_found');
  end if;
  update reviews set settled_at = coalesce(settled_at, now()), settled_by = coalesce(settled_by, sluice.caller_id(p_caller))
  where organization_id = p_organization and id = p_review;
  perform sluice.audit(p_organization, p_caller, 'review.settle', 'review', array[p_review], 'allowed');
  return jsonb_build_object('outcome', 'ok');
end $$;

create or replace function sluice.matching(p_organization uuid, p_filter jsonb) returns table (id uuid, chunks integer, is_undated boolean)
language plpgsql stable set search_path = sluice, extensions, pg_temp set plan_cache_mode = force_custom_plan as $$
begin
  return query select i.id, i.chunk_count, not exists (select from document_dates x where x.ingestion_id = i.id
      and (p_filter->>'dateKind' is null or x.kind = p_filter->>'dateKind'))
  from documents d join ingestions i on i.document_id = d.id and i.active
  where d.organization_id = p_organization and sluice.is_shown(d.standing, d.access_id, p_filter)
    and (p_filter->>'documentId' is null or d.id = (p_filter->>'documentId')::uuid)
    and (p_filter->>'parentId' is null or d.parent_id = (p_filter->>'parentId')::uuid)
    and (p_filter->>'externalId' is null or d.external_id = p_filter->>'externalId')
    and (p_filter->>'fileName' is null or d.file_name = p_filter->>'fileName')
    and (p_filter->'tags' is null or d.tags @> array(select jsonb_array_elements_text(p_filter->'tags')))
    and (p_filter->'metadata' is null or d.metadata @> (p_filter->'metadata'))
    and (p_filter->>'batchId' is null or i.batch_id = (p_filter->>'batchId')::uuid)
    and (p_filter->>'format' is null or i.format = p_filter->>'format')
    and (p_filter->>'documentType' is null or i.header#>>'{type,code}' = p_filter->>'documentType'
      or (i.header#>>'{type,system}') || '|' || (i.header#>>'{type,code}') = p_filter->>'documentType'
      or lower(i.header#>>'{type,display}') = lower(p_filter->>'documentType'))
    and (p_filter->>'language' is null or lower(i.header->>'language') = lower(p_filter->>'language')
      or starts_with(lower(i.header->>'language'), lower(p_filter->>'language') || '-'))
    and (p_filter->>'patient' is null or d.id = any (array(
      select named.id from documents named where named.organization_id = p_organization and named.patient = p_filter->>'patient'
      union select read.document_id from patients p join document_patients dp on dp.patient_id = p.id
        join ingestions read on read.id = dp.ingestion_id and read.active
        where p.organization_id = p_organization and (p.identifier = p_filter->>'patient'
          or (p.identifier = substr(p_filter->>'patient', strpos(p_filter->>'patient', '|') + 1)
            and p.authority || '|' || p.identifier = p_filter->>'patient')))))
    and ((p_filter->>'from' is null and p_filter->>'to' is null) or exists (select from document_dates x where x.ingestion_id = i.id
        and (p_filter->>'dateKind' is null or x.kind = p_filter->>'dateKind')
        and (p_filter->>'from' is null or x.day >= (p_filter->>'from')::date) and (p_filter->>'to' is null or x.day <= (p_filter->>'to')::date))
      -- What has no such date is let through here, and counted or dropped by who asks.
      or not exists (select from document_dates x where x.ingestion_id = i.id and (p_filter->>'dateKind' is null or x.kind = p_filter->>'dateKind')))
    and (p_filter->>'sectionCode' is null
      or exists (select from chunks c where c.ingestion_id = i.id and c.generation = i.chunked_generation and c.code = p_filter->>'sectionCode')
      or exists (select from sections s where s.ingestion_id = i.id and s.generation = i.parsed_generation and s.code = p_filter->>'sectionCode'));
end $$;

create or replace function sluice.additions(p_organization uuid, p_document uuid, p_ingestion uuid, p_filter jsonb) returns jsonb
language plpgsql stable set search_path = sluice, extensions, pg_temp set plan_cache_mode = force_generic_plan
  set join_collapse_limit = 1 set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
begin return (
  with me as (
    select d, i from documents d join ingestions i on i.id = p_ingestion and i.document_id = d.id where d.organization_id = p_organization and d.id = p_document
  ) select jsonb_build_object(
    'addenda', (select coalesce(jsonb_agg(jsonb_build_object('id', x.id, 'title', x.title, 'text', x.text) order by x.created_at, x.id), '[]') from (
      select distinct on (o.id) o.id, o.created_at, a.header->>'title' as title,
        (select left(c.text, 1000) from chunks c where c.ingestion_id = a.id and c.generation = a.chunked_generation order by c.ordinal limit 1) as text
      from me join document_identifiers mine on mine.ingestion_id = p_ingestion
      join document_relations r on r.organization_id = p_organization and r.kind = 'appends' and r.target_system = mine.system and r.target_value = mine.value
      join ingestions a on a.id = r.ingestion_id and a.active join documents o on o.id = a.document_id
      where sluice.may_add(o, a, me.d, me.i) and sluice.is_shown(o.standing, o.access_id, p_filter)
      order by o.id limit 20) x),
    'appendsTo', (select coalesce(jsonb_agg(distinct o.id), '[]') from me join document_relations r on r.ingestion_id = p_ingestion and r.kind = 'appends'
      join document_identifiers theirs on theirs.organization_id = p_organization and theirs.system = r.target_system and theirs.value = r.target_value
      join ingestions a on a.id = theirs.ingestion_id and a.active join documents o on o.id = a.document_id
      where sluice.may_add(me.d, me.i, o, a) and sluice.is_shown(o.standing, o.access_id, p_filter))));
end $$;

create or replace function sluice.best_matches(p_organization uuid, p_match tsquery, p_query tsquery, p_is_phrase boolean, p_related tsquery[], p_groups integer[],
  p_filter jsonb, p_ids uuid[], p_code text, p_depth integer) returns table (id uuid, raw double precision)
language plpgsql stable set search_path = sluice, extensions, pg_temp set plan_cache_mode = force_generic_plan
  set join_collapse_limit = 1 set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
declare
  v_words double precision := (numnode(p_query) + 1) / 2;
  -- Then all passages of these are gone through, rather than all that match.
  v_is_few boolean := coalesce(cardinality(p_ids) <= 500, false);
  v_take integer := p_depth * 2;
  v_taken bigint;
  v_ids uuid[];
  v_raws double precision[];
begin
  loop
    with best as materialized (
      select c.id, c.ingestion_id, c.generation, case
          when p_is_phrase then ts_rank_cd(c.search_vector, p_query)::double precision
          when p_related = '{}' then ts_rank(c.search_vector, p_query) * v_words
          else coalesce(ts_rank(c.search_vector, p_query) * v_words, 0) + sluice.related_score(c.search_vector, p_related, p_groups) end as raw
      from (
        select c.* from chunks c where not v_is_few and c.organization_id = p_organization and c.search_vector @@ p_match
          and (p_ids is null or c.ingestion_id = any (p_ids))
        union all select c.* from unnest(p_ids) few(id) join chunks c on c.ingestion_id = few.id
          where v_is_few and c.organization_id = p_organization and c.search_vector @@ p_match) c
      order by 4 desc, c.id limit v_take
    ), seen as (
      select b.id, b.raw from best b join ingestions i on i.id = b.ingestion_id and i.active and i.chunked_generation = b.generation
      join documents d on d.id = i.document_id
      where sluice.is_shown(d.standing, d.access_id, p_filter)
        and (p_code is null or exists (select from chunks c where c.id = b.id and sluice.has_code(c, i, p_code)))
      order by b.raw desc, b.id limit p_depth
    ) select array_agg(s.id order by s.raw desc, s.id), array_agg(s.raw order by s.raw desc, s.id), (select count(*) from best)
    into v_ids, v_raws, v_taken from seen s;
    exit when coalesce(cardinality(v_ids), 0) = p_depth or v_take is null or v_taken < v_take;
    v_take := null;
  end loop;
  return query select * from unnest(v_ids, v_raws);
end $$;

create or replace function sluice.nearest_exactly(p_organization uuid, p_model text, p_vector text, p_filter jsonb, p_ids uuid[], p_code text, p_depth integer)
returns table (chunk_id uuid, distance double precision)
language plpgsql stable set search_path = sluice, extensions, pg_temp set plan_cache_mode = force_generic_plan
  set join_collapse_limit = 1 set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
declare
  v_vector vector := p_vector::vector;
  v_take integer := p_depth * 2;
  v_taken bigint;
  v_ids uuid[];
  v_distances double precision[];
begin
  loop
    with nearest as materialized (
      select e.chunk_id as id, (e.embedding <=> v_vector) + 0 as far from (
        select e.chunk_id, e.embedding from embeddings e where p_ids is null and e.organization_id = p_organization and e.model = p_model
        -- Not by the organization's index, which has them all.
        union all select e.chunk_id, e.embedding from unnest(p_ids) wanted(id) join embeddings e on e.ingestion_id = wanted.id and e.model = p_model
          where e.organization_id is not distinct from p_organization) e
      order by 2, e.chunk_id limit v_take
    ), seen as (
      select n.id, n.far from nearest n join chunks c on c.id = n.id
      join ingestions i on i.id = c.ingestion_id and i.active and i.chunked_generation = c.generation join documents d on d.id = i.document_id
      where sluice.is_shown(d.standing, d.access_id, p_filter) and sluice.has_code(c, i, p_code)
      order by n.far, n.id limit p_depth
    ) select array_agg(s.id order by s.far, s.id), array_agg(s.far order by s.far, s.id), (select count(*) from nearest)
    into v_ids, v_distances, v_taken from seen s;
    exit when coalesce(cardinality(v_ids), 0) = p_depth or v_take is null or v_taken < v_take;
    v_take := null;
  end loop;
  return query select * from unnest(v_ids, v_distances);
end $$;

create or replace function public.sluice_search(p_organization uuid, p_caller jsonb, p_query text, p_mode text, p_vector text, p_model text, p_filter jsonb,
  p_limit integer, p_query_hash text, p_options jsonb default '{}') returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp set plan_cache_mode = force_generic_plan
  set join_collapse_limit = 1 set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
declare
  v_active text;
  v_lexical boolean;
  v_hits jsonb;
  v_found integer;
  v_depth integer;
  v_full boolean;
  v_words tsquery := sluice.any_word(sluice.for_search(p_query));
  v_phrase tsquery := phraseto_tsquery('english', sluice.for_search(p_query));
  v_related tsquery[];
  v_groups integer[];
  v_any tsquery;
  v_limit integer := least(greatest(p_limit, 1), 200);
  v_offset integer := least(greatest(coalesce((p_options->>'offset')::integer, 0), 0), 15000);
  v_neighbours integer := least(greatest(coalesce((p_options->>'neighbours')::integer, 0), 0), 5);
  v_exact_below integer := coalesce((p_options->>'exactBelow')::integer, 20000);
  v_code text := p_filter->>'sectionCode';
  -- Null: whatever readers see.
  v_ids uuid[];
  v_rows bigint;
  v_undated integer;
  v_type text;
  v_scan text := 'exact';
  v_near uuid[] := '{}';
  v_distances double precision[] := '{}';
  v_match tsquery;
  v_phrases uuid[] := '{}';
  v_phrase_scores double precision[] := '{}';
  v_worded uuid[] := '{}';
  v_word_scores double precision[] := '{}';
begin
  if not sluice.authorize(p_organization, p_caller, 'search', 'search', 'document') then return jsonb_build_object('outcome', 'forbidden'); end if;
  p_filter := sluice.seeing(p_organization, p_caller, p_filter);
  if p_mode <> 'keyword' then
    select active_model into v_active from organizations where id = p_organization;
    if v_active is not null and v_active <> p_model then
      perform sluice.audit(p_organization, p_caller, 'search', 'document', '{}', 'model_inactive', jsonb_build_object('mode', p_mode));
      return jsonb_build_object('outcome', 'model_inactive', 'activeModel', v_active);
    end if;
    select lexical into v_lexical from embedding_models where id = p_model;
  end if;
  -- Groups of terms, [["htn", "high blood pressure"], …], as phrases.
  select coalesce(array_agg(q), '{}'), coalesce(array_agg(n), '{}') into v_related, v_groups from (
    select phraseto_tsquery('english', t) as q, g.n from jsonb_array_elements(coalesce(p_options->'related', '[]')) with ordinality g(terms, n),
      jsonb_array_elements_text(g.terms) t) terms where numnode(q) > 0;
  select string_agg('(' || q::text || ')', ' | ')::tsquery into v_any
  from unnest(v_related || array[v_words, v_phrase]) q where numnode(q) > 0;

  if p_filter - '{includeReplaced,includeUndated,dateKind,seen}'::text[] <> '{}' then
    select coalesce(array_agg(m.id), '{}'), coalesce(sum(m.chunks), 0) into v_ids, v_rows from sluice.matching(p_organization, p_filter) m
    where not (m.is_undated and (p_filter ? 'from' or p_filter ? 'to')) or coalesce((p_filter->>'includeUndated')::boolean, false);
    if p_filter ? 'from' or p_filter ? 'to' then
      select count(*) into v_undated from sluice.matching(p_organization, p_filter) m where m.is_undated;
    end if;
  end if;
  if p_mode <> 'keyword' then
    v_type := sluice.vector_index(p_model);
    if v_type is not null and v_ids is null then
      v_rows := sluice.vector_count(p_organization, p_model, v_exact_below + 1);
    end if;
    if v_rows <= v_exact_below then v_type := null; end if;
  end if;

  foreach v_depth in array array[200, 1000, 5000] loop
    if p_mode <> 'keyword' then
      if v_type is not null then
        v_scan := 'index';
        select coalesce(array_agg(n.chunk_id order by n.distance, n.chunk_id), '{}'), coalesce(array_agg(n.distance order by n.distance, n.chunk_id), '{}')
        into v_near, v_distances from (
          select x.chunk_id, x.distance from sluice.nearest_by_index(p_organization, p_model, v_type, p_vector, v_depth * 2) x
          join chunks c on c.id = x.chunk_id join ingestions i on i.id = c.ingestion_id and i.active and i.chunked_generation = c.generation
          join documents d on d.id = i.document_id
          where sluice.is_shown(d.standing, d.access_id, p_filter) and (v_ids is null or i.id = any (v_ids))
            and sluice.has_code(c, i, v_code)
          order by x.distance, x.chunk_id limit v_depth) n;
        if cardinality(v_near) < v_depth then v_scan := 'completed'; end if;
      end if;
      if v_scan <> 'index' then
        select coalesce(array_agg(n.chunk_id order by n.distance, n.chunk_id), '{}'), coalesce(array_agg(n.distance order by n.distance, n.chunk_id), '{}')
        into v_near, v_distances from sluice.nearest_exactly(p_organization, p_model, p_vector, p_filter, v_ids, v_code, v_depth) n;
      end if;
    end if;

    if p_mode <> 'semantic' then
      v_phrases := '{}';
      if numnode(v_phrase) > 1 then
        select coalesce(array_agg(b.id order by b.raw desc, b.id), '{}'), coalesce(array_agg(b.raw order by b.raw desc, b.id), '{}') into v_phrases, v_phrase_scores
        from sluice.best_matches(p_organization, v_phrase, v_phrase, true, '{}', '{}', p_filter, v_ids, v_code, v_depth) b;
      end if;
      -- Whoever has two of the words stands before all that have one: a word adds at least 0.06 and less than 0.1, however often it occurs.
      v_match := case when v_related = '{}' then sluice.any_two_words(sluice.for_search(p_query)) end;
      loop
        select coalesce(array_agg(b.id order by b.raw desc, b.id), '{}'), coalesce(array_agg(b.raw order by b.raw desc, b.id), '{}') into v_worded, v_word_scores
        from sluice.best_matches(p_organization, coalesce(v_match, v_any), v_words, false, v_related, v_groups, p_filter, v_ids, v_code, v_depth) b;
        exit when v_match is null or cardinality(v_worded) = v_depth;
        v_match := null;
      end loop;
    end if;

    with lists as (
      select id, rank, 'phrase' as list, 1.0 as weight, raw from unnest(v_phrases, v_phrase_scores) with ordinality n(id, raw, rank)
      union all select id, rank, 'words', 1.0, raw from unnest(v_worded, v_word_scores) with ordinality n(id, raw, rank)
      union all select id, rank, 'semantic', case when v_lexical and p_mode = 'hybrid' then 0.5 else 1.0 end, 1 - distance
        from unnest(v_near, v_distances) with ordinality n(id, distance, rank)
    ), tiers as (
      select id, case when min(rank) <= 200 then 200 when min(rank) <= 1000 then 1000 else 5000 end as tier from lists group by id
    ), fused as (
      select l.id, t.tier, sum(l.weight / (60 + l.rank)) as score, jsonb_object_agg(l.list, l.rank) as ranks, max(l.raw) filter (where l.list = 'semantic') as similarity,
        jsonb_object_agg(l.list, jsonb_build_object('rank', l.rank, 'score', round(l.raw::numeric, 4), 'weight', l.weight,
          'adds', round(l.weight / (60 + l.rank), 6))) as lists
      from lists l join tiers t on t.id = l.id and l.rank <= t.tier group by l.id, t.tier
    ), placed as (
      select f.*, c.ingestion_id, i.document_id, d.standing, row_number() over (order by f.tier, f.score desc, f.id) as nth,
        -- Whose it is matters where others say the same.
        case when count(*) over same > 1 then coalesce(c.copy_key, c.content_hash) || '|' || coalesce(sluice.whose(d, i), d.id::text) else f.id::text end as said
      from fused f join chunks c on c.id = f.id join ingestions i on i.id = c.ingestion_id join documents d on d.id = i.document_id
      window same as (partition by coalesce(c.copy_key, c.content_hash))
    ), folded as (
      select distinct on (said) p.*, coalesce(jsonb_agg(jsonb_build_object('documentId', p.document_id, 'chunkId', p.id, 'standing', p.standing))
        over (partition by said order by nth rows between 1 following and unbounded following), '[]') as copies
      from placed p order by said, nth
    ), best as (
      select b.*, c.ordinal, c.generation, c.text, c.prefix, c.spans, c.page_from, c.page_to, c.section_ordinal, coalesce(c.heading, s.title) as title,
        coalesce(c.code, s.code) as code, case when c.code is null then s.code_system else c.code_system end as code_system,
        case when c.code is null then s.code_display else c.code_display end as code_display, c.copied, coalesce(c.copy_key, c.content_hash) as copy_key
      from (select * from folded order by nth offset v_offset limit v_limit) b join chunks c on c.id = b.id join ingestions i on i.id = b.ingestion_id
      left join sections s on s.ingestion_id = c.ingestion_id and s.generation = i.parsed_generation and s.ordinal = c.section_ordinal
    )
    select coalesce(jsonb_agg(jsonb_build_object('chunkId', b.id, 'score', round(b.score::numeric, 6), 'ranks', b.ranks, 'lists', b.lists,
        'similarity', round(b.similarity::numeric, 4),
        'text', b.text, 'prefix', b.prefix, 'spans', b.spans, 'pageFrom', b.page_from, 'pageTo', b.page_to,
        'marked', case when v_any is null then '[]' else (select coalesce(jsonb_agg(distinct m[1]), '[]') from regexp_matches(
          ts_headline('english', b.text, v_any, 'HighlightAll=true,StartSel="' || chr(1) || '",StopSel="' || chr(2) || '"'),
          chr(1) || '([^' || chr(2) || ']*)' || chr(2), 'g') m) end,
        'section', jsonb_build_object('ordinal', b.section_ordinal, 'title', b.title,
          'code', case when b.code is null then null else jsonb_strip_nulls(jsonb_build_object('system', b.code_system, 'code', b.code, 'display', b.code_display)) end),
        'copied', b.copied, 'copyKey', b.copy_key, 'copies', b.copies,
        'before', case when v_neighbours = 0 then '[]' else sluice.around(b.ingestion_id, b.generation, b.ordinal, -v_neighbours) end,
        'after', case when v_neighbours = 0 then '[]' else sluice.around(b.ingestion_id, b.generation, b.ordinal, v_neighbours) end,
        'document', jsonb_build_object('id', d.id, 'externalId', d.external_id, 'fileName', d.file_name, 'title', i.header->>'title', 'revision', i.revision,
          'mediaType', i.media_type, 'parentId', d.parent_id, 'standing', d.standing, 'standingBy', d.standing_by,
          'warnings', (select coalesce(jsonb_agg(distinct w->>'code'), '[]') from jsonb_array_elements(i.warnings) w))
          || sluice.additions(p_organization, d.id, i.id, p_filter)) order by b.nth), '[]'),
      (select count(*) from folded), coalesce((select max(n) >= v_depth from (select count(*) as n from lists group by list) x), false)
    into v_hits, v_found, v_full
    from best b join ingestions i on i.id = b.ingestion_id join documents d on d.id = i.document_id;
    exit when v_found > v_offset + v_limit or not v_full;
  end loop;

  perform sluice.audit(p_organization, p_caller, 'search', 'document',
    array(select distinct id from (
      select (h#>>'{document,id}')::uuid as id from jsonb_array_elements(v_hits) h
      union all select (c->>'documentId')::uuid from jsonb_array_elements(v_hits) h, jsonb_array_elements(h->'copies') c
      union all select (a->>'id')::uuid from jsonb_array_elements(v_hits) h, jsonb_array_elements(h#>'{document,addenda}') a) shown), 'allowed',
    jsonb_build_object('mode', p_mode, 'hits', jsonb_array_length(v_hits), 'offset', v_offset, 'query', p_query_hash));
  return jsonb_build_object('outcome', 'ok', 'hits', v_hits, 'more', v_found > v_offset + v_limit, 'undated', v_undated,
    'scan', case when p_mode = 'keyword' then null else v_scan end, 'model', case when p_mode = 'keyword' then null else p_model end, 'lexical', v_lexical);
end $$;

-- System. Which of these {organizationId, caller, scope, documentId?} may not go on, by their places: asked every half second for those whose streams are open.
create or replace function public.sluice_refused_callers(p_items jsonb) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(x.ordinality - 1), '[]') from jsonb_array_elements(p_items) with ordinality x
  where not sluice.may((x.value->>'organizationId')::uuid, x.value->'caller', x.value->>'scope')
    -- One that is deleted is told so by its own event.
    or exists (select from documents d where d.organization_id = (x.value->>'organizationId')::uuid and d.id = (x.value->>'documentId')::uuid
      and not sluice.sees(d.organization_id, x.value->'caller', d.access_id))
$$;

select sluice.raise_walls();
