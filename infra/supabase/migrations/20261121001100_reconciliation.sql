-- Postgres against Redis, the ledger against the rows, and how much is waiting.

-- System. Which of these jobs that Redis holds nobody waits for: their ingestion is gone, final, or in another generation or queue. Items
-- {ingestionId, generation, queue}; answers those of them that are obsolete.
create function public.sluice_obsolete_jobs(p_items jsonb) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(x.value), '[]') from jsonb_array_elements(p_items) x
  where not exists (select from ingestions i where i.id = (x.value->>'ingestionId')::uuid
    and i.generation = (x.value->>'generation')::integer and i.next_queue = x.value->>'queue' and i.dispatched_at is not null)
$$;

-- System. The next step of a walk over what is in flight, oldest first, that nobody holds: {jobs, more}, as sluice_stranded. Where the walk
-- is stands in `cursors`, so that whoever leads next goes on with it.
create function public.sluice_next_stranded(p_grace_ms integer, p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_place text := (select place from cursors where name = 'stranded');
  v_jobs jsonb := public.sluice_stranded(p_grace_ms, split_part(v_place, '/', 1)::timestamptz, split_part(v_place, '/', 2)::uuid, p_limit);
  v_more boolean := jsonb_array_length(v_jobs) = p_limit;
begin
  if v_more or v_place is not null then
    insert into cursors (name, place) values ('stranded', case when v_more then (v_jobs->-1->>'dispatchedAt') || '/' || (v_jobs->-1->>'ingestionId') end)
    on conflict (name) do update set place = excluded.place;
  end if;
  return jsonb_build_object('jobs', v_jobs, 'more', v_more);
end $$;

-- ── The rolling recount ─────────────────────────────────────────────────────────────────────────────────────

-- What a recount found to be off, until one finds it well again. `subject`: an ingestion; for `miscounted` the batch (zero id for none).
create table sluice.ledger_findings (
  organization_id uuid not null,
  finding text not null check (finding in ('missing', 'unaccounted', 'undead', 'exposed', 'miscounted')),
  subject uuid not null,
  document_id uuid,
  at timestamptz not null,
  found_at timestamptz not null default now(),
  primary key (organization_id, finding, subject)
);

-- What is off among ingestions with an id after p_after up to p_to, on either side of the books.
create function sluice.findings_between(p_after uuid, p_to uuid)
returns table (organization_id uuid, finding text, subject uuid, document_id uuid, at timestamptz)
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select a.organization_id, 'missing', a.ingestion_id, a.document_id, a.accepted_at from acceptances a
    where a.ingestion_id > p_after and a.ingestion_id <= p_to
      and not exists (select from ingestions i where i.id = a.ingestion_id) and not exists (select from tombstones t where t.ingestion_id = a.ingestion_id)
  union all
  select i.organization_id, 'unaccounted', i.id, i.document_id, i.accepted_at from ingestions i
    where i.id > p_after and i.id <= p_to and not exists (select from acceptances a where a.ingestion_id = i.id)
  union all
  select i.organization_id, 'undead', i.id, i.document_id, i.accepted_at from ingestions i
    where i.id > p_after and i.id <= p_to and exists (select from tombstones t where t.ingestion_id = i.id)
  union all
  select i.organization_id, 'exposed', i.id, i.document_id, i.accepted_at from ingestions i
    where i.id > p_after and i.id <= p_to and i.active and i.status <> 'vectorized'
$$;

-- System. One step of a walk over all acceptances and ingestions by id, about p_limit of them. What is off is kept in ledger_findings, what
-- is well again is taken out. Answers {looked, found, finished}: finished when the walk has come to its end and begins anew.
create function public.sluice_recount_step(p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_after uuid := coalesce((select place::uuid from cursors where name = 'recount'), sluice.no_batch());
  v_to uuid;
  v_looked integer;
  v_found integer;
begin
  select (array_agg(ingestion_id order by ingestion_id desc))[1], count(*) into v_to, v_looked
  from (select ingestion_id from acceptances where ingestion_id > v_after order by ingestion_id limit p_limit) x;
  if v_looked < p_limit then v_to := 'ffffffff-ffff-ffff-ffff-ffffffffffff'; end if;
  delete from ledger_findings f where f.finding <> 'miscounted' and f.subject > v_after and f.subject <= v_to
    and not exists (select from sluice.findings_between(v_after, v_to) n where n.subject = f.subject and n.finding = f.finding);
  insert into ledger_findings (organization_id, finding, subject, document_id, at) select * from sluice.findings_between(v_after, v_to)
  on conflict do nothing;
  get diagnostics v_found = row_count;
  insert into cursors (name, place) values ('recount', case when v_looked = p_limit then v_to::text end)
  on conflict (name) do update set place = excluded.place;
  if v_looked < p_limit then
    insert into cursors (name, place) values ('recounted', now()::text) on conflict (name) do update set place = excluded.place;
  end if;
  return jsonb_build_object('looked', v_looked, 'found', v_found, 'finished', v_looked < p_limit);
end $$;

-- The counts of a batch (or of what is in none) by counting rows, by the measures of the tallies.
create function sluice.counted(p_organization uuid, p_batch_key uuid) returns table (measure text, n bigint)
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select coalesce(next_queue, status), count(*) from ingestions where organization_id = p_organization
    and batch_id is not distinct from nullif(p_batch_key, sluice.no_batch()) group by 1
  union all
  select m, count(*) from acceptances cross join lateral unnest(case when origin = 'upload' then array['accepted', 'submitted'] else array['accepted'] end) m
    where organization_id = p_organization and batch_id is not distinct from nullif(p_batch_key, sluice.no_batch()) group by 1
  union all
  select 'duplicate', count(*) from duplicate_receipts where organization_id = p_organization
    and batch_id is not distinct from nullif(p_batch_key, sluice.no_batch()) having count(*) > 0
  union all
  select 'deleted', count(*) from tombstones where organization_id = p_organization
    and batch_id is not distinct from nullif(p_batch_key, sluice.no_batch()) having count(*) > 0
  union all
  select 'dead/' || stage || '/' || code, count(*) from dead_letters where organization_id = p_organization and state = 'open'
    and batch_id is not distinct from nullif(p_batch_key, sluice.no_batch()) group by stage, code
$$;

-- System. Counts the rows of the next organization's next batch and compares them with its tallies, in one snapshot. What differs is written
-- down as `miscounted` and put right. Answers {organizationId, batchId, off: {measure: by how many}}; null at the end of a round.
create function public.sluice_recount_tallies() returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_place text := (select place from cursors where name = 'recount_tallies');
  v_organization uuid;
  v_batch uuid;
  v_off jsonb;
begin
  select organization_id, batch_key into v_organization, v_batch from tallies
  where v_place is null or (organization_id, batch_key) > (split_part(v_place, '/', 1)::uuid, split_part(v_place, '/', 2)::uuid)
  order by organization_id, batch_key limit 1;
  insert into cursors (name, place) values ('recount_tallies', v_organization || '/' || v_batch)
  on conflict (name) do update set place = excluded.place;
  if v_organization is null then return null; end if;
  select jsonb_object_agg(measure, off) into v_off from (
    select measure, sum(n) as off from (
      select measure, n from sluice.counted(v_organization, v_batch)
      union all select measure, -n from tallies where organization_id = v_organization and batch_key = v_batch
      union all select measure, -delta from tally_deltas where organization_id = v_organization and batch_key = v_batch) x
    group by measure having sum(n) <> 0) d;
  if v_off is null then
    delete from ledger_findings where organization_id = v_organization and finding = 'miscounted' and subject = v_batch;
  else
    insert into tally_deltas (organization_id, batch_key, measure, delta)
    select v_organization, v_batch, key, value::integer from jsonb_each_text(v_off);
    insert into ledger_findings (organization_id, finding, subject, at) values (v_organization, 'miscounted', v_batch, now())
    on conflict (organization_id, finding, subject) do update set found_at = now();
  end if;
  return jsonb_build_object('organizationId', v_organization, 'batchId', nullif(v_batch, sluice.no_batch()), 'off', coalesce(v_off, '{}'));
end $$;

-- System. How the recount stands: when it last came to an end, and how many findings there are by organization.
create function public.sluice_recount_state() returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select jsonb_build_object(
    'secondsSince', (select extract(epoch from now() - place::timestamptz) from cursors where name = 'recounted'),
    'findings', (select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'finding', finding, 'count', n)), '[]')
      from (select organization_id, finding, count(*) as n from ledger_findings group by 1, 2 order by 1, 2 limit 1000) f))
