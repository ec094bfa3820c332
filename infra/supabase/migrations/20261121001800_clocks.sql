-- What is reckoned with time is reckoned with the database's: the clocks of services may be off.

-- `ageSeconds`, so that a batch's rate is not one gateway's idea of when it began.
create or replace function sluice.describe_batch(b sluice.batches) returns jsonb
language sql stable set search_path = sluice, extensions, pg_temp as $$
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
      from jsonb_each_text(sluice.tally(b.organization_id, b.id)) t group by 1, 2) s) c
$$;

-- System. Takes deliveries that are due, at most p_each of one webhook; whoever takes them has p_lease_ms before they are due again. `takenAt` is what is signed: receivers refuse a time that is off.
create or replace function public.sluice_take_deliveries(p_limit integer, p_each integer, p_lease_ms integer) returns jsonb
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
    'organizationId', t.organization_id, 'webhookId', w.id, 'takenAt', floor(extract(epoch from now())))), '[]') into v_taken from taken t join webhooks w on w.id = t.webhook_id;
  return v_taken;
end $$;

select sluice.raise_walls();
