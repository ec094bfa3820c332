-- Tables of Sluice. They live in a schema that PostgREST does not expose; the only way in is the functions
-- named sluice_* in `public`, which the secret key may call. Row-level security is forced on every table and
-- has no policy: nobody but the owner of those functions gets through, even if a table were exposed by mistake.

create schema if not exists extensions;
create extension if not exists vector with schema extensions;
create schema sluice;

do $$
begin
  if not exists (select from pg_roles where rolname = 'anon') then create role anon nologin; end if;
  if not exists (select from pg_roles where rolname = 'authenticated') then create role authenticated nologin; end if;
  if not exists (select from pg_roles where rolname = 'service_role') then create role service_role nologin bypassrls; end if;
end $$;

-- ── Tenants ─────────────────────────────────────────────────────────────────────────────────────────────────

create table sluice.organizations (
  id uuid primary key default gen_random_uuid(),
  name text not null check (length(name) between 1 and 200),
  -- How many ingestions may have a job in Redis at once; null takes the dispatcher's default.
  in_flight_window integer check (in_flight_window > 0),
  -- The embedding model that search reads. Set by the first sealed document, changed by a reindex.
  active_model text,
  created_at timestamptz not null default now()
);

create table sluice.memberships (
  organization_id uuid not null references sluice.organizations on delete cascade,
  user_id uuid not null,
  role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
  created_at timestamptz not null default now(),
  primary key (organization_id, user_id)
);
create index memberships_user on sluice.memberships (user_id);

create table sluice.api_keys (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references sluice.organizations on delete cascade,
  name text not null,
  -- The first characters, to recognise a key by; the key itself is never stored.
  prefix text not null,
  hash text not null unique,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);
create index api_keys_organization on sluice.api_keys (organization_id);

-- ── What was taken in ───────────────────────────────────────────────────────────────────────────────────────

create table sluice.batches (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references sluice.organizations on delete cascade,
  name text not null,
  created_at timestamptz not null default now(),
  -- A sealed batch takes no more documents; it is complete when all of its ingestions are final.
  sealed_at timestamptz,
  expected integer check (expected >= 0),
  paused_at timestamptz,
  cancelled_at timestamptz
);
create index batches_cancelled on sluice.batches (id) where cancelled_at is not null;
create index batches_by_time on sluice.batches (organization_id, created_at desc, id desc);

create table sluice.documents (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references sluice.organizations on delete cascade,
  -- What makes two submissions the same document: see sluice.identity_key.
  identity_key text not null,
  external_id text,
  -- The patient the sender named, as `authority|identifier`; what the document itself says is in patients.
  patient text,
  content_hash text not null,
  -- What the sender said of the revision that readers see (of the newest while they see none): a copy of its ingestion's.
  file_name text,
  tags text[] not null default '{}',
  metadata jsonb not null default '{}',
  -- Where a child was found. The revision matters: children belong to one reading of their parent.
  parent_id uuid references sluice.documents on delete cascade,
  parent_ingestion_id uuid,
  member_path text,
  depth integer not null default 0,
  -- What other documents (standing_by; null where it says so itself) have made of it: see sluice.standing_of.
  standing text not null default 'current' check (standing in ('current', 'appended', 'replaced', 'corrected', 'withdrawn', 'cancelled')),
  standing_by uuid,
  created_at timestamptz not null default now(),
  unique (organization_id, identity_key)
);
create index documents_by_time on sluice.documents (organization_id, created_at desc, id desc);
create index documents_by_external_id on sluice.documents (organization_id, external_id) where external_id is not null;
create index documents_by_patient on sluice.documents (organization_id, patient) where patient is not null;
create index documents_by_file_name on sluice.documents (organization_id, file_name) where file_name is not null;
create index documents_by_tag on sluice.documents using gin (tags);
create index documents_by_metadata on sluice.documents using gin (metadata jsonb_path_ops);
create index documents_by_parent on sluice.documents (parent_id, parent_ingestion_id) where parent_id is not null;

