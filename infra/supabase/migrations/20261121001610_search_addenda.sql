-- What adds to a document is shown with it only where nothing says that the two are about different people: some senders give every document the same number.

-- Whether one document may be shown as adding to another.
create function sluice.may_add(d sluice.documents, i sluice.ingestions, to_d sluice.documents, to_i sluice.ingestions) returns boolean language sql immutable as $$
  select d.id <> to_d.id and d.organization_id = to_d.organization_id and coalesce(d.patient = to_d.patient, true) and not sluice.about_others(i.header, to_i.header)
$$;

-- What adds to a document, and what it adds to, as far as readers see them: {addenda: [{id, title, text}], appendsTo: [id]}.
create or replace function sluice.additions(p_organization uuid, p_document uuid, p_ingestion uuid, p_filter jsonb) returns jsonb
language sql stable set search_path = sluice, extensions, pg_temp as $$
  with me as (
    select d, i from documents d join ingestions i on i.id = p_ingestion and i.document_id = d.id where d.organization_id = p_organization and d.id = p_document
  ) select jsonb_build_object(
    'addenda', (select coalesce(jsonb_agg(jsonb_build_object('id', x.id, 'title', x.title, 'text', x.text) order by x.created_at, x.id), '[]') from (
      select distinct on (o.id) o.id, o.created_at, a.header->>'title' as title,
        (select left(c.text, 1000) from chunks c where c.ingestion_id = a.id and c.generation = a.chunked_generation order by c.ordinal limit 1) as text
      from me join document_identifiers mine on mine.ingestion_id = p_ingestion
      join document_relations r on r.organization_id = p_organization and r.kind = 'appends' and r.target_system = mine.system and r.target_value = mine.value
      join ingestions a on a.id = r.ingestion_id and a.active join documents o on o.id = a.document_id
      where sluice.may_add(o, a, me.d, me.i) and sluice.stands(o.standing, p_filter)
      order by o.id limit 20) x),
    'appendsTo', (select coalesce(jsonb_agg(distinct o.id), '[]') from me join document_relations r on r.ingestion_id = p_ingestion and r.kind = 'appends'
      join document_identifiers theirs on theirs.organization_id = p_organization and theirs.system = r.target_system and theirs.value = r.target_value
      join ingestions a on a.id = theirs.ingestion_id and a.active join documents o on o.id = a.document_id
      where sluice.may_add(me.d, me.i, o, a) and sluice.stands(o.standing, p_filter)))
$$;

select sluice.raise_walls();
