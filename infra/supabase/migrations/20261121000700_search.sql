-- Search: keyword, semantic and hybrid in one function, over what readers may see.

-- The words of a query joined by "or": every passage with any of them is a candidate, ranked by how many and how close.
create function sluice.any_word(p_query text) returns tsquery language sql immutable set search_path = pg_catalog as $$
  select coalesce(string_agg(quote_literal(lexeme), ' | '), '')::tsquery from unnest(to_tsvector('english', p_query))
$$;

create function sluice.in_section(c sluice.chunks, i sluice.ingestions, p_code text) returns boolean
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select p_code is null or exists (select from sections s where s.ingestion_id = i.id and s.generation = i.parsed_generation
    and s.ordinal = c.section_ordinal and s.code = p_code)
$$;

-- Passages for a query, best first. Each mode is one or more ranked lists, fused by reciprocal rank (Cormack, Clarke, Büttcher 2009: 1/(60+rank)).
-- keyword: exact phrase, and words by cover density · semantic: cosine of p_vector under p_model · hybrid: all of them.
-- Outcomes: ok {hits, model, lexical} · forbidden · model_inactive {activeModel}. The audit entry names the documents whose
-- passages came back, and the query only by the keyed hash the gateway gives.
create function public.sluice_search(p_organization uuid, p_caller jsonb, p_query text, p_mode text, p_vector text, p_model text, p_filter jsonb,
  p_limit integer, p_query_hash text) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_active text;
  v_hits jsonb;
  v_depth integer := greatest(60, least(p_limit, 200) * 2);
  v_words tsquery := sluice.any_word(sluice.for_search(p_query));
  v_phrase tsquery := phraseto_tsquery('english', sluice.for_search(p_query));
