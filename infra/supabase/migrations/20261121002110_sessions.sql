-- People's sessions, and how often somebody tried to get in. Passwords and tokens are Supabase Auth's; whether a session may still be used is decided here.

-- One a login through the gateway, by the id that Supabase puts into its tokens. A token of a session that is not here was had past the gateway, and is
-- refused: that is how throttling and lock-out can't be passed by.
create table sluice.sessions (
  id uuid primary key,
  user_id uuid not null,
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  -- It ends by itself at the earlier of the two.
  idle_ends_at timestamptz not null,
  ends_at timestamptz not null,
  revoked_at timestamptz,
  address text
);
create index sessions_of on sluice.sessions (user_id, created_at desc);
create index sessions_by_end on sluice.sessions (ends_at);

-- Tries by what they are counted by (an account, an address), which is known here only as a keyed hash.
create table sluice.attempts (
  key text primary key,
  since timestamptz not null default now(),
  count integer not null default 0,
  locked_until timestamptz
);
create index attempts_by_time on sluice.attempts (since);

create function sluice.is_live(s sluice.sessions) returns boolean language sql stable as $$
  select s.revoked_at is null and s.idle_ends_at > now() and s.ends_at > now()
$$;

-- True when the caller may do what `p_scope` names in the organization, now. A person's session counts where the caller names it, as gateways do.
create or replace function sluice.may(p_organization uuid, p_caller jsonb, p_scope text) returns boolean
language plpgsql stable set search_path = sluice, extensions, pg_temp as $$
begin return (
  select case p_caller->>'kind'
    when 'api_key' then exists (
      select from api_keys k where k.id = sluice.caller_id(p_caller) and k.organization_id = p_organization
        and k.revoked_at is null and (k.expires_at is null or k.expires_at > now()) and p_scope = any (k.scopes))
    when 'user' then exists (
      select from memberships m where m.user_id = sluice.caller_id(p_caller) and m.organization_id = p_organization
        and p_scope = any (sluice.role_scopes(m.role)))
      and (p_caller->>'sessionId' is null or exists (
        select from sessions s where s.id = sluice.caller_id(jsonb_build_object('id', p_caller->>'sessionId')) and s.user_id = sluice.caller_id(p_caller)
          and sluice.is_live(s)))
    else false end);
end $$;

-- What a person does with the account concerns every organization that trusts it.
create function sluice.audit_person(p_user uuid, p_action text, p_result text, p_origin jsonb) returns void
language sql set search_path = sluice, extensions, pg_temp as $$
  select sluice.audit(m.organization_id, coalesce(p_origin, '{}') || jsonb_build_object('kind', 'user', 'id', p_user), p_action, 'session', '{}', p_result)
  from memberships m where m.user_id = p_user
$$;

-- System. Begins a session that a login has made; p_origin: {requestId, address}. One that was ended is not begun again: false.
create function public.sluice_open_session(p_session uuid, p_user uuid, p_idle_seconds integer, p_most_seconds integer, p_origin jsonb) returns boolean
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  insert into sessions (id, user_id, idle_ends_at, ends_at, address)
  values (p_session, p_user, now() + make_interval(secs => p_idle_seconds), now() + make_interval(secs => p_most_seconds), p_origin->>'address')
  on conflict do nothing;
  if not found then return exists (select from sessions s where s.id = p_session and s.user_id = p_user and sluice.is_live(s)); end if;
  perform sluice.audit_person(p_user, 'session.open', 'allowed', p_origin);
  return true;
end $$;

-- System. Whether a person's session goes on. Being used puts off its idle end, to ten seconds; p_idle_seconds null only asks.
create function public.sluice_check_session(p_session uuid, p_user uuid, p_idle_seconds integer) returns boolean
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  s sessions;
begin
  select * into s from sessions where id = p_session and user_id = p_user;
  if not found or not sluice.is_live(s) then return false; end if;
  if p_idle_seconds is not null and s.last_seen_at < now() - interval '10 seconds' then
    update sessions set last_seen_at = now(), idle_ends_at = now() + make_interval(secs => p_idle_seconds) where id = p_session and revoked_at is null;
    return found;
  end if;
  return true;
