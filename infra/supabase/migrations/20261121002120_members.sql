-- Who belongs to an organization: invitations, roles, leaving. An organization that had an owner keeps one.

create table sluice.invitations (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references sluice.organizations on delete cascade,
  -- Whom it is for: nobody else can use it.
  email text not null check (email = lower(email)),
  role text not null check (role in ('owner', 'admin', 'member', 'viewer', 'auditor')),
  hash text not null unique,
  created_at timestamptz not null default now(),
  created_by_kind text not null,
  created_by uuid not null,
  expires_at timestamptz not null,
  accepted_at timestamptz,
  revoked_at timestamptz
);
create index invitations_by_time on sluice.invitations (organization_id, created_at desc, id desc);
create index memberships_by_time on sluice.memberships (organization_id, created_at desc, user_id desc);

-- Whichever way a membership changes. The organization's row is locked, so that of two owners who go at once one stays.
create function sluice.keep_an_owner() returns trigger language plpgsql set search_path = sluice, extensions, pg_temp as $$
begin
  if old.role = 'owner' and (tg_op = 'DELETE' or new.role <> 'owner') then
    perform 1 from organizations where id = old.organization_id for update;
    if found and not exists (select from memberships where organization_id = old.organization_id and role = 'owner' and user_id <> old.user_id) then
      raise exception 'the last owner' using errcode = '23514';
    end if;
  end if;
  return case tg_op when 'DELETE' then old else new end;
end $$;
create trigger keep_an_owner before update or delete on sluice.memberships for each row execute function sluice.keep_an_owner();

-- Who acts: a person by role; a key that may administer is no more than an admin.
create function sluice.role_of(p_organization uuid, p_caller jsonb) returns text
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select case p_caller->>'kind'
    when 'user' then (select role from memberships where organization_id = p_organization and user_id = sluice.caller_id(p_caller))
    when 'api_key' then case when sluice.may(p_organization, p_caller, 'admin') then 'admin' end end
$$;

create function sluice.is_last_owner(p_organization uuid, p_user uuid) returns boolean
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select exists (select from memberships where organization_id = p_organization and user_id = p_user and role = 'owner')
    and not exists (select from memberships where organization_id = p_organization and user_id <> p_user and role = 'owner')
$$;

create function sluice.members_before(p_organization uuid, p_before_at timestamptz, p_before_id uuid, p_limit integer) returns jsonb
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', m.user_id, 'email', u.email, 'role', m.role, 'createdAt', m.created_at)
    order by m.created_at desc, m.user_id desc), '[]')
  from (select * from memberships where organization_id = p_organization and (p_before_at is null or (created_at, user_id) < (p_before_at, p_before_id))
    order by created_at desc, user_id desc limit least(p_limit, 200)) m
  left join auth.users u on u.id::text = m.user_id::text
$$;

-- Newest first, after the cursor (created at, id).
create function public.sluice_members(p_organization uuid, p_caller jsonb, p_before_at timestamptz, p_before_id uuid, p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'members.list', 'member') then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform sluice.audit(p_organization, p_caller, 'members.list', 'member', '{}', 'allowed');
  return jsonb_build_object('outcome', 'ok', 'items', sluice.members_before(p_organization, p_before_at, p_before_id, p_limit));
end $$;

-- The same for the operator, who has the secret key.
create function public.sluice_list_members(p_organization uuid, p_before_at timestamptz, p_before_id uuid, p_limit integer) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select sluice.members_before(p_organization, p_before_at, p_before_id, p_limit)
$$;

-- Only owners make owners and unmake them: role_exceeded.
create function public.sluice_change_member(p_organization uuid, p_caller jsonb, p_user uuid, p_role text) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  m memberships;
  v_outcome text := 'ok';
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'member.change', 'member', array[p_user]) then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform 1 from organizations where id = p_organization for update;
  select * into m from memberships where organization_id = p_organization and user_id = p_user;
  if not found then v_outcome := 'not_found';
  elsif 'owner' in (m.role, p_role) and sluice.role_of(p_organization, p_caller) is distinct from 'owner' then v_outcome := 'role_exceeded';
  elsif p_role <> 'owner' and sluice.is_last_owner(p_organization, p_user) then v_outcome := 'last_owner';
  else update memberships set role = p_role where organization_id = p_organization and user_id = p_user; end if;
  perform sluice.audit(p_organization, p_caller, 'member.change', 'member', array[p_user], case v_outcome when 'ok' then 'allowed' when 'not_found' then 'not_found' else 'refused' end,
    jsonb_build_object('role', p_role));
  return jsonb_build_object('outcome', v_outcome);
end $$;

