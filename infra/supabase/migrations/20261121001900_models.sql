-- Models side by side: a reindex gives what is there the vectors of another model while search reads the old one, flips when it is whole, and keeps both
-- until its window closes.

create table sluice.reindexes (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references sluice.organizations on delete cascade,
  model text not null references sluice.embedding_models,
  from_model text not null references sluice.embedding_models,
  -- running: `model` is made whole · flipped: search reads it, `from_model` is kept up · rolling_back: `from_model` is made whole ·
  -- rolled_back: search reads that again, `model` is kept up · closing: the vectors that nobody reads are removed · done
  state text not null default 'running' check (state in ('running', 'flipped', 'rolling_back', 'rolled_back', 'closing', 'done')),
  cancelled boolean not null default false,
  accept_missing boolean not null,
  -- How long both are kept up after a flip.
  window_length interval not null,
  window_until timestamptz,
  -- How far the walk over the documents is, and whether it found any without vectors; null cursor: it is over.
  cursor uuid default '00000000-0000-0000-0000-000000000000',
  found boolean not null default false,
  embedded bigint not null default 0,
  -- What held it up last, and until when.
  waiting_for text,
  retry_at timestamptz not null default now(),
  started_at timestamptz not null default now(),
  flipped_at timestamptz,
  finished_at timestamptz,
  check (model <> from_model)
);
create unique index reindexes_open on sluice.reindexes (organization_id) where state <> 'done';
create index reindexes_by_organization on sluice.reindexes (organization_id, started_at);

-- Revisions that lack vectors of the model that is not read; an embedder that works on one holds it by a lease.
create table sluice.reindex_left (
  reindex_id uuid not null references sluice.reindexes on delete cascade,
  ingestion_id uuid not null references sluice.ingestions on delete cascade,
  worker text,
  lease_until timestamptz not null default '-infinity',
  -- Tries that ended with a text that may be at fault.
  tries integer not null default 0,
  primary key (reindex_id, ingestion_id)
);
create index reindex_left_by_ingestion on sluice.reindex_left (ingestion_id);

-- Passages that a model will not take.
create table sluice.reindex_refused (
  reindex_id uuid not null references sluice.reindexes on delete cascade,
  chunk_id uuid not null references sluice.chunks on delete cascade,
  model text not null,
  code text not null,
  primary key (reindex_id, chunk_id, model)
);
create index reindex_refused_by_chunk on sluice.reindex_refused (chunk_id);
create index ingestions_vectorized on sluice.ingestions (organization_id, id) where status = 'vectorized';

-- The model that a reindex makes or keeps whole beside the one that search reads; null when there is none.
create function sluice.other_model(r sluice.reindexes) returns text language sql immutable set search_path = pg_catalog as $$
  select case when r.state in ('running', 'rolled_back') then r.model when r.state in ('flipped', 'rolling_back') then r.from_model end
$$;

-- Whether a passage lacks a vector of the model, and the model has not refused it.
create function sluice.lacks(i sluice.ingestions, r sluice.reindexes, p_model text) returns setof sluice.chunks
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select c.* from chunks c where c.ingestion_id = i.id and c.generation = i.chunked_generation
    and not exists (select from embeddings e where e.chunk_id = c.id and e.model = p_model)
    and not exists (select from reindex_refused f where f.chunk_id = c.id and f.reindex_id = r.id and f.model = p_model)
$$;

-- Whether readers see the revision, or will once what it lies in is finished.
create function sluice.is_read(i sluice.ingestions) returns boolean language sql stable set search_path = sluice, extensions, pg_temp as $$
  select i.active or (i.status = 'vectorized' and not exists (select from ingestions n
    where n.document_id = i.document_id and n.revision > i.revision and n.status = 'vectorized'))
$$;

-- Whether vectors of a passage may be added: its document waits for them, or is finished and a reindex keeps up that model.
create or replace function sluice.takes_vectors(i sluice.ingestions, p_model text) returns boolean language sql stable set search_path = sluice, extensions, pg_temp as $$
  select i.status = 'chunked' or (i.status = 'vectorized' and exists (select from reindexes r
    where r.organization_id = i.organization_id and r.state <> 'done' and sluice.other_model(r) = p_model))
$$;

-- What is finished from a reindex's start on gets both models' vectors; embedders mostly made them already. The organization's row keeps it from being missed by one that starts or flips at the same moment.
create function sluice.leave_for_reindex() returns trigger language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  perform 1 from organizations where id = new.organization_id for share;
  insert into reindex_left (reindex_id, ingestion_id)
  select r.id, new.id from reindexes r where r.organization_id = new.organization_id and r.state <> 'done' and sluice.other_model(r) is not null
    and exists (select from sluice.lacks(new, r, sluice.other_model(r)))
  on conflict do nothing;
  return null;
