-- Whether a stage is tried at all: circuit breakers, and suspects that are run alone.
--
-- A breaker stands before a queue, for everybody or for one organization, and has a cause: something the stage needs that is out
-- (`storage`, `parser`, `embedding`), too many of its jobs failing (`failures`), or somebody's wish (`operator`). While it is open nothing of
-- that queue is dispatched or taken up, nothing is counted against a document, and nothing is written off. When `retry_at` has come one
-- ingestion is let through as its probe (half open): success closes the breaker, failure opens it again for longer.

create table sluice.circuit_breakers (
  queue text not null check (queue in ('parse', 'ocr', 'chunk', 'embed')),
  -- The zero id: everybody.
  organization_id uuid not null,
  cause text not null check (cause in ('storage', 'parser', 'embedding', 'failures', 'operator')),
  code text not null,
  -- `closed` while failures are counted, and for a while after it was open.
  state text not null default 'closed' check (state in ('closed', 'open')),
  failures integer not null default 0,
  -- How often it opened in a row.
  trips integer not null default 0,
  since timestamptz not null default now(),
  -- When one may try; null: not before somebody resumes it.
  retry_at timestamptz,
  probe uuid,
  primary key (queue, organization_id, cause)
);

-- The version of the code that took up the stage last: what fails together under one version is replayed together under the next.
alter table sluice.ingestions add column stage_version text;

-- Failures of the last minutes are looked at by time; a block range index costs next to nothing where rows only come at the end.
create index document_events_by_time on sluice.document_events using brin (at);

create function sluice.everybody() returns uuid language sql immutable as $$
  select '00000000-0000-0000-0000-000000000000'::uuid
$$;

-- The open breakers before a queue for an organization.
create function sluice.open_breakers(p_organization uuid, p_queue text) returns setof sluice.circuit_breakers
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select * from circuit_breakers where queue = p_queue and organization_id in (sluice.everybody(), p_organization) and state = 'open'
$$;

-- Full jitter over half: 1 s, 2 s, 4 s … a minute.
create function sluice.breaker_pause(p_trips integer) returns interval language sql volatile as $$
  select make_interval(secs => least(60, 2 ^ least(p_trips, 10)) * (0.5 + random() / 2))
$$;

-- What the ingestion has to wait for before its stage may be taken up; null for nothing. The first to ask when a breaker's time has come is
-- its probe; one that is not heard of within a minute is followed by another.
create function sluice.pass_breakers(i sluice.ingestions) returns text
language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  c circuit_breakers;
begin
  if not exists (select from sluice.open_breakers(i.organization_id, i.next_queue)) then return null; end if;
  perform 1 from circuit_breakers where queue = i.next_queue and organization_id in (sluice.everybody(), i.organization_id)
    order by organization_id, cause for update;
  for c in select * from sluice.open_breakers(i.organization_id, i.next_queue) where probe is distinct from i.id loop
    if c.retry_at is null or c.retry_at > now() then return c.code; end if;
  end loop;
  update circuit_breakers set probe = i.id, retry_at = now() + interval '1 minute'
  where queue = i.next_queue and organization_id in (sluice.everybody(), i.organization_id) and state = 'open';
  return null;
end $$;

-- Somebody else's trouble kept this ingestion from its stage. The breaker opens at once when it is plain (p_at_once: a wrong key, a time that
-- the provider names), else at the third time within half a minute without a success between them.
create function sluice.trip_breaker(i sluice.ingestions, p_cause text, p_code text, p_everybody boolean, p_delay_ms integer, p_at_once boolean) returns void
language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  v_whom uuid := case when p_everybody then sluice.everybody() else i.organization_id end;
  v_asked timestamptz := now() + make_interval(secs => p_delay_ms / 1000.0);
  c circuit_breakers;
begin
  insert into circuit_breakers (queue, organization_id, cause, code) values (i.next_queue, v_whom, p_cause, p_code) on conflict do nothing;
  select * into c from circuit_breakers where queue = i.next_queue and organization_id = v_whom and cause = p_cause for update;
  if c.state = 'open' and c.probe is distinct from i.id then
    -- It was under way when the breaker opened, and says how long.
    c.retry_at := case when p_at_once then greatest(c.retry_at, v_asked) else c.retry_at end;
  elsif c.state = 'open' then
    c.trips := c.trips + 1;
    c.retry_at := greatest(v_asked, now() + sluice.breaker_pause(c.trips));
    c.probe := null;
    c.since := now();
  else
    c.failures := case when c.since < now() - interval '30 seconds' then 1 else c.failures + 1 end;
    if c.failures = 1 then c.since := now(); end if;
    if p_at_once or c.failures >= 3 then
      c.state := 'open';
      c.trips := 1;
      c.since := now();
      c.retry_at := v_asked;
    end if;
  end if;
  update circuit_breakers set code = p_code, state = c.state, failures = c.failures, trips = c.trips, since = c.since, retry_at = c.retry_at, probe = c.probe
  where queue = c.queue and organization_id = c.organization_id and cause = c.cause;
