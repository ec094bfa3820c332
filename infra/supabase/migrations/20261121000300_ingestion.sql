-- Taking in documents, and moving them through the stages. Every function that changes an ingestion locks its row,
-- compares the generation, and writes the event in the same transaction.
--
-- Locks are taken in one order, so that nobody waits in a circle: batches, documents (by identity; within a family the outermost first),
-- ingestions by id. Who must go against it tries instead of waiting (`skip locked`) and leaves the rest to the supervisor.

create function sluice.no_batch() returns uuid language sql immutable as $$
  select '00000000-0000-0000-0000-000000000000'::uuid
$$;

-- ── Tallies ─────────────────────────────────────────────────────────────────────────────────────────────────

create function sluice.tally_ingestion() returns trigger
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  if tg_op <> 'INSERT' then
    insert into tally_deltas (organization_id, batch_key, measure, delta)
    values (old.organization_id, old.batch_key, coalesce(old.next_queue, old.status), -1);
  end if;
  if tg_op <> 'DELETE' then
    insert into tally_deltas (organization_id, batch_key, measure, delta)
    values (new.organization_id, new.batch_key, coalesce(new.next_queue, new.status), 1);
  end if;
  return null;
end $$;
create trigger tally after insert or delete on sluice.ingestions for each row execute function sluice.tally_ingestion();
create trigger tally_change after update of status, next_queue on sluice.ingestions for each row
  when ((old.status, old.next_queue) is distinct from (new.status, new.next_queue)) execute function sluice.tally_ingestion();

create function sluice.tally_dead_letter() returns trigger
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  if tg_op <> 'INSERT' then
    insert into tally_deltas (organization_id, batch_key, measure, delta)
    values (old.organization_id, coalesce(old.batch_id, sluice.no_batch()), 'dead/' || old.stage || '/' || old.code, -1);
  end if;
  if tg_op <> 'DELETE' then
    insert into tally_deltas (organization_id, batch_key, measure, delta)
    values (new.organization_id, coalesce(new.batch_id, sluice.no_batch()), 'dead/' || new.stage || '/' || new.code, 1);
  end if;
  return null;
end $$;
create trigger tally after insert or delete or update of stage, code on sluice.dead_letters for each row execute function sluice.tally_dead_letter();

-- The measure is the trigger's argument.
create function sluice.tally_new_row() returns trigger
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  insert into tally_deltas (organization_id, batch_key, measure, delta)
  values (new.organization_id, coalesce(new.batch_id, sluice.no_batch()), tg_argv[0], 1);
  return null;
end $$;
create trigger tally after insert on sluice.acceptances for each row execute function sluice.tally_new_row('accepted');
create trigger tally_submitted after insert on sluice.acceptances for each row when (new.origin = 'upload')
  execute function sluice.tally_new_row('submitted');
create trigger tally after insert on sluice.duplicate_receipts for each row execute function sluice.tally_new_row('duplicate');
create trigger tally after insert on sluice.tombstones for each row execute function sluice.tally_new_row('deleted');

-- The counts of an organization, or of one of its batches, by measure; those that are zero are left out.
create function sluice.tally(p_organization uuid, p_batch uuid default null) returns jsonb
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_object_agg(measure, n), '{}') from (
    select measure, sum(n) as n from (
      select measure, n from tallies where organization_id = p_organization and (p_batch is null or batch_key = p_batch)
      union all
      select measure, delta from tally_deltas where organization_id = p_organization and (p_batch is null or batch_key = p_batch)) x
    group by measure having sum(n) <> 0) s
$$;

-- ── Acceptance ──────────────────────────────────────────────────────────────────────────────────────────────

create function sluice.record(p_ingestion sluice.ingestions, p_kind text, p_stage text default null, p_attempt integer default 0,
  p_duration_ms integer default null, p_worker text default null, p_code text default null) returns void
language sql set search_path = sluice, extensions, pg_temp as $$
  insert into document_events (organization_id, document_id, ingestion_id, batch_id, kind, status, stage, generation, attempt, duration_ms, worker, code)
  values (p_ingestion.organization_id, p_ingestion.document_id, p_ingestion.id, p_ingestion.batch_id, p_kind, p_ingestion.status,
    p_stage, p_ingestion.generation, p_attempt, p_duration_ms, p_worker, p_code)
$$;