end $$;
create trigger leave_for_reindex after update of status, active on sluice.ingestions for each row
  when (new.status = 'vectorized' and (old.status <> 'vectorized' or (new.active and not old.active))) execute function sluice.leave_for_reindex();

-- As before; a flip waits for those that seal, and those that seal for a flip.
create or replace function public.sluice_seal_embed(p_organization uuid, p_ingestion uuid, p_generation integer, p_worker text, p_model text, p_duration_ms integer,
  p_last jsonb default null) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
  v_active text;
begin
  perform sluice.lock_family((select document_id from ingestions where organization_id = p_organization and id = p_ingestion));
  select * into i from sluice.take_to_seal(p_organization, p_ingestion, p_generation, 'chunked');
  if not found then return jsonb_build_object('outcome', 'stale'); end if;
  if (select active_model from organizations where id = p_organization) is null then
    -- Not shared first: two that share the row could not both change it.
    update organizations set active_model = coalesce(active_model, p_model) where id = p_organization returning active_model into v_active;
  else
    select active_model into v_active from organizations where id = p_organization for share;
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

-- ── What embedders do ───────────────────────────────────────────────────────────────────────────────────────────────

-- System. Work of some reindex that needs one of the models: passages of some revisions, which the worker holds until the lease ends. null: nothing to do.
-- Organizations whose budget is used up, or whose embedding is paused, have none.
create function public.sluice_claim_reindex(p_models text[], p_worker text, p_lease_ms integer, p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  r reindexes;
  v_ids uuid[];
  v_items jsonb;
begin
  for r in select x.* from reindexes x where x.state <> 'done' and sluice.other_model(x) = any (p_models) and x.retry_at <= now()
      and not exists (select from budgets b where b.organization_id = x.organization_id and sluice.exhausted(b))
      and not exists (select from circuit_breakers c where c.queue = 'embed' and c.state = 'open' and c.cause = 'operator'
        and c.organization_id in (sluice.everybody(), x.organization_id))
      order by random() loop
    with taken as (select l.ingestion_id from reindex_left l where l.reindex_id = r.id and l.lease_until < now()
      order by l.ingestion_id limit least(p_limit, 200) for update skip locked)
    update reindex_left l set worker = p_worker, lease_until = now() + make_interval(secs => p_lease_ms / 1000.0)
    from taken t where l.reindex_id = r.id and l.ingestion_id = t.ingestion_id;
    select array_agg(ingestion_id) into v_ids from reindex_left where reindex_id = r.id and worker = p_worker and lease_until > now();
    continue when v_ids is null;
    select coalesce(jsonb_agg(jsonb_build_object('ingestionId', i.id, 'generation', i.generation, 'chunkId', c.id, 'text', c.text, 'prefix', c.prefix,
      'tokenCount', c.token_count)), '[]') into v_items
    from (select n.id as ingestion, k.* from ingestions n cross join lateral sluice.lacks(n, r, sluice.other_model(r)) k
      where n.id = any (v_ids) and sluice.is_read(n) order by n.id, k.ordinal limit p_limit) c join ingestions i on i.id = c.ingestion;
    return jsonb_build_object('id', r.id, 'organizationId', r.organization_id, 'model', sluice.other_model(r), 'ingestions', to_jsonb(v_ids), 'chunks', v_items);
  end loop;
  return null;
end $$;

-- System. What organizations' new documents need vectors of beside those of the model that search reads: [{organizationId, model}], of these models.
create function public.sluice_kept_models(p_models text[]) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'model', sluice.other_model(r))), '[]') from reindexes r
  where r.state <> 'done' and sluice.other_model(r) = any (p_models)
$$;

-- System. Holds on to what was claimed.
create function public.sluice_hold_reindex(p_reindex uuid, p_worker text, p_lease_ms integer) returns void
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  update reindex_left set lease_until = now() + make_interval(secs => p_lease_ms / 1000.0) where reindex_id = p_reindex and worker = p_worker and lease_until > now()
$$;

