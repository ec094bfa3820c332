-- What the supervisor runs: one leader a loop, bounded work a call.

-- System. A loop's right to run: the fencing number when the holder has the lease now, else null. Database time only.
create function public.sluice_acquire_lease(p_name text, p_holder text, p_ttl_ms integer) returns bigint
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  insert into leases (name, holder, expires_at) values (p_name, p_holder, now() + make_interval(secs => p_ttl_ms / 1000.0))
  on conflict (name) do update set
    fence = case when leases.holder = excluded.holder and leases.expires_at > now() then leases.fence else leases.fence + 1 end,
    holder = excluded.holder, expires_at = excluded.expires_at
  where leases.holder = excluded.holder or leases.expires_at <= now()
  returning fence
$$;

-- System.
create function public.sluice_release_lease(p_name text, p_holder text) returns void
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  update leases set expires_at = now() where name = p_name and holder = p_holder
$$;

-- System. Fills every organization's windows from its backlog, fairly: one of each organization in turn, and within an organization one
-- of each lane (queue and batch) in turn; paused and cancelled batches are passed over without being read. Answers the jobs to queue.
create function public.sluice_dispatch(p_limit integer, p_window integer, p_organizations uuid[] default null) returns jsonb
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
    select l.*, sluice.window_of(l.next_queue) as part from lanes l left join batches b on b.id = l.batch_key
    where b.paused_at is null and b.cancelled_at is null and (p_organizations is null or l.organization_id = any (p_organizations))
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
      order by i.dispatch_after, i.id limit greatest(0, least(r.width - r.flying, p_limit))) w
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

-- System. Ingestions in flight that nobody holds, oldest first after the cursor (dispatched at, id): those whose job may have
-- been lost (Redis knows) and those whose worker died (`expired`). The supervisor asks Redis, then calls sluice_requeue.
create function public.sluice_stranded(p_grace_ms integer, p_after_at timestamptz, p_after_id uuid, p_limit integer, p_organizations uuid[] default null)
returns jsonb language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(sluice.job(s.i, 0) || jsonb_build_object('expired', (s.i).lease_until is not null,
    'dispatchedAt', (s.i).dispatched_at) order by (s.i).dispatched_at, (s.i).id), '[]')
  from (select i from ingestions i where i.dispatched_at is not null and i.next_queue is not null
    and i.dispatched_at < now() - make_interval(secs => p_grace_ms / 1000.0)
    and (i.lease_until is null or i.lease_until < now())
    and (p_after_at is null or (i.dispatched_at, i.id) > (p_after_at, p_after_id))
    and (p_organizations is null or i.organization_id = any (p_organizations))
    order by i.dispatched_at, i.id limit least(p_limit, 1000)) s
$$;

