-- What embedding costs, and what need not be paid again: vectors found by their text, prices by date, usage by month, budgets.

-- ── Vectors are kept once, and found by their text ────────────────────────────────────────────────────────────

alter table sluice.embeddings
  -- SHA-256 over organization, model and exactly the text that was sent; the same text in the same organization need not be sent again. There is
  -- no second copy of a vector: it goes with the last text it is of. Null where vectors cost nothing.
  add column text_key bytea;
create index embeddings_by_text on sluice.embeddings (text_key) where text_key is not null;

-- ── Prices, usage, budgets ────────────────────────────────────────────────────────────────────────────────────────────

-- US dollars for a million tokens, from a time on. An organization's own price goes before the configuration's, that before what is shipped.
create table sluice.embedding_prices (
  provider text not null,
  model text not null,
  origin text not null check (origin in ('shipped', 'configuration', 'organization')),
  -- The zero id: everybody.
  organization_id uuid not null,
  since timestamptz not null,
  -- Null: this origin says nothing any more.
  usd_per_million numeric check (usd_per_million >= 0),
  -- Where that stands, and when it was looked up.
  source text,
  primary key (organization_id, provider, model, origin, since)
);
insert into sluice.embedding_prices (provider, model, origin, organization_id, since, usd_per_million, source) values
  ('openai', 'text-embedding-ada-002', 'shipped', sluice.everybody(), '2022-12-15', 0.40, 'openai.com/blog/new-and-improved-embedding-model, 2022-12-15'),
  ('openai', 'text-embedding-ada-002', 'shipped', sluice.everybody(), '2023-06-13', 0.10, 'openai.com/blog/function-calling-and-other-api-updates, 2023-06-13'),
  ('openai', 'text-embedding-3-small', 'shipped', sluice.everybody(), '2024-01-25', 0.02, 'openai.com/blog/new-embedding-models-and-api-updates, 2024-01-25'),
  ('openai', 'text-embedding-3-large', 'shipped', sluice.everybody(), '2024-01-25', 0.13, 'openai.com/blog/new-embedding-models-and-api-updates, 2024-01-25');

alter table sluice.usage_events
  -- Null where no price is known.
  add column cost_usd numeric,
  -- What was not sent because its vectors were there.
  add column saved_inputs integer not null default 0,
  add column saved_tokens bigint not null default 0,
  -- Nobody knows how the request ended; it is counted as paid for.
  add column presumed boolean not null default false;

-- The events' sums by month (UTC), so that a budget is checked without reading them.
create table sluice.usage_months (
  organization_id uuid not null,
  month date not null,
  provider text not null,
  model text not null,
  requests bigint not null default 0,
  inputs bigint not null default 0,
  tokens bigint not null default 0,
  cost_usd numeric not null default 0,
  -- Tokens of which no price was known.
  unpriced_tokens bigint not null default 0,
  presumed_tokens bigint not null default 0,
  saved_inputs bigint not null default 0,
  saved_tokens bigint not null default 0,
  saved_usd numeric not null default 0,
  primary key (organization_id, month, provider, model)
);

create table sluice.budgets (
  organization_id uuid primary key references sluice.organizations on delete cascade,
  -- Of a month; null: no limit.
  usd numeric check (usd >= 0),
  tokens bigint check (tokens >= 0),
  warn_share real not null default 0.8 check (warn_share > 0 and warn_share <= 1),
  -- The months in which it was said last that the share, or all of it, is used.
  warned_in date,
  exhausted_in date,
  updated_at timestamptz not null default now()
);

-- Requests under way, an organization's share of each: taken before it is sent, settled when it is answered. One that nobody settles by its time is of
-- an embedder that died, and is counted as paid for.
create table sluice.reservations (
  request_id uuid not null,
  organization_id uuid not null,
  provider text not null,
  model text not null,
  inputs integer not null,
  tokens bigint not null,
  -- Of the same text twice in one request, which is sent once.
  saved_inputs integer not null default 0,
  saved_tokens bigint not null default 0,
  usd numeric not null,
  expires_at timestamptz not null,
  primary key (request_id, organization_id)
);
create index reservations_by_organization on sluice.reservations (organization_id);
create index reservations_by_time on sluice.reservations (expires_at);

