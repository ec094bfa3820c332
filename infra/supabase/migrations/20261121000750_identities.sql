-- What corrections say of documents about different people, and of one of several reports; what readers see of replaced readings; and one order of locks.

-- Whether two identities, as headers have them, can't be one person: numbers of one authority that differ, or birth dates that do.
create or replace function sluice.differ(x jsonb, y jsonb) returns boolean language sql immutable as $$
  select case
    when exists (select from jsonb_array_elements(x->'identifiers') i, jsonb_array_elements(y->'identifiers') j
      where i->>'authority' = j->>'authority' and i->>'value' = j->>'value') then false
    when not (starts_with(x->>'birthDate', y->>'birthDate') or starts_with(y->>'birthDate', x->>'birthDate')) then true
    else exists (select from jsonb_array_elements(x->'identifiers') i, jsonb_array_elements(y->'identifiers') j
      where i->>'authority' = j->>'authority' and coalesce(i->>'type', '') = coalesce(j->>'type', '') and i->>'value' <> j->>'value') end
$$;

-- Whether two documents are about different people: each names some, and none of the one's can be one of the other's.
create or replace function sluice.about_others(a jsonb, b jsonb) returns boolean language sql immutable as $$
  select coalesce(jsonb_array_length(a->'patients') > 0 and jsonb_array_length(b->'patients') > 0 and not exists (
    select from jsonb_array_elements(a->'patients') x, jsonb_array_elements(b->'patients') y where not sluice.differ(x, y)), false)
$$;

-- What a document stands as, and by which other one. Its own word comes first; of what others say the strongest; then what it was found in.
create or replace function sluice.standing_of(p_document uuid, out standing text, out standing_by uuid)
language sql stable set search_path = sluice, extensions, pg_temp as $$
  with me as (
    select * from ingestions where document_id = p_document and active
  ), says as (
    select case me.header#>>'{status,value}' when 'entered_in_error' then 'withdrawn' when 'cancelled' then 'cancelled'
      when 'superseded' then 'replaced' end as standing, null::uuid as by, 0 as strength from me
    union all
    -- A message about one of three reports that a document bears does not take the other two away: readers see both, and are told.
    select case when r.kind = 'appends' or (r.kind <> 'replaces' and exists (
          select from document_identifiers rest where rest.ingestion_id = me.id and rest.system = r.target_system
            and not exists (select from document_relations also where also.ingestion_id = o.id and also.target_system = rest.system
              and also.target_value = rest.value)
            and not exists (select from document_identifiers own where own.ingestion_id = o.id and own.system = rest.system
              and own.value = rest.value))) then 'appended'
        when r.kind = 'withdraws' then 'withdrawn' when r.kind = 'cancels' then 'cancelled' when r.kind = 'replaces' then 'replaced' else 'corrected' end,
      o.document_id,
      case r.kind when 'withdraws' then 1 when 'cancels' then 2 when 'replaces' then 3 when 'corrects' then 4 else 5 end
    from me join document_identifiers k on k.ingestion_id = me.id
    join document_relations r on r.organization_id = k.organization_id and r.target_system = k.system and r.target_value = k.value
    join ingestions o on o.id = r.ingestion_id and o.active and o.document_id <> me.document_id
    -- Those of the same number say it of the earlier ones only.
    where (sluice.is_later(o, me) or not exists (select from document_identifiers s where s.ingestion_id = o.id
      and s.system = r.target_system and s.value = r.target_value))
    -- Some senders give every document the same number.
    and not sluice.about_others(o.header, me.header)
    union all
    select p.standing, p.standing_by, 6 from documents d join documents p on p.id = d.parent_id where d.id = p_document
  )
  select coalesce(s.standing, 'current'), s.by from (select 1) one
  left join (select * from says where says.standing is not null and says.standing <> 'current'
    order by says.standing = 'appended', strength, by limit 1) s on true
$$;