-- System. What was claimed is done with: p_failed [{chunkId, code, final}] are passages that the model did not take; p_code and p_delay_ms say what holds the rest up.
-- Revisions that have all they can get are struck off; the others may be claimed again.
create function public.sluice_settle_reindex(p_reindex uuid, p_worker text, p_model text, p_embedded integer, p_failed jsonb, p_code text, p_delay_ms integer) returns void
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  r reindexes;
begin
  select * into r from reindexes where id = p_reindex and sluice.other_model(reindexes) = p_model;
  if not found then return; end if;
  -- Whoever flips takes this row first, too.
  perform 1 from organizations where id = r.organization_id for no key update;
  update reindex_left l set tries = tries + 1 where l.reindex_id = r.id and l.worker = p_worker
    and l.ingestion_id in (select c.ingestion_id from jsonb_to_recordset(p_failed) as x("chunkId" uuid) join chunks c on c.id = x."chunkId");
  insert into reindex_refused (reindex_id, chunk_id, model, code)
  select r.id, c.id, p_model, x.code from jsonb_to_recordset(p_failed) as x("chunkId" uuid, code text, final boolean)
  join chunks c on c.id = x."chunkId" and c.organization_id = r.organization_id
  join reindex_left l on l.reindex_id = r.id and l.ingestion_id = c.ingestion_id and (x.final or l.tries >= 4)
  on conflict do nothing;
  delete from reindex_left l using ingestions i where l.reindex_id = r.id and l.worker = p_worker and i.id = l.ingestion_id
    and (not sluice.is_read(i) or not exists (select from sluice.lacks(i, r, p_model)));
  update reindex_left set worker = null, lease_until = '-infinity' where reindex_id = r.id and worker = p_worker;
  perform sluice.flip(r.id, r.organization_id);
  update reindexes set embedded = embedded + p_embedded, waiting_for = p_code, retry_at = now() + make_interval(secs => p_delay_ms / 1000.0) where id = r.id;
end $$;

-- ── What the leader does ────────────────────────────────────────────────────────────────────────────────────────────

-- The model that is kept up becomes the one that search reads, if it is whole: for every reader at once. The organization's row is locked first, so nothing is
-- sealed meanwhile. Answers ok · incomplete · refused (passages that the model does not take, and nobody said that this will do).
create function sluice.flip(p_reindex uuid, p_organization uuid) returns text
language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  r reindexes;
  v_model text;
begin
  perform 1 from organizations where id = p_organization for no key update;
  select * into r from reindexes where id = p_reindex and organization_id = p_organization for update;
  if r.state is null or r.state not in ('running', 'rolling_back') then return 'incomplete'; end if;
  v_model := sluice.other_model(r);
  if r.state = 'running' and (r.cursor is not null or r.found) then return 'incomplete'; end if;
  if exists (select from reindex_left where reindex_id = r.id) then return 'incomplete'; end if;
  if not r.accept_missing and exists (select from reindex_refused f join chunks c on c.id = f.chunk_id join ingestions i on i.id = c.ingestion_id
      where f.reindex_id = r.id and f.model = v_model and sluice.is_read(i)) then return 'refused'; end if;
  update organizations set active_model = v_model where id = r.organization_id;
  update reindexes set state = case when state = 'running' then 'flipped' else 'rolled_back' end, flipped_at = now(), window_until = now() + window_length,
    waiting_for = null, retry_at = now() where id = r.id;
  -- What waits because an embedder knew the model of before.
  delete from circuit_breakers where queue = 'embed' and organization_id = r.organization_id and cause = 'embedding';
  update ingestions set dispatch_after = now() where organization_id = r.organization_id and next_queue = 'embed' and dispatched_at is null
    and waiting_for = 'embedding_model_inactive' and dispatch_after > now();
  perform sluice.audit(r.organization_id, '{"kind": "system"}', case when r.state = 'running' then 'reindex.flipped' else 'reindex.rolled_back' end, 'organization', '{}',
    'allowed', jsonb_build_object('model', v_model));
  return 'ok';
end $$;

-- Looks at p_limit revisions more: those without vectors are left to be embedded. A walk that found some is followed by another, so that the last word before a flip is what is there.
create function sluice.walk_reindex(p_reindex uuid, p_limit integer) returns void
language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  r reindexes;
  v_seen integer;
  v_last uuid;
  v_left integer;
begin
  select * into r from reindexes where id = p_reindex and state = 'running' for update;
  if not found then return; end if;
  if r.cursor is null then
    if not r.found or exists (select from reindex_left where reindex_id = r.id) then return; end if;
    r.cursor := sluice.everybody();
    r.found := false;
  end if;
  with seen as materialized (select * from ingestions where organization_id = r.organization_id and status = 'vectorized' and id > r.cursor order by id limit p_limit),
  lacking as (
    insert into reindex_left (reindex_id, ingestion_id) select r.id, s.id from seen s join ingestions i on i.id = s.id
    where s.chunk_count > 0 and sluice.is_read(i) and exists (select from sluice.lacks(i, r, r.model)) on conflict do nothing returning 1)
  select (select count(*) from seen), (select id from seen order by id desc limit 1), (select count(*) from lacking) into v_seen, v_last, v_left;
  update reindexes set cursor = case when v_seen < p_limit then null else v_last end, found = r.found or v_left > 0 where id = r.id;
