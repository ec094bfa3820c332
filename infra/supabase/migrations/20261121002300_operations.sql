-- What those who run it watch: interactive work apart from backfills, what is late, and a heartbeat.

-- ── Interactive and backfill ────────────────────────────────────────────────────────────────────────────────

-- Whether somebody waits for it. What comes in a batch, is run again from its stored original or is taken up again after it ended is not.
-- Those that are in flight while this is applied and belong to a batch are put right below; what is final keeps the default, and nobody asks.
alter table sluice.ingestions add column workload text not null default 'interactive' check (workload in ('interactive', 'backfill'));
update sluice.ingestions set workload = 'backfill' where next_queue is not null and batch_id is not null;

-- What is late, and the oldest that waits, of interactive work: few rows, however large the backlog is.
create index ingestions_interactive on sluice.ingestions (next_queue, accepted_at)
  where next_queue is not null and workload = 'interactive';
create index ingestions_interactive_oldest on sluice.ingestions (next_queue, dispatch_after)
  where dispatched_at is null and next_queue is not null and workload = 'interactive';

-- The organization of the heartbeat document: nobody's, without members or keys.
create function sluice.heartbeat_organization() returns uuid language sql immutable as $$
  select '00000000-0000-8000-8000-000000000001'::uuid
$$;

create function sluice.set_workload() returns trigger
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  if tg_op = 'UPDATE' or new.batch_id is not null or new.organization_id = sluice.heartbeat_organization()
      -- A reprocessing reads the stored original of an earlier revision.
      or exists (select from ingestions where document_id = new.document_id and object_path = new.object_path)
      or exists (select from documents d join ingestions p on p.id = d.parent_ingestion_id where d.id = new.document_id and p.workload = 'backfill') then
    new.workload := 'backfill';
  end if;
  return new;
end $$;
create trigger set_workload before insert on sluice.ingestions for each row execute function sluice.set_workload();
create trigger resume_as_backfill before update of status on sluice.ingestions for each row
  when (old.status in ('failed', 'cancelled') and new.next_queue is not null) execute function sluice.set_workload();

-- Within how many seconds the quickest are to be searchable: what is younger is not late.
create function sluice.searchable_soonest() returns integer language sql immutable as $$ select 60 $$;

-- Within how many seconds an interactive document is to be searchable; one whose pages must be recognised takes longer.
create function sluice.searchable_within(i sluice.ingestions) returns integer
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (
  select case when i.next_queue = 'ocr' or exists (select from pages where ingestion_id = i.id and kind = 'ocr') then 10 else 1 end * sluice.searchable_soonest());
end $$;

-- As before, with what the work counts as and how soon it is to be searchable.
create or replace function public.sluice_begin_stage(p_items jsonb, p_queue text, p_worker text, p_lease_ms integer, p_max_deaths integer, p_model text default null,
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
            'workload', i.workload, 'searchableWithinSeconds', sluice.searchable_within(i),
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

-- System. What the metrics show of all organizations together: counts by measure, what is in the backlog and its oldest by queue and workload,
-- interactive documents that should be searchable by now and are not (the first 10,000), in how many seconds the next key in use expires, and
-- whose ledger is off. The heartbeat is left out; what somebody paused is counted, but is not old. Among the oldest the first thousand of a
-- queue are looked at. Reads tallies and what is in flight, never all rows.
create or replace function public.sluice_stats() returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  with counts as (
    select organization_id, measure, sum(n) as n from (
      select organization_id, measure, n from tallies union all select organization_id, measure, delta from tally_deltas) x
    where organization_id <> sluice.heartbeat_organization()
    group by organization_id, measure
  ), queues as (
    select q.queue, coalesce((select sum(n) from counts where measure = q.queue), 0)
        - (select count(*) from ingestions where dispatched_at is not null and next_queue = q.queue
           and organization_id <> sluice.heartbeat_organization()) as waiting
    from unnest(array['parse', 'ocr', 'chunk', 'embed']) q(queue)
  ), waiting as (
    select q.queue, w.* from queues q cross join lateral (
      select organization_id, batch_id, dispatch_after, 'backfill' as workload from ingestions
      where dispatched_at is null and next_queue = q.queue order by dispatch_after limit 1000) w
    union all
    select q.queue, w.* from queues q cross join lateral (
      select organization_id, batch_id, dispatch_after, 'interactive' as workload from ingestions
      where dispatched_at is null and next_queue = q.queue and workload = 'interactive' order by dispatch_after limit 1000) w
  ), oldest as (
    -- The oldest of all stands for backfills, too: where it is interactive, it is the older of the two.
    select w.queue, w.workload, min(w.dispatch_after) as at from waiting w left join batches b on b.id = w.batch_id
    where b.paused_at is null and w.organization_id <> sluice.heartbeat_organization()
      and not exists (select from sluice.open_breakers(w.organization_id, w.queue) where cause = 'operator')
    group by w.queue, w.workload
  )
  select jsonb_build_object(
    'counts', (select coalesce(jsonb_object_agg(measure, n), '{}') from (select measure, sum(n) as n from counts group by measure) s),
    'backlog', (select jsonb_agg(jsonb_build_object('queue', queue, 'waiting', greatest(0, waiting),
      'oldestSeconds', coalesce((select extract(epoch from now() - at) from oldest o where o.queue = q.queue and o.workload = 'backfill'), 0),
      'oldestInteractiveSeconds', coalesce((select extract(epoch from now() - at) from oldest o where o.queue = q.queue and o.workload = 'interactive'), 0)))
      from queues q),
    'overdue', (select count(*) from (
      select from ingestions i where next_queue = any (array['parse', 'ocr', 'chunk', 'embed']) and workload = 'interactive'
        and accepted_at < now() - make_interval(secs => sluice.searchable_soonest()) and accepted_at < now() - make_interval(secs => sluice.searchable_within(i)) limit 10000) o),
    'keyExpirySeconds', (select extract(epoch from min(expires_at) - now()) from api_keys
      where revoked_at is null and expires_at > now() - interval '1 day' and last_used_at > now() - interval '30 days'),
    'unbalanced', (select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'imbalance', off)), '[]') from (
      select organization_id, sum(case when measure = 'accepted' then n
        when measure in ('parse', 'ocr', 'chunk', 'embed', 'vectorized', 'failed', 'cancelled', 'deleted') then -n else 0 end) as off
      from counts group by organization_id) l where off <> 0))
