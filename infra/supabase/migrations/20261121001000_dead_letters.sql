-- Dead letters: what will not get further without somebody's decision, and the decisions.

-- `open` waits for one; `replayed` is on its way again; `resolved` got there; `discarded` was given up, for a reason.
alter table sluice.dead_letters
  add column state text not null default 'open' check (state in ('open', 'replayed', 'resolved', 'discarded')),
  -- Of the stage's code, where it was taken up.
  add column version text,
  -- Replays that ended in the same stage with the same code, one after another.
  add column replays integer not null default 0,
  -- Three of those: left out of replays that do not name it.
  add column poison boolean not null default false,
  add column decided_at timestamptz,
  add column decided_by uuid,
  add column reason text;
create index dead_letters_open on sluice.dead_letters (organization_id, last_seen desc, ingestion_id desc) where state = 'open';
create index dead_letters_by_batch on sluice.dead_letters (batch_id) where batch_id is not null and state = 'open';

-- A person who looks for attempts looks by ingestion.
create index document_events_by_ingestion on sluice.document_events (ingestion_id, xid, id) where kind in ('retrying', 'failed', 'requeued');

-- Only what waits for a decision is counted.
create or replace function sluice.tally_dead_letter() returns trigger
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  if tg_op <> 'INSERT' and old.state = 'open' then
    insert into tally_deltas (organization_id, batch_key, measure, delta)
    values (old.organization_id, coalesce(old.batch_id, sluice.no_batch()), 'dead/' || old.stage || '/' || old.code, -1);
  end if;
  if tg_op <> 'DELETE' and new.state = 'open' then
    insert into tally_deltas (organization_id, batch_key, measure, delta)
    values (new.organization_id, coalesce(new.batch_id, sluice.no_batch()), 'dead/' || new.stage || '/' || new.code, 1);
  end if;
  return null;
end $$;
drop trigger tally on sluice.dead_letters;
create trigger tally after insert or delete or update of stage, code, state on sluice.dead_letters
  for each row execute function sluice.tally_dead_letter();

create or replace function sluice.bury(p_ingestion sluice.ingestions, p_stage text, p_code text, p_attempts integer, p_worker text, p_duration_ms integer)
returns sluice.ingestions language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
begin
  update ingestions set status = 'failed', next_queue = null, error_code = p_code, failed_stage = p_stage, attempts = p_attempts,
    waiting_for = null, dispatched_at = null, lease_worker = null, lease_until = null, finished_at = now(), updated_at = now()
  where id = p_ingestion.id returning * into i;
  insert into dead_letters as l (ingestion_id, organization_id, document_id, batch_id, stage, code, attempts, first_seen, version)
  values (i.id, i.organization_id, i.document_id, i.batch_id, p_stage, p_code, p_attempts, coalesce(i.started_at, now()), i.stage_version)
  -- The same failure again goes on counting; another one begins anew.
  on conflict (ingestion_id) do update set stage = excluded.stage, code = excluded.code, attempts = excluded.attempts, version = excluded.version,
    last_seen = now(), state = 'open', decided_at = null, decided_by = null, reason = null,
    first_seen = case when (l.stage, l.code) = (excluded.stage, excluded.code) then l.first_seen else excluded.first_seen end,
    replays = case when (l.stage, l.code) = (excluded.stage, excluded.code) then l.replays else 0 end,
    poison = (l.stage, l.code) = (excluded.stage, excluded.code) and l.replays >= 3;
  perform sluice.record(i, 'failed', p_stage, p_attempts, p_duration_ms, p_worker, p_code);
  perform sluice.child_settled(d.parent_id, d.parent_ingestion_id) from documents d where d.id = i.document_id;
  return i;
end $$;

create or replace function sluice.resume(p_ingestion sluice.ingestions) returns sluice.ingestions
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
  update dead_letters set state = 'replayed', replays = replays + 1, decided_at = now() where ingestion_id = i.id;
  perform sluice.record(i, 'resumed', v_stage);
  return i;
end $$;

-- Whether a dead letter passes a filter {stage, code, batchId, version, state, poison, before, after}; before and after are times of the
-- last failure. Without a state: those that wait for a decision.
create function sluice.dead_letter_passes(l sluice.dead_letters, p_filter jsonb) returns boolean
language sql stable as $$
  select l.state = coalesce(p_filter->>'state', 'open')
    and (p_filter->>'stage' is null or l.stage = p_filter->>'stage')
    and (p_filter->>'code' is null or l.code = p_filter->>'code')
    and (p_filter->>'version' is null or l.version = p_filter->>'version')
    and (p_filter->>'batchId' is null or l.batch_id = (p_filter->>'batchId')::uuid)
    and (p_filter->>'poison' is null or l.poison = (p_filter->>'poison')::boolean)
    and (p_filter->>'before' is null or l.last_seen < (p_filter->>'before')::timestamptz)
    and (p_filter->>'after' is null or l.last_seen >= (p_filter->>'after')::timestamptz)
$$;

