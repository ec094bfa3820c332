-- What these functions do is as it was. PostgreSQL plans a function in SQL at every call unless it becomes a part of the query that calls it, which
-- one with a search_path of its own can't; one in PL/pgSQL is planned once in a session. That was a third of what a document cost the database.
-- `npm run bench -- ingest` shows it.

create or replace function sluice.try_lock_family(p_document uuid) returns boolean
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin return (
  with locked as (select 1 from documents where id in (select sluice.family(p_document)) for update skip locked)
  select (select count(*) from locked) = (select count(*) from sluice.family(p_document)));
end $$;

create or replace function sluice.price_of(p_organization uuid, p_provider text, p_model text, p_at timestamp with time zone) returns numeric
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (
  select usd_per_million from (
    select distinct on (origin) origin, usd_per_million from embedding_prices
    where provider = p_provider and model = p_model and organization_id in (sluice.everybody(), p_organization) and since <= p_at
    order by origin, since desc) newest
  where usd_per_million is not null order by array_position(array['organization', 'configuration', 'shipped'], origin) limit 1);
end $$;

create or replace function sluice.in_flight(p_organization uuid, p_window text, p_at_most integer) returns integer
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (
  select count(*)::integer from (select from ingestions where organization_id = p_organization and dispatched_at is not null
    and next_queue = any (case p_window when 'ocr' then array['ocr'] else array['parse', 'chunk', 'embed'] end) limit p_at_most) f);
end $$;

create or replace function sluice.children_pending(p_document uuid, p_reading uuid) returns boolean
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (
  with recursive found as (
    select i.id, i.document_id, i.next_queue from documents d join ingestions i on i.document_id = d.id
      where d.parent_id = p_document and d.parent_ingestion_id = p_reading
    union all
    select i.id, i.document_id, i.next_queue from found f
      join documents d on d.parent_id = f.document_id and d.parent_ingestion_id = f.id join ingestions i on i.document_id = d.id)
  select exists (select from found where next_queue is not null));
end $$;

create or replace function sluice.sections_after(i sluice.ingestions, p_after integer, p_limit integer, p_length integer) returns jsonb
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (
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
  where s.before < p_length);
end $$;

create or replace function sluice.chunks_after(i sluice.ingestions, p_model text, p_after integer, p_limit integer) returns jsonb
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (
  select coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'ordinal', c.ordinal, 'text', c.text, 'prefix', c.prefix, 'tokenCount', c.token_count) order by c.ordinal), '[]')
  from (select * from chunks c where c.organization_id = i.organization_id and c.ingestion_id = i.id and c.generation = i.chunked_generation
      and c.ordinal > p_after and not exists (select from embeddings e where e.chunk_id = c.id and e.model = p_model)
    order by c.ordinal limit least(p_limit, 1000)) c);
end $$;

create or replace function sluice.chunk_context(i sluice.ingestions) returns jsonb
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (
  select jsonb_build_object('format', i.format, 'title', i.header->>'title', 'type', nullif(i.header->'type', 'null'),
    'identities', (select coalesce(jsonb_agg(distinct x), '[]') from (
        select jsonb_path_query(i.header, '$.patients[*].names[*]') union select jsonb_path_query(i.header, '$.patients[*].identifiers[*].value')
        union select to_jsonb(split_part(d.patient, '|', -1)) where d.patient is not null) n(x)),
    'patientKeys', (select coalesce(jsonb_agg(key order by key), '[]') from (
        select key from (
          select distinct (x->>'authority') || '|' || (x->>'value') as key from jsonb_path_query(i.header, '$.patients[*].identifiers[*]') x
          union select d.patient where d.patient is not null) k
        where jsonb_array_length(coalesce(i.header->'patients', '[]')) <= 1 order by key limit 3) few))
  from documents d where d.id = i.document_id);
end $$;

create or replace function sluice.takes_vectors(i sluice.ingestions, p_model text) returns boolean
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (
  select i.status = 'chunked' or (i.status = 'vectorized' and exists (select from reindexes r
    where r.organization_id = i.organization_id and r.state <> 'done' and sluice.other_model(r) = p_model)));
end $$;