create table sluice.ingestions (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references sluice.organizations on delete cascade,
  document_id uuid not null references sluice.documents on delete cascade,
  revision integer not null check (revision > 0),
  generation integer not null default 1,
  status text not null default 'uploaded'
    check (status in ('uploaded', 'parsed', 'chunked', 'vectorized', 'failed', 'cancelled', 'deleted')),
  -- The queue it waits for or is worked on in; null once it is final.
  next_queue text default 'parse' check (next_queue in ('parse', 'ocr', 'chunk', 'embed')),
  -- True for the one revision that readers see.
  active boolean not null default false,
  batch_id uuid references sluice.batches,
  batch_key uuid not null generated always as (coalesce(batch_id, '00000000-0000-0000-0000-000000000000'::uuid)) stored,

  -- What the sender said of it.
  file_name text,
  tags text[] not null default '{}',
  metadata jsonb not null default '{}',

  -- The original, as stored and as found.
  object_path text not null,
  content_hash text not null,
  byte_length bigint not null,
  declared_type text,
  media_type text,

  -- In the backlog while dispatched_at is null; in flight (a job in Redis) once it is set.
  dispatch_after timestamptz not null default now(),
  dispatched_at timestamptz,
  lease_worker text,
  lease_until timestamptz,
  started_at timestamptz,
  -- Tries of the current stage, and workers that died on it: the second is not the document's fault.
  attempts integer not null default 0,
  deaths integer not null default 0,
  error_code text,
  failed_stage text,
  -- Why it waits, when it does.
  waiting_for text,

  -- The generation whose parts were sealed, stage by stage: later readers take exactly those rows.
  parsed_generation integer,
  chunked_generation integer,
  format text,
  header jsonb,
  -- When the source says it was made, as ISO 8601: orders documents of the same number.
  stated_at text,
  warnings jsonb not null default '[]',
  section_count integer not null default 0,
  page_count integer not null default 0,
  table_count integer not null default 0,
  fact_count integer not null default 0,
  text_length bigint not null default 0,
  chunk_count integer not null default 0,
  token_count bigint not null default 0,
  embedding_model text,
  parser_version text,
  chunker_version text,

  accepted_at timestamptz not null default now(),
  parsed_at timestamptz,
  chunked_at timestamptz,
  finished_at timestamptz,
  updated_at timestamptz not null default now(),
  unique (document_id, revision),
  check ((next_queue is null) = (status in ('vectorized', 'failed', 'cancelled', 'deleted')))
);
create unique index ingestions_active on sluice.ingestions (document_id) where active;
create index ingestions_by_batch on sluice.ingestions (batch_id, status) where batch_id is not null;
create index ingestions_finished on sluice.ingestions (batch_id, finished_at) where batch_id is not null and finished_at is not null;
create index ingestions_by_status on sluice.ingestions (organization_id, status);
create index ingestions_by_object on sluice.ingestions (object_path);
-- The backlog, in the order the dispatcher takes it, and the windows it fills.
create index ingestions_backlog on sluice.ingestions (organization_id, next_queue, batch_key, dispatch_after, id)
  where dispatched_at is null and next_queue is not null;
create index ingestions_oldest on sluice.ingestions (next_queue, dispatch_after)
  where dispatched_at is null and next_queue is not null;
create index ingestions_in_flight on sluice.ingestions (organization_id, next_queue)
  where dispatched_at is not null and next_queue is not null;
create index ingestions_dispatched on sluice.ingestions (dispatched_at, id)
  where dispatched_at is not null and next_queue is not null;

-- ── The ledger ──────────────────────────────────────────────────────────────────────────────────────────────

-- One row for each ingestion accepted, written in the transaction behind the 202. Nothing refers to ingestions by
-- key: the two sides must be able to disagree when something is wrong.
create table sluice.acceptances (
  ingestion_id uuid primary key,
  organization_id uuid not null,
  document_id uuid not null,
  batch_id uuid,
  revision integer not null,
  origin text not null check (origin in ('upload', 'reprocess', 'child')),
  accepted_at timestamptz not null default now()
);
create index acceptances_by_organization on sluice.acceptances (organization_id, accepted_at);
create index acceptances_by_batch on sluice.acceptances (batch_id) where batch_id is not null;

-- Submissions that were answered with a document already there.
create table sluice.duplicate_receipts (
  id bigint generated always as identity primary key,
  organization_id uuid not null,
  document_id uuid not null,
  ingestion_id uuid not null,
  batch_id uuid,
  received_at timestamptz not null default now()
);
create index duplicate_receipts_by_batch on sluice.duplicate_receipts (batch_id) where batch_id is not null;