create function sluice.stage_of(p_status text) returns text language sql immutable as $$
  select case p_status when 'uploaded' then 'parse' when 'parsed' then 'chunk' when 'chunked' then 'embed' end
$$;

create function sluice.status_before(p_stage text) returns text language sql immutable as $$
  select case p_stage when 'parse' then 'uploaded' when 'chunk' then 'parsed' when 'embed' then 'chunked' end
$$;

-- What the queue is told: nothing but ids. `rank` is how many of the organization were in flight before it, by which
-- the queue is ordered, so that one organization's thousand don't stand before another's ten.
create function sluice.job(p_ingestion sluice.ingestions, p_rank integer) returns jsonb language sql immutable as $$
  select jsonb_build_object('organizationId', p_ingestion.organization_id, 'ingestionId', p_ingestion.id,
    'generation', p_ingestion.generation, 'queue', p_ingestion.next_queue, 'rank', p_rank)
$$;

-- A queue's window: recognition takes minutes a document and has one of its own, so that a pile of faxes does not hold up text.
create function sluice.window_of(p_queue text) returns text language sql immutable as $$
  select case when p_queue = 'ocr' then 'ocr' else 'text' end
$$;

create function sluice.in_flight(p_organization uuid, p_window text, p_at_most integer) returns integer
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select count(*)::integer from (select from ingestions where organization_id = p_organization and dispatched_at is not null
    and next_queue = any (case p_window when 'ocr' then array['ocr'] else array['parse', 'chunk', 'embed'] end) limit p_at_most) f
$$;

-- Two submissions are the same document when they have the same external id and patient, or, without an external id,
-- the same bytes and patient. json_build_array keeps the parts from running into each other.
create function sluice.identity_key(p_external_id text, p_patient text, p_content_hash text) returns text
language sql immutable as $$
  select encode(sha256(convert_to(case when p_external_id is null
    then json_build_array('content', p_content_hash, p_patient)::text
    else json_build_array('external', p_external_id, p_patient)::text end, 'UTF8')), 'hex')
$$;

-- A child's id follows from where it was found. Version 8 (RFC 9562): the rest is ours to choose, here a SHA-256.
create function sluice.child_id(p_parent_ingestion uuid, p_path text) returns uuid language sql immutable as $$
  select overlay(overlay(h placing '8' from 13 for 1) placing substr('89ab', 1 + (('x' || substr(h, 17, 1))::bit(4)::integer & 3), 1) from 17 for 1)::uuid
  from (select substr(encode(sha256(convert_to(p_parent_ingestion::text || '/' || p_path, 'UTF8')), 'hex'), 1, 32) as h) x
$$;

create function sluice.text_array(p_value jsonb) returns text[] language sql immutable as $$
  select coalesce(array_agg(t), '{}') from jsonb_array_elements_text(p_value) t
$$;

-- Readers see what the sender said of this revision.
create function sluice.show_description(p_ingestion sluice.ingestions) returns void
language sql set search_path = sluice, extensions, pg_temp as $$
  update documents set file_name = p_ingestion.file_name, tags = p_ingestion.tags, metadata = p_ingestion.metadata
  where id = p_ingestion.document_id
$$;

-- A new ingestion with its acceptance and its first event. `p_dispatch`: it has room in the window and gets a job now.
create function sluice.start_ingestion(p_organization uuid, p_document uuid, p_batch uuid, p_item jsonb, p_origin text, p_dispatch boolean)
returns sluice.ingestions language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
begin
  insert into ingestions (organization_id, document_id, revision, batch_id, file_name, tags, metadata, object_path, content_hash, byte_length,
    declared_type, media_type, dispatched_at)
  values (p_organization, p_document, (select coalesce(max(revision), 0) + 1 from ingestions where document_id = p_document),
    p_batch, p_item->>'fileName', sluice.text_array(p_item->'tags'), coalesce(p_item->'metadata', '{}'), p_item->>'objectPath', p_item->>'contentHash', (p_item->>'byteLength')::bigint, p_item->>'declaredType', p_item->>'mediaType',
    case when p_dispatch then now() end)
  returning * into i;
  insert into acceptances (ingestion_id, organization_id, document_id, batch_id, revision, origin)
  values (i.id, p_organization, p_document, p_batch, i.revision, p_origin);
  perform sluice.record(i, 'accepted');
  return i;
end $$;

