-- API keys over the API: who made each, a list, and a look-up whose last step is the gateway's comparison in constant time.

alter table sluice.api_keys
  -- Null: by the operator, with the secret key.
  add created_by_kind text check (created_by_kind in ('api_key', 'user')),
  add created_by uuid;
-- Found by a part of the hash; the rest is compared where that takes the same time however much of it agrees.
create index api_keys_lookup on sluice.api_keys (left(hash, 16));
create index api_keys_by_time on sluice.api_keys (organization_id, created_at desc, id desc);

-- What a caller may do in the organization, now.
create function sluice.scopes_of(p_organization uuid, p_caller jsonb) returns text[]
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select coalesce(array_agg(s), '{}') from unnest(sluice.role_scopes('owner')) s where sluice.may(p_organization, p_caller, s)
$$;

create function sluice.describe_key(k sluice.api_keys) returns jsonb language sql stable set search_path = sluice, extensions, pg_temp as $$
  select jsonb_build_object('id', k.id, 'name', k.name, 'prefix', k.prefix, 'scopes', to_jsonb(k.scopes), 'createdAt', k.created_at,
    'createdBy', case when k.created_by is not null then jsonb_build_object('kind', k.created_by_kind, 'id', k.created_by) end,
    'expiresAt', k.expires_at, 'revokedAt', k.revoked_at, 'lastUsedAt', k.last_used_at,
    'live', k.revoked_at is null and (k.expires_at is null or k.expires_at > now()))
$$;

create function sluice.keys_before(p_organization uuid, p_before_at timestamptz, p_before_id uuid, p_limit integer) returns jsonb
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(sluice.describe_key(k) order by k.created_at desc, k.id desc), '[]')
  from (select * from api_keys where organization_id = p_organization and (p_before_at is null or (created_at, id) < (p_before_at, p_before_id))
    order by created_at desc, id desc limit least(p_limit, 200)) k
$$;

-- Newest first, after the cursor (created at, id); revoked and expired ones included.
create function public.sluice_api_keys(p_organization uuid, p_caller jsonb, p_before_at timestamptz, p_before_id uuid, p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'api_keys.list', 'api_key') then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform sluice.audit(p_organization, p_caller, 'api_keys.list', 'api_key', '{}', 'allowed');
  return jsonb_build_object('outcome', 'ok', 'items', sluice.keys_before(p_organization, p_before_at, p_before_id, p_limit));
end $$;

-- The same for the operator, who has the secret key.
create function public.sluice_list_api_keys(p_organization uuid, p_before_at timestamptz, p_before_id uuid, p_limit integer) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select sluice.keys_before(p_organization, p_before_at, p_before_id, p_limit)
$$;

-- Makes a key. Nobody gives away more than they have: scopes_exceeded where the maker lacks one of the scopes.
create function public.sluice_issue_api_key(p_organization uuid, p_caller jsonb, p_name text, p_prefix text, p_hash text, p_scopes text[], p_expires_at timestamptz)
returns jsonb language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  k api_keys;
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'api_key.create', 'api_key') then return jsonb_build_object('outcome', 'forbidden'); end if;
  if not p_scopes <@ sluice.scopes_of(p_organization, p_caller) then
    perform sluice.audit(p_organization, p_caller, 'api_key.create', 'api_key', '{}', 'refused', jsonb_build_object('code', 'scopes_exceeded'));
    return jsonb_build_object('outcome', 'scopes_exceeded');
  end if;
  insert into api_keys (organization_id, name, prefix, hash, scopes, expires_at, created_by_kind, created_by)
  values (p_organization, p_name, p_prefix, p_hash, p_scopes, p_expires_at, p_caller->>'kind', sluice.caller_id(p_caller)) returning * into k;
  perform sluice.audit(p_organization, p_caller, 'api_key.create', 'api_key', array[k.id], 'allowed', jsonb_build_object('scopes', to_jsonb(p_scopes)));
  return jsonb_build_object('outcome', 'ok', 'item', sluice.describe_key(k));
end $$;

-- Doing it again is well.
create function public.sluice_withdraw_api_key(p_organization uuid, p_caller jsonb, p_key uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_found boolean;
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'api_key.revoke', 'api_key', array[p_key]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  update api_keys set revoked_at = coalesce(revoked_at, now()) where organization_id = p_organization and id = p_key;
  v_found := found;
  perform sluice.audit(p_organization, p_caller, 'api_key.revoke', 'api_key', array[p_key], case when v_found then 'allowed' else 'not_found' end);
  return jsonb_build_object('outcome', case when v_found then 'ok' else 'not_found' end);
end $$;

-- System. The live keys whose hash begins so, with their whole hash for the caller to compare; one at most, but for chance.
create function public.sluice_find_api_keys(p_hash_start text) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'organizationId', k.organization_id, 'scopes', to_jsonb(k.scopes), 'hash', k.hash,
    'touch', k.last_used_at is null or k.last_used_at < now() - interval '1 minute')), '[]')
  from api_keys k where left(k.hash, 16) = p_hash_start and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
$$;

-- Notes that a key is in use; once a minute, so that this is no write on every request.
create function public.sluice_touch_api_key(p_organization uuid, p_key uuid) returns void
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  update api_keys set last_used_at = now() where organization_id = p_organization and id = p_key
    and (last_used_at is null or last_used_at < now() - interval '1 minute')
$$;

-- System. Which of these {organizationId, caller, scope} may not go on, by their places: asked every half second for those whose streams are open.
create function public.sluice_refused_callers(p_items jsonb) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(x.ordinality - 1), '[]') from jsonb_array_elements(p_items) with ordinality x
  where not sluice.may((x.value->>'organizationId')::uuid, x.value->'caller', x.value->>'scope')
$$;

select sluice.raise_walls();