-- System. Queues again, in a new generation, what was found stranded; compare-and-set on the generation, so that one which moved on
-- meanwhile is left alone. Answers the jobs to queue.
create function public.sluice_requeue(p_items jsonb, p_max_deaths integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_item jsonb;
  v_jobs jsonb := '[]';
  v_expired boolean;
  i ingestions;
begin
  for v_item in select value from jsonb_array_elements(p_items) order by value->>'ingestionId' loop
    select * into i from ingestions where organization_id = (v_item->>'organizationId')::uuid and id = (v_item->>'ingestionId')::uuid
      and generation = (v_item->>'generation')::integer and next_queue = v_item->>'queue' and dispatched_at is not null
      and (lease_until is null or lease_until < now()) for update;
    continue when not found;
    v_expired := i.lease_until is not null;
    -- The next turn comes to it again.
    continue when v_expired and i.deaths + 1 >= p_max_deaths and not sluice.try_lock_family(i.document_id);
    update ingestions set deaths = deaths + case when v_expired then 1 else 0 end where id = i.id returning * into i;
    if i.deaths >= p_max_deaths then
      perform sluice.bury(i, sluice.stage_of(i.status), 'worker_lost', i.attempts, i.lease_worker, null);
      continue;
    end if;
    perform sluice.record(i, 'requeued', sluice.stage_of(i.status), i.attempts, null, i.lease_worker, case when v_expired then 'worker_lost' else 'job_lost' end);
    update ingestions set generation = generation + 1, dispatched_at = now(), lease_worker = null, lease_until = null, updated_at = now()
    where id = i.id returning * into i;
    v_jobs := v_jobs || sluice.job(i, 0);
  end loop;
  return v_jobs;
end $$;

-- System. Deletes the output of dead generations that was never sealed. Answers how many parts went.
create function public.sluice_sweep_parts(p_limit integer) returns integer
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  p record;
  v_table text;
  v_count integer := 0;
begin
  for p in select x.* from parts x join ingestions i on i.id = x.ingestion_id
    where x.generation < i.generation or i.next_queue is null limit p_limit loop
    foreach v_table in array case p.stage when 'parse' then array['sections', 'pages', 'tables', 'facts'] else array['chunks'] end loop
      execute format('delete from sluice.%I s using sluice.ingestions i where i.id = s.ingestion_id and s.ingestion_id = $1
        and s.generation = $2 and s.generation is distinct from i.%I', v_table, case p.stage when 'parse' then 'parsed_generation' else 'chunked_generation' end)
      using p.ingestion_id, p.generation;
    end loop;
    delete from parts where ingestion_id = p.ingestion_id and generation = p.generation and stage = p.stage and part = p.part;
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;

-- System. Stored objects that a deletion still owes, oldest first.
create function public.sluice_objects_to_erase(p_limit integer) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(object_path), '[]') from (select object_path from erasures order by requested_at, object_path limit p_limit) x
$$;

-- System. One step of a walk over all stored objects, p_limit of them: {paths, more}, `paths` being those that nothing refers to (the
-- gateway or a parser died between storing and committing). Younger ones than p_grace_ms may still be under way.
create function public.sluice_orphaned_objects(p_grace_ms bigint, p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_after text;
  v_last text;
  v_seen integer;
  v_paths jsonb;
begin
  select place into v_after from cursors where name = 'orphaned_objects';
  select count(*), max(o.name), coalesce(jsonb_agg(o.name) filter (where o.created_at < now() - make_interval(secs => p_grace_ms / 1000.0)
      and not exists (select from ingestions i where i.object_path = o.name)), '[]')
  into v_seen, v_last, v_paths
  from (select name, created_at from storage.objects where bucket_id = 'originals' and (v_after is null or name > v_after) order by name limit p_limit) o;
  insert into cursors (name, place) values ('orphaned_objects', case when v_seen = p_limit then v_last end)
  on conflict (name) do update set place = excluded.place;
  return jsonb_build_object('paths', v_paths, 'more', v_seen = p_limit);
end $$;

-- System. Storage has confirmed that these are gone.
create function public.sluice_objects_erased(p_paths text[]) returns void
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  delete from erasures where object_path = any (p_paths)
$$;

-- System. Cancels what is left of cancelled batches. Answers how many ingestions.
create function public.sluice_cancel_step(p_limit integer) returns integer
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  b record;
  v_count integer := 0;
begin
  for b in select id from batches where cancelled_at is not null
    and exists (select from ingestions i where i.batch_id = batches.id and i.status in ('uploaded', 'parsed', 'chunked')) loop
    v_count := v_count + sluice.cancel_some(b.id, p_limit - v_count);
    exit when v_count >= p_limit;
  end loop;
  return v_count;
end $$;

-- System. Answers to repeated requests are kept for a day.
create function public.sluice_expire_idempotency_keys() returns void
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  delete from idempotency_keys where ctid in (select ctid from idempotency_keys where created_at < now() - interval '1 day' limit 5000)
$$;

-- System. Folds what changed into the tallies, oldest first. Answers how many changes; one transaction, so that a count taken at any
-- moment sees each change once.
create function public.sluice_fold_tallies(p_limit integer) returns integer
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_count integer;
begin
  with taken as (
    delete from tally_deltas where id in (select id from tally_deltas order by id limit p_limit)
    returning organization_id, batch_key, measure, delta
  ), folded as (
    insert into tallies (organization_id, batch_key, measure, n)
    select organization_id, batch_key, measure, sum(delta) from taken group by 1, 2, 3 order by 1, 2, 3
    on conflict (organization_id, batch_key, measure) do update set n = tallies.n + excluded.n
  )
  select count(*) into v_count from taken;
  return v_count;
end $$;

-- System. What the metrics show of all organizations together: counts by measure, what is in the backlog and its oldest by queue, and
-- whose ledger is off. Reads tallies and what is in flight, never all rows.
create function public.sluice_stats() returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  with counts as (
    select organization_id, measure, sum(n) as n from (
      select organization_id, measure, n from tallies union all select organization_id, measure, delta from tally_deltas) x
    group by organization_id, measure
  ), queues as (
    select q.queue, coalesce((select sum(n) from counts where measure = q.queue), 0)
        - (select count(*) from ingestions where dispatched_at is not null and next_queue = q.queue) as waiting,
      (select min(dispatch_after) from ingestions where dispatched_at is null and next_queue = q.queue) as oldest
    from unnest(array['parse', 'ocr', 'chunk', 'embed']) q(queue)
  )
  select jsonb_build_object(
    'counts', (select coalesce(jsonb_object_agg(measure, n), '{}') from (select measure, sum(n) as n from counts group by measure) s),
    'backlog', (select jsonb_agg(jsonb_build_object('queue', queue, 'waiting', greatest(0, waiting),
      'oldestSeconds', coalesce(extract(epoch from now() - oldest), 0))) from queues),
    'unbalanced', (select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'imbalance', off)), '[]') from (
      select organization_id, sum(case when measure = 'accepted' then n
        when measure in ('parse', 'ocr', 'chunk', 'embed', 'vectorized', 'failed', 'cancelled', 'deleted') then -n else 0 end) as off
      from counts group by organization_id) l where off <> 0))