-- A failed or cancelled ingestion goes on at the stage where it ended, in a new generation, from the backlog.
create function sluice.resume(p_ingestion sluice.ingestions) returns sluice.ingestions
language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
  v_stage text := coalesce(p_ingestion.failed_stage, case
    when p_ingestion.chunked_generation is not null then 'embed' when p_ingestion.parsed_generation is not null then 'chunk' else 'parse' end);
begin
  update ingestions set generation = generation + 1, status = sluice.status_before(v_stage), next_queue = v_stage, attempts = 0, deaths = 0,
    error_code = null, failed_stage = null, waiting_for = null, finished_at = null, dispatched_at = null, dispatch_after = now(),
    lease_worker = null, lease_until = null, updated_at = now()
  where id = p_ingestion.id returning * into i;
  delete from dead_letters where ingestion_id = i.id;
  perform sluice.record(i, 'resumed', v_stage);
  return i;
end $$;

-- Takes in stored uploads: for each item {objectPath, contentHash, byteLength, declaredType, mediaType, fileName, externalId,
-- patient, tags, metadata, batchId} an answer {outcome, documentId, ingestionId, revision, status, job?, keepObject}.
-- Outcomes: accepted · revision · duplicate · retried · batch_closed · batch_missing; or for the call as a whole: forbidden.
create function public.sluice_accept_documents(p_organization uuid, p_caller jsonb, p_items jsonb, p_window integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_each record;
  v_item jsonb;
  v_answers jsonb[];
  v_window integer;
  v_flying integer;
  v_room boolean;
  v_dispatch boolean;
  v_batch batches;
  d documents;
  i ingestions;
  v_outcome text;
  v_new boolean;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:write', 'documents.create', 'document') then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  v_answers := array_fill(null::jsonb, array[jsonb_array_length(p_items)]);
  select coalesce(in_flight_window, p_window) into v_window from organizations where id = p_organization;
  v_flying := sluice.in_flight(p_organization, 'text', v_window);
  -- Nobody overtakes a backlog.
  v_room := not exists (select from ingestions where organization_id = p_organization
    and dispatched_at is null and next_queue = 'parse' and dispatch_after <= now());

  -- Shared, so that a batch can't be sealed between this look and the commit.
  perform 1 from batches where organization_id = p_organization
    and id in (select (x->>'batchId')::uuid from jsonb_array_elements(p_items) x) order by id for share;
  for v_each in select value, ordinality, sluice.identity_key(value->>'externalId', value->>'patient', value->>'contentHash') as identity
    from jsonb_array_elements(p_items) with ordinality order by identity, ordinality
  loop
    v_item := v_each.value;
    v_batch := null;
    if v_item->>'batchId' is not null then
      select * into v_batch from batches where organization_id = p_organization and id = (v_item->>'batchId')::uuid;
      if not found then
        v_answers[v_each.ordinality] := jsonb_build_object('outcome', 'batch_missing', 'keepObject', false);
        continue;
      elsif v_batch.sealed_at is not null or v_batch.cancelled_at is not null then
        v_answers[v_each.ordinality] := jsonb_build_object('outcome', 'batch_closed', 'keepObject', false);
        continue;
      end if;
    end if;

    i := null;
    -- Either it is new, or it is there and locked. Where it was deleted between the two looks, once more.
    loop
      insert into documents (organization_id, identity_key, external_id, patient, content_hash, file_name, tags, metadata)
      values (p_organization, v_each.identity, v_item->>'externalId', v_item->>'patient', v_item->>'contentHash', v_item->>'fileName',
        sluice.text_array(v_item->'tags'), coalesce(v_item->'metadata', '{}'))
      on conflict (organization_id, identity_key) do nothing returning * into d;
      v_new := found;
      exit when v_new;
      select * into d from documents where organization_id = p_organization and identity_key = v_each.identity for update;
      exit when found;
    end loop;
    if v_new then
      v_outcome := 'accepted';
    else
      select * into i from ingestions where document_id = d.id and organization_id = p_organization order by revision desc limit 1;
      if i.status in ('failed', 'cancelled') then select * into i from ingestions where id = i.id for update; end if;
      if i.id is null then v_outcome := 'revision';
      elsif i.content_hash <> v_item->>'contentHash' then v_outcome := 'revision';
      elsif i.status in ('failed', 'cancelled') then
        -- What ended with its batch's cancellation would be cancelled again: it is accepted anew.
        v_outcome := case when exists (select from batches where id = i.batch_id and cancelled_at is not null) then 'revision' else 'retried' end;
      else v_outcome := 'duplicate';
      end if;
    end if;

    v_dispatch := v_room and v_flying < v_window and v_batch.paused_at is null;
    if v_outcome in ('accepted', 'revision') then
      if v_outcome = 'revision' then
        -- What is not said anew still holds.
        v_item := v_item || jsonb_build_object('fileName', coalesce(v_item->>'fileName', i.file_name),
          'tags', case when jsonb_array_length(coalesce(v_item->'tags', '[]')) > 0 then v_item->'tags' else coalesce(to_jsonb(i.tags), '[]') end,
          'metadata', coalesce(i.metadata, '{}') || coalesce(v_item->'metadata', '{}'));
        update documents set content_hash = v_item->>'contentHash' where id = d.id;
      end if;
      i := sluice.start_ingestion(p_organization, d.id, v_batch.id, v_item, 'upload', v_dispatch);
      if v_outcome = 'revision' and not exists (select from ingestions where document_id = d.id and active) then
        perform sluice.show_description(i);
      end if;
    else
      if v_outcome = 'retried' then i := sluice.resume(i); end if;
      v_dispatch := false;
      insert into duplicate_receipts (organization_id, document_id, ingestion_id, batch_id) values (p_organization, d.id, i.id, v_batch.id);
    end if;

    v_answers[v_each.ordinality] := jsonb_build_object('outcome', v_outcome, 'documentId', d.id, 'ingestionId', i.id, 'revision', i.revision,
      'status', i.status, 'keepObject', v_outcome in ('accepted', 'revision'),
      'job', case when v_dispatch then sluice.job(i, v_flying) end);
    if v_dispatch then v_flying := v_flying + 1; end if;
  end loop;

  perform sluice.audit(p_organization, p_caller, 'documents.create', 'document',
    array(select (a->>'documentId')::uuid from unnest(v_answers) a where a->>'documentId' is not null), 'allowed');
  return jsonb_build_object('outcome', 'ok', 'items', to_jsonb(v_answers));
end $$;

-- The next revision of a document from the original already stored; readers keep the old one until it is sealed.
create function public.sluice_reprocess(p_organization uuid, p_caller jsonb, p_document uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  d documents;
  i ingestions;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:write', 'document.reprocess', 'document', array[p_document]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  select * into d from documents where organization_id = p_organization and id = p_document for update;
  if not found then return jsonb_build_object('outcome', 'not_found'); end if;
  select * into i from ingestions where organization_id = p_organization and document_id = p_document order by revision desc limit 1 for update;
  if not found then return jsonb_build_object('outcome', 'not_found'); end if;
  if i.next_queue is not null then return jsonb_build_object('outcome', 'document_in_progress'); end if;
  i := sluice.start_ingestion(p_organization, d.id, null, jsonb_build_object('fileName', i.file_name, 'tags', to_jsonb(i.tags), 'metadata', i.metadata, 'objectPath', i.object_path, 'contentHash', i.content_hash,
    'byteLength', i.byte_length, 'declaredType', i.declared_type, 'mediaType', i.media_type), 'reprocess', false);
  perform sluice.audit(p_organization, p_caller, 'document.reprocess', 'document', array[p_document], 'allowed');
  return jsonb_build_object('outcome', 'ok', 'documentId', d.id, 'ingestionId', i.id, 'revision', i.revision, 'status', i.status);
end $$;

-- ── Leases on work ──────────────────────────────────────────────────────────────────────────────────────────

-- A document and all it was found in.
create function sluice.family(p_document uuid) returns setof uuid
language sql stable set search_path = sluice, extensions, pg_temp as $$
  with recursive up as (
    select id, parent_id from documents where id = p_document
    union all select p.id, p.parent_id from up join documents p on p.id = up.parent_id)
  select id from up
$$;

-- Locks a document and all it was found in, outermost first. Whoever changes what readers see of a family holds these before
-- any ingestion: a parent and a child that finish at the same time must not miss each other.
create function sluice.lock_family(p_document uuid) returns void
language sql set search_path = sluice, extensions, pg_temp as $$
  select 1 from documents where id in (select sluice.family(p_document)) order by depth for update
$$;

-- The same without waiting, for whoever holds rows already; false when somebody else has a part of it.
create function sluice.try_lock_family(p_document uuid) returns boolean
language sql set search_path = sluice, extensions, pg_temp as $$
  with locked as (select 1 from documents where id in (select sluice.family(p_document)) for update skip locked)
  select (select count(*) from locked) = (select count(*) from sluice.family(p_document))
$$;

-- Not further without a decision. The family is locked.
create function sluice.bury(p_ingestion sluice.ingestions, p_stage text, p_code text, p_attempts integer, p_worker text, p_duration_ms integer)
returns sluice.ingestions language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
begin
  update ingestions set status = 'failed', next_queue = null, error_code = p_code, failed_stage = p_stage, attempts = p_attempts,
    waiting_for = null, dispatched_at = null, lease_worker = null, lease_until = null, finished_at = now(), updated_at = now()
  where id = p_ingestion.id returning * into i;
  insert into dead_letters (ingestion_id, organization_id, document_id, batch_id, stage, code, attempts, first_seen)
  values (i.id, i.organization_id, i.document_id, i.batch_id, p_stage, p_code, p_attempts, coalesce(i.started_at, now()))
  on conflict (ingestion_id) do update set stage = excluded.stage, code = excluded.code, attempts = excluded.attempts, last_seen = now();
  perform sluice.record(i, 'failed', p_stage, p_attempts, p_duration_ms, p_worker, p_code);
  perform sluice.child_settled(d.parent_id, d.parent_ingestion_id) from documents d where d.id = i.document_id;
  return i;
end $$;

-- Back to the backlog in a new generation, so that whatever still runs for the old one changes nothing.
create function sluice.set_back(p_ingestion sluice.ingestions, p_delay_ms integer, p_code text) returns sluice.ingestions
language sql set search_path = sluice, extensions, pg_temp as $$
  update ingestions set generation = generation + 1, dispatched_at = null, dispatch_after = now() + make_interval(secs => p_delay_ms / 1000.0),
    lease_worker = null, lease_until = null, waiting_for = p_code, updated_at = now()
  where id = p_ingestion.id returning *
$$;

-- The family is locked.
create function sluice.cancel_ingestion(p_ingestion sluice.ingestions) returns sluice.ingestions
language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
begin
  update ingestions set status = 'cancelled', generation = generation + 1, next_queue = null, dispatched_at = null, lease_worker = null,
    lease_until = null, waiting_for = null, finished_at = now(), updated_at = now()
  where id = p_ingestion.id returning * into i;
  perform sluice.record(i, 'cancelled', sluice.stage_of(p_ingestion.status));
  perform sluice.child_settled(d.parent_id, d.parent_ingestion_id) from documents d where d.id = i.document_id;
  return i;
end $$;

-- Cancels of a cancelled batch what is not finished, at most p_limit, passing over what somebody else holds at the moment.
create function sluice.cancel_some(p_batch uuid, p_limit integer) returns integer
language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  c record;
  i ingestions;
  v_count integer := 0;
begin
  for c in select id, document_id from ingestions where batch_id = p_batch and status in ('uploaded', 'parsed', 'chunked') order by id limit p_limit loop
    continue when not sluice.try_lock_family(c.document_id);
    select * into i from ingestions where id = c.id and next_queue is not null for update skip locked;
    continue when not found;
    perform sluice.cancel_ingestion(i);
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;

-- The sections of the sealed parse after an ordinal, at most p_limit and about p_length characters of text.
create function sluice.sections_after(i sluice.ingestions, p_after integer, p_limit integer, p_length integer) returns jsonb
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('ordinal', s.ordinal, 'level', s.level, 'title', s.title,
      'code', case when s.code is null then null else jsonb_strip_nulls(jsonb_build_object('system', s.code_system, 'code', s.code, 'display', s.code_display)) end,
      'text', s.text, 'start', s.start_offset, 'pageFrom', s.page_from, 'pageTo', s.page_to) order by s.ordinal), '[]')
  from (select x.*, sum(length(x.text)) over (order by x.ordinal) - length(x.text) as before from (
      select * from sections where organization_id = i.organization_id and ingestion_id = i.id and generation = i.parsed_generation
        and ordinal > p_after order by ordinal limit p_limit) x) s
  where s.before < p_length
