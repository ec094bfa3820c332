-- What documents do to one another: a later one replaces, corrects, appends to or withdraws an earlier one, whichever of them arrives first.
-- What a document stands as follows from the relations and identifiers of active revisions alone. It is worked out apart from the seal, whose
-- locks are its own family's: the seal leaves work, the supervisor settles it.

-- A revision that readers get, or get no longer, may change what it and those it names stand as; its warnings may call for a review.
create function sluice.note_standing() returns trigger
language plpgsql set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
begin
  if tg_op = 'DELETE' then i := old; else i := new; end if;
  -- In one order, and touched where it is there: who settles it at this moment must come to it again.
  insert into standing_work (document_id, organization_id)
  select o.document_id, i.organization_id from (
    select i.document_id where i.header->'status' <> 'null' or exists (select from document_identifiers k where k.ingestion_id = i.id)
      or exists (select from documents d join documents p on p.id = d.parent_id where d.id = i.document_id and p.standing <> 'current')
    union select t.document_id from document_relations r join document_identifiers k on k.organization_id = r.organization_id
        and k.system = r.target_system and k.value = r.target_value join ingestions t on t.id = k.ingestion_id
      where r.ingestion_id = i.id) o
  order by o.document_id
  on conflict (document_id) do update set at = excluded.at;
  if tg_op = 'DELETE' then return old; end if;
  if i.active then
    insert into reviews (organization_id, document_id, ingestion_id, code)
    select distinct i.organization_id, i.document_id, i.id, w->>'code' from jsonb_array_elements(i.warnings) w where w->>'code' = 'identity_conflict'
    on conflict do nothing;
  end if;
  return null;
end $$;
create trigger note_standing after update of active on sluice.ingestions for each row
  when (new.active is distinct from old.active) execute function sluice.note_standing();
create trigger note_standing_gone before delete on sluice.ingestions for each row
  when (old.active) execute function sluice.note_standing();

-- Which of two documents that bear the same number is the later one: by version where both have one, by the time the source states, by acceptance.
create function sluice.is_later(a sluice.ingestions, b sluice.ingestions) returns boolean language sql immutable as $$
  select case
    when a.header->>'version' ~ '^[0-9]{1,9}$' and b.header->>'version' ~ '^[0-9]{1,9}$' and a.header->>'version' <> b.header->>'version'
      then (a.header->>'version')::integer > (b.header->>'version')::integer
    when a.stated_at <> b.stated_at then a.stated_at > b.stated_at
    else (a.accepted_at, a.id) > (b.accepted_at, b.id) end
$$;

-- What a document stands as, and by which other one. Its own word comes first; of what others say the strongest; then what it was found in.
create function sluice.standing_of(p_document uuid, out standing text, out standing_by uuid)
language sql stable set search_path = sluice, extensions, pg_temp as $$
  with me as (
    select * from ingestions where document_id = p_document and active
  ), says as (
    select case me.header#>>'{status,value}' when 'entered_in_error' then 'withdrawn' when 'cancelled' then 'cancelled'
      when 'superseded' then 'replaced' end as standing, null::uuid as by, 0 as strength from me
    union all
    select case r.kind when 'withdraws' then 'withdrawn' when 'cancels' then 'cancelled' when 'replaces' then 'replaced'
        when 'corrects' then 'corrected' else 'appended' end, o.document_id,
      case r.kind when 'withdraws' then 1 when 'cancels' then 2 when 'replaces' then 3 when 'corrects' then 4 else 5 end
    from me join document_identifiers k on k.ingestion_id = me.id
    join document_relations r on r.organization_id = k.organization_id and r.target_system = k.system and r.target_value = k.value
    join ingestions o on o.id = r.ingestion_id and o.active and o.document_id <> me.document_id
    -- Those of the same number say it of the earlier ones only.
    where sluice.is_later(o, me) or not exists (select from document_identifiers s where s.ingestion_id = o.id
      and s.system = r.target_system and s.value = r.target_value)
    union all
    select p.standing, p.standing_by, 6 from documents d join documents p on p.id = d.parent_id where d.id = p_document
  )
  select coalesce(s.standing, 'current'), s.by from (select 1) one
  left join (select * from says where says.standing is not null and says.standing <> 'current' order by strength, by limit 1) s on true
$$;

-- System. Works out the standing of documents where it may have changed. Answers how many were looked at; passes over what is locked.
create function public.sluice_settle_standings(p_limit integer) returns integer
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  w record;
  s record;
  i ingestions;
  v_count integer := 0;
begin
  for w in select document_id from standing_work order by at limit p_limit loop
    if exists (select from documents where id = w.document_id) then
      perform 1 from documents where id = w.document_id for update skip locked;
      continue when not found;
    end if;
    delete from standing_work where document_id in (select document_id from standing_work where document_id = w.document_id for update skip locked);
    continue when not found;
    v_count := v_count + 1;
    select * into s from sluice.standing_of(w.document_id);
    update documents set standing = s.standing, standing_by = s.standing_by
    where id = w.document_id and (standing, standing_by) is distinct from (s.standing, s.standing_by);
    continue when not found;
    select * into i from ingestions where document_id = w.document_id and active;
    if found then perform sluice.record(i, 'marked', null, 0, null, null, s.standing); end if;
    insert into standing_work (document_id, organization_id)
    select c.id, c.organization_id from documents c where c.parent_id = w.document_id order by c.id
    on conflict (document_id) do update set at = excluded.at;
  end loop;
  return v_count;
end $$;

-- Whether readers see a document that others may have replaced or withdrawn: not unless they ask for such.
create function sluice.stands(p_standing text, p_filter jsonb) returns boolean language sql immutable as $$
  select p_standing in ('current', 'appended') or coalesce((p_filter->>'includeReplaced')::boolean, false)
$$;

-- What people should look at, newest first, after the cursor (raised at, id).
create function public.sluice_reviews(p_organization uuid, p_caller jsonb, p_before_at timestamptz, p_before_id uuid, p_limit integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'reviews.list', 'review') then return jsonb_build_object('outcome', 'forbidden'); end if;
  perform sluice.audit(p_organization, p_caller, 'reviews.list', 'review', '{}', 'allowed');
  return jsonb_build_object('outcome', 'ok', 'items', (select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'documentId', r.document_id,
      'ingestionId', r.ingestion_id, 'code', r.code, 'raisedAt', r.raised_at) order by r.raised_at desc, r.id desc), '[]')
    from (select * from reviews where organization_id = p_organization and settled_at is null
      and (p_before_at is null or (raised_at, id) < (p_before_at, p_before_id)) order by raised_at desc, id desc limit least(p_limit, 200)) r));
end $$;

-- Somebody has looked.
create function public.sluice_settle_review(p_organization uuid, p_caller jsonb, p_review uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:write', 'review.settle', 'review', array[p_review]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  update reviews set settled_at = coalesce(settled_at, now()), settled_by = coalesce(settled_by, sluice.caller_id(p_caller))
  where organization_id = p_organization and id = p_review;
  perform sluice.audit(p_organization, p_caller, 'review.settle', 'review', array[p_review], case when found then 'allowed' else 'not_found' end);
  if not exists (select from reviews where organization_id = p_organization and id = p_review) then return jsonb_build_object('outcome', 'not_found'); end if;
  return jsonb_build_object('outcome', 'ok');
end $$;