create function sluice.this_month() returns date language sql stable as $$ select date_trunc('month', now() at time zone 'utc')::date $$;

-- US dollars for a million tokens at a time; null where nobody knows.
create function sluice.price_of(p_organization uuid, p_provider text, p_model text, p_at timestamptz) returns numeric
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select usd_per_million from (
    select distinct on (origin) origin, usd_per_million from embedding_prices
    where provider = p_provider and model = p_model and organization_id in (sluice.everybody(), p_organization) and since <= p_at
    order by origin, since desc) newest
  where usd_per_million is not null order by array_position(array['organization', 'configuration', 'shipped'], origin) limit 1
$$;

-- Enters what an organization used, and what it saved. Answers the cost.
create function sluice.book(p_organization uuid, p_provider text, p_model text, p_inputs integer, p_tokens bigint, p_latency_ms integer,
  p_saved_inputs integer default 0, p_saved_tokens bigint default 0, p_presumed boolean default false) returns numeric
language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  v_price numeric := sluice.price_of(p_organization, p_provider, p_model, now());
  v_cost numeric := v_price * p_tokens / 1000000;
begin
  insert into usage_events (organization_id, provider, model, inputs, tokens, latency_ms, cost_usd, saved_inputs, saved_tokens, presumed)
  values (p_organization, p_provider, p_model, p_inputs, p_tokens, p_latency_ms, v_cost, p_saved_inputs, p_saved_tokens, p_presumed);
  insert into usage_months as m (organization_id, month, provider, model, requests, inputs, tokens, cost_usd, unpriced_tokens, presumed_tokens,
    saved_inputs, saved_tokens, saved_usd)
  values (p_organization, sluice.this_month(), p_provider, p_model, case when p_inputs > 0 then 1 else 0 end, p_inputs, p_tokens, coalesce(v_cost, 0),
    case when v_price is null then p_tokens else 0 end, case when p_presumed then p_tokens else 0 end,
    p_saved_inputs, p_saved_tokens, coalesce(v_price * p_saved_tokens / 1000000, 0))
  on conflict (organization_id, month, provider, model) do update set requests = m.requests + excluded.requests, inputs = m.inputs + excluded.inputs,
    tokens = m.tokens + excluded.tokens, cost_usd = m.cost_usd + excluded.cost_usd, unpriced_tokens = m.unpriced_tokens + excluded.unpriced_tokens,
    presumed_tokens = m.presumed_tokens + excluded.presumed_tokens, saved_inputs = m.saved_inputs + excluded.saved_inputs,
    saved_tokens = m.saved_tokens + excluded.saved_tokens, saved_usd = m.saved_usd + excluded.saved_usd;
  return coalesce(v_cost, 0);
end $$;

-- What was used before there were prices.
insert into sluice.usage_months (organization_id, month, provider, model, requests, inputs, tokens, cost_usd, unpriced_tokens)
select organization_id, date_trunc('month', at at time zone 'utc')::date, provider, model, count(*), sum(inputs), sum(tokens),
  coalesce(sum(tokens * sluice.price_of(organization_id, provider, model, at) / 1000000), 0),
  coalesce(sum(tokens) filter (where sluice.price_of(organization_id, provider, model, at) is null), 0)
from sluice.usage_events group by 1, 2, 3, 4;

-- Embedders of the release before still call this.
create or replace function public.sluice_record_usage(p_organization uuid, p_provider text, p_model text, p_inputs integer, p_tokens bigint, p_latency_ms integer) returns void
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  select sluice.book(p_organization, p_provider, p_model, p_inputs, p_tokens, p_latency_ms)
$$;

drop function public.sluice_register_model(text, text, text, integer, boolean);

-- System. An embedding model that a deployment uses; the first description of an id stands. p_usd_per_million is the price that is configured, from now
-- on; none where it is not.
create function public.sluice_register_model(p_id text, p_provider text, p_name text, p_dimensions integer, p_lexical boolean,
  p_usd_per_million numeric default null) returns void
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_before numeric := (select usd_per_million from embedding_prices where organization_id = sluice.everybody() and provider = p_provider and model = p_name
    and origin = 'configuration' order by since desc limit 1);