$$;

-- The chunks of the sealed chunking after an ordinal that have no vector of the model yet.
create function sluice.chunks_after(i sluice.ingestions, p_model text, p_after integer, p_limit integer) returns jsonb
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'ordinal', c.ordinal, 'text', c.text, 'prefix', c.prefix, 'tokenCount', c.token_count) order by c.ordinal), '[]')
  from (select * from chunks c where c.organization_id = i.organization_id and c.ingestion_id = i.id and c.generation = i.chunked_generation
      and c.ordinal > p_after and not exists (select from embeddings e where e.chunk_id = c.id and e.model = p_model)
    order by c.ordinal limit least(p_limit, 1000)) c
$$;

-- System. A worker takes up jobs: items {organizationId, ingestionId, generation}, answers in the same order.
-- Outcomes: started (with all the stage needs) · stale · gone · paused · cancelled · dead · busy {retryAfterMs}.
-- A lease that ran out was a worker that died: the taker gets a new generation, and after p_max_deaths the ingestion is buried.
-- The chunker and the embedder get the beginning of what they read with it (`sections`, `chunks`), which mostly is all of it.
create function public.sluice_begin_stage(p_items jsonb, p_queue text, p_worker text, p_lease_ms integer, p_max_deaths integer, p_model text default null) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_item jsonb;
  v_answers jsonb := '[]';
  v_answer jsonb;
  b batches;
  d documents;
  i ingestions;
