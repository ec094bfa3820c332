-- Organizations, members, keys, and the one check that stands before every read and write of a caller.
--
-- Conventions of all functions in `public`:
--   named sluice_*; security definer with a pinned search_path; callable by service_role only;
--   take the organization as p_organization (those that serve the machinery across tenants say so: "System.");
--   take a caller as {kind: api_key|user, id, requestId?, address?} where they act for somebody;
--   answer with an outcome instead of raising, so that a refusal and its audit entry are one transaction.

create function sluice.role_scopes(p_role text) returns text[] language sql immutable as $$
  select case p_role
    when 'owner' then array['documents:read', 'documents:write', 'documents:delete', 'search', 'admin']
    when 'admin' then array['documents:read', 'documents:write', 'documents:delete', 'search', 'admin']
    when 'member' then array['documents:read', 'documents:write', 'search']
    when 'viewer' then array['documents:read', 'search']
    else array[]::text[] end
$$;

-- A caller's id; null where it is none, so that nonsense is refused rather than an error.
create function sluice.caller_id(p_caller jsonb) returns uuid language sql immutable as $$
  select case when p_caller->>'id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (p_caller->>'id')::uuid end
$$;

create function sluice.audit(p_organization uuid, p_caller jsonb, p_action text, p_kind text, p_ids uuid[], p_result text,
  p_detail jsonb default '{}') returns void
language sql set search_path = sluice, extensions, pg_temp as $$
  insert into audit_log (organization_id, actor_kind, actor_id, action, resource_kind, resource_ids, result, request_id, address, detail)
  values (p_organization, coalesce(p_caller->>'kind', 'unknown'), sluice.caller_id(p_caller), p_action, p_kind,
    coalesce(p_ids, '{}'), p_result, p_caller->>'requestId', p_caller->>'address', p_detail)
$$;

-- True when the caller may do what `p_scope` names in the organization, now.
create function sluice.may(p_organization uuid, p_caller jsonb, p_scope text) returns boolean
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select case p_caller->>'kind'
    when 'api_key' then exists (
      select from api_keys k where k.id = sluice.caller_id(p_caller) and k.organization_id = p_organization
        and k.revoked_at is null and (k.expires_at is null or k.expires_at > now()) and p_scope = any (k.scopes))
    when 'user' then exists (
      select from memberships m where m.user_id = sluice.caller_id(p_caller) and m.organization_id = p_organization
        and p_scope = any (sluice.role_scopes(m.role)))
    else false end
$$;

-- `may`, with the refusal written down.
create function sluice.authorize(p_organization uuid, p_caller jsonb, p_scope text, p_action text, p_kind text, p_ids uuid[] default '{}')
returns boolean language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  if sluice.may(p_organization, p_caller, p_scope) then return true; end if;
  -- A caller of no standing here must not be able to grow another organization's audit log without bound, nor learn
  -- whether the organization exists; the foreign key tells.
  if exists (select from organizations where id = p_organization) then
    perform sluice.audit(p_organization, p_caller, p_action, p_kind, p_ids, 'refused');
  end if;
  return false;
end $$;

-- System. Makes an organization.
create function public.sluice_create_organization(p_name text) returns uuid
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  insert into organizations (name) values (p_name) returning id
$$;

-- System. The organizations after `p_after`, by id.
create function public.sluice_list_organizations(p_after uuid default null, p_limit integer default 200) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', o.id, 'name', o.name, 'activeModel', o.active_model) order by o.id), '[]')
  from (select * from organizations where p_after is null or id > p_after order by id limit least(p_limit, 500)) o
$$;

create function public.sluice_set_member(p_organization uuid, p_user uuid, p_role text) returns void
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  insert into memberships (organization_id, user_id, role) values (p_organization, p_user, p_role)
  on conflict (organization_id, user_id) do update set role = excluded.role
$$;

-- System. The organizations a person belongs to: asked before one is chosen.
create function public.sluice_memberships(p_user uuid) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'role', role,
    'scopes', sluice.role_scopes(role)) order by organization_id), '[]') from memberships where user_id = p_user
$$;

create function public.sluice_create_api_key(p_organization uuid, p_name text, p_prefix text, p_hash text, p_scopes text[],
  p_expires_at timestamptz default null) returns uuid
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  insert into api_keys (organization_id, name, prefix, hash, scopes, expires_at)
  values (p_organization, p_name, p_prefix, p_hash, p_scopes, p_expires_at) returning id
$$;

create function public.sluice_revoke_api_key(p_organization uuid, p_key uuid) returns boolean
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  update api_keys set revoked_at = coalesce(revoked_at, now()) where organization_id = p_organization and id = p_key;
  return found;
end $$;

-- System. Whose key this is, by its hash: the organization is not known before. Null for none that is valid now.
create function public.sluice_authenticate_key(p_hash text) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  k api_keys;
begin
  select * into k from api_keys where hash = p_hash and revoked_at is null and (expires_at is null or expires_at > now());
  if not found then return null; end if;
  -- A minute's precision keeps this from being a write on every request.
  if k.last_used_at is null or k.last_used_at < now() - interval '1 minute' then
    update api_keys set last_used_at = now() where id = k.id;
  end if;
  return jsonb_build_object('id', k.id, 'organizationId', k.organization_id, 'scopes', to_jsonb(k.scopes));
end $$;
