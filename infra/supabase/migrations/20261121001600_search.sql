-- Search: words ranked with what else they are called, near vectors by index or exactly and never fewer than exist, pages, folded copies, explained scores.

-- ── Indexes of vectors ──────────────────────────────────────────────────────────
-- One HNSW index per model, partial, over the vectors cast to the model's dimensions. Until there is one, search compares all vectors.

create function sluice.vector_index_name(p_model text) returns text language sql immutable set search_path = pg_catalog as $$
  select 'embeddings_hnsw_' || left(md5(p_model), 16)
$$;

-- The statement that builds a model's index; null for more dimensions than an index takes. p_half: half-precision numbers, half the memory (above 2,000
-- dimensions always).
create function sluice.vector_index_sql(p_model text, p_concurrently boolean, p_half boolean) returns text
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select format('create index %s if not exists %I on sluice.embeddings using hnsw ((embedding::extensions.%s(%s)) extensions.%s_cosine_ops) where model = %L',
    case when p_concurrently then 'concurrently' else '' end, sluice.vector_index_name(m.id), kind, m.dimensions, kind, m.id)
  from embedding_models m cross join lateral (select case when p_half or m.dimensions > 2000 then 'halfvec' else 'vector' end as kind) k
  where m.id = p_model and m.dimensions <= 4000
$$;

-- The model's index, if it is there and whole: the type that it casts to.
create function sluice.vector_index(p_model text) returns text language sql stable set search_path = sluice, extensions, pg_temp as $$
  select substring(pg_get_indexdef(x.indexrelid) from '(vector|halfvec)_cosine_ops') || '(' || m.dimensions || ')'
  from pg_class c join pg_index x on x.indexrelid = c.oid and x.indisvalid and x.indisready
  join embedding_models m on m.id = p_model
  where c.relnamespace = 'sluice'::regnamespace and c.relname = sluice.vector_index_name(p_model)
$$;

-- The nearest vectors of an organization by the model's index, at most p_take. It goes on until it has so many, where pgvector can (0.8); what it has
-- found by then may be fewer than there are.
create function sluice.nearest_by_index(p_organization uuid, p_model text, p_type text, p_vector text, p_take integer)
returns table (chunk_id uuid, distance double precision)
language plpgsql volatile set search_path = sluice, extensions, pg_temp
  set enable_seqscan = off set enable_sort = off set enable_bitmapscan = off set jit = off as $$