end $$;

-- System. A person's live sessions, newest first.
create function public.sluice_sessions(p_user uuid) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'createdAt', s.created_at, 'lastSeenAt', s.last_seen_at, 'endsAt', least(s.idle_ends_at, s.ends_at),
    'address', s.address) order by s.created_at desc), '[]')
  from (select * from sessions x where user_id = p_user and sluice.is_live(x) order by created_at desc limit 200) s
$$;

-- System. Ends sessions of a person: `this`, the `others`, or `all`. Answers how many were live.
create function public.sluice_end_sessions(p_user uuid, p_session uuid, p_which text, p_action text, p_origin jsonb) returns integer
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_count integer;
begin
  update sessions set revoked_at = now() where user_id = p_user and revoked_at is null
    and case p_which when 'this' then id = p_session when 'others' then id <> p_session when 'all' then true end;
  get diagnostics v_count = row_count;
  perform sluice.audit_person(p_user, p_action, 'allowed', p_origin);
  return v_count;
end $$;

-- System. Counts a try, before it is made, so that many at once don't slip by. p_items: [{key, limit, seconds}]: more than `limit` within `seconds` lock it
-- for as long. Answers for how many milliseconds it is locked; 0: go on.
create function public.sluice_count_attempt(p_items jsonb) returns bigint
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_each record;
  a attempts;
  v_until timestamptz;
begin
  insert into attempts (key) select distinct x->>'key' from jsonb_array_elements(p_items) x order by 1 on conflict do nothing;
  perform 1 from attempts where key in (select x->>'key' from jsonb_array_elements(p_items) x) order by key for update;
  select max(locked_until) into v_until from attempts where key in (select x->>'key' from jsonb_array_elements(p_items) x) and locked_until > now();
  if v_until is null then
    for v_each in select x->>'key' as key, (x->>'limit')::integer as most, make_interval(secs => (x->>'seconds')::integer) as span
      from jsonb_array_elements(p_items) x loop
      select * into a from attempts where key = v_each.key;
      if a.since < now() - v_each.span or a.locked_until is not null then a.count := 0; a.since := now(); end if;
      update attempts set since = a.since, count = a.count + 1, locked_until = case when a.count >= v_each.most then now() + v_each.span end
        where key = v_each.key;
      if a.count >= v_each.most then v_until := greatest(v_until, now() + v_each.span); end if;
    end loop;
  end if;
  return coalesce(ceil(extract(epoch from v_until - now()) * 1000), 0)::bigint;
end $$;

-- System. A try that went well: what it was counted by in full (`p_forget`) starts anew, the rest is as if it had not been.
create function public.sluice_forgive_attempt(p_forget text[], p_less text[]) returns void
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  delete from attempts where key = any (p_forget);
  update attempts set count = greatest(0, count - 1) where key = any (p_less);
end $$;

-- System. Writes down that somebody failed to get into an account, for the organizations of whoever it is.
create function public.sluice_note_failed_sign_in(p_email text, p_origin jsonb) returns void
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  select sluice.audit_person(u.id, 'session.open', 'refused', p_origin) from auth.users u where lower(u.email) = lower(p_email)
$$;

-- System. Forgets sessions that ended a month ago, and tries of a day ago.
create function public.sluice_expire_sessions(p_limit integer) returns integer
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_count integer;
begin
  delete from sessions where id in (select id from sessions where ends_at < now() - interval '30 days' order by ends_at limit p_limit);
  get diagnostics v_count = row_count;
  delete from attempts where key in (select key from attempts where since < now() - interval '1 day' and (locked_until is null or locked_until < now())
    order by since limit p_limit);
  return v_count;
end $$;

select sluice.raise_walls();