create or replace function sluice.describe_batch(b sluice.batches) returns jsonb
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (
  select jsonb_build_object('id', b.id, 'name', b.name, 'createdAt', b.created_at, 'sealedAt', b.sealed_at, 'expected', b.expected, 'pausedAt', b.paused_at,
    'cancelledAt', b.cancelled_at, 'counts', c.counts, 'duplicates', c.duplicates, 'submitted', c.submitted,
    'short', greatest(0, b.expected - c.submitted), 'inFlight', c.in_flight, 'finished', c.finished,
    'complete', b.sealed_at is not null and c.in_flight = 0,
    'ageSeconds', extract(epoch from now() - b.created_at), 'finishedLastMinute', (select count(*) from ingestions i where i.batch_id = b.id and i.finished_at > now() - interval '1 minute'))
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
      from jsonb_each_text(sluice.tally(b.organization_id, b.id)) t group by 1, 2) s) c);
end $$;

create or replace function sluice.tally(p_organization uuid, p_batch uuid default null) returns jsonb
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (
  select coalesce(jsonb_object_agg(measure, n), '{}') from (
    select measure, sum(n) as n from (
      select measure, n from tallies where organization_id = p_organization and (p_batch is null or batch_key = p_batch)
      union all
      select measure, delta from tally_deltas where organization_id = p_organization and (p_batch is null or batch_key = p_batch)) x
    group by measure having sum(n) <> 0) s);
end $$;

create or replace function sluice.may(p_organization uuid, p_caller jsonb, p_scope text) returns boolean
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (
  select case p_caller->>'kind'
    when 'api_key' then exists (
      select from api_keys k where k.id = sluice.caller_id(p_caller) and k.organization_id = p_organization
        and k.revoked_at is null and (k.expires_at is null or k.expires_at > now()) and p_scope = any (k.scopes))
    when 'user' then exists (
      select from memberships m where m.user_id = sluice.caller_id(p_caller) and m.organization_id = p_organization
        and p_scope = any (sluice.role_scopes(m.role)))
    else false end);
end $$;

create or replace function sluice.writable(p_organization uuid, p_ingestion uuid, p_generation integer, p_status text) returns boolean
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (
  select exists (select from ingestions where organization_id = p_organization and id = p_ingestion and generation = p_generation
    and status = p_status and next_queue is not null));
end $$;

create or replace function sluice.exhausted(b sluice.budgets) returns boolean
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (
  select coalesce(u.usd + r.usd >= b.usd, false) or coalesce(u.tokens + r.tokens >= b.tokens, false)
  from sluice.used(b.organization_id) u,
    (select coalesce(sum(usd), 0) as usd, coalesce(sum(tokens), 0) as tokens from reservations where organization_id = b.organization_id) r);
end $$;

create or replace function sluice.is_read(i sluice.ingestions) returns boolean
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (
  select i.active or (i.status = 'vectorized' and not exists (select from ingestions n
    where n.document_id = i.document_id and n.revision > i.revision and n.status = 'vectorized')));
end $$;

create or replace function sluice.family(p_document uuid) returns setof uuid
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return query
  with recursive up as (
    select id, parent_id from documents where id = p_document
    union all select p.id, p.parent_id from up join documents p on p.id = up.parent_id)
  select id from up;
end $$;

create or replace function sluice.take_to_seal(p_organization uuid, p_ingestion uuid, p_generation integer, p_status text) returns setof sluice.ingestions
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin return query
  select * from ingestions where organization_id = p_organization and id = p_ingestion and generation = p_generation
    and status = p_status and next_queue is not null for update;
end $$;

create or replace function sluice.open_breakers(p_organization uuid, p_queue text) returns setof sluice.circuit_breakers
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return query
  select * from circuit_breakers where queue = p_queue and organization_id in (sluice.everybody(), p_organization) and state = 'open';
end $$;