-- Documents newest first, after the cursor (created at, id). What people may filter by is clinical content, so it travels in the body.
create or replace function public.sluice_query_documents(p_organization uuid, p_caller jsonb, p_filter jsonb, p_before_at timestamptz, p_before_id uuid, p_limit integer)
returns jsonb language plpgsql security definer set search_path = sluice, extensions, pg_temp set plan_cache_mode = force_custom_plan as $$
declare
  v_items jsonb;
  v_ids uuid[];
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:read', 'documents.query', 'document') then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  select coalesce(jsonb_agg(sluice.describe(x.d, x.i) || jsonb_build_object('createdAt', (x.d).created_at) order by (x.d).created_at desc, (x.d).id desc), '[]'),
    coalesce(array_agg((x.d).id), '{}')
  into v_items, v_ids from (
    select d, i from documents d join ingestions i on i.document_id = d.id
      and not exists (select from ingestions newer where newer.document_id = d.id and newer.revision > i.revision)
    where d.organization_id = p_organization and (p_before_at is null or (d.created_at, d.id) < (p_before_at, p_before_id))
      -- What was found in a reading that a later one has replaced is not there for readers.
      and (d.parent_id is null or not exists (select from ingestions shown join ingestions found on found.id = d.parent_ingestion_id
        where shown.document_id = d.parent_id and shown.active and shown.revision > found.revision))
      -- Spelled out, so that a plan made for the filter at hand drops what it does not name and finds the rest by index.
      and (p_filter->>'documentId' is null or d.id = (p_filter->>'documentId')::uuid)
      and (p_filter->>'parentId' is null or d.parent_id = (p_filter->>'parentId')::uuid)
      and (p_filter->>'externalId' is null or d.external_id = p_filter->>'externalId')
      and (p_filter->>'fileName' is null or d.file_name = p_filter->>'fileName')
      and (p_filter->'tags' is null or d.tags @> array(select jsonb_array_elements_text(p_filter->'tags')))
      and (p_filter->'metadata' is null or d.metadata @> (p_filter->'metadata'))
      and (p_filter->>'batchId' is null or exists (select from ingestions b where b.document_id = d.id and b.batch_id = (p_filter->>'batchId')::uuid))
      and (p_filter->>'status' is null or i.status = p_filter->>'status')
      and (p_filter->>'code' is null or i.error_code = p_filter->>'code')
      and (p_filter->>'format' is null or i.format = p_filter->>'format')
      and (p_filter->>'patient' is null or d.id = any (array(
        select named.id from documents named where named.organization_id = p_organization and named.patient = p_filter->>'patient'
        union select read.document_id from patients p join document_patients dp on dp.patient_id = p.id
          join ingestions read on read.id = dp.ingestion_id and read.active
          where p.organization_id = p_organization and (p.identifier = p_filter->>'patient'
            or (p.identifier = substr(p_filter->>'patient', strpos(p_filter->>'patient', '|') + 1)
              and p.authority || '|' || p.identifier = p_filter->>'patient')))))
      and ((p_filter->>'from' is null and p_filter->>'to' is null) or exists (
        select from document_dates x join ingestions dated on dated.id = x.ingestion_id and dated.active where dated.document_id = d.id
          and (p_filter->>'from' is null or x.day >= (p_filter->>'from')::date) and (p_filter->>'to' is null or x.day <= (p_filter->>'to')::date)))
    order by d.created_at desc, d.id desc limit least(p_limit, 500)) x;
  perform sluice.audit(p_organization, p_caller, 'documents.query', 'document', v_ids, 'allowed');
  return jsonb_build_object('outcome', 'ok', 'items', v_items);
end $$;

-- Erases a document, its children and all that was derived; leaves tombstones, and in `erasures` what Storage still has to forget.
-- Answers {outcome: deleted, objects, jobs} · not_found · forbidden. Deleting what was deleted is well.
create or replace function public.sluice_delete_document(p_organization uuid, p_caller jsonb, p_document uuid) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_ids uuid[];
  v_objects text[];
  v_jobs jsonb;
  v_patients uuid[];
  d documents;
  i ingestions;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:delete', 'document.delete', 'document', array[p_document]) then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  select * into d from documents where organization_id = p_organization and id = p_document;
  perform sluice.lock_family(d.id);
  if not exists (select from documents where id = d.id) then
    if exists (select from tombstones where organization_id = p_organization and document_id = p_document) then
      return jsonb_build_object('outcome', 'deleted', 'objects', '[]'::jsonb, 'jobs', '[]'::jsonb);
    end if;
    perform sluice.audit(p_organization, p_caller, 'document.delete', 'document', array[p_document], 'not_found');
    return jsonb_build_object('outcome', 'not_found');
  end if;
  with recursive tree as (
    select id from documents where organization_id = p_organization and id = p_document
    union all select c.id from documents c join tree t on c.parent_id = t.id)
  select array_agg(id) into v_ids from tree;
  perform 1 from documents where id = any (v_ids) order by depth, id for update;
  -- Locked in one order, so that workers sealing at this moment come before or after, not between.
  perform 1 from ingestions where document_id = any (v_ids) order by id for update;
  select coalesce(array_agg(distinct object_path), '{}') into v_objects from ingestions where document_id = any (v_ids);
  select coalesce(jsonb_agg(sluice.job(x, 0)), '[]') into v_jobs from ingestions x where x.document_id = any (v_ids) and x.dispatched_at is not null;
  for i in select * from ingestions where document_id = any (v_ids) loop
    insert into tombstones (ingestion_id, organization_id, document_id, batch_id, accepted_at) values (i.id, p_organization, i.document_id, i.batch_id, i.accepted_at);
    i.status := 'deleted';
    perform sluice.record(i, 'deleted');
  end loop;
  insert into erasures (object_path, organization_id) select unnest(v_objects), p_organization on conflict do nothing;
  v_patients := array(select distinct dp.patient_id from document_patients dp join ingestions x on x.id = dp.ingestion_id where x.document_id = any (v_ids));
  delete from documents where organization_id = p_organization and id = any (v_ids);
  delete from patients p where p.organization_id = p_organization and p.id = any (v_patients) and not exists (select from document_patients dp where dp.patient_id = p.id);
  perform sluice.child_settled(d.parent_id, d.parent_ingestion_id);
  perform sluice.audit(p_organization, p_caller, 'document.delete', 'document', v_ids, 'allowed');
  return jsonb_build_object('outcome', 'deleted', 'objects', to_jsonb(v_objects), 'jobs', v_jobs);
end $$;

-- Functions are callable by everybody unless told otherwise.
revoke all on function sluice.differ(jsonb, jsonb), sluice.about_others(jsonb, jsonb) from public, anon, authenticated;