end $$;

-- A stage that was taken up after a breaker opened was done: what it needs is there.
create function sluice.close_breakers(i sluice.ingestions) returns void
language sql set search_path = sluice, extensions, pg_temp as $$
  delete from circuit_breakers where queue = i.next_queue and organization_id in (sluice.everybody(), i.organization_id)
    and cause in ('storage', 'parser', 'embedding') and i.started_at >= since;
  -- Failures from before do not count again.
  update circuit_breakers set state = 'closed', failures = 0, trips = 0, since = now(), retry_at = null, probe = null
  where queue = i.next_queue and organization_id in (sluice.everybody(), i.organization_id)
    and cause = 'failures' and state = 'open' and i.started_at >= since
$$;

-- A probe that failed by itself says nothing of a provider, nor, where the fault is the document's own, of the stage: the next one may try.
create function sluice.probe_failed(i sluice.ingestions, p_permanent boolean) returns void
language sql set search_path = sluice, extensions, pg_temp as $$
  update circuit_breakers set probe = null, trips = trips + case when cause = 'failures' and not p_permanent then 1 else 0 end,
    since = case when cause = 'failures' and not p_permanent then now() else since end,
    retry_at = case when cause = 'failures' and not p_permanent then now() + sluice.breaker_pause(trips + 1) else now() end
  where probe = i.id and state = 'open' and cause <> 'operator'
$$;

-- An outage is one event an ingestion, however often it is tried meanwhile.
create function sluice.record_waiting(i sluice.ingestions, p_worker text, p_code text) returns void
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  if (select e.ingestion_id = i.id and e.kind = 'waiting' and e.code = p_code
      from document_events e where e.document_id = i.document_id order by e.xid desc, e.id desc limit 1) is not true then
    perform sluice.record(i, 'waiting', sluice.stage_of(i.status), i.attempts, null, p_worker, p_code);
  end if;
end $$;

create or replace function sluice.advance(p_ingestion sluice.ingestions, p_status text, p_next_queue text, p_worker text, p_duration_ms integer)
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
  perform sluice.close_breakers(p_ingestion);
  update dead_letters set state = 'resolved', last_seen = now() where ingestion_id = i.id and state = 'replayed' and p_status = 'vectorized';
  return i;
end $$;

drop function public.sluice_begin_stage(jsonb, text, text, integer, integer, text);

-- System. A worker takes up jobs: items {organizationId, ingestionId, generation}, answers in the same order.
-- Outcomes: started (with all the stage needs) · stale · gone · paused · cancelled · dead · busy {retryAfterMs} · suspect.
-- A lease that ran out was a worker that died: the taker gets a new generation, and after p_max_deaths the ingestion is buried. One on which
-- a worker has died is a suspect: who says that it does not run it alone (p_alone false) gets nothing, and asks again when it does.
-- The chunker and the embedder get the beginning of what they read with it (`sections`, `chunks`), which mostly is all of it.
create function public.sluice_begin_stage(p_items jsonb, p_queue text, p_worker text, p_lease_ms integer, p_max_deaths integer, p_model text default null,
  p_alone boolean default null, p_version text default null) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_item jsonb;
  v_answers jsonb := '[]';
  v_answer jsonb;
  v_waits text;
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
      if b.cancelled_at is null and b.paused_at is null then v_waits := sluice.pass_breakers(i); else v_waits := null; end if;
      if b.cancelled_at is not null then
        -- What is not cancelled now the supervisor cancels.
        if sluice.try_lock_family(i.document_id) then perform sluice.cancel_ingestion(i); end if;
        v_answer := jsonb_build_object('outcome', 'cancelled');
      elsif b.paused_at is not null then
        i := sluice.set_back(i, 0, 'batch_paused');
        v_answer := jsonb_build_object('outcome', 'paused');
      elsif v_waits is not null then
        i := sluice.set_back(i, 0, v_waits);
        perform sluice.record_waiting(i, null, v_waits);
        v_answer := jsonb_build_object('outcome', 'paused');
      elsif not p_alone and i.deaths < p_max_deaths and (i.deaths > 0 or i.lease_worker <> p_worker) then
        v_answer := jsonb_build_object('outcome', 'suspect');
      else
        if i.lease_until is not null then
          -- The worker itself is back after an outage: nobody died.
          perform sluice.record(i, 'requeued', sluice.stage_of(i.status), i.attempts, null, i.lease_worker, 'worker_lost');
          update ingestions set deaths = deaths + case when lease_worker is distinct from p_worker then 1 else 0 end, generation = generation + 1
          where id = i.id returning * into i;
        end if;
        if i.deaths >= p_max_deaths then
          -- Where the family is held at the moment, the supervisor buries it.
          if sluice.try_lock_family(i.document_id) then perform sluice.bury(i, sluice.stage_of(i.status), 'worker_lost', i.attempts, p_worker, null); end if;
          v_answer := jsonb_build_object('outcome', 'dead');
        else
          update ingestions set lease_worker = p_worker, lease_until = now() + make_interval(secs => p_lease_ms / 1000.0),
            started_at = now(), waiting_for = null, stage_version = p_version, updated_at = now()
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