begin
  perform 1 from ingestions where id in (select (x->>'ingestionId')::uuid from jsonb_array_elements(p_items) x) order by id for update;
  for v_item in select value from jsonb_array_elements(p_items) loop
    select * into i from ingestions where organization_id = (v_item->>'organizationId')::uuid and id = (v_item->>'ingestionId')::uuid;
    if not found then
      v_answer := jsonb_build_object('outcome', 'gone');
    elsif i.generation <> (v_item->>'generation')::integer or i.next_queue is distinct from p_queue then
      v_answer := jsonb_build_object('outcome', 'stale');
    elsif i.lease_until > now() then
      v_answer := jsonb_build_object('outcome', 'busy', 'retryAfterMs', ceil(extract(epoch from i.lease_until - now()) * 1000));
    else
      b := null;
      if i.batch_id is not null then select * into b from batches where id = i.batch_id; end if;
      if b.cancelled_at is not null then
        -- What is not cancelled now the supervisor cancels.
        if sluice.try_lock_family(i.document_id) then perform sluice.cancel_ingestion(i); end if;
        v_answer := jsonb_build_object('outcome', 'cancelled');
      elsif b.paused_at is not null then
        i := sluice.set_back(i, 0, 'batch_paused');
        v_answer := jsonb_build_object('outcome', 'paused');
      else
        if i.lease_until is not null then
          -- The worker itself is back after an outage: nobody died.
          update ingestions set deaths = deaths + case when lease_worker is distinct from p_worker then 1 else 0 end, generation = generation + 1
          where id = i.id returning * into i;
          perform sluice.record(i, 'requeued', sluice.stage_of(i.status), i.attempts, null, i.lease_worker, 'worker_lost');
        end if;
        if i.deaths >= p_max_deaths then
          -- Where the family is held at the moment, the supervisor buries it.
          if sluice.try_lock_family(i.document_id) then perform sluice.bury(i, sluice.stage_of(i.status), 'worker_lost', i.attempts, p_worker, null); end if;
          v_answer := jsonb_build_object('outcome', 'dead');
        else
          update ingestions set lease_worker = p_worker, lease_until = now() + make_interval(secs => p_lease_ms / 1000.0),
            started_at = now(), waiting_for = null, updated_at = now()
          where id = i.id returning * into i;
          select * into d from documents where id = i.document_id;
          v_answer := jsonb_build_object('outcome', 'started', 'organizationId', i.organization_id, 'ingestionId', i.id, 'documentId', i.document_id,
            'generation', i.generation, 'revision', i.revision, 'attempt', i.attempts + 1, 'objectPath', i.object_path,
            'contentHash', i.content_hash, 'byteLength', i.byte_length, 'declaredType', i.declared_type, 'mediaType', i.media_type,
            'depth', d.depth, 'acceptedAt', i.accepted_at,
            'queuedMs', greatest(0, round(extract(epoch from now() - greatest(i.dispatched_at, i.dispatch_after)) * 1000)),
            'activeModel', (select active_model from organizations where id = i.organization_id),
            'sectionCount', i.section_count, 'chunkCount', i.chunk_count,
            'sections', case when p_queue = 'chunk' then sluice.sections_after(i, -1, 100, 100000) end,
            'chunks', case when p_queue = 'embed' then sluice.chunks_after(i, p_model, -1, 100) end);
        end if;
      end if;
    end if;
    v_answers := v_answers || v_answer;
  end loop;
  return v_answers;
