-- The audit, sealed: every entry becomes a link of a chain that is keyed outside the database, so that whoever can write to the
-- database, its superuser included, can't change what was sealed without being found out.

-- What waits to be sealed: a hint, kept apart because entries become visible in another order than that of their ids.
create table sluice.audit_unsealed (
  entry_id bigint primary key
);

-- One link an entry, in the order of sealing. mac = HMAC-SHA256(key, [seq, mac before, entry]); the key is the sealer's.
create table sluice.audit_seals (
  seq bigint primary key,
  entry_id bigint not null unique,
  mac text not null check (mac ~ '^[0-9a-f]{64}$'),
  sealed_at timestamptz not null default clock_timestamp()
);
create trigger append_only before update or delete on sluice.audit_seals for each row execute function sluice.refuse_change();
create trigger append_only_truncate before truncate on sluice.audit_seals for each statement execute function sluice.refuse_change();

create function sluice.await_seal() returns trigger language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  insert into audit_unsealed (entry_id) values (new.id);
  return null;
end $$;
create trigger await_seal after insert on sluice.audit_log for each row execute function sluice.await_seal();
insert into sluice.audit_unsealed select id from sluice.audit_log;

-- All of an entry, as one text that is the same wherever and whenever it is made.
create function sluice.audit_body(a sluice.audit_log) returns text language sql stable set search_path = sluice, extensions, pg_temp as $$
  select jsonb_build_array(a.id, a.organization_id, (extract(epoch from a.at) * 1000000)::bigint, a.actor_kind, a.actor_id, a.action, a.resource_kind,
    a.resource_ids, a.result, a.request_id, a.address, a.detail)::text
$$;

-- System. What is to be sealed next, oldest first, the chain's end, and the link at p_known_seq, by which the sealer sees that the chain still is
-- the one it knows.
create function public.sluice_audit_unsealed(p_known_seq bigint, p_limit integer) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select jsonb_build_object(
    'head', coalesce((select jsonb_build_object('seq', seq, 'mac', mac) from audit_seals order by seq desc limit 1), '{"seq": 0, "mac": ""}'),
    'knownMac', (select mac from audit_seals where seq = p_known_seq),
    'oldestSeconds', coalesce((select greatest(0, extract(epoch from clock_timestamp() - a.at)) from audit_unsealed u join audit_log a on a.id = u.entry_id
      order by u.entry_id limit 1), 0),
    'items', coalesce((select jsonb_agg(jsonb_build_object('id', id, 'body', sluice.audit_body(a)) order by id)
      from audit_log a where id in (select entry_id from audit_unsealed order by entry_id limit least(p_limit, 1000))), '[]'))
$$;

-- System. Appends links to the end that the sealer saw: ok {seq} · moved (another sealer was first: nothing is written).
create function public.sluice_seal_audit(p_seq bigint, p_mac text, p_seals jsonb) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_head audit_seals;
begin
  perform pg_advisory_xact_lock(hashtextextended('sluice.audit_seals', 0));
  select * into v_head from audit_seals order by seq desc limit 1;
  if coalesce(v_head.seq, 0) <> p_seq or coalesce(v_head.mac, '') <> p_mac then return jsonb_build_object('outcome', 'moved'); end if;
  insert into audit_seals (seq, entry_id, mac) select p_seq + n, (s->>'id')::bigint, s->>'mac' from jsonb_array_elements(p_seals) with ordinality x(s, n);
  delete from audit_unsealed where entry_id in (select (s->>'id')::bigint from jsonb_array_elements(p_seals) s);
  return jsonb_build_object('outcome', 'ok', 'seq', p_seq + jsonb_array_length(p_seals));
end $$;

-- System. The chain after p_after, with what it sealed; an entry that is not there any more has no body.
create function public.sluice_audit_chain(p_after bigint, p_limit integer) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('seq', s.seq, 'entryId', s.entry_id, 'mac', s.mac,
    'body', case when a.id is null then null else sluice.audit_body(a) end) order by s.seq), '[]')
  from (select * from audit_seals where seq > p_after order by seq limit least(p_limit, 1000)) s left join audit_log a on a.id = s.entry_id
$$;

-- System. Entries after p_after that no link names, with their age: those that wait are young, others were put in from behind.
create function public.sluice_audit_loose(p_after bigint, p_limit integer) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', id, 'seconds', extract(epoch from clock_timestamp() - at), 'waits',
    exists (select from audit_unsealed u where u.entry_id = x.id)) order by id), '[]')
  from (select a.id, a.at from audit_log a where a.id > p_after and not exists (select from audit_seals s where s.entry_id = a.id)
    order by a.id limit least(p_limit, 1000)) x
$$;

-- ── Reading it ──────────────────────────────────────────────────────────────────────────────────────────────

