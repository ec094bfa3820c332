-- What lies within a document at any depth is counted, so that archives of archives end however many workers unpack them.

-- How many documents were found, and how many bytes of them, below a reading that somebody asked for: an upload or a reprocessing.
-- The root document is locked by whoever seals a parse below it (sluice.lock_family), so that nothing is counted twice or missed.
create table sluice.descendants (
  ingestion_id uuid primary key references sluice.ingestions on delete cascade,
  organization_id uuid not null,
  documents bigint not null,
  bytes bigint not null
);
alter table sluice.descendants enable row level security;
alter table sluice.descendants force row level security;
revoke all on table sluice.descendants from public, anon, authenticated, service_role;

-- The reading that somebody asked for, in which this one lies; itself where it is one. A child's later revisions are reprocessings.
create function sluice.asked_for(p_ingestion uuid) returns uuid
language sql stable set search_path = sluice, extensions, pg_temp as $$
  with recursive up as (
    select i.id, i.revision, d.parent_ingestion_id, 0 as height from ingestions i join documents d on d.id = i.document_id where i.id = p_ingestion
    union all select p.id, p.revision, d.parent_ingestion_id, up.height + 1
      from up join ingestions p on p.id = up.parent_ingestion_id and up.revision = 1 join documents d on d.id = p.document_id)
  select id from up order by height desc limit 1
$$;

-- What will lie below the reading that somebody asked for once these children do; all null where there are none.
create function sluice.descendants_with(i sluice.ingestions, p_children jsonb) returns sluice.descendants
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select a.id, i.organization_id, coalesce(d.documents, 0) + c.documents, coalesce(d.bytes, 0) + c.bytes
  from (select count(*) as documents, sum((value->>'byteLength')::bigint)::bigint as bytes from jsonb_array_elements(p_children)) c
  cross join (select sluice.asked_for(i.id) as id) a left join descendants d on d.ingestion_id = a.id
  where c.documents > 0
$$;

-- What lies so far, {documents, bytes}, below the reading that somebody asked for and this one is in; null when the generation is not this one.
create function public.sluice_descendants(p_organization uuid, p_ingestion uuid, p_generation integer) returns jsonb
language sql stable security definer set search_path = sluice, extensions, pg_temp as $$
  select jsonb_build_object('documents', coalesce(d.documents, 0), 'bytes', coalesce(d.bytes, 0))
  from (select sluice.asked_for(p_ingestion) as id) a left join descendants d on d.ingestion_id = a.id
  where sluice.writable(p_organization, p_ingestion, p_generation, 'uploaded')
$$;

-- Seals the parse: p_summary is the parser's {format, mediaType, header, warnings, counts by kind of row, length} with
-- parserVersion and children [{path, objectPath, contentHash, byteLength, declaredType, mediaType, fileName}].
-- `limits` {descendants, descendantBytes} bounds what may lie in the outermost document, this one's children included.
-- Answers {outcome: sealed, job} · stale · incomplete · limit_members · limit_expanded_size.
-- p_last is the last part, written here: a document of one part takes one call.
create or replace function public.sluice_seal_parse(p_organization uuid, p_ingestion uuid, p_generation integer, p_worker text, p_parts integer,
  p_summary jsonb, p_duration_ms integer, p_last jsonb default null) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  i ingestions;
  d documents;
  v_found descendants;