end $$;

-- Removes p_limit vectors that nobody reads any more; at last their index, where no organization has any.
create function sluice.close_reindex(p_reindex uuid, p_limit integer) returns void
language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  r reindexes;
  v_model text;
  v_count integer;
begin
  select * into r from reindexes where id = p_reindex and state = 'closing';
  if not found then return; end if;
  select case when active_model = r.model then r.from_model else r.model end into v_model from organizations where id = r.organization_id;
  delete from embeddings where (chunk_id, model) in (select e.chunk_id, e.model from embeddings e where e.organization_id = r.organization_id and e.model = v_model limit p_limit);
  get diagnostics v_count = row_count;
  if v_count > 0 then return; end if;
  if sluice.vector_index(v_model) is not null and not exists (select from organizations o where o.active_model = v_model
      or exists (select from embeddings e where e.organization_id = o.id and e.model = v_model)) then
    begin
      perform set_config('lock_timeout', '2s', true);
      execute format('drop index if exists sluice.%I', sluice.vector_index_name(v_model));
    exception when lock_not_available then return;
    end;
  end if;
  delete from reindex_left where reindex_id = r.id;
  update reindexes set state = 'done', finished_at = now() where id = r.id and state = 'closing';
end $$;

-- System. One bounded step of every reindex. Answers {flipped, more}: how many flipped, and whether there is more to do at once.
create function public.sluice_reindex_step(p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  r reindexes;
  v_flipped integer := 0;
begin
  for r in select * from reindexes where state <> 'done' order by id loop
    if r.state = 'running' then perform sluice.walk_reindex(r.id, p_limit); end if;
    if r.state in ('running', 'rolling_back') and sluice.flip(r.id, r.organization_id) = 'ok' then v_flipped := v_flipped + 1; end if;
    if r.state in ('flipped', 'rolled_back') and r.window_until < now() then
      -- Nobody adds to what is closing.
      perform 1 from organizations where id = r.organization_id for no key update;
      update reindexes set state = 'closing' where id = r.id and state = r.state and window_until < now();
      delete from reindex_left where reindex_id = r.id;
    end if;
    if r.state = 'closing' then perform sluice.close_reindex(r.id, p_limit); end if;
  end loop;
  return jsonb_build_object('flipped', v_flipped, 'more', exists (select from reindexes where state = 'closing' or (state = 'running' and cursor is not null)));
end $$;

-- ── What admins do ──────────────────────────────────────────────────────────────────────────────────────────────────

create function sluice.describe_reindex(r sluice.reindexes) returns jsonb
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select jsonb_build_object('id', r.id, 'model', r.model, 'fromModel', r.from_model, 'state', r.state, 'cancelled', r.cancelled, 'acceptMissing', r.accept_missing,
    'looking', r.state = 'running' and r.cursor is not null,
    'documentsLeft', (select count(*) from reindex_left where reindex_id = r.id), 'passagesEmbedded', r.embedded,
    'passagesRefused', (select count(*) from reindex_refused f where f.reindex_id = r.id and f.model = coalesce(sluice.other_model(r), r.model)),
    'waitingFor', case when r.state in ('closing', 'done') then null
      when exists (select from budgets b where b.organization_id = r.organization_id and sluice.exhausted(b)) then 'embedding_budget_exhausted' else r.waiting_for end,
    'startedAt', r.started_at, 'flippedAt', r.flipped_at, 'windowUntil', r.window_until, 'finishedAt', r.finished_at)
$$;

-- The organization's reindexes, newest first.
create function public.sluice_reindexes(p_organization uuid, p_caller jsonb) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'reindex.read', 'organization') then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform sluice.audit(p_organization, p_caller, 'reindex.read', 'organization', '{}', 'allowed');
  return jsonb_build_object('outcome', 'ok', 'activeModel', (select active_model from organizations where id = p_organization), 'items', (
    select coalesce(jsonb_agg(sluice.describe_reindex(r) order by r.started_at desc), '[]')
    from (select * from reindexes where organization_id = p_organization order by started_at desc limit 20) r));
end $$;