-- People may go by themselves, whatever their role.
create function public.sluice_remove_member(p_organization uuid, p_caller jsonb, p_user uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  m memberships;
  v_own boolean := p_caller->>'kind' = 'user' and sluice.caller_id(p_caller) = p_user;
  v_outcome text := 'ok';
begin
  if not sluice.authorize(p_organization, p_caller, case when v_own then 'documents:read' else 'admin' end, 'member.remove', 'member', array[p_user]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  perform 1 from organizations where id = p_organization for update;
  select * into m from memberships where organization_id = p_organization and user_id = p_user;
  if not found then v_outcome := 'not_found';
  elsif m.role = 'owner' and sluice.role_of(p_organization, p_caller) is distinct from 'owner' then v_outcome := 'role_exceeded';
  elsif sluice.is_last_owner(p_organization, p_user) then v_outcome := 'last_owner';
  else delete from memberships where organization_id = p_organization and user_id = p_user; end if;
  perform sluice.audit(p_organization, p_caller, 'member.remove', 'member', array[p_user], case v_outcome when 'ok' then 'allowed' when 'not_found' then 'not_found' else 'refused' end);
  return jsonb_build_object('outcome', v_outcome);
end $$;

-- The operator's: makes somebody a member, or changes the role; p_role null: makes them none. Outcomes: ok, not_found, last_owner.
create function public.sluice_place_member(p_organization uuid, p_user uuid, p_role text) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  perform 1 from organizations where id = p_organization for update;
  if coalesce(p_role, '') <> 'owner' and sluice.is_last_owner(p_organization, p_user) then return jsonb_build_object('outcome', 'last_owner'); end if;
  if p_role is null then
    delete from memberships where organization_id = p_organization and user_id = p_user;
  else
    insert into memberships (organization_id, user_id, role) values (p_organization, p_user, p_role)
    on conflict (organization_id, user_id) do update set role = excluded.role;
  end if;
  return jsonb_build_object('outcome', case when found then 'ok' else 'not_found' end);
end $$;

create function sluice.describe_invitation(i sluice.invitations) returns jsonb language sql stable as $$
  select jsonb_build_object('id', i.id, 'email', i.email, 'role', i.role, 'createdAt', i.created_at, 'expiresAt', i.expires_at,
    'state', case when i.accepted_at is not null then 'accepted' when i.revoked_at is not null then 'revoked' when i.expires_at <= now() then 'expired' else 'open' end)
$$;

create function public.sluice_invite(p_organization uuid, p_caller jsonb, p_email text, p_role text, p_hash text, p_days integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  i invitations;
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'invitation.create', 'invitation') then return jsonb_build_object('outcome', 'forbidden'); end if;
  if p_role = 'owner' and sluice.role_of(p_organization, p_caller) is distinct from 'owner' then
    perform sluice.audit(p_organization, p_caller, 'invitation.create', 'invitation', '{}', 'refused');
    return jsonb_build_object('outcome', 'role_exceeded');
  end if;
  insert into invitations (organization_id, email, role, hash, created_by_kind, created_by, expires_at)
  values (p_organization, lower(p_email), p_role, p_hash, p_caller->>'kind', sluice.caller_id(p_caller), now() + make_interval(days => p_days)) returning * into i;
  perform sluice.audit(p_organization, p_caller, 'invitation.create', 'invitation', array[i.id], 'allowed', jsonb_build_object('role', p_role));
  return jsonb_build_object('outcome', 'ok', 'item', sluice.describe_invitation(i));
end $$;

-- Newest first, after the cursor (created at, id).
create function public.sluice_invitations(p_organization uuid, p_caller jsonb, p_before_at timestamptz, p_before_id uuid, p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'invitations.list', 'invitation') then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform sluice.audit(p_organization, p_caller, 'invitations.list', 'invitation', '{}', 'allowed');
  return jsonb_build_object('outcome', 'ok', 'items', (select coalesce(jsonb_agg(sluice.describe_invitation(i) order by i.created_at desc, i.id desc), '[]')
    from (select * from invitations where organization_id = p_organization and (p_before_at is null or (created_at, id) < (p_before_at, p_before_id))
      order by created_at desc, id desc limit least(p_limit, 200)) i));
end $$;

create function public.sluice_withdraw_invitation(p_organization uuid, p_caller jsonb, p_invitation uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_found boolean;
begin
  if not sluice.authorize(p_organization, p_caller, 'admin', 'invitation.revoke', 'invitation', array[p_invitation]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  update invitations set revoked_at = coalesce(revoked_at, now()) where organization_id = p_organization and id = p_invitation and accepted_at is null;
  v_found := found;
  perform sluice.audit(p_organization, p_caller, 'invitation.revoke', 'invitation', array[p_invitation], case when v_found then 'allowed' else 'not_found' end);
  return jsonb_build_object('outcome', case when v_found then 'ok' else 'not_found' end);
end $$;

-- System. Makes a person a member by the hash of an invitation's token: it works once, until it ends, for the address it was made for, while whoever made it
-- could still make it. A member keeps the role they have.
create function public.sluice_accept_invitation(p_hash text, p_user uuid, p_origin jsonb) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  i invitations;
  v_caller jsonb := coalesce(p_origin, '{}') || jsonb_build_object('kind', 'user', 'id', p_user);
  v_maker text;
begin
  select * into i from invitations where hash = p_hash for update;
  if not found then return jsonb_build_object('outcome', 'invitation_invalid'); end if;
  v_maker := sluice.role_of(i.organization_id, jsonb_build_object('kind', i.created_by_kind, 'id', i.created_by));
  if i.accepted_at is not null or i.revoked_at is not null or i.expires_at <= now() or coalesce(v_maker, '') not in ('owner', 'admin')
    or (i.role = 'owner' and v_maker <> 'owner')
    or not exists (select from auth.users u where u.id::text = p_user::text and lower(u.email) = i.email and u.email_confirmed_at is not null) then
    perform sluice.audit(i.organization_id, v_caller, 'invitation.accept', 'invitation', array[i.id], 'refused');
    return jsonb_build_object('outcome', 'invitation_invalid');
  end if;
  update invitations set accepted_at = now() where id = i.id;
  insert into memberships (organization_id, user_id, role) values (i.organization_id, p_user, i.role) on conflict do nothing;
  perform sluice.audit(i.organization_id, v_caller, 'invitation.accept', 'invitation', array[i.id], 'allowed');
  return jsonb_build_object('outcome', 'ok', 'organizationId', i.organization_id,
    'role', (select role from memberships where organization_id = i.organization_id and user_id = p_user));
end $$;

-- System. The organizations of a person, with their names.
create function public.sluice_organizations_of(p_user uuid) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', o.id, 'name', o.name, 'role', m.role) order by o.name, o.id), '[]')
  from memberships m join organizations o on o.id = m.organization_id where m.user_id = p_user
$$;

select sluice.raise_walls();