end $$;

-- System. Holds on to work in progress; answers with the ingestion ids whose lease is still the worker's.
create function public.sluice_renew_leases(p_items jsonb, p_worker text, p_lease_ms integer) returns jsonb
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  with held as (
    select id from ingestions where id in (select (x->>'ingestionId')::uuid from jsonb_array_elements(p_items) x) order by id for update
  ), renewed as (
    update ingestions i set lease_until = now() + make_interval(secs => p_lease_ms / 1000.0)
    from jsonb_to_recordset(p_items) as x("organizationId" uuid, "ingestionId" uuid, generation integer)
    where i.id in (select id from held) and i.id = x."ingestionId" and i.organization_id = x."organizationId" and i.generation = x.generation and i.lease_worker = p_worker
    returning i.id)
  select coalesce(jsonb_agg(id), '[]') from renewed
$$;

-- A try that failed: `dead` (a dead letter), `retrying` (in the backlog, after the delay) or `stale` (not this worker's any more: a stage
-- keeps its generation when it is sealed, so the generation alone does not tell).
create function public.sluice_fail_stage(p_organization uuid, p_ingestion uuid, p_generation integer, p_worker text, p_code text,
  p_max_attempts integer, p_delay_ms integer, p_duration_ms integer) returns text
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
begin
  perform sluice.lock_family((select document_id from ingestions where organization_id = p_organization and id = p_ingestion));
  select * into i from ingestions where organization_id = p_organization and id = p_ingestion and generation = p_generation
    and lease_worker = p_worker and next_queue is not null for update;
  if not found then return 'stale'; end if;
  if i.attempts + 1 >= p_max_attempts then
    perform sluice.bury(i, sluice.stage_of(i.status), p_code, i.attempts + 1, p_worker, p_duration_ms);
    return 'dead';
  end if;
  update ingestions set attempts = attempts + 1 where id = i.id;
  i := sluice.set_back(i, p_delay_ms, p_code);
  perform sluice.record(i, 'retrying', sluice.stage_of(i.status), i.attempts, p_duration_ms, p_worker, p_code);
  return 'retrying';