-- How many of what there are, by organization and batch (the zero id for none), so that nobody counts rows on a poll.
-- `measure`: a queue's name (ingestions waiting for it or worked on in it), a final status, accepted, submitted, duplicate, deleted, or
-- dead/<stage>/<code>. Triggers append what changes; the supervisor folds it in. A count is the sum of both tables.
create table sluice.tallies (
  organization_id uuid not null,
  batch_key uuid not null,
  measure text not null,
  n bigint not null,
  primary key (organization_id, batch_key, measure)
);
create table sluice.tally_deltas (
  id bigint generated always as identity primary key,
  organization_id uuid not null,
  batch_key uuid not null,
  measure text not null,
  delta integer not null
);
create index tally_deltas_by_batch on sluice.tally_deltas (organization_id, batch_key);

-- What a deletion leaves: ids and times.
create table sluice.tombstones (
  ingestion_id uuid primary key,
  organization_id uuid not null,
  document_id uuid not null,
  batch_id uuid,
  accepted_at timestamptz not null,
  deleted_at timestamptz not null default now()
);
create index tombstones_by_organization on sluice.tombstones (organization_id);
create index tombstones_by_document on sluice.tombstones (document_id);
create index tombstones_by_batch on sluice.tombstones (batch_id) where batch_id is not null;

-- Stored objects that a deletion still owes: written with the tombstone, removed when Storage has confirmed.
create table sluice.erasures (
  object_path text primary key,
  organization_id uuid not null,
  requested_at timestamptz not null default now()
);

-- Every transition. `xid` makes the order safe to read by cursor: see sluice_events_since.
create table sluice.document_events (
  id bigint generated always as identity primary key,
  xid xid8 not null default pg_current_xact_id(),
  organization_id uuid not null,
  document_id uuid not null,
  ingestion_id uuid not null,
  batch_id uuid,
  kind text not null check (kind in
    ('accepted', 'advanced', 'moved', 'marked', 'retrying', 'waiting', 'handed_back', 'requeued', 'failed', 'cancelled', 'resumed', 'deleted')),
  status text not null,
  stage text,
  generation integer not null,
  attempt integer not null default 0,
  duration_ms integer,
  worker text,
  code text,
  at timestamptz not null default clock_timestamp()
);
create index document_events_cursor on sluice.document_events (xid, id);
create index document_events_by_document on sluice.document_events (document_id, xid, id);

create table sluice.dead_letters (
  ingestion_id uuid primary key references sluice.ingestions on delete cascade,
  organization_id uuid not null,
  document_id uuid not null,
  batch_id uuid,
  stage text not null,
  code text not null,
  attempts integer not null,
  first_seen timestamptz not null,
  last_seen timestamptz not null default now()
);
create index dead_letters_by_time on sluice.dead_letters (organization_id, last_seen desc, ingestion_id desc);

-- ── What was derived ────────────────────────────────────────────────────────────────────────────────────────

-- Output that is written but not yet sealed. Sealing removes these rows; what is left here of a dead generation
-- names exactly the rows to sweep.
create table sluice.parts (
  ingestion_id uuid not null references sluice.ingestions on delete cascade,
  generation integer not null,
  stage text not null check (stage in ('parse', 'chunk')),
  part integer not null check (part >= 0),
  row_count integer not null,
  written_at timestamptz not null default now(),
  primary key (ingestion_id, generation, stage, part)
);

create table sluice.sections (
  ingestion_id uuid not null references sluice.ingestions on delete cascade,
  generation integer not null,
  ordinal integer not null,
  organization_id uuid not null,
  level integer not null,
  title text,
  code_system text,
  code text,
  code_display text,
  text text not null,
  start_offset bigint not null,
  page_from integer,
  page_to integer,
  primary key (ingestion_id, generation, ordinal)
);

create table sluice.pages (
  ingestion_id uuid not null references sluice.ingestions on delete cascade,
  generation integer not null,
  number integer not null,
  organization_id uuid not null,
  kind text not null check (kind in ('text', 'ocr', 'image', 'blank', 'unreadable')),
  start_offset bigint not null,
  end_offset bigint not null,
  -- Of a recognised page: the mean of its lines, and each line's [start, end, confidence] over the display text.
  confidence real,
  lines jsonb,
  -- Degrees clockwise by which the page had to be turned to stand upright.
  rotation integer check (rotation in (0, 90, 180, 270)),
  primary key (ingestion_id, generation, number)
);