create or replace function sluice.section_parts(i sluice.ingestions, p_from integer, p_to integer) returns table (section_ordinal integer, parts jsonb)
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
#variable_conflict use_column
begin return query
  select p.section_ordinal, jsonb_agg(jsonb_build_object('title', p.title, 'code', p.code, 'start', p.start, 'end', p."end") order by p.start) from (
    select c.section_ordinal, coalesce(c.heading, s.title) as title, min((c.spans#>>'{0,0}')::bigint) as start, max((c.spans#>>'{-1,1}')::bigint) as "end",
      jsonb_strip_nulls(jsonb_build_object('system', c.code_system, 'code', c.code, 'display', c.code_display)) as code
    from chunks c join sections s on s.ingestion_id = c.ingestion_id and s.generation = i.parsed_generation and s.ordinal = c.section_ordinal
    where c.ingestion_id = i.id and c.generation = i.chunked_generation and c.section_ordinal between p_from and p_to and c.code is distinct from s.code
      and c.code is not null
    group by 1, 2, c.heading_start, c.code_system, c.code, c.code_display) p
  group by 1;
end $$;

create or replace function sluice.used(p_organization uuid) returns table (usd numeric, tokens bigint)
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
#variable_conflict use_column
begin return query
  select coalesce(sum(cost_usd), 0), coalesce(sum(m.tokens), 0)::bigint from usage_months m where organization_id = p_organization and month = sluice.this_month();
end $$;

create or replace function sluice.lock_family(p_document uuid) returns void
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  perform 1 from documents where id in (select sluice.family(p_document)) order by depth for update;
end $$;

create or replace function sluice.record(p_ingestion sluice.ingestions, p_kind text, p_stage text default null, p_attempt integer default 0, p_duration_ms integer default null, p_worker text default null, p_code text default null) returns void
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  insert into document_events (organization_id, document_id, ingestion_id, batch_id, kind, status, stage, generation, attempt, duration_ms, worker, code)
  values (p_ingestion.organization_id, p_ingestion.document_id, p_ingestion.id, p_ingestion.batch_id, p_kind, p_ingestion.status,
    p_stage, p_ingestion.generation, p_attempt, p_duration_ms, p_worker, p_code);
end $$;

create or replace function sluice.audit(p_organization uuid, p_caller jsonb, p_action text, p_kind text, p_ids uuid[], p_result text, p_detail jsonb default '{}') returns void
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  insert into audit_log (organization_id, actor_kind, actor_id, action, resource_kind, resource_ids, result, request_id, address, detail)
  values (p_organization, coalesce(p_caller->>'kind', 'unknown'), sluice.caller_id(p_caller), p_action, p_kind,
    coalesce(p_ids, '{}'), p_result, p_caller->>'requestId', p_caller->>'address', p_detail);
end $$;

create or replace function sluice.close_breakers(i sluice.ingestions) returns void
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  delete from circuit_breakers where queue = i.next_queue and organization_id in (sluice.everybody(), i.organization_id)
    and cause in ('storage', 'parser', 'embedding', 'budget') and i.started_at >= since;
  -- Failures from before do not count again.
  update circuit_breakers set state = 'closed', failures = 0, trips = 0, since = now(), retry_at = null, probe = null
  where queue = i.next_queue and organization_id in (sluice.everybody(), i.organization_id)
    and cause = 'failures' and state = 'open' and i.started_at >= since;
end $$;

create or replace function sluice.probe_failed(i sluice.ingestions, p_permanent boolean) returns void
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  update circuit_breakers set probe = null, trips = trips + case when cause = 'failures' and not p_permanent then 1 else 0 end,
    since = case when cause = 'failures' and not p_permanent then now() else since end,
    retry_at = case when cause = 'failures' and not p_permanent then now() + sluice.breaker_pause(trips + 1) else now() end
  where probe = i.id and state = 'open' and cause <> 'operator';
end $$;

create or replace function sluice.show_description(p_ingestion sluice.ingestions) returns void
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  update documents set file_name = p_ingestion.file_name, tags = p_ingestion.tags, metadata = p_ingestion.metadata
  where id = p_ingestion.document_id;
end $$;

create or replace function sluice.descendants_with(i sluice.ingestions, p_children jsonb) returns sluice.descendants
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
declare
  v_found descendants;
begin
  if jsonb_array_length(p_children) = 0 then return null; end if;
  select a.id, i.organization_id, coalesce(d.documents, 0) + c.documents, coalesce(d.bytes, 0) + c.bytes into v_found
  from (select count(*) as documents, sum((value->>'byteLength')::bigint)::bigint as bytes from jsonb_array_elements(p_children)) c
  cross join (select sluice.asked_for(i.id) as id) a left join descendants d on d.ingestion_id = a.id
  where c.documents > 0;
  return v_found;
end $$;

-- A plan that is kept from when the tables were small must not read them whole once they are large: these look rows up by their keys, always.
alter function public.sluice_put_embeddings(text, jsonb) set enable_seqscan = off;
alter function public.sluice_keep_vectors(text, uuid, bigint, integer, jsonb) set enable_seqscan = off;
alter function public.sluice_find_vectors(text, jsonb) set enable_seqscan = off;
alter function sluice.chunks_after(sluice.ingestions, text, integer, integer) set enable_seqscan = off;
alter function public.sluice_seal_embed(uuid, uuid, integer, text, text, integer, jsonb) set enable_seqscan = off;

select sluice.raise_walls();