-- Reading the audit is a right of its own: an auditor's, who may read nothing else, and the owner's.
alter table sluice.memberships drop constraint memberships_role_check;
alter table sluice.memberships add constraint memberships_role_check check (role in ('owner', 'admin', 'member', 'viewer', 'auditor'));
create or replace function sluice.role_scopes(p_role text) returns text[] language sql immutable as $$
  select case p_role
    when 'owner' then array['documents:read', 'documents:write', 'documents:delete', 'search', 'admin', 'audit:read']
    when 'admin' then array['documents:read', 'documents:write', 'documents:delete', 'search', 'admin']
    when 'member' then array['documents:read', 'documents:write', 'search']
    when 'viewer' then array['documents:read', 'search']
    when 'auditor' then array['audit:read']
    else array[]::text[] end
$$;

-- The organization's audit, newest first. p_filter: action, actorId, resourceId, result, since, until.
create function public.sluice_audit(p_organization uuid, p_caller jsonb, p_filter jsonb, p_before bigint, p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_items jsonb;
begin
  if not sluice.authorize(p_organization, p_caller, 'audit:read', 'audit.read', 'audit') then return jsonb_build_object('outcome', 'forbidden'); end if;
  select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'at', a.at, 'actor', jsonb_build_object('kind', a.actor_kind, 'id', a.actor_id),
    'action', a.action, 'resource', jsonb_build_object('kind', a.resource_kind, 'ids', a.resource_ids), 'result', a.result,
    'requestId', a.request_id, 'address', a.address, 'detail', a.detail, 'seal', s.seq) order by a.id desc), '[]') into v_items
  from (select * from audit_log where organization_id = p_organization
      and (p_before is null or id < p_before)
      and (p_filter->>'action' is null or action = p_filter->>'action')
      and (p_filter->>'actorId' is null or actor_id = (p_filter->>'actorId')::uuid)
      and (p_filter->>'resourceId' is null or (p_filter->>'resourceId')::uuid = any (resource_ids))
      and (p_filter->>'result' is null or result = p_filter->>'result')
      and (p_filter->>'since' is null or at >= (p_filter->>'since')::timestamptz)
      and (p_filter->>'until' is null or at < (p_filter->>'until')::timestamptz)
    order by id desc limit least(greatest(p_limit, 1), 500)) a left join audit_seals s on s.entry_id = a.id;
  perform sluice.audit(p_organization, p_caller, 'audit.read', 'audit', '{}', 'allowed', jsonb_build_object('entries', jsonb_array_length(v_items)));
  return jsonb_build_object('outcome', 'ok', 'items', v_items);
end $$;

-- ── What no other function writes down ──────────────────────────────────────────────────────────────────────

-- What the gateway refused before it asked anything of the database. Always forbidden: that is what it says.
create function public.sluice_note_refusal(p_organization uuid, p_caller jsonb, p_action text, p_ids uuid[]) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if exists (select from organizations where id = p_organization) then
    perform sluice.audit(p_organization, p_caller, p_action, 'request', p_ids, 'refused');
  end if;
  return jsonb_build_object('outcome', 'forbidden');
end $$;

-- System. A credential that nobody has, or has no more. Written down where it belonged; else under no organization.
create function public.sluice_note_stranger(p_hash text, p_from jsonb, p_action text) returns void
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  select sluice.audit(coalesce(k.organization_id, '00000000-0000-0000-0000-000000000000'),
    p_from || jsonb_build_object('kind', case when k.id is null then 'stranger' else 'api_key' end, 'id', k.id), p_action, 'credential', '{}', 'refused')
  from (select 1) one left join api_keys k on k.hash = p_hash
$$;

-- Keys and members are changed from the command line too, and by hand: whoever does it, it is written down by the database itself.
create function sluice.note_access_change() returns trigger language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  v_row jsonb := coalesce(to_jsonb(new), to_jsonb(old)) - 'last_used_at';
begin
  if tg_op = 'UPDATE' and v_row = to_jsonb(old) - 'last_used_at' then return null; end if;
  perform sluice.audit((v_row->>'organization_id')::uuid, '{"kind": "database"}', tg_table_name || '.' || lower(tg_op), tg_table_name,
    array[coalesce(v_row->>'id', v_row->>'user_id')::uuid], 'allowed', jsonb_strip_nulls(jsonb_build_object('role', v_row->'role', 'scopes', v_row->'scopes',
      'expiresAt', v_row->'expires_at', 'revokedAt', v_row->'revoked_at')));
  return null;
end $$;
create trigger note_access_change after insert or update or delete on sluice.api_keys for each row execute function sluice.note_access_change();
create trigger note_access_change after insert or update or delete on sluice.memberships for each row execute function sluice.note_access_change();

select sluice.raise_walls();