create table sluice.tables (
  ingestion_id uuid not null references sluice.ingestions on delete cascade,
  generation integer not null,
  ordinal integer not null,
  organization_id uuid not null,
  section_ordinal integer not null,
  title text,
  header_rows integer not null,
  -- [{cells: [text, …], start, end}, …], the offsets over the display text.
  rows jsonb not null,
  page_from integer,
  page_to integer,
  primary key (ingestion_id, generation, ordinal)
);

create table sluice.facts (
  ingestion_id uuid not null references sluice.ingestions on delete cascade,
  generation integer not null,
  ordinal integer not null,
  organization_id uuid not null,
  kind text not null check (kind in ('problem', 'medication', 'allergy', 'result', 'vital', 'procedure', 'immunization')),
  text text not null,
  codes jsonb not null default '[]',
  value text,
  unit text,
  reference_range text,
  flag text,
  status text,
  effective text,
  effective_precision text,
  -- Where the display text says it, and where the source does (a path into it).
  evidence_start bigint,
  evidence_end bigint,
  source text not null,
  -- Whose, as an index into the header's patients.
  patient integer,
  primary key (ingestion_id, generation, ordinal)
);

-- Pages that were recognised, kept as each is done: minutes of work must not be lost with a worker. Gone when the parse is sealed.
create table sluice.recognised_pages (
  ingestion_id uuid not null references sluice.ingestions on delete cascade,
  engine text not null,
  page integer not null,
  organization_id uuid not null,
  result jsonb not null,
  primary key (ingestion_id, engine, page)
);

create table sluice.patients (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references sluice.organizations on delete cascade,
  authority text not null,
  identifier text not null,
  unique (organization_id, authority, identifier)
);
create index patients_by_identifier on sluice.patients (organization_id, identifier);

create table sluice.document_patients (
  ingestion_id uuid not null references sluice.ingestions on delete cascade,
  patient_id uuid not null references sluice.patients on delete cascade,
  organization_id uuid not null,
  primary key (ingestion_id, patient_id)
);
create index document_patients_by_patient on sluice.document_patients (patient_id);

create table sluice.document_dates (
  ingestion_id uuid not null references sluice.ingestions on delete cascade,
  ordinal integer not null,
  organization_id uuid not null,
  kind text not null check (kind in ('service', 'authored', 'received')),
  -- ISO 8601 cut to its precision, as the source gives it; `day` is its first day, to compare by.
  value text not null,
  day date not null,
  precision text not null check (precision in ('year', 'month', 'day', 'minute', 'second')),
  origin text not null,
  primary key (ingestion_id, ordinal)
);
create index document_dates_by_day on sluice.document_dates (organization_id, kind, day);

-- The numbers under which others know a document, and what it does to others by theirs.
create table sluice.document_identifiers (
  ingestion_id uuid not null references sluice.ingestions on delete cascade,
  organization_id uuid not null,
  system text not null,
  value text not null,
  primary key (ingestion_id, system, value)
);
create index document_identifiers_by_value on sluice.document_identifiers (organization_id, system, value);

create table sluice.document_relations (
  ingestion_id uuid not null references sluice.ingestions on delete cascade,
  ordinal integer not null,
  organization_id uuid not null,
  kind text not null check (kind in ('replaces', 'appends', 'withdraws', 'corrects', 'cancels')),
  target_system text not null,
  target_value text not null,
  source text not null,
  primary key (ingestion_id, ordinal)
);
create index document_relations_by_target on sluice.document_relations (organization_id, target_system, target_value);

-- Documents whose standing may have changed: left by whoever changes what readers see, settled by the supervisor.
create table sluice.standing_work (
  document_id uuid primary key,
  organization_id uuid not null,
  at timestamptz not null default clock_timestamp()
);
create index standing_work_by_time on sluice.standing_work (at);

-- What a person should look at, e.g. more than one identity in a document.
create table sluice.reviews (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references sluice.organizations on delete cascade,
  document_id uuid not null references sluice.documents on delete cascade,
  ingestion_id uuid not null references sluice.ingestions on delete cascade,
  code text not null,
  raised_at timestamptz not null default now(),
  settled_at timestamptz,
  settled_by uuid,
  unique (ingestion_id, code)
);
create index reviews_open on sluice.reviews (organization_id, raised_at desc, id desc) where settled_at is null;

-- Text as it is searched: compatibility forms (ligatures, full-width digits) as what they stand for, without invisible marks within words.
-- What is displayed stays as the document has it. The same as forSearch in libs/contracts.
create function sluice.for_search(p_text text) returns text language sql immutable as $$
  select translate(normalize(p_text, nfkc), U&'\00AD\200B\200C\200D\2060\FEFF', '')
