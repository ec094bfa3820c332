-- Bulk without passing bytes through the gateway: senders put files into Storage under paths they are given, then name them.

create table sluice.uploads (
  object_path text primary key,
  organization_id uuid not null references sluice.organizations on delete cascade,
  requested_at timestamptz not null default now(),
  -- What it was taken in as; once it is, it can't be taken in as anything else: no two documents share an object.
  identity_key text
);
create index uploads_by_time on sluice.uploads (requested_at);

-- Notes paths that somebody may put files under.
create function public.sluice_request_uploads(p_organization uuid, p_caller jsonb, p_paths text[]) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:write', 'uploads.request', 'upload') then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  insert into uploads (object_path, organization_id) select p, p_organization from unnest(p_paths) p;
  perform sluice.audit(p_organization, p_caller, 'uploads.request', 'upload', '{}', 'allowed', jsonb_build_object('count', cardinality(p_paths)));
  return jsonb_build_object('outcome', 'ok');
end $$;

-- Takes in files that lie in Storage: as sluice_accept_documents, with two outcomes more: upload_missing (no such path was given out to the
-- organization, or nothing lies there) and upload_taken (it was taken in as another document). Sizes are those Storage says. A path is good for three
-- hours: well before the walk over Storage removes what is nobody's, so that it never removes what is being taken in.
create function public.sluice_accept_uploads(p_organization uuid, p_caller jsonb, p_items jsonb, p_window integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_each record;
  v_good jsonb := '[]';
  v_places bigint[] := '{}';
  v_answers jsonb[];
  v_accepted jsonb;
begin
  if not sluice.authorize(p_organization, p_caller, 'documents:write', 'documents.create', 'document') then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  v_answers := array_fill(null::jsonb, array[jsonb_array_length(p_items)]);
  perform 1 from uploads where organization_id = p_organization and object_path in (select x->>'objectPath' from jsonb_array_elements(p_items) x)
    order by object_path for update;
  for v_each in
    select x.value as item, x.ordinality as place,
      u.object_path is not null and (u.identity_key is not null or u.requested_at > now() - interval '3 hours') as given, u.identity_key as taken_as, (o.metadata->>'size')::bigint as size,
      sluice.identity_key(x.value->>'externalId', x.value->>'patient', x.value->>'contentHash') as identity,
      row_number() over (partition by x.value->>'objectPath' order by x.ordinality) as time
    from jsonb_array_elements(p_items) with ordinality x
    left join uploads u on u.organization_id = p_organization and u.object_path = x.value->>'objectPath'
    left join storage.objects o on o.bucket_id = 'originals' and o.name = u.object_path
    order by x.ordinality
  loop
    if not v_each.given or v_each.size is null then
      v_answers[v_each.place] := jsonb_build_object('outcome', 'upload_missing', 'keepObject', false);
    elsif v_each.time > 1 or v_each.taken_as <> v_each.identity then
      v_answers[v_each.place] := jsonb_build_object('outcome', 'upload_taken', 'keepObject', false);
    else
      v_good := v_good || (v_each.item || jsonb_build_object('byteLength', v_each.size));
      v_places := v_places || v_each.place;
    end if;
  end loop;
  v_accepted := public.sluice_accept_documents(p_organization, p_caller, v_good, p_window);
  for i in 1 .. cardinality(v_places) loop
    v_answers[v_places[i]] := v_accepted->'items'->(i - 1);
  end loop;
  -- One that was refused (its batch is closed) may be named again.
  update uploads u set identity_key = sluice.identity_key(x.item->>'externalId', x.item->>'patient', x.item->>'contentHash')
  from (select g.value as item, v_accepted->'items'->(g.ordinality::integer - 1) as answer from jsonb_array_elements(v_good) with ordinality g) x
  where u.object_path = x.item->>'objectPath' and u.identity_key is null and x.answer->>'documentId' is not null;
  return jsonb_build_object('outcome', 'ok', 'items', to_jsonb(v_answers));
end $$;

-- System. Forgets paths that were given out long ago; what lies there and is no document's, the walk over Storage removes.
create function public.sluice_expire_uploads() returns void
language sql security definer set search_path = sluice, extensions, pg_temp as $$
  delete from uploads where object_path in (select object_path from uploads where requested_at < now() - interval '2 days' limit 5000)
$$;

select sluice.raise_walls();