-- A try that failed: `dead` (a dead letter), `retrying` (in the backlog, after the delay) or `stale` (not this worker's any more: a stage
-- keeps its generation when it is sealed, so the generation alone does not tell). One attempt at most: the code is permanent.
create or replace function public.sluice_fail_stage(p_organization uuid, p_ingestion uuid, p_generation integer, p_worker text, p_code text,
  p_max_attempts integer, p_delay_ms integer, p_duration_ms integer) returns text
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
begin
  perform sluice.lock_family((select document_id from ingestions where organization_id = p_organization and id = p_ingestion));
  select * into i from ingestions where organization_id = p_organization and id = p_ingestion and generation = p_generation
    and lease_worker = p_worker and next_queue is not null for update;
  if not found then return 'stale'; end if;
  perform sluice.probe_failed(i, p_max_attempts <= 1);
  if i.attempts + 1 >= p_max_attempts then
    perform sluice.bury(i, sluice.stage_of(i.status), p_code, i.attempts + 1, p_worker, p_duration_ms);
    return 'dead';
  end if;
  update ingestions set attempts = attempts + 1 where id = i.id;
  i := sluice.set_back(i, p_delay_ms, p_code);
  perform sluice.record(i, 'retrying', sluice.stage_of(i.status), i.attempts, p_duration_ms, p_worker, p_code);
  return 'retrying';
end $$;

drop function public.sluice_hand_back(jsonb, text, integer, text);

-- System. Work given back without blame: the worker is stopping, or somebody else is out (p_code says what is waited for). p_cause names the
-- breaker that this trips, p_everybody whom it holds up, p_at_once whether this one time is enough.
create function public.sluice_hand_back(p_items jsonb, p_worker text, p_delay_ms integer, p_code text default null, p_cause text default null,
  p_everybody boolean default true, p_at_once boolean default false) returns integer
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_item jsonb;
  v_count integer := 0;
  i ingestions;
begin
  for v_item in select value from jsonb_array_elements(p_items) order by value->>'ingestionId' loop
    select * into i from ingestions where organization_id = (v_item->>'organizationId')::uuid and id = (v_item->>'ingestionId')::uuid
      and generation = (v_item->>'generation')::integer and lease_worker = p_worker and next_queue is not null for update;
    continue when not found;
    if p_code is not null and p_cause is not null then perform sluice.trip_breaker(i, p_cause, p_code, p_everybody, p_delay_ms, p_at_once); end if;
    i := sluice.set_back(i, p_delay_ms, p_code);
    if p_code is null then perform sluice.record(i, 'handed_back', sluice.stage_of(i.status), i.attempts, null, p_worker);
    else perform sluice.record_waiting(i, p_worker, p_code); end if;
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;