$$;

create table sluice.chunks (
  id uuid primary key default gen_random_uuid(),
  ingestion_id uuid not null references sluice.ingestions on delete cascade,
  generation integer not null,
  ordinal integer not null,
  organization_id uuid not null,
  section_ordinal integer not null,
  text text not null,
  -- Context that is embedded and searched with the text but is not part of it (the section's title).
  prefix text not null default '',
  token_count integer not null,
  page_from integer,
  page_to integer,
  -- [[start, end), …] in UTF-16 units over the display text; the spans' texts make the chunk's text.
  spans jsonb not null,
  content_hash text not null,
  search_vector tsvector generated always as (to_tsvector('english', sluice.for_search(prefix || ' ' || text))) stored,
  unique (ingestion_id, generation, ordinal)
);
create index chunks_search on sluice.chunks using gin (search_vector);

create table sluice.embedding_models (
  id text primary key,
  provider text not null,
  name text not null,
  dimensions integer not null check (dimensions between 1 and 16000),
  -- True when similarity is of words, not of meaning; search says so.
  lexical boolean not null,
  created_at timestamptz not null default now()
);

-- Several models live side by side, so the column has no fixed dimension; an index is partial by model.
create table sluice.embeddings (
  chunk_id uuid not null references sluice.chunks on delete cascade,
  model text not null references sluice.embedding_models,
  organization_id uuid not null,
  ingestion_id uuid not null,
  embedding extensions.vector not null,
  primary key (chunk_id, model)
);
create index embeddings_by_ingestion on sluice.embeddings (ingestion_id, model);
create index embeddings_by_organization on sluice.embeddings (organization_id, model);

create table sluice.usage_events (
  id bigint generated always as identity primary key,
  organization_id uuid not null,
  provider text not null,
  model text not null,
  inputs integer not null,
  tokens bigint not null,
  latency_ms integer not null,
  at timestamptz not null default now()
);
create index usage_events_by_time on sluice.usage_events (organization_id, at);

-- ── Housekeeping ────────────────────────────────────────────────────────────────────────────────────────────

-- Loops have one leader: the holder of the row, until `expires_at`, on database time. `fence` only rises.
create table sluice.leases (
  name text primary key,
  holder text not null,
  fence bigint not null default 1,
  expires_at timestamptz not null
);

-- How far a loop has walked.
create table sluice.cursors (
  name text primary key,
  place text
);

create table sluice.idempotency_keys (
  organization_id uuid not null,
  key text not null,
  fingerprint text not null,
  status integer,
  response jsonb,
  created_at timestamptz not null default now(),
  primary key (organization_id, key)
);
create index idempotency_keys_by_time on sluice.idempotency_keys (created_at);

create table sluice.audit_log (
  id bigint generated always as identity primary key,
  organization_id uuid not null,
  at timestamptz not null default clock_timestamp(),
  actor_kind text not null,
  actor_id uuid,
  action text not null,
  resource_kind text not null,
  resource_ids uuid[] not null default '{}',
  -- allowed or refused
  result text not null,
  request_id text,
  address text,
  -- Counts, modes, keyed hashes; never content.
  detail jsonb not null default '{}'
);
create index audit_log_by_time on sluice.audit_log (organization_id, id);

-- ── Walls ───────────────────────────────────────────────────────────────────────────────────────────────────

create function sluice.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'this table only grows' using errcode = '42501';
end $$;

do $$
declare
  name text;
begin
  foreach name in array array['acceptances', 'duplicate_receipts', 'tombstones', 'document_events', 'audit_log', 'usage_events'] loop
    execute format('create trigger append_only before update or delete on sluice.%I for each row execute function sluice.refuse_change()', name);
    execute format('create trigger append_only_truncate before truncate on sluice.%I for each statement execute function sluice.refuse_change()', name);
  end loop;
  for name in select tablename from pg_tables where schemaname = 'sluice' loop
    execute format('alter table sluice.%I enable row level security', name);
    execute format('alter table sluice.%I force row level security', name);
  end loop;
end $$;

revoke all on schema sluice from public, anon, authenticated, service_role;
revoke all on all tables in schema sluice from public, anon, authenticated, service_role;

insert into storage.buckets (id, name, public) values ('originals', 'originals', false) on conflict (id) do nothing;