end $$;

-- System. Work given back without blame: the worker is stopping, or somebody else is out (p_code says what is waited for).
create function public.sluice_hand_back(p_items jsonb, p_worker text, p_delay_ms integer, p_code text default null) returns integer
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_item jsonb;
  v_known boolean;
  v_count integer := 0;
  i ingestions;
begin
  for v_item in select value from jsonb_array_elements(p_items) order by value->>'ingestionId' loop
    select * into i from ingestions where organization_id = (v_item->>'organizationId')::uuid and id = (v_item->>'ingestionId')::uuid
      and generation = (v_item->>'generation')::integer and lease_worker = p_worker and next_queue is not null for update;
    continue when not found;
    -- An outage is one event an ingestion, however often it is tried meanwhile.
    v_known := p_code is not null and (select e.ingestion_id = i.id and e.kind = 'waiting' and e.code = p_code
      from document_events e where e.document_id = i.document_id order by e.xid desc, e.id desc limit 1) is true;
    i := sluice.set_back(i, p_delay_ms, p_code);
    if not v_known then
      perform sluice.record(i, case when p_code is null then 'handed_back' else 'waiting' end, sluice.stage_of(i.status), i.attempts, null, p_worker, p_code);
    end if;
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;

-- The same stage goes on in another queue (a page needs recognition): back to the backlog in a new generation, with nothing held against it.
-- Answers {outcome: moved} · {outcome: stale}.
create function public.sluice_hand_over(p_organization uuid, p_ingestion uuid, p_generation integer, p_worker text, p_queue text, p_duration_ms integer)
returns jsonb language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
begin
  select * into i from ingestions where organization_id = p_organization and id = p_ingestion and generation = p_generation
    and lease_worker = p_worker and next_queue is not null for update;
  if not found then return jsonb_build_object('outcome', 'stale'); end if;
  perform sluice.record(i, 'moved', sluice.stage_of(i.status), i.attempts + 1, p_duration_ms, p_worker);
  i := sluice.set_back(i, 0, null);
  update ingestions set next_queue = p_queue, attempts = 0, deaths = 0 where id = i.id;
  return jsonb_build_object('outcome', 'moved');
end $$;