-- What was tried, newest first, at most twenty.
create function sluice.tries_of(p_ingestion uuid) returns jsonb
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('at', at, 'stage', stage, 'attempt', attempt, 'code', code, 'worker', worker, 'durationMs', duration_ms)
    order by xid desc, id desc), '[]')
  from (select * from document_events where ingestion_id = p_ingestion and kind in ('retrying', 'failed', 'requeued') order by xid desc, id desc limit 20) e
$$;

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
  from (select * from dead_letters l where organization_id = p_organization and sluice.dead_letter_passes(l, p_filter)
    and (p_before_at is null or (last_seen, ingestion_id) < (p_before_at, p_before_id))
    order by last_seen desc, ingestion_id desc limit least(p_limit, 500)) l;
  perform sluice.audit(p_organization, p_caller, 'dead_letters.list', 'dead_letter', '{}', 'allowed');
  return jsonb_build_object('outcome', 'ok', 'items', v_items);
end $$;

-- Decides on dead letters, those named (ingestion ids) or those that pass the filter and are no poison, at most p_limit a call.
-- p_decision: `replay` (a new generation goes on at the stage that failed) or `discard` (it stays failed and is not listed any more; p_reason
-- says why). What somebody holds at the moment is left for the next call. Answers how many, and whether there may be more; `left` counts
-- those named that are no open dead letters, or belong to a cancelled batch.
create function public.sluice_decide_dead_letters(p_organization uuid, p_caller jsonb, p_decision text, p_ids uuid[], p_filter jsonb, p_reason text, p_limit integer)
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
  for l in select * from dead_letters x where organization_id = p_organization and state = 'open'
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

-- As before; a retry of the whole batch leaves out what is poison or was given up.
create or replace function public.sluice_batch_action(p_organization uuid, p_caller jsonb, p_batch uuid, p_action text, p_expected integer, p_limit integer) returns jsonb
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
    for i in select x.* from dead_letters l join ingestions x on x.id = l.ingestion_id
      where l.batch_id = b.id and l.state = 'open' and not l.poison and x.status = 'failed' order by x.id limit p_limit for update of x skip locked loop
      perform sluice.resume(i);
      v_count := v_count + 1;
    end loop;
  end if;
  perform sluice.audit(p_organization, p_caller, 'batch.' || p_action, 'batch', array[p_batch], 'allowed', jsonb_build_object('count', v_count));
  return jsonb_build_object('outcome', 'ok', 'count', v_count, 'more', (p_action = 'retry' and v_count = p_limit) or (p_action = 'cancel'
      and exists (select from ingestions where batch_id = b.id and status in ('uploaded', 'parsed', 'chunked'))), 'batch', sluice.describe_batch(b));
end $$;

-- ── Why a document is where it is ───────────────────────────────────────────────────────────────────────────

-- What the newest ingestion of a document waits for: {reason, …}. Reasons: final · batch_paused · breaker {code, cause, since, retryAt} ·
-- working {since} · queued {since} · delayed {until} · backlog {ahead, inFlight}.
create function sluice.waits_for(i sluice.ingestions) returns jsonb
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
declare
  b batches;
  c circuit_breakers;
begin
  if i.next_queue is null then return jsonb_build_object('reason', 'final'); end if;
  if i.lease_until > now() then return jsonb_build_object('reason', 'working', 'since', i.started_at, 'worker', i.lease_worker); end if;
  select * into b from batches where id = i.batch_id;
  if b.paused_at is not null then return jsonb_build_object('reason', 'batch_paused', 'since', b.paused_at); end if;
  select * into c from sluice.open_breakers(i.organization_id, i.next_queue) order by retry_at desc nulls first limit 1;
  if found then
    return jsonb_build_object('reason', 'breaker', 'code', c.code, 'cause', c.cause, 'since', c.since, 'until', c.retry_at);
  end if;
  if i.dispatched_at is not null then return jsonb_build_object('reason', 'queued', 'since', i.dispatched_at); end if;
  if i.dispatch_after > now() then return jsonb_build_object('reason', 'delayed', 'until', i.dispatch_after, 'code', i.waiting_for); end if;
  return jsonb_build_object('reason', 'backlog', 'since', i.dispatch_after,
    'ahead', (select count(*) from (select from ingestions x where x.organization_id = i.organization_id and x.next_queue = i.next_queue
      and x.batch_key = i.batch_key and x.dispatched_at is null and (x.dispatch_after, x.id) < (i.dispatch_after, i.id) limit 10000) y));
end $$;

create function public.sluice_why(p_organization uuid, p_caller jsonb, p_document uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  d documents;
  i ingestions;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'document.why', 'document', array[p_document]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  select * into d from documents where organization_id = p_organization and id = p_document;
  if found then i := sluice.latest(d.id); end if;
  perform sluice.audit(p_organization, p_caller, 'document.why', 'document', array[p_document], case when i.id is null then 'not_found' else 'allowed' end);
  if i.id is null then return jsonb_build_object('outcome', 'not_found'); end if;
  return jsonb_build_object('outcome', 'ok', 'document', sluice.describe(d, i), 'waits', sluice.waits_for(i), 'deaths', i.deaths);
end $$;

select sluice.raise_walls();