begin
  insert into embedding_models (id, provider, name, dimensions, lexical) values (p_id, p_provider, p_name, p_dimensions, p_lexical) on conflict do nothing;
  if p_usd_per_million is distinct from v_before then
    insert into embedding_prices (provider, model, origin, organization_id, since, usd_per_million)
    values (p_provider, p_name, 'configuration', sluice.everybody(), now(), p_usd_per_million)
    on conflict (organization_id, provider, model, origin, since) do update set usd_per_million = excluded.usd_per_million;
  end if;
end $$;

-- An organization's own price, from a time on; null: none any more.
create function public.sluice_set_price(p_organization uuid, p_provider text, p_model text, p_usd_per_million numeric, p_since timestamptz) returns void
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  insert into embedding_prices (provider, model, origin, organization_id, since, usd_per_million)
  select p_provider, p_model, 'organization', id, coalesce(p_since, now()), p_usd_per_million from organizations where id = p_organization
  on conflict (organization_id, provider, model, origin, since) do update set usd_per_million = excluded.usd_per_million
$$;

-- What an organization has used this month.
create function sluice.used(p_organization uuid) returns table (usd numeric, tokens bigint)
language sql stable rows 1 set search_path = sluice, extensions, pg_temp as $$
  select coalesce(sum(cost_usd), 0), coalesce(sum(m.tokens), 0)::bigint from usage_months m where organization_id = p_organization and month = sluice.this_month()
$$;

-- Whether what was used, and what is under way, is the budget or more.
create function sluice.exhausted(b sluice.budgets) returns boolean
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select coalesce(u.usd + r.usd >= b.usd, false) or coalesce(u.tokens + r.tokens >= b.tokens, false)
  from sluice.used(b.organization_id) u,
    (select coalesce(sum(usd), 0) as usd, coalesce(sum(tokens), 0) as tokens from reservations where organization_id = b.organization_id) r
$$;

-- ── A request's books ────────────────────────────────────────────────────────────────────────────────────────────────────