-- What a reindex would take. `tokensPerMinute` is what the model, or else any, brought in its requests of the last month, one after the other; null: never measured.
create function public.sluice_estimate_reindex(p_organization uuid, p_caller jsonb, p_model text) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  m embedding_models;
  v_documents bigint;
  v_chunks bigint;
  v_tokens bigint;
  v_rate numeric;
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'reindex.estimate', 'organization') then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform sluice.audit(p_organization, p_caller, 'reindex.estimate', 'organization', '{}', 'allowed', jsonb_build_object('model', p_model));
  select * into m from embedding_models where id = p_model;
  if not found then return jsonb_build_object('outcome', 'reindex_model_unknown'); end if;
  select count(*), coalesce(sum(chunk_count), 0), coalesce(sum(token_count), 0) into v_documents, v_chunks, v_tokens
  from ingestions where organization_id = p_organization and active;
  select sum(tokens) * 60000.0 / nullif(sum(latency_ms), 0) into v_rate from (select u.*, u.model = m.name and u.provider = m.provider as is_same,
      bool_or(u.model = m.name and u.provider = m.provider) over () as any_same
    from (select * from usage_events where organization_id = p_organization and inputs > 0 and not presumed and at > now() - interval '30 days'
      order by at desc limit 10000) u) x where is_same or not any_same;
  return jsonb_build_object('outcome', 'ok', 'model', p_model, 'documents', v_documents, 'passages', v_chunks, 'tokens', v_tokens,
    'usd', sluice.price_of(p_organization, m.provider, m.name, now()) * v_tokens / 1000000, 'tokensPerMinute', round(v_rate),
    'minutes', case when v_rate > 0 then ceil(v_tokens / v_rate) end);
end $$;

create function public.sluice_start_reindex(p_organization uuid, p_caller jsonb, p_model text, p_window_seconds bigint, p_accept_missing boolean) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  r reindexes;
  v_active text;
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'reindex.start', 'organization') then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform sluice.audit(p_organization, p_caller, 'reindex.start', 'organization', '{}', 'allowed',
    jsonb_build_object('model', p_model, 'windowSeconds', p_window_seconds, 'acceptMissing', p_accept_missing));
  if not exists (select from embedding_models where id = p_model) then return jsonb_build_object('outcome', 'reindex_model_unknown'); end if;
  select active_model into v_active from organizations where id = p_organization for no key update;
  select * into r from reindexes where organization_id = p_organization and state <> 'done' for update;
  if r.id is not null and r.model = p_model and r.state in ('running', 'rolled_back') then
    -- Again, or with another answer to what is missing.
    update reindexes set state = 'running', accept_missing = p_accept_missing, window_length = make_interval(secs => p_window_seconds), retry_at = now(),
      cursor = case when r.state = 'running' then r.cursor else sluice.everybody() end, found = case when r.state = 'running' then r.found else false end
    where id = r.id returning * into r;
  elsif r.id is not null then return jsonb_build_object('outcome', 'reindex_open');
  elsif v_active is null or v_active = p_model then return jsonb_build_object('outcome', 'reindex_needless');
  else
    insert into reindexes (organization_id, model, from_model, window_length, accept_missing)
    values (p_organization, p_model, v_active, make_interval(secs => p_window_seconds), p_accept_missing) returning * into r;
  end if;
  return jsonb_build_object('outcome', 'ok', 'reindex', sluice.describe_reindex(r));
end $$;

-- p_action: rollback (search reads the model of before again) or cancel (of one that has not flipped, or was rolled back: its vectors are removed).
create function public.sluice_end_reindex(p_organization uuid, p_caller jsonb, p_action text, p_accept_missing boolean) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  r reindexes;
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'reindex.' || p_action, 'organization') then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform sluice.audit(p_organization, p_caller, 'reindex.' || p_action, 'organization', '{}', 'allowed');
  perform 1 from organizations where id = p_organization for no key update;
  select * into r from reindexes where organization_id = p_organization and state <> 'done' for update;
  if p_action = 'rollback' and r.state in ('flipped', 'rolling_back') then
    update reindexes set state = 'rolling_back', accept_missing = p_accept_missing, retry_at = now() where id = r.id;
    perform sluice.flip(r.id, p_organization);
  elsif p_action = 'cancel' and r.state in ('running', 'rolled_back') then
    update reindexes set state = 'closing', cancelled = true where id = r.id;
    delete from reindex_left where reindex_id = r.id;
  else return jsonb_build_object('outcome', 'reindex_not_possible');
  end if;
  select * into r from reindexes where id = r.id;
  return jsonb_build_object('outcome', 'ok', 'reindex', sluice.describe_reindex(r));
end $$;

select sluice.raise_walls();