$$;

-- ── Load ────────────────────────────────────────────────────────────────────────────────────────────────────

-- System. What waits or is worked on, and for how many seconds the oldest in the backlog has waited: of an organization, and of all together.
-- What somebody paused is counted, but is not old. Among the oldest of all the first thousand of a queue are looked at.
create function public.sluice_load(p_organization uuid) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  with recursive waiting as (
    select organization_id, sum(n) as n from (
      select organization_id, n from tallies where measure in ('parse', 'ocr', 'chunk', 'embed')
      union all select organization_id, delta from tally_deltas where measure in ('parse', 'ocr', 'chunk', 'embed')) x group by 1
  ), lanes as (
    (select next_queue, batch_key from ingestions where organization_id = p_organization and dispatched_at is null and next_queue is not null
      order by next_queue, batch_key limit 1)
    union all
    select n.next_queue, n.batch_key from lanes l cross join lateral (
      select next_queue, batch_key from ingestions where organization_id = p_organization and dispatched_at is null and next_queue is not null
        and (next_queue, batch_key) > (l.next_queue, l.batch_key) order by next_queue, batch_key limit 1) n
  ), own as (
    select min(w.dispatch_after) as oldest from lanes l left join batches b on b.id = l.batch_key cross join lateral (
      select dispatch_after from ingestions where organization_id = p_organization and next_queue = l.next_queue and batch_key = l.batch_key
        and dispatched_at is null order by dispatch_after limit 1) w
    where b.paused_at is null and not exists (select from sluice.open_breakers(p_organization, l.next_queue) where cause = 'operator')
  ), everybodys as (
    select min(w.dispatch_after) as oldest from unnest(array['parse', 'ocr', 'chunk', 'embed']) q(queue) cross join lateral (
      select i.dispatch_after, i.batch_id, i.organization_id from ingestions i where i.dispatched_at is null and i.next_queue = q.queue
      order by i.dispatch_after limit 1000) w left join batches b on b.id = w.batch_id
    where b.paused_at is null and not exists (select from sluice.open_breakers(w.organization_id, q.queue) where cause = 'operator')
  )
  select jsonb_build_object(
    'organization', jsonb_build_object('waiting', coalesce((select n from waiting where organization_id = p_organization), 0),
      'oldestSeconds', greatest(0, coalesce((select extract(epoch from now() - oldest) from own), 0))),
    'all', jsonb_build_object('waiting', coalesce((select sum(n) from waiting), 0),
      'oldestSeconds', greatest(0, coalesce((select extract(epoch from now() - oldest) from everybodys), 0))))
$$;

select sluice.raise_walls();