-- System. Fills every organization's windows from its backlog, fairly: one of each organization in turn, and within an organization one
-- of each lane (queue and batch) in turn; paused and cancelled batches, and lanes behind an open breaker, are passed over without being read.
-- Where a breaker's time to try has come, its lanes send one. Answers the jobs to queue.
create or replace function public.sluice_dispatch(p_limit integer, p_window integer, p_organizations uuid[] default null) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_jobs jsonb;
begin
  with recursive lanes as (
    -- The distinct (organization, queue, batch) of the backlog, by stepping from one to the next through the index.
    (select organization_id, next_queue, batch_key from ingestions where dispatched_at is null and next_queue is not null
      order by organization_id, next_queue, batch_key limit 1)
    union all
    select n.organization_id, n.next_queue, n.batch_key from lanes l cross join lateral (
      select organization_id, next_queue, batch_key from ingestions where dispatched_at is null and next_queue is not null
        and (organization_id, next_queue, batch_key) > (l.organization_id, l.next_queue, l.batch_key)
      order by organization_id, next_queue, batch_key limit 1) n
  ), open_lanes as (
    select l.*, sluice.window_of(l.next_queue) as part, c.trying from lanes l left join batches b on b.id = l.batch_key
    left join lateral (select bool_or(retry_at is null or retry_at > now()) as holds, count(*) > 0 as trying
      from sluice.open_breakers(l.organization_id, l.next_queue)) c on true
    where b.paused_at is null and b.cancelled_at is null and c.holds is not true
      and (p_organizations is null or l.organization_id = any (p_organizations))
  ), rooms as (
    select r.organization_id, r.part, r.width, sluice.in_flight(r.organization_id, r.part, r.width) as flying
    from (select distinct l.organization_id, l.part, coalesce(o.in_flight_window, p_window) as width
      from open_lanes l join organizations o on o.id = l.organization_id) r
  ), waiting as (
    select w.id, l.organization_id, l.part, r.flying, r.width, w.dispatch_after,
      row_number() over (partition by l.organization_id, l.next_queue, l.batch_key order by w.dispatch_after, w.id) as lane_turn
    from open_lanes l join rooms r using (organization_id, part) cross join lateral (
      select i.id, i.dispatch_after from ingestions i where i.organization_id = l.organization_id and i.next_queue = l.next_queue
        and i.batch_key = l.batch_key and i.dispatched_at is null and i.dispatch_after <= now()
      order by i.dispatch_after, i.id limit greatest(0, least(r.width - r.flying, case when l.trying then 1 else p_limit end))) w
  ), turns as (
    select *, row_number() over (partition by organization_id, part order by lane_turn, dispatch_after, id) as turn from waiting
  ), chosen as (
    select id, flying + turn - 1 as rank from turns where flying + turn <= width order by turn, dispatch_after limit p_limit
  ), sent as (
    update ingestions i set dispatched_at = now(), updated_at = now() from chosen c
    where i.id = c.id and i.dispatched_at is null and i.next_queue is not null
    returning sluice.job(i, c.rank::integer) as job
  )
  select coalesce(jsonb_agg(job), '[]') into v_jobs from sent;
  return v_jobs;
end $$;