begin
  perform set_config('hnsw.ef_search', least(1000, greatest(100, p_take))::text, true);
  if (select string_to_array(extversion, '.')::integer[] >= '{0,8}' from pg_extension where extname = 'vector') then
    perform set_config('hnsw.iterative_scan', 'strict_order', true);
  end if;
  return query execute format(
    'select e.chunk_id, (e.embedding::extensions.%1$s <=> $1::extensions.%1$s)::double precision from sluice.embeddings e
     where e.model = %2$L and e.organization_id = $2 order by e.embedding::extensions.%1$s <=> $1::extensions.%1$s limit $3', p_type, p_model)
    using p_vector, p_organization, p_take;
end $$;

-- How many vectors of a model an organization has, up to p_most.
create function sluice.vector_count(p_organization uuid, p_model text, p_most integer) returns bigint
language sql stable set search_path = sluice, extensions, pg_temp set enable_seqscan = off set enable_bitmapscan = off as $$
  select count(*) from (select from embeddings where organization_id = p_organization and model = p_model limit p_most) few
$$;

-- System. The models that have vectors: how many, and whether an index has been built.
create function public.sluice_vector_indexes() returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
begin
  return (select coalesce(jsonb_agg(jsonb_build_object('model', m.id, 'dimensions', m.dimensions, 'vectors', n.vectors, 'index', sluice.vector_index(m.id),
      'canHave', m.dimensions <= 4000, 'isEmbedded', version() like '%wasm%',
      'bytes', (select pg_relation_size(c.oid) from pg_class c where c.relnamespace = 'sluice'::regnamespace and c.relname = sluice.vector_index_name(m.id)))
      order by m.id), '[]')
    from (select model, count(*) as vectors from embeddings group by model) n join embedding_models m on m.id = n.model);
end $$;

-- System. Builds a model's index while nobody writes. Where there is a connection of one's own, it is better built concurrently.
-- An index that outgrows the memory it is built in takes many times as long.
-- Answers built · not_possible (too many dimensions, or no such model).
create function public.sluice_build_vector_index(p_model text) returns text
language plpgsql security definer set search_path = sluice, extensions, pg_temp
  set maintenance_work_mem = '512MB' as $$
declare
  v_sql text := sluice.vector_index_sql(p_model, false, false);
begin
  if v_sql is null then return 'not_possible'; end if;
  execute v_sql;
  return 'built';
end $$;

-- System. Of the ten vectors nearest to a stored one, the share that the index finds: the mean over so many of them. Null where there is no index.
create function public.sluice_vector_recall(p_model text, p_samples integer) returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp as $$
declare
  v_type text := sluice.vector_index(p_model);
  v_share double precision;
  v_sum double precision := 0;
  v_count integer := 0;
  v_exact uuid[];
  s record;
begin
  if v_type is null then return null; end if;
  for s in select e.organization_id, e.embedding::text as vector from embeddings e where e.model = p_model
      and e.chunk_id >= gen_random_uuid() order by e.chunk_id limit least(p_samples, 200) loop
    execute format('select array_agg(chunk_id) from (select chunk_id from sluice.embeddings where model = $1 and organization_id = $2
      order by embedding <=> $3::extensions.vector, chunk_id limit 10) x') into v_exact using p_model, s.organization_id, s.vector;
    select count(*)::double precision / cardinality(v_exact) into v_share
    from (select i.chunk_id from sluice.nearest_by_index(s.organization_id, p_model, v_type, s.vector, 10) i) i where i.chunk_id = any (v_exact);
    v_sum := v_sum + v_share;
    v_count := v_count + 1;
  end loop;
  return jsonb_build_object('samples', v_count, 'recall', case when v_count > 0 then round((v_sum / v_count)::numeric, 4) end);
end $$;

-- ── What a filter lets through ──────────────────────────────────────────────────

-- The revisions that readers see and that pass a filter; see sluice.passes. Beside its keys: documentType (a code, `system|code` or a name), language
-- (`en` is also `en-GB`), dateKind (which of a document's dates from and to are about), includeUndated, sectionCode (that it has such a section at all),
-- includeReplaced.
create function sluice.matching(p_organization uuid, p_filter jsonb) returns table (id uuid, chunks integer, is_undated boolean)
language plpgsql stable set search_path = sluice, extensions, pg_temp set plan_cache_mode = force_custom_plan as $$
begin
  return query select i.id, i.chunk_count, not exists (select from document_dates x where x.ingestion_id = i.id
      and (p_filter->>'dateKind' is null or x.kind = p_filter->>'dateKind'))
  from documents d join ingestions i on i.document_id = d.id and i.active
  where d.organization_id = p_organization and sluice.stands(d.standing, p_filter)
    and (p_filter->>'documentId' is null or d.id = (p_filter->>'documentId')::uuid)
    and (p_filter->>'parentId' is null or d.parent_id = (p_filter->>'parentId')::uuid)
    and (p_filter->>'externalId' is null or d.external_id = p_filter->>'externalId')
    and (p_filter->>'fileName' is null or d.file_name = p_filter->>'fileName')
    and (p_filter->'tags' is null or d.tags @> array(select jsonb_array_elements_text(p_filter->'tags')))
    and (p_filter->'metadata' is null or d.metadata @> (p_filter->'metadata'))
    and (p_filter->>'batchId' is null or i.batch_id = (p_filter->>'batchId')::uuid)
    and (p_filter->>'format' is null or i.format = p_filter->>'format')
    and (p_filter->>'documentType' is null or i.header#>>'{type,code}' = p_filter->>'documentType'
      or (i.header#>>'{type,system}') || '|' || (i.header#>>'{type,code}') = p_filter->>'documentType'
      or lower(i.header#>>'{type,display}') = lower(p_filter->>'documentType'))
    and (p_filter->>'language' is null or lower(i.header->>'language') = lower(p_filter->>'language')
      or starts_with(lower(i.header->>'language'), lower(p_filter->>'language') || '-'))
    and (p_filter->>'patient' is null or d.id = any (array(
      select named.id from documents named where named.organization_id = p_organization and named.patient = p_filter->>'patient'
      union select read.document_id from patients p join document_patients dp on dp.patient_id = p.id
        join ingestions read on read.id = dp.ingestion_id and read.active
        where p.organization_id = p_organization and (p.identifier = p_filter->>'patient'
          or (p.identifier = substr(p_filter->>'patient', strpos(p_filter->>'patient', '|') + 1)
            and p.authority || '|' || p.identifier = p_filter->>'patient')))))
    and ((p_filter->>'from' is null and p_filter->>'to' is null) or exists (select from document_dates x where x.ingestion_id = i.id
        and (p_filter->>'dateKind' is null or x.kind = p_filter->>'dateKind')
        and (p_filter->>'from' is null or x.day >= (p_filter->>'from')::date) and (p_filter->>'to' is null or x.day <= (p_filter->>'to')::date))
      -- What has no such date is let through here, and counted or dropped by who asks.
      or not exists (select from document_dates x where x.ingestion_id = i.id and (p_filter->>'dateKind' is null or x.kind = p_filter->>'dateKind')))
    and (p_filter->>'sectionCode' is null
      or exists (select from chunks c where c.ingestion_id = i.id and c.generation = i.chunked_generation and c.code = p_filter->>'sectionCode')
      or exists (select from sections s where s.ingestion_id = i.id and s.generation = i.parsed_generation and s.code = p_filter->>'sectionCode'));
end $$;

-- ── Ranking ─────────────────────────────────────────────────────────────────────

-- How well a passage has what the words of a query are called otherwise: of each group the best, as one word.
create function sluice.related_score(p_text tsvector, p_terms tsquery[], p_groups integer[]) returns double precision
language sql immutable set search_path = pg_catalog as $$
  select coalesce(sum(best), 0) from (select max(ts_rank(p_text, q)) as best from unnest(p_terms, p_groups) t(q, g) where p_text @@ q group by g) groups
$$;

-- Whose a document is, so that copies are folded within one patient only: who the sender said, else who the document is about if that is one. Null: nobody's.
create function sluice.whose(d sluice.documents, i sluice.ingestions) returns text language sql immutable as $$
  select case when jsonb_array_length(coalesce(i.header->'patients', '[]')) > 1 then null else coalesce(d.patient,
    (select min((x->>'authority') || '|' || (x->>'value')) from jsonb_path_query(i.header, '$.patients[*].identifiers[*]') x)) end
$$;

-- Whether one document may be shown as adding to another.
create function sluice.may_add(d sluice.documents, i sluice.ingestions, to_d sluice.documents, to_i sluice.ingestions) returns boolean language sql immutable as $$
  select d.id <> to_d.id and d.organization_id = to_d.organization_id and coalesce(d.patient = to_d.patient, true) and not sluice.about_others(i.header, to_i.header)
$$;

-- What adds to a document, and what it adds to, as far as readers see them: {addenda: [{id, title, text}], appendsTo: [id]}.
create function sluice.additions(p_organization uuid, p_document uuid, p_ingestion uuid, p_filter jsonb) returns jsonb
language plpgsql stable set search_path = sluice, extensions, pg_temp set plan_cache_mode = force_generic_plan
  set join_collapse_limit = 1 set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
begin return (
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
      where sluice.may_add(me.d, me.i, o, a) and sluice.stands(o.standing, p_filter))));
end $$;

-- Passages of the same document around one: p_count before (negative) or after.
create function sluice.around(p_ingestion uuid, p_generation integer, p_ordinal integer, p_count integer) returns jsonb
language sql stable set search_path = sluice, extensions, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('chunkId', c.id, 'ordinal', c.ordinal, 'text', c.text, 'pageFrom', c.page_from, 'pageTo', c.page_to,
    'spans', c.spans) order by c.ordinal), '[]')
  from chunks c where c.ingestion_id = p_ingestion and c.generation = p_generation
    and c.ordinal between p_ordinal + least(p_count, sign(p_count)::integer) and p_ordinal + greatest(p_count, sign(p_count)::integer) and p_count <> 0
$$;

-- The embedded database keeps no statistics: left to itself it joins a few hundred candidates by going through all documents. So what ranks says how: in the
-- order that is written, by keys, and planned once. What is ranked is cut first and looked up then, and passages with one word of several are passed over
-- where enough have two.

-- Whether a passage is of a section with this code, or under a heading that stands for it.
create function sluice.has_code(c sluice.chunks, i sluice.ingestions, p_code text) returns boolean language sql stable as $$
  select p_code is null or c.code = p_code or exists (select from sluice.sections s where s.ingestion_id = i.id and s.generation = i.parsed_generation
    and s.ordinal between c.section_ordinal and coalesce(c.section_to, c.section_ordinal) and s.code = p_code)
$$;

-- Any two of a query's words; null where it has fewer, or so many that the pairs cost more than they save.
create function sluice.any_two_words(p_query text) returns tsquery language sql immutable set search_path = pg_catalog as $$
  with words as (select lexeme, count(*) over () as n from unnest(to_tsvector('english', p_query)))
  select string_agg('(' || quote_literal(a.lexeme) || ' & ' || quote_literal(b.lexeme) || ')', ' | ')::tsquery
  from words a join words b on a.lexeme < b.lexeme where a.n between 2 and 8
$$;

-- The best p_depth passages that readers see among those that match: by cover density as a phrase, or by words and what they are called otherwise.
-- The best of all are looked up first; only where too few of them are seen, all that match.
create function sluice.best_matches(p_organization uuid, p_match tsquery, p_query tsquery, p_is_phrase boolean, p_related tsquery[], p_groups integer[],
  p_filter jsonb, p_ids uuid[], p_code text, p_depth integer) returns table (id uuid, raw double precision)
language plpgsql stable set search_path = sluice, extensions, pg_temp set plan_cache_mode = force_generic_plan
  set join_collapse_limit = 1 set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
declare
  v_words double precision := (numnode(p_query) + 1) / 2;
  -- Then all passages of these are gone through, rather than all that match.
  v_is_few boolean := coalesce(cardinality(p_ids) <= 500, false);
  v_take integer := p_depth * 2;
  v_taken bigint;
  v_ids uuid[];
  v_raws double precision[];
begin
  loop
    with best as materialized (
      select c.id, c.ingestion_id, c.generation, case
          when p_is_phrase then ts_rank_cd(c.search_vector, p_query)::double precision
          when p_related = '{}' then ts_rank(c.search_vector, p_query) * v_words
          else coalesce(ts_rank(c.search_vector, p_query) * v_words, 0) + sluice.related_score(c.search_vector, p_related, p_groups) end as raw
      from (
        select c.* from chunks c where not v_is_few and c.organization_id = p_organization and c.search_vector @@ p_match
          and (p_ids is null or c.ingestion_id = any (p_ids))
        union all select c.* from unnest(p_ids) few(id) join chunks c on c.ingestion_id = few.id
          where v_is_few and c.organization_id = p_organization and c.search_vector @@ p_match) c
      order by 4 desc, c.id limit v_take
    ), seen as (
      select b.id, b.raw from best b join ingestions i on i.id = b.ingestion_id and i.active and i.chunked_generation = b.generation
      join documents d on d.id = i.document_id
      where sluice.stands(d.standing, p_filter)
        and (p_code is null or exists (select from chunks c where c.id = b.id and sluice.has_code(c, i, p_code)))
      order by b.raw desc, b.id limit p_depth
    ) select array_agg(s.id order by s.raw desc, s.id), array_agg(s.raw order by s.raw desc, s.id), (select count(*) from best)
    into v_ids, v_raws, v_taken from seen s;
    exit when coalesce(cardinality(v_ids), 0) = p_depth or v_take is null or v_taken < v_take;
    v_take := null;
  end loop;
  return query select * from unnest(v_ids, v_raws);
end $$;

-- The nearest p_depth vectors that readers see, all that pass compared.
create function sluice.nearest_exactly(p_organization uuid, p_model text, p_vector text, p_filter jsonb, p_ids uuid[], p_code text, p_depth integer)
returns table (chunk_id uuid, distance double precision)
language plpgsql stable set search_path = sluice, extensions, pg_temp set plan_cache_mode = force_generic_plan
  set join_collapse_limit = 1 set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
declare
  v_vector vector := p_vector::vector;
  v_take integer := p_depth * 2;
  v_taken bigint;
  v_ids uuid[];
  v_distances double precision[];
begin
  loop
    with nearest as materialized (
      select e.chunk_id as id, (e.embedding <=> v_vector) + 0 as far from (
        select e.chunk_id, e.embedding from embeddings e where p_ids is null and e.organization_id = p_organization and e.model = p_model
        -- Not by the organization's index, which has them all.
        union all select e.chunk_id, e.embedding from unnest(p_ids) wanted(id) join embeddings e on e.ingestion_id = wanted.id and e.model = p_model
          where e.organization_id is not distinct from p_organization) e
      order by 2, e.chunk_id limit v_take
    ), seen as (
      select n.id, n.far from nearest n join chunks c on c.id = n.id
      join ingestions i on i.id = c.ingestion_id and i.active and i.chunked_generation = c.generation join documents d on d.id = i.document_id
      where sluice.stands(d.standing, p_filter) and sluice.has_code(c, i, p_code)
      order by n.far, n.id limit p_depth
    ) select array_agg(s.id order by s.far, s.id), array_agg(s.far order by s.far, s.id), (select count(*) from nearest)
    into v_ids, v_distances, v_taken from seen s;
    exit when coalesce(cardinality(v_ids), 0) = p_depth or v_take is null or v_taken < v_take;
    v_take := null;
  end loop;
  return query select * from unnest(v_ids, v_distances);
end $$;

drop function public.sluice_search(uuid, jsonb, text, text, text, text, jsonb, integer, text);

-- Passages for a query, best first. Each mode is one or more ranked lists, fused by reciprocal rank (Cormack, Clarke, Büttcher 2009: weight/(60+rank)).
-- keyword: exact phrase, and words with what else they are called · semantic: cosine of p_vector under p_model · hybrid: all of them, a model that
-- compares words only at half the weight.
-- Lists are cut at 200; where that gives fewer passages than asked for, at 1,000 and 5,000: what is found then stands behind, so that pages don't shift.
-- Vectors: all of those that pass are compared, unless they are many (exactBelow) and the model has an index; what the index leaves short is compared
-- exactly after all.
-- p_options: related [[text]], offset, neighbours, exactBelow. Outcomes: ok {hits, more, undated, scan, model, lexical} · forbidden ·
-- model_inactive {activeModel}. The audit entry names the documents whose passages came back, and the query only by the keyed hash the gateway gives.
create function public.sluice_search(p_organization uuid, p_caller jsonb, p_query text, p_mode text, p_vector text, p_model text, p_filter jsonb,
  p_limit integer, p_query_hash text, p_options jsonb default '{}') returns jsonb
language plpgsql security definer set search_path = sluice, extensions, pg_temp set plan_cache_mode = force_generic_plan
  set join_collapse_limit = 1 set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
declare
  v_active text;
  v_lexical boolean;
  v_hits jsonb;
  v_found integer;
  v_depth integer;
  v_full boolean;
  v_words tsquery := sluice.any_word(sluice.for_search(p_query));
  v_phrase tsquery := phraseto_tsquery('english', sluice.for_search(p_query));
  v_related tsquery[];
  v_groups integer[];
  v_any tsquery;
  v_limit integer := least(greatest(p_limit, 1), 200);
  v_offset integer := least(greatest(coalesce((p_options->>'offset')::integer, 0), 0), 15000);
  v_neighbours integer := least(greatest(coalesce((p_options->>'neighbours')::integer, 0), 0), 5);
  v_exact_below integer := coalesce((p_options->>'exactBelow')::integer, 20000);
  v_code text := p_filter->>'sectionCode';
  -- Null: whatever readers see.
  v_ids uuid[];
  v_rows bigint;
  v_undated integer;
  v_type text;
  v_scan text := 'exact';
  v_near uuid[] := '{}';
  v_distances double precision[] := '{}';
  v_match tsquery;
  v_phrases uuid[] := '{}';
  v_phrase_scores double precision[] := '{}';
  v_worded uuid[] := '{}';
  v_word_scores double precision[] := '{}';
begin
  if not sluice.authorize(p_organization, p_caller, 'search', 'search', 'document') then return jsonb_build_object('outcome', 'forbidden'); end if;
  if p_mode <> 'keyword' then
    select active_model into v_active from organizations where id = p_organization;
    if v_active is not null and v_active <> p_model then
      perform sluice.audit(p_organization, p_caller, 'search', 'document', '{}', 'model_inactive', jsonb_build_object('mode', p_mode));
      return jsonb_build_object('outcome', 'model_inactive', 'activeModel', v_active);
    end if;
    select lexical into v_lexical from embedding_models where id = p_model;
  end if;
  -- Groups of terms, [["htn", "high blood pressure"], …], as phrases.
  select coalesce(array_agg(q), '{}'), coalesce(array_agg(n), '{}') into v_related, v_groups from (
    select phraseto_tsquery('english', t) as q, g.n from jsonb_array_elements(coalesce(p_options->'related', '[]')) with ordinality g(terms, n),
      jsonb_array_elements_text(g.terms) t) terms where numnode(q) > 0;
  select string_agg('(' || q::text || ')', ' | ')::tsquery into v_any
  from unnest(v_related || array[v_words, v_phrase]) q where numnode(q) > 0;

  if p_filter - '{includeReplaced,includeUndated,dateKind}'::text[] <> '{}' then
    select coalesce(array_agg(m.id), '{}'), coalesce(sum(m.chunks), 0) into v_ids, v_rows from sluice.matching(p_organization, p_filter) m
    where not (m.is_undated and (p_filter ? 'from' or p_filter ? 'to')) or coalesce((p_filter->>'includeUndated')::boolean, false);
    if p_filter ? 'from' or p_filter ? 'to' then
      select count(*) into v_undated from sluice.matching(p_organization, p_filter) m where m.is_undated;
    end if;
  end if;
  if p_mode <> 'keyword' then
    v_type := sluice.vector_index(p_model);
    if v_type is not null and v_ids is null then
      v_rows := sluice.vector_count(p_organization, p_model, v_exact_below + 1);
    end if;
    if v_rows <= v_exact_below then v_type := null; end if;
  end if;

  foreach v_depth in array array[200, 1000, 5000] loop
    if p_mode <> 'keyword' then
      if v_type is not null then
        v_scan := 'index';
        select coalesce(array_agg(n.chunk_id order by n.distance, n.chunk_id), '{}'), coalesce(array_agg(n.distance order by n.distance, n.chunk_id), '{}')
        into v_near, v_distances from (
          select x.chunk_id, x.distance from sluice.nearest_by_index(p_organization, p_model, v_type, p_vector, v_depth * 2) x
          join chunks c on c.id = x.chunk_id join ingestions i on i.id = c.ingestion_id and i.active and i.chunked_generation = c.generation
          join documents d on d.id = i.document_id
          where sluice.stands(d.standing, p_filter) and (v_ids is null or i.id = any (v_ids))
            and sluice.has_code(c, i, v_code)
          order by x.distance, x.chunk_id limit v_depth) n;
        if cardinality(v_near) < v_depth then v_scan := 'completed'; end if;
      end if;
      if v_scan <> 'index' then
        select coalesce(array_agg(n.chunk_id order by n.distance, n.chunk_id), '{}'), coalesce(array_agg(n.distance order by n.distance, n.chunk_id), '{}')
        into v_near, v_distances from sluice.nearest_exactly(p_organization, p_model, p_vector, p_filter, v_ids, v_code, v_depth) n;
      end if;
    end if;

    if p_mode <> 'semantic' then
      v_phrases := '{}';
      if numnode(v_phrase) > 1 then
        select coalesce(array_agg(b.id order by b.raw desc, b.id), '{}'), coalesce(array_agg(b.raw order by b.raw desc, b.id), '{}') into v_phrases, v_phrase_scores
        from sluice.best_matches(p_organization, v_phrase, v_phrase, true, '{}', '{}', p_filter, v_ids, v_code, v_depth) b;
      end if;
      -- Whoever has two of the words stands before all that have one: a word adds at least 0.06 and less than 0.1, however often it occurs.
      v_match := case when v_related = '{}' then sluice.any_two_words(sluice.for_search(p_query)) end;
      loop
        select coalesce(array_agg(b.id order by b.raw desc, b.id), '{}'), coalesce(array_agg(b.raw order by b.raw desc, b.id), '{}') into v_worded, v_word_scores
        from sluice.best_matches(p_organization, coalesce(v_match, v_any), v_words, false, v_related, v_groups, p_filter, v_ids, v_code, v_depth) b;
        exit when v_match is null or cardinality(v_worded) = v_depth;
        v_match := null;
      end loop;
    end if;

    with lists as (
      select id, rank, 'phrase' as list, 1.0 as weight, raw from unnest(v_phrases, v_phrase_scores) with ordinality n(id, raw, rank)
      union all select id, rank, 'words', 1.0, raw from unnest(v_worded, v_word_scores) with ordinality n(id, raw, rank)
      union all select id, rank, 'semantic', case when v_lexical and p_mode = 'hybrid' then 0.5 else 1.0 end, 1 - distance
        from unnest(v_near, v_distances) with ordinality n(id, distance, rank)
    ), tiers as (
      select id, case when min(rank) <= 200 then 200 when min(rank) <= 1000 then 1000 else 5000 end as tier from lists group by id
    ), fused as (
      select l.id, t.tier, sum(l.weight / (60 + l.rank)) as score, jsonb_object_agg(l.list, l.rank) as ranks, max(l.raw) filter (where l.list = 'semantic') as similarity,
        jsonb_object_agg(l.list, jsonb_build_object('rank', l.rank, 'score', round(l.raw::numeric, 4), 'weight', l.weight,
          'adds', round(l.weight / (60 + l.rank), 6))) as lists
      from lists l join tiers t on t.id = l.id and l.rank <= t.tier group by l.id, t.tier
    ), placed as (
      select f.*, c.ingestion_id, i.document_id, d.standing, row_number() over (order by f.tier, f.score desc, f.id) as nth,
        -- Whose it is matters where others say the same.
        case when count(*) over same > 1 then coalesce(c.copy_key, c.content_hash) || '|' || coalesce(sluice.whose(d, i), d.id::text) else f.id::text end as said
      from fused f join chunks c on c.id = f.id join ingestions i on i.id = c.ingestion_id join documents d on d.id = i.document_id
      window same as (partition by coalesce(c.copy_key, c.content_hash))
    ), folded as (
      select distinct on (said) p.*, coalesce(jsonb_agg(jsonb_build_object('documentId', p.document_id, 'chunkId', p.id, 'standing', p.standing))
        over (partition by said order by nth rows between 1 following and unbounded following), '[]') as copies
      from placed p order by said, nth
    ), best as (
      select b.*, c.ordinal, c.generation, c.text, c.prefix, c.spans, c.page_from, c.page_to, c.section_ordinal, coalesce(c.heading, s.title) as title,
        coalesce(c.code, s.code) as code, case when c.code is null then s.code_system else c.code_system end as code_system,
        case when c.code is null then s.code_display else c.code_display end as code_display, c.copied, coalesce(c.copy_key, c.content_hash) as copy_key
      from (select * from folded order by nth offset v_offset limit v_limit) b join chunks c on c.id = b.id join ingestions i on i.id = b.ingestion_id
      left join sections s on s.ingestion_id = c.ingestion_id and s.generation = i.parsed_generation and s.ordinal = c.section_ordinal
    )
    select coalesce(jsonb_agg(jsonb_build_object('chunkId', b.id, 'score', round(b.score::numeric, 6), 'ranks', b.ranks, 'lists', b.lists,
        'similarity', round(b.similarity::numeric, 4),
        'text', b.text, 'prefix', b.prefix, 'spans', b.spans, 'pageFrom', b.page_from, 'pageTo', b.page_to,
        'marked', case when v_any is null then '[]' else (select coalesce(jsonb_agg(distinct m[1]), '[]') from regexp_matches(
          ts_headline('english', b.text, v_any, 'HighlightAll=true,StartSel="' || chr(1) || '",StopSel="' || chr(2) || '"'),
          chr(1) || '([^' || chr(2) || ']*)' || chr(2), 'g') m) end,
        'section', jsonb_build_object('ordinal', b.section_ordinal, 'title', b.title,
          'code', case when b.code is null then null else jsonb_strip_nulls(jsonb_build_object('system', b.code_system, 'code', b.code, 'display', b.code_display)) end),
        'copied', b.copied, 'copyKey', b.copy_key, 'copies', b.copies,
        'before', case when v_neighbours = 0 then '[]' else sluice.around(b.ingestion_id, b.generation, b.ordinal, -v_neighbours) end,
        'after', case when v_neighbours = 0 then '[]' else sluice.around(b.ingestion_id, b.generation, b.ordinal, v_neighbours) end,
        'document', jsonb_build_object('id', d.id, 'externalId', d.external_id, 'fileName', d.file_name, 'title', i.header->>'title', 'revision', i.revision,
          'mediaType', i.media_type, 'parentId', d.parent_id, 'standing', d.standing, 'standingBy', d.standing_by,
          'warnings', (select coalesce(jsonb_agg(distinct w->>'code'), '[]') from jsonb_array_elements(i.warnings) w))
          || sluice.additions(p_organization, d.id, i.id, p_filter)) order by b.nth), '[]'),
      (select count(*) from folded), coalesce((select max(n) >= v_depth from (select count(*) as n from lists group by list) x), false)
    into v_hits, v_found, v_full
    from best b join ingestions i on i.id = b.ingestion_id join documents d on d.id = i.document_id;
    exit when v_found > v_offset + v_limit or not v_full;
  end loop;

  perform sluice.audit(p_organization, p_caller, 'search', 'document',
    array(select distinct id from (
      select (h#>>'{document,id}')::uuid as id from jsonb_array_elements(v_hits) h
      union all select (c->>'documentId')::uuid from jsonb_array_elements(v_hits) h, jsonb_array_elements(h->'copies') c
      union all select (a->>'id')::uuid from jsonb_array_elements(v_hits) h, jsonb_array_elements(h#>'{document,addenda}') a) shown), 'allowed',
    jsonb_build_object('mode', p_mode, 'hits', jsonb_array_length(v_hits), 'offset', v_offset, 'query', p_query_hash));
  return jsonb_build_object('outcome', 'ok', 'hits', v_hits, 'more', v_found > v_offset + v_limit, 'undated', v_undated,
    'scan', case when p_mode = 'keyword' then null else v_scan end, 'model', case when p_mode = 'keyword' then null else p_model end, 'lexical', v_lexical);
end $$;

select sluice.raise_walls();