begin
  if not sluice.authorize(p_organization, p_caller, 'search', 'search', 'document') then return jsonb_build_object('outcome', 'forbidden'); end if;
  if p_mode <> 'keyword' then
    select active_model into v_active from organizations where id = p_organization;
    if v_active is not null and v_active <> p_model then
      perform sluice.audit(p_organization, p_caller, 'search', 'document', '{}', 'model_inactive', jsonb_build_object('mode', p_mode));
      return jsonb_build_object('outcome', 'model_inactive', 'activeModel', v_active);
    end if;
  end if;

  with phrase as (
    select c.id, row_number() over (order by ts_rank_cd(c.search_vector, v_phrase, 1) desc, c.id) as rank
    from chunks c join ingestions i on i.id = c.ingestion_id and i.active and i.chunked_generation = c.generation join documents d on d.id = i.document_id
    where p_mode <> 'semantic' and numnode(v_phrase) > 1 and c.organization_id = p_organization and c.search_vector @@ v_phrase
      and sluice.stands(d.standing, p_filter) and (p_filter = '{}' or (sluice.passes(d, i, p_filter) and sluice.in_section(c, i, p_filter->>'sectionCode')))
    order by rank limit v_depth
  ), words as (
    select c.id, row_number() over (order by ts_rank_cd(c.search_vector, v_words, 1) desc, c.id) as rank
    from chunks c join ingestions i on i.id = c.ingestion_id and i.active and i.chunked_generation = c.generation join documents d on d.id = i.document_id
    where p_mode <> 'semantic' and numnode(v_words) > 0 and c.organization_id = p_organization and c.search_vector @@ v_words
      and sluice.stands(d.standing, p_filter) and (p_filter = '{}' or (sluice.passes(d, i, p_filter) and sluice.in_section(c, i, p_filter->>'sectionCode')))
    order by rank limit v_depth
  ), near as (
    select id, row_number() over (order by distance, id) as rank, distance from (
      select c.id, e.embedding <=> p_vector::vector as distance
      from embeddings e join chunks c on c.id = e.chunk_id join ingestions i on i.id = c.ingestion_id and i.active and i.chunked_generation = c.generation
      join documents d on d.id = i.document_id
      where p_mode <> 'keyword' and e.organization_id = p_organization and e.model = p_model
        and sluice.stands(d.standing, p_filter) and (p_filter = '{}' or (sluice.passes(d, i, p_filter) and sluice.in_section(c, i, p_filter->>'sectionCode')))
      order by e.embedding <=> p_vector::vector, c.id limit v_depth) n
  ), lists as (
    select id, rank, 'phrase' as list, null::double precision as distance from phrase
    union all select id, rank, 'words', null from words
    union all select id, rank, 'near', distance from near
  ), fused as (
    select id, sum(1.0 / (60 + rank)) as score, min(rank) filter (where list = 'phrase') as phrase_rank,
      min(rank) filter (where list = 'words') as word_rank, min(rank) filter (where list = 'near') as near_rank, min(distance) as distance
    from lists group by id
  ), best as (
    select f.*, c.ingestion_id, c.ordinal, c.text, c.prefix, c.spans, c.page_from, c.page_to, c.section_ordinal, s.title, s.code_system, s.code, s.code_display
    from fused f join chunks c on c.id = f.id join ingestions i on i.id = c.ingestion_id
    left join sections s on s.ingestion_id = c.ingestion_id and s.generation = i.parsed_generation and s.ordinal = c.section_ordinal
    order by f.score desc, f.id limit least(p_limit, 200)
  )
  select coalesce(jsonb_agg(jsonb_build_object('chunkId', b.id, 'score', round(b.score::numeric, 6),
      'ranks', jsonb_strip_nulls(jsonb_build_object('phrase', b.phrase_rank, 'words', b.word_rank, 'semantic', b.near_rank)),
      'similarity', case when b.distance is null then null else round((1 - b.distance)::numeric, 4) end,
      'text', b.text, 'prefix', b.prefix, 'spans', b.spans, 'pageFrom', b.page_from, 'pageTo', b.page_to,
      'section', jsonb_build_object('ordinal', b.section_ordinal, 'title', b.title,
        'code', case when b.code is null then null else jsonb_strip_nulls(jsonb_build_object('system', b.code_system, 'code', b.code, 'display', b.code_display)) end),
      'document', jsonb_build_object('id', d.id, 'externalId', d.external_id, 'fileName', d.file_name, 'title', i.header->>'title', 'revision', i.revision,
        'mediaType', i.media_type, 'parentId', d.parent_id, 'standing', d.standing, 'standingBy', d.standing_by,
        'warnings', (select coalesce(jsonb_agg(distinct w->>'code'), '[]') from jsonb_array_elements(i.warnings) w))) order by b.score desc, b.id), '[]') into v_hits
  from best b join ingestions i on i.id = b.ingestion_id join documents d on d.id = i.document_id;

  perform sluice.audit(p_organization, p_caller, 'search', 'document',
    array(select distinct (h#>>'{document,id}')::uuid from jsonb_array_elements(v_hits) h), 'allowed',
    jsonb_build_object('mode', p_mode, 'hits', jsonb_array_length(v_hits), 'query', p_query_hash));
  return jsonb_build_object('outcome', 'ok', 'hits', v_hits, 'model', case when p_mode = 'keyword' then null else p_model end,
    'lexical', (select lexical from embedding_models where id = p_model));
end $$;

-- ── Who may call ────────────────────────────────────────────────────────────────────────────────────────────
-- Functions are callable by everybody unless told otherwise. Ours are for the services' secret key alone.
do $$
declare
  f regprocedure;
begin
  for f in select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'public' and p.proname like 'sluice\_%' loop
    execute format('revoke all on function %s from public, anon, authenticated', f);
    execute format('grant execute on function %s to service_role', f);
  end loop;
  for f in select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'sluice' loop
    execute format('revoke all on function %s from public, anon, authenticated', f);
  end loop;
end $$;