-- System. Opens a breaker where more than p_share of a stage's tries of the last p_window_ms failed, and at least p_least of them; codes in
-- p_permanent (the documents' own faults) do not count. With two organizations or more past the share the stage pauses for everybody, else
-- only for the one. p_queues: {stage: [queues]}. Answers the breakers that opened [{queue, organizationId}], the zero id being everybody.
create function public.sluice_watch_failures(p_window_ms integer, p_share double precision, p_least integer, p_permanent text[], p_queues jsonb) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_opened jsonb;
begin
  -- One that has been closed again for as long as is looked back has nothing more to say.
  delete from circuit_breakers where cause = 'failures' and state = 'closed' and since < now() - make_interval(secs => p_window_ms / 1000.0);
  with tries as (
    select e.stage, e.organization_id, e.at, (e.kind <> 'advanced') as failed
    from document_events e where e.at > now() - make_interval(secs => p_window_ms / 1000.0) and e.stage is not null
      and (e.kind in ('advanced', 'retrying') or (e.kind = 'failed' and e.code <> all (p_permanent)))
  ), counted as (
    -- Those since the breaker was closed last.
    select q.queue, t.organization_id, count(*) filter (where t.failed) as failed, count(*) as tried
    from tries t cross join lateral jsonb_array_elements_text(p_queues->t.stage) q(queue)
    where not exists (select from circuit_breakers c where c.queue = q.queue and c.cause = 'failures' and c.state = 'closed'
      and c.organization_id in (sluice.everybody(), t.organization_id) and c.since >= t.at)
    group by 1, 2
  ), affected as (
    select * from counted where failed > tried * p_share
  ), whole as (
    select c.queue from counted c group by c.queue
    having sum(c.failed) >= p_least and sum(c.failed) > sum(c.tried) * p_share and (select count(*) from affected a where a.queue = c.queue) >= 2
  ), chosen as (
    select queue, sluice.everybody() as organization_id from whole
    union all
    select queue, organization_id from affected a where failed >= p_least and not exists (select from whole w where w.queue = a.queue)
  ), opened as (
    insert into circuit_breakers as c (queue, organization_id, cause, code, state, failures, trips, retry_at)
    select queue, organization_id, 'failures', 'stage_failing', 'open', 0, 1, now() + sluice.breaker_pause(3) from chosen
    where not exists (select from circuit_breakers x where x.queue = chosen.queue and x.cause = 'failures' and x.state = 'open'
      and x.organization_id in (sluice.everybody(), chosen.organization_id))
    on conflict (queue, organization_id, cause) do update set state = 'open', trips = c.trips + 1, since = now(), probe = null, retry_at = excluded.retry_at
    where c.state = 'closed'
    returning c.queue, c.organization_id
  )
  select coalesce(jsonb_agg(jsonb_build_object('queue', queue, 'organizationId', organization_id)), '[]') into v_opened from opened;
  return v_opened;
end $$;

-- System. The open breakers, at most 1,000.
create function public.sluice_breakers() returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('queue', queue, 'organizationId', nullif(organization_id, sluice.everybody()), 'cause', cause, 'code', code,
    'since', since, 'retryAt', retry_at, 'trips', trips)), '[]')
  from (select * from circuit_breakers where state = 'open' order by queue, organization_id, cause limit 1000) c
$$;

-- What an organization has before each queue, and what stands in its way.
create function public.sluice_queues(p_organization uuid, p_caller jsonb) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_tally jsonb;
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'queues.read', 'queue') then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform sluice.audit(p_organization, p_caller, 'queues.read', 'queue', '{}', 'allowed');
  v_tally := sluice.tally(p_organization);
  return jsonb_build_object('outcome', 'ok', 'items', (select jsonb_agg(jsonb_build_object('queue', q.queue,
      'documents', coalesce((v_tally->>q.queue)::bigint, 0),
      'inFlight', (select count(*) from ingestions where organization_id = p_organization and dispatched_at is not null and next_queue = q.queue),
      'breakers', (select coalesce(jsonb_agg(jsonb_build_object('cause', b.cause, 'code', b.code, 'everybody', b.organization_id = sluice.everybody(),
        'since', b.since, 'retryAt', b.retry_at) order by b.since), '[]') from sluice.open_breakers(p_organization, q.queue) b)) order by q.n)
    from unnest(array['parse', 'ocr', 'chunk', 'embed']) with ordinality q(queue, n)));
end $$;

-- Holds an organization's queues, or lets them go on.
create function public.sluice_pause_queues(p_organization uuid, p_caller jsonb, p_queues text[], p_paused boolean) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_action text := case when p_paused then 'queues.pause' else 'queues.resume' end;
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', v_action, 'queue') then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform sluice.audit(p_organization, p_caller, v_action, 'queue', '{}', 'allowed', jsonb_build_object('queues', to_jsonb(p_queues)));
  if p_paused then
    insert into circuit_breakers (queue, organization_id, cause, code, state) select q, p_organization, 'operator', 'stage_paused', 'open' from unnest(p_queues) q
    on conflict do nothing;
  else
    delete from circuit_breakers where organization_id = p_organization and cause = 'operator' and queue = any (p_queues);
  end if;
  return jsonb_build_object('outcome', 'ok');
end $$;

-- Every migration ends with this: no table is open to anybody, and functions are for the services' secret key alone.
create function sluice.raise_walls() returns void language plpgsql as $$
declare
  t name;
  f regprocedure;
begin
  for t in select tablename from pg_tables where schemaname = 'sluice' loop
    execute format('alter table sluice.%I enable row level security', t);
    execute format('alter table sluice.%I force row level security', t);
  end loop;
  revoke all on all tables in schema sluice from public, anon, authenticated, service_role;
  for f in select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'sluice' or (n.nspname = 'public' and p.proname like 'sluice\_%') loop
    execute format('revoke all on function %s from public, anon, authenticated', f);
    if f::text not like 'sluice.%' then execute format('grant execute on function %s to service_role', f); end if;
  end loop;
end $$;
select sluice.raise_walls();