-- System. Before a request leaves: its shares [{organizationId, inputs, tokens}] are set aside. Organizations whose budget is used up get nothing, and are
-- answered: [{organizationId, isFirst}], `isFirst` once a month. One request goes beyond a budget at most: those under way count as used.
create function public.sluice_reserve_embedding(p_request uuid, p_provider text, p_model text, p_shares jsonb, p_ttl_ms integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_refused jsonb := '[]';
  s record;
  b budgets;
begin
  for s in select * from jsonb_to_recordset(p_shares) as x("organizationId" uuid, inputs integer, tokens bigint, "savedInputs" integer, "savedTokens" bigint) order by 1 loop
    -- The lock lets those who ask at the same moment see each other's reservations.
    select * into b from budgets where organization_id = s."organizationId" for update;
    if found and sluice.exhausted(b) then
      v_refused := v_refused || jsonb_build_object('organizationId', s."organizationId", 'isFirst', b.exhausted_in is distinct from sluice.this_month());
      if b.exhausted_in is distinct from sluice.this_month() then
        update budgets set exhausted_in = sluice.this_month() where organization_id = b.organization_id;
        perform sluice.audit(b.organization_id, '{"kind": "system"}', 'budget.exhausted', 'budget', '{}', 'allowed');
      end if;
    else
      insert into reservations (request_id, organization_id, provider, model, inputs, tokens, saved_inputs, saved_tokens, usd, expires_at)
      values (p_request, s."organizationId", p_provider, p_model, s.inputs, s.tokens, coalesce(s."savedInputs", 0), coalesce(s."savedTokens", 0),
        coalesce(sluice.price_of(s."organizationId", p_provider, p_model, now()) * s.tokens / 1000000, 0), now() + make_interval(secs => p_ttl_ms / 1000.0));
    end if;
  end loop;
  return v_refused;
end $$;

-- Books what was set aside for a request: p_tokens as the provider counted them, by the shares (0: as they were estimated). Answers {usd, warned: [organization ids]}.
create function sluice.settle(p_request uuid, p_tokens bigint, p_latency_ms integer, p_presumed boolean) returns jsonb
language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  v_usd numeric := 0;
  v_warned jsonb := '[]';
  v_total bigint;
  v_before bigint := 0;
  v_booked bigint := 0;
  v_tokens bigint;
  r reservations;
  b budgets;
begin
  select sum(tokens) into v_total from reservations where request_id = p_request;
  for r in select * from reservations where request_id = p_request order by organization_id for update loop
    -- By running sums, so that the parts are the whole.
    v_before := v_before + r.tokens;
    v_tokens := case when p_tokens > 0 and v_total > 0 then round(p_tokens::numeric * v_before / v_total)::bigint - v_booked else r.tokens end;
    v_booked := v_booked + v_tokens;
    v_usd := v_usd + sluice.book(r.organization_id, r.provider, r.model, r.inputs, v_tokens, p_latency_ms,
      case when p_presumed then 0 else r.saved_inputs end, case when p_presumed then 0 else r.saved_tokens end, p_presumed);
    select * into b from budgets where organization_id = r.organization_id;
    if found and b.warned_in is distinct from sluice.this_month() and exists (select from sluice.used(r.organization_id) u
        where u.usd >= b.usd * b.warn_share or u.tokens >= b.tokens * b.warn_share) then
      update budgets set warned_in = sluice.this_month() where organization_id = r.organization_id and warned_in is distinct from sluice.this_month();
      perform sluice.audit(r.organization_id, '{"kind": "system"}', 'budget.warned', 'budget', '{}', 'allowed');
      v_warned := v_warned || to_jsonb(r.organization_id);
    end if;
  end loop;
  delete from reservations where request_id = p_request;
  return jsonb_build_object('usd', v_usd, 'warned', v_warned);
end $$;

-- Whether vectors of a passage of this revision may be added under the model: its document waits for them.
create function sluice.takes_vectors(i sluice.ingestions, p_model text) returns boolean language sql stable set search_path = sluice, extensions, pg_temp as $$
  select i.status = 'chunked'
$$;

-- As before; who takes vectors is said in one place.
create or replace function public.sluice_put_embeddings(p_model text, p_items jsonb) returns integer
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_count integer;
begin
  insert into embeddings (chunk_id, model, organization_id, ingestion_id, embedding)
  select c.id, p_model, c.organization_id, c.ingestion_id, l2_normalize(x.vector::vector)
  from jsonb_to_recordset(p_items) as x("organizationId" uuid, "ingestionId" uuid, generation integer, "chunkId" uuid, vector text)
  join chunks c on c.id = x."chunkId" and c.organization_id = x."organizationId" and c.ingestion_id = x."ingestionId"
  join ingestions i on i.id = c.ingestion_id and i.generation = x.generation and i.chunked_generation = c.generation and sluice.takes_vectors(i, p_model)
  on conflict (chunk_id, model) do nothing;
  get diagnostics v_count = row_count;
  return v_count;
end $$;

-- System. A finished request: what it cost is booked and its vectors are kept, in one transaction, so that a crash repeats only what was under way and no
-- vector is kept that is not in the books. Items {organizationId, ingestionId, generation, chunkId, key, vector} as for sluice_put_embeddings; p_request is null for the
-- further parts of a large one. Nobody sees the vectors before the seal. Answers {usd, warned}.
create function public.sluice_keep_vectors(p_model text, p_request uuid, p_tokens bigint, p_latency_ms integer, p_items jsonb) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  insert into embeddings (chunk_id, model, organization_id, ingestion_id, embedding, text_key)
  select c.id, p_model, c.organization_id, c.ingestion_id, l2_normalize(x.vector::vector), decode(x.key, 'hex')
  from jsonb_to_recordset(p_items) as x("organizationId" uuid, "ingestionId" uuid, generation integer, "chunkId" uuid, key text, vector text)
  join chunks c on c.id = x."chunkId" and c.organization_id = x."organizationId" and c.ingestion_id = x."ingestionId"
  join ingestions i on i.id = c.ingestion_id and i.generation = x.generation and i.chunked_generation = c.generation and sluice.takes_vectors(i, p_model)
  on conflict (chunk_id, model) do nothing;
  if p_request is null then return jsonb_build_object('usd', 0, 'warned', '[]'::jsonb); end if;
  return sluice.settle(p_request, p_tokens, p_latency_ms, false);
end $$;

-- System. A request that failed: nothing was used; or, where nobody knows (p_presumed), what was set aside.
create function public.sluice_release_embedding(p_request uuid, p_presumed boolean, p_latency_ms integer) returns void
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if p_presumed then perform sluice.settle(p_request, 0, p_latency_ms, true);
  else delete from reservations where request_id = p_request; end if;
end $$;

-- System. Requests of embedders that died: counted as paid for. Answers how many.
create function public.sluice_expire_reservations(p_limit integer) returns integer
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_request uuid;
  v_count integer := 0;
begin
  for v_request in select distinct request_id from reservations where expires_at < now() limit p_limit loop
    perform sluice.settle(v_request, 0, 0, true);
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;

-- System. Takes over the vectors of texts that were embedded before in the same organization: items {organizationId, ingestionId, generation, chunkId, key}.
-- Answers the ids of the chunks that have theirs now, and books what that saves.
create function public.sluice_find_vectors(p_model text, p_items jsonb) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_found jsonb;
  s record;
begin
  with asked as materialized (
    select c.id, c.organization_id, c.ingestion_id, c.token_count, decode(x.key, 'hex') as key
    from jsonb_to_recordset(p_items) as x("organizationId" uuid, "ingestionId" uuid, generation integer, "chunkId" uuid, key text)
    join chunks c on c.id = x."chunkId" and c.organization_id = x."organizationId" and c.ingestion_id = x."ingestionId"
    join ingestions i on i.id = c.ingestion_id and i.generation = x.generation and i.chunked_generation = c.generation and sluice.takes_vectors(i, p_model)
  ), found as (
    select a.*, e.embedding from asked a cross join lateral (select o.embedding from embeddings o
      where o.text_key = a.key and o.organization_id = a.organization_id and o.model = p_model limit 1) e
  ), taken as (
    insert into embeddings (chunk_id, model, organization_id, ingestion_id, embedding, text_key)
    select id, p_model, organization_id, ingestion_id, embedding, key from found on conflict (chunk_id, model) do nothing
  )
  select coalesce(jsonb_agg(jsonb_build_object('chunkId', id, 'organizationId', organization_id, 'tokens', token_count)), '[]') into v_found from found;
  for s in select x."organizationId" as id, count(*)::integer as inputs, sum(x.tokens)::bigint as tokens, m.provider, m.name
    from jsonb_to_recordset(v_found) as x("organizationId" uuid, tokens integer) join embedding_models m on m.id = p_model group by 1, 4, 5 order by 1 loop
    perform sluice.book(s.id, s.provider, s.name, 0, 0, 0, s.inputs, s.tokens);
  end loop;
  return (select coalesce(jsonb_agg(x->'chunkId'), '[]') from jsonb_array_elements(v_found) x);
end $$;

-- As before, and the copy can be found by its text as well.
create or replace function public.sluice_seal_chunks(p_organization uuid, p_ingestion uuid, p_generation integer, p_worker text, p_parts integer,
  p_summary jsonb, p_duration_ms integer, p_last jsonb default null) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
begin
  select * into i from sluice.take_to_seal(p_organization, p_ingestion, p_generation, 'parsed');
  if not found then return jsonb_build_object('outcome', 'stale'); end if;
  if p_last is not null then
    perform public.sluice_put_chunks(p_organization, p_ingestion, p_generation, p_parts - 1, p_last);
  end if;
  if not sluice.parts_complete(i, 'chunk', p_parts, (p_summary->>'chunks')::bigint) then return jsonb_build_object('outcome', 'incomplete'); end if;
  update ingestions set chunked_generation = p_generation, chunk_count = (p_summary->>'chunks')::integer,
    token_count = (p_summary->>'tokens')::bigint, chunker_version = p_summary->>'chunkerVersion' where id = i.id;
  insert into embeddings (chunk_id, model, organization_id, ingestion_id, embedding, text_key)
  select c.id, e.model, c.organization_id, c.ingestion_id, e.embedding, e.text_key
  from chunks c join chunks o on o.id = c.copy_of and o.organization_id = c.organization_id and o.text = c.text and o.prefix = c.prefix
  join embeddings e on e.chunk_id = o.id and e.model = (select active_model from organizations where id = p_organization)
  where c.ingestion_id = i.id and c.generation = p_generation and c.copied = 'exact' on conflict do nothing;
  i := sluice.advance(i, 'chunked', 'embed', p_worker, p_duration_ms);
  return jsonb_build_object('outcome', 'sealed', 'job', sluice.job(i, 0));
end $$;

-- ── What callers see and set ─────────────────────────────────────────────────────────────────────────────────────────────

-- An organization's budget, and how much of it is used; null where there is none.
create function sluice.describe_budget(p_organization uuid) returns jsonb
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select jsonb_build_object('month', sluice.this_month(), 'usd', b.usd, 'tokens', b.tokens, 'warnShare', coalesce(b.warn_share, 0.8)::numeric,
    'usedUsd', u.usd, 'usedTokens', u.tokens, 'reservedTokens', (select coalesce(sum(tokens), 0) from reservations where organization_id = p_organization),
    'state', case when sluice.exhausted(b) then 'exhausted'
      when u.usd >= b.usd * b.warn_share or u.tokens >= b.tokens * b.warn_share then 'warned' else 'well' end)
  from sluice.used(p_organization) u left join budgets b on b.organization_id = p_organization
$$;

-- What an organization used in the last p_months, by month and model, newest first, and its budget.
create function public.sluice_usage(p_organization uuid, p_caller jsonb, p_months integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'usage.read', 'usage') then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform sluice.audit(p_organization, p_caller, 'usage.read', 'usage', '{}', 'allowed', jsonb_build_object('months', p_months));
  return jsonb_build_object('outcome', 'ok', 'budget', sluice.describe_budget(p_organization), 'items', (
    select coalesce(jsonb_agg(jsonb_build_object('month', to_char(month, 'YYYY-MM'), 'provider', provider, 'model', model, 'requests', requests, 'inputs', inputs,
      'tokens', tokens, 'costUsd', round(cost_usd, 9), 'unpricedTokens', unpriced_tokens, 'presumedTokens', presumed_tokens,
      'savedInputs', saved_inputs, 'savedTokens', saved_tokens, 'savedUsd', round(saved_usd, 9)) order by month desc, provider, model), '[]')
    from (select * from usage_months where organization_id = p_organization
      and month > sluice.this_month() - make_interval(months => least(greatest(p_months, 1), 120)) order by month desc, provider, model limit 1000) m));
end $$;

-- Sets an organization's budget {usd, tokens, warnShare} for every month, from this one on; null limits nothing. Where there is room again its embedding goes on.
create function public.sluice_set_budget(p_organization uuid, p_caller jsonb, p_budget jsonb) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  b budgets;
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'budget.set', 'budget') then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform sluice.audit(p_organization, p_caller, 'budget.set', 'budget', '{}', 'allowed', p_budget);
  insert into budgets (organization_id, usd, tokens, warn_share)
  values (p_organization, (p_budget->>'usd')::numeric, (p_budget->>'tokens')::bigint, coalesce((p_budget->>'warnShare')::real, 0.8))
  on conflict (organization_id) do update set usd = excluded.usd, tokens = excluded.tokens, warn_share = excluded.warn_share,
    warned_in = null, exhausted_in = null, updated_at = now()
  returning * into b;
  if not sluice.exhausted(b) then
    delete from circuit_breakers where queue = 'embed' and organization_id = p_organization and cause = 'budget';
    update ingestions set dispatch_after = now() where organization_id = p_organization and next_queue = 'embed' and dispatched_at is null
      and waiting_for = 'embedding_budget_exhausted' and dispatch_after > now();
  end if;
  return jsonb_build_object('outcome', 'ok', 'budget', sluice.describe_budget(p_organization));
end $$;

-- ── A budget that is used up holds the organization's embedding, as an outage would ──────────────────────────────────────

alter table sluice.circuit_breakers drop constraint circuit_breakers_cause_check,
  add constraint circuit_breakers_cause_check check (cause in ('storage', 'parser', 'embedding', 'budget', 'failures', 'operator'));

create or replace function sluice.close_breakers(i sluice.ingestions) returns void
language sql set search_path = sluice, extensions, pg_temp as $$
  delete from circuit_breakers where queue = i.next_queue and organization_id in (sluice.everybody(), i.organization_id)
    and cause in ('storage', 'parser', 'embedding', 'budget') and i.started_at >= since;
  -- Failures from before do not count again.
  update circuit_breakers set state = 'closed', failures = 0, trips = 0, since = now(), retry_at = null, probe = null
  where queue = i.next_queue and organization_id in (sluice.everybody(), i.organization_id)
    and cause = 'failures' and state = 'open' and i.started_at >= since
$$;

select sluice.raise_walls();