$$;

-- ── The heartbeat ───────────────────────────────────────────────────────────────────────────────────────────

-- When the newest heartbeat that came through was sent.
create table sluice.heartbeats (
  organization_id uuid primary key references sluice.organizations on delete cascade,
  through_at timestamptz
);

-- It leaves no trail: a document a minute would be half a million a year.
create function sluice.skip_row() returns trigger language plpgsql as $$
begin
  return null;
end $$;
create trigger skip_heartbeat before insert on sluice.document_events for each row
  when (new.organization_id = '00000000-0000-8000-8000-000000000001') execute function sluice.skip_row();

-- System. Organizations by id, after p_after; the heartbeat's is none.
create or replace function public.sluice_list_organizations(p_after uuid default null, p_limit integer default 200) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', o.id, 'name', o.name, 'activeModel', o.active_model) order by o.id), '[]')
  from (select * from organizations where (p_after is null or id > p_after) and id <> sluice.heartbeat_organization()
    order by id limit least(p_limit, 500)) o
$$;

-- System. How the heartbeat is: {organizationId, underWay, ageSeconds (since the newest that came through was sent; null before the first)}.
create function public.sluice_heartbeat() returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select jsonb_build_object('organizationId', sluice.heartbeat_organization(),
    'underWay', exists (select from ingestions where organization_id = sluice.heartbeat_organization() and next_queue is not null),
    'ageSeconds', extract(epoch from now() - greatest(
      (select through_at from heartbeats where organization_id = sluice.heartbeat_organization()),
      (select max(accepted_at) from ingestions where organization_id = sluice.heartbeat_organization() and status = 'vectorized'))))
$$;

-- System. Sends the next heartbeat, of bytes that are stored: always the same document and ingestion, made anew, so that nothing adds up. The job,
-- or null while the one before is under way; then the object is owed like any other that nobody needs.
create function public.sluice_beat(p_object_path text, p_content_hash text, p_byte_length bigint) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_organization uuid := sluice.heartbeat_organization();
  v_generation integer := 1;
  d documents;
  i ingestions;
begin
  insert into organizations (id, name) values (v_organization, 'heartbeat') on conflict do nothing;
  insert into heartbeats (organization_id) values (v_organization) on conflict do nothing;
  perform 1 from heartbeats where organization_id = v_organization for update;
  select * into d from documents where organization_id = v_organization for update;
  select * into i from ingestions where organization_id = v_organization for update;
  if i.next_queue is not null then
    insert into erasures (object_path, organization_id) values (p_object_path, v_organization) on conflict do nothing;
    return null;
  end if;
  if i.id is not null then
    v_generation := i.generation + 1;
    update heartbeats set through_at = i.accepted_at where organization_id = v_organization and i.status = 'vectorized';
    insert into erasures (object_path, organization_id) values (i.object_path, v_organization) on conflict do nothing;
    delete from documents where id = d.id;
  end if;
  -- Whichever model embedders have now.
  update organizations set active_model = null where id = v_organization;
  insert into documents (id, organization_id, identity_key, content_hash)
  values (v_organization, v_organization, sluice.identity_key(null, null, p_content_hash), p_content_hash);
  insert into ingestions (id, organization_id, document_id, revision, generation, object_path, content_hash, byte_length, declared_type, media_type, dispatched_at)
  values (v_organization, v_organization, v_organization, 1, v_generation, p_object_path, p_content_hash, p_byte_length, 'text/plain', 'text/plain', now())
  returning * into i;
  insert into acceptances (ingestion_id, organization_id, document_id, revision, origin) values (i.id, v_organization, i.document_id, 1, 'upload')
  on conflict do nothing;
  return sluice.job(i, 0);
end $$;

select sluice.raise_walls();