begin
  perform sluice.lock_family((select document_id from ingestions where organization_id = p_organization and id = p_ingestion));
  select * into i from sluice.take_to_seal(p_organization, p_ingestion, p_generation, 'uploaded');
  if not found then return jsonb_build_object('outcome', 'stale'); end if;
  if p_last is not null then
    perform public.sluice_put_parsed(p_organization, p_ingestion, p_generation, p_parts - 1, p_last);
  end if;
  v_found := sluice.descendants_with(i, coalesce(p_summary->'children', '[]'));
  if v_found.documents > (p_summary#>>'{limits,descendants}')::bigint then return jsonb_build_object('outcome', 'limit_members'); end if;
  if v_found.bytes > (p_summary#>>'{limits,descendantBytes}')::bigint then return jsonb_build_object('outcome', 'limit_expanded_size'); end if;
  if not sluice.parts_complete(i, 'parse', p_parts, (select sum(value::integer) from jsonb_each_text(p_summary->'counts'))) then
    return jsonb_build_object('outcome', 'incomplete');
  end if;
  delete from recognised_pages where ingestion_id = i.id;
  if v_found.ingestion_id is not null then
    insert into descendants select v_found.* on conflict (ingestion_id) do update set documents = excluded.documents, bytes = excluded.bytes;
  end if;

  update ingestions set parsed_generation = p_generation, format = p_summary->>'format', media_type = p_summary->>'mediaType',
    header = p_summary->'header', warnings = p_summary->'warnings', section_count = (p_summary#>>'{counts,sections}')::integer,
    page_count = (p_summary#>>'{counts,pages}')::integer, table_count = coalesce((p_summary#>>'{counts,tables}')::integer, 0),
    fact_count = coalesce((p_summary#>>'{counts,facts}')::integer, 0), text_length = (p_summary->>'length')::bigint, parser_version = p_summary->>'parserVersion'
  where id = i.id;
  i := sluice.advance(i, 'parsed', 'chunk', p_worker, p_duration_ms);

  perform sluice.index_header(i);

  select * into d from documents where id = i.document_id;
  -- A report about somebody else inside a patient's message.
  if d.parent_id is not null and not i.warnings @> '[{"code": "identity_conflict"}]'
    and exists (select from ingestions p where p.id = d.parent_ingestion_id and sluice.about_others(p.header, i.header)) then
    update ingestions set warnings = warnings || '[{"code": "identity_conflict"}]' where id = i.id;
  end if;
  -- In whole sets: an archive has thousands of members.
  with found as (
    select value as c, sluice.child_id(i.id, value->>'path') as id from jsonb_array_elements(coalesce(p_summary->'children', '[]'))
  ), new_documents as (
    insert into documents (id, organization_id, identity_key, content_hash, file_name, parent_id, parent_ingestion_id, member_path, depth, patient, tags)
    select f.id, p_organization, 'child:' || f.id, c->>'contentHash', c->>'fileName', d.id, i.id, c->>'path', d.depth + 1, d.patient, i.tags from found f
  ), new_ingestions as (
    insert into ingestions (organization_id, document_id, revision, batch_id, file_name, tags, object_path, content_hash, byte_length, declared_type, media_type)
    select p_organization, f.id, 1, i.batch_id, c->>'fileName', i.tags, c->>'objectPath', c->>'contentHash', (c->>'byteLength')::bigint, c->>'declaredType',
      c->>'mediaType' from found f
    returning *
  ), new_acceptances as (
    insert into acceptances (ingestion_id, organization_id, document_id, batch_id, revision, origin)
    select n.id, n.organization_id, n.document_id, n.batch_id, n.revision, 'child' from new_ingestions n
  )
  insert into document_events (organization_id, document_id, ingestion_id, batch_id, kind, status, generation)
  select n.organization_id, n.document_id, n.id, n.batch_id, 'accepted', n.status, n.generation from new_ingestions n;
  -- Where readers see no revision yet, they see what was found in the newest reading.
  if not exists (select from ingestions where document_id = d.id and active) then
    perform sluice.show_children(d.id, i.id);
  end if;
  return jsonb_build_object('outcome', 'sealed', 'job', sluice.job(i, 0));
end $$;

revoke all on function public.sluice_descendants(uuid, uuid, integer) from public, anon, authenticated;
grant execute on function public.sluice_descendants(uuid, uuid, integer) to service_role;
revoke all on function sluice.asked_for(uuid), sluice.descendants_with(sluice.ingestions, jsonb) from public, anon, authenticated;
