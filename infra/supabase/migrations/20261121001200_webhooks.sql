-- Webhooks: an organization's own address is told when a document or a batch is final. Ids, statuses and counts; nothing of a patient.

create table sluice.webhooks (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references sluice.organizations on delete cascade,
  url text not null check (length(url) between 1 and 2000),
  events text[] not null check (cardinality(events) > 0
    and events <@ array['document.vectorized', 'document.failed', 'document.cancelled', 'document.deleted', 'batch.completed']),
  -- What deliveries are signed with; shown once.
  secret text not null,
  created_at timestamptz not null default now()
);
create index webhooks_by_organization on sluice.webhooks (organization_id);

create table sluice.webhook_deliveries (
  -- Also the id that is sent: the same at every try, so that the receiver knows what it has had.
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null,
  webhook_id uuid not null references sluice.webhooks on delete cascade,
  event text not null,
  payload jsonb not null,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
  attempts integer not null default 0,
  next_at timestamptz not null default now(),
  last_status integer,
  last_code text,
  created_at timestamptz not null default now(),
  settled_at timestamptz
);
create index webhook_deliveries_due on sluice.webhook_deliveries (next_at) where state = 'pending';
create index webhook_deliveries_by_webhook on sluice.webhook_deliveries (webhook_id, created_at desc, id desc);
create index webhook_deliveries_settled on sluice.webhook_deliveries (settled_at) where settled_at is not null;

-- Batches that may have become complete.
create table sluice.batches_to_check (
  batch_id uuid primary key references sluice.batches on delete cascade
);
create function sluice.check_batch() returns trigger
language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  insert into batches_to_check (batch_id) values (new.id) on conflict do nothing;
  return null;
end $$;
create trigger check_sealed after update of sealed_at on sluice.batches for each row
  when (old.sealed_at is null and new.sealed_at is not null) execute function sluice.check_batch();

-- System. Makes deliveries of the next p_limit events, and of the batches that became complete by them, and moves the cursor on, in one
-- transaction: each is made once. Answers how many events were read.
create function public.sluice_collect_deliveries(p_limit integer) returns integer
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_place text := (select place from cursors where name = 'webhooks' for update);
  v_events document_events[];
  v_read integer;
begin
  if v_place is null then
    insert into cursors (name, place) values ('webhooks', (v_horizon::text::bigint - 1) || '/9007199254740991') on conflict (name) do nothing;
    return 0;
  end if;
  v_events := array(select e from document_events e
    where (xid, id) > (split_part(v_place, '/', 1)::xid8, split_part(v_place, '/', 2)::bigint) and xid < v_horizon
    order by e.xid, e.id limit p_limit);
  v_read := cardinality(v_events);
  if v_read > 0 then
    update cursors set place = (v_events[v_read]).xid || '/' || (v_events[v_read]).id where name = 'webhooks';
    insert into webhook_deliveries (organization_id, webhook_id, event, payload)
    select e.organization_id, w.id, 'document.' || e.status, jsonb_build_object('type', 'document.' || e.status, 'timestamp', e.at,
      'data', jsonb_strip_nulls(jsonb_build_object('organizationId', e.organization_id, 'documentId', e.document_id, 'ingestionId', e.ingestion_id,
        'batchId', e.batch_id, 'generation', e.generation, 'status', e.status, 'stage', e.stage, 'code', e.code)))
    from unnest(v_events) e join webhooks w on w.organization_id = e.organization_id and 'document.' || e.status = any (w.events) and w.created_at <= e.at
    where (e.kind = 'advanced' and e.status = 'vectorized') or e.kind in ('failed', 'cancelled', 'deleted')
    order by e.xid, e.id;
    insert into batches_to_check (batch_id)
    select distinct e.batch_id from unnest(v_events) e join batches b on b.id = e.batch_id join webhooks w on w.organization_id = e.organization_id
    where b.sealed_at is not null and ((e.kind = 'advanced' and e.status = 'vectorized') or e.kind in ('failed', 'cancelled', 'deleted'))
    on conflict do nothing;
  end if;
  with checked as (
    delete from batches_to_check where batch_id in (select batch_id from batches_to_check limit p_limit) returning batch_id
  ), described as (
    select b.organization_id, sluice.describe_batch(b) as batch from checked c join batches b on b.id = c.batch_id
    where exists (select from webhooks w where w.organization_id = b.organization_id and 'batch.completed' = any (w.events))
  )
  insert into webhook_deliveries (organization_id, webhook_id, event, payload)
  select d.organization_id, w.id, 'batch.completed', jsonb_build_object('type', 'batch.completed', 'timestamp', now(),
    'data', jsonb_build_object('organizationId', d.organization_id, 'batchId', d.batch->'id', 'counts', d.batch->'counts', 'submitted', d.batch->'submitted',
      'duplicates', d.batch->'duplicates', 'expected', d.batch->'expected'))
  from described d join webhooks w on w.organization_id = d.organization_id and 'batch.completed' = any (w.events)
  where (d.batch->>'complete')::boolean;
  return v_read;
end $$;