$$;

-- ── Events by cursor ────────────────────────────────────────────────────────────────────────────────────────

-- System. Events after the cursor (xid, id). Only transactions that every later one will see as finished are read: an event's xid is
-- below the oldest still running, so none can appear behind the cursor afterwards. A null cursor answers where now is.
create function public.sluice_events_since(p_xid text, p_id bigint, p_limit integer) returns jsonb
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
      kind, status, stage, generation, attempt, duration_ms as "durationMs", code, at
    from document_events where (xid, id) > (p_xid::xid8, p_id) and xid < v_horizon order by document_events.xid, document_events.id limit least(p_limit, 1000)) e;
  return jsonb_build_object('xid', coalesce(v_events->-1->>'xid', p_xid), 'id', coalesce((v_events->-1->>'id')::bigint, p_id), 'events', v_events);
end $$;

-- ── The ledger ──────────────────────────────────────────────────────────────────────────────────────────────

-- Accepted against what became of it, for one organization or one of its batches.
create function public.sluice_ledger(p_organization uuid, p_batch uuid default null) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select jsonb_build_object('accepted', a.n, 'vectorized', s.vectorized, 'failed', s.failed, 'cancelled', s.cancelled, 'deleted', t.n, 'inFlight', s.in_flight,
    'duplicates', d.n, 'imbalance', a.n - s.vectorized - s.failed - s.cancelled - t.n - s.in_flight)
  from (select count(*) n from acceptances where organization_id = p_organization and (p_batch is null or batch_id = p_batch)) a,
    (select count(*) n from tombstones where organization_id = p_organization and (p_batch is null or batch_id = p_batch)) t,
    (select count(*) n from duplicate_receipts where organization_id = p_organization and (p_batch is null or batch_id = p_batch)) d,
    (select count(*) filter (where status = 'vectorized') vectorized, count(*) filter (where status = 'failed') failed,
      count(*) filter (where status = 'cancelled') cancelled, count(*) filter (where next_queue is not null) in_flight
     from ingestions where organization_id = p_organization and (p_batch is null or batch_id = p_batch)) s
$$;

-- Names what is off, at most p_limit: `missing` (accepted, and neither there nor deleted), `unaccounted` (there, never accepted),
-- `undead` (deleted, and still there), `exposed` (shown to readers without being done).
create function public.sluice_ledger_check(p_organization uuid, p_limit integer default 100) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(f), '[]') from (
    select 'missing' as finding, a.ingestion_id as "ingestionId", a.document_id as "documentId", a.accepted_at as at from acceptances a
      where a.organization_id = p_organization and not exists (select from ingestions i where i.id = a.ingestion_id)
        and not exists (select from tombstones t where t.ingestion_id = a.ingestion_id)
    union all
    select 'unaccounted', i.id, i.document_id, i.accepted_at from ingestions i
      where i.organization_id = p_organization and not exists (select from acceptances a where a.ingestion_id = i.id)
    union all
    select 'undead', i.id, i.document_id, i.accepted_at from ingestions i join tombstones t on t.ingestion_id = i.id where i.organization_id = p_organization
    union all
    select 'exposed', i.id, i.document_id, i.accepted_at from ingestions i where i.organization_id = p_organization and i.active and i.status <> 'vectorized'
    limit least(p_limit, 1000)) f
$$;