-- System. Takes deliveries that are due, at most p_each of one webhook; whoever takes them has p_lease_ms before they are due again.
create function public.sluice_take_deliveries(p_limit integer, p_each integer, p_lease_ms integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_taken jsonb;
begin
  with due as (
    select x.id from webhooks w cross join lateral (select d.id, d.next_at from webhook_deliveries d
      where d.webhook_id = w.id and d.state = 'pending' and d.next_at <= now() order by d.next_at limit p_each) x
    where exists (select from webhook_deliveries where state = 'pending' and next_at <= now())
    order by x.next_at limit p_limit
  ), taken as (
    update webhook_deliveries d set attempts = attempts + 1, next_at = now() + make_interval(secs => p_lease_ms / 1000.0)
    where d.id in (select id from due) and d.state = 'pending' and d.next_at <= now() returning d.*
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'attempt', t.attempts, 'url', w.url, 'secret', w.secret, 'payload', t.payload,
    'organizationId', t.organization_id, 'webhookId', w.id)), '[]') into v_taken from taken t join webhooks w on w.id = t.webhook_id;
  return v_taken;
end $$;

-- System. How a try ended: `delivered`, `failed` for good, or null for another try after the delay. One that was settled meanwhile stays so.
create function public.sluice_settle_delivery(p_organization uuid, p_delivery uuid, p_state text, p_status integer, p_code text, p_delay_ms integer) returns void
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  update webhook_deliveries set state = coalesce(p_state, 'pending'), last_status = p_status, last_code = p_code,
    next_at = now() + make_interval(secs => p_delay_ms / 1000.0), settled_at = case when p_state is not null then now() end
  where organization_id = p_organization and id = p_delivery and state = 'pending'
$$;

-- System. Forgets deliveries that were settled long ago.
create function public.sluice_expire_deliveries(p_days integer, p_limit integer) returns integer
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_count integer;
begin
  delete from webhook_deliveries where id in (select id from webhook_deliveries
    where settled_at < now() - make_interval(days => p_days) order by settled_at limit p_limit);
  get diagnostics v_count = row_count;
  return v_count;
end $$;

create function public.sluice_create_webhook(p_organization uuid, p_caller jsonb, p_url text, p_events text[], p_secret text) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  w webhooks;
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'webhook.create', 'webhook') then return jsonb_build_object('outcome', 'forbidden'); end if;
  insert into webhooks (organization_id, url, events, secret) values (p_organization, p_url, p_events, p_secret) returning * into w;
  perform sluice.audit(p_organization, p_caller, 'webhook.create', 'webhook', array[w.id], 'allowed');
  return jsonb_build_object('outcome', 'ok', 'item', jsonb_build_object('id', w.id, 'url', w.url, 'events', to_jsonb(w.events), 'createdAt', w.created_at));
end $$;

-- With how many deliveries are pending and failed; an organization has few webhooks.
create function public.sluice_webhooks(p_organization uuid, p_caller jsonb) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'webhooks.list', 'webhook') then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform sluice.audit(p_organization, p_caller, 'webhooks.list', 'webhook', '{}', 'allowed');
  return jsonb_build_object('outcome', 'ok', 'items', (select coalesce(jsonb_agg(jsonb_build_object('id', w.id, 'url', w.url, 'events', to_jsonb(w.events),
    'createdAt', w.created_at) order by w.created_at, w.id), '[]') from (select * from webhooks where organization_id = p_organization order by created_at, id limit 200) w));
end $$;

create function public.sluice_delete_webhook(p_organization uuid, p_caller jsonb, p_webhook uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_found boolean;
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'webhook.delete', 'webhook', array[p_webhook]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  delete from webhooks where organization_id = p_organization and id = p_webhook;
  v_found := found;
  perform sluice.audit(p_organization, p_caller, 'webhook.delete', 'webhook', array[p_webhook], case when v_found then 'allowed' else 'not_found' end);
  return jsonb_build_object('outcome', case when v_found then 'ok' else 'not_found' end);
end $$;

-- Newest first, after the cursor (created at, id).
create function public.sluice_webhook_deliveries(p_organization uuid, p_caller jsonb, p_webhook uuid, p_before_at timestamptz, p_before_id uuid, p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'webhook.deliveries', 'webhook', array[p_webhook]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  if not exists (select from webhooks where organization_id = p_organization and id = p_webhook) then return jsonb_build_object('outcome', 'not_found'); end if;
  perform sluice.audit(p_organization, p_caller, 'webhook.deliveries', 'webhook', array[p_webhook], 'allowed');
  return jsonb_build_object('outcome', 'ok', 'items', (select coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'event', d.event, 'payload', d.payload, 'state', d.state,
      'attempts', d.attempts, 'nextAt', case when d.state = 'pending' then d.next_at end, 'lastStatus', d.last_status, 'lastCode', d.last_code,
      'createdAt', d.created_at, 'settledAt', d.settled_at) order by d.created_at desc, d.id desc), '[]')
    from (select * from webhook_deliveries where organization_id = p_organization and webhook_id = p_webhook
      and (p_before_at is null or (created_at, id) < (p_before_at, p_before_id)) order by created_at desc, id desc limit least(p_limit, 500)) d));
end $$;

-- Sends a settled delivery once more, under the same id.
create function public.sluice_redeliver(p_organization uuid, p_caller jsonb, p_delivery uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_found boolean;
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'webhook.redeliver', 'webhook_delivery', array[p_delivery]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  update webhook_deliveries set state = 'pending', attempts = 0, next_at = now(), settled_at = null where organization_id = p_organization and id = p_delivery;
  v_found := found;
  perform sluice.audit(p_organization, p_caller, 'webhook.redeliver', 'webhook_delivery', array[p_delivery], case when v_found then 'allowed' else 'not_found' end);
  return jsonb_build_object('outcome', case when v_found then 'ok' else 'not_found' end);
end $$;

select sluice.raise_walls();
