import { z } from "zod";
import type { SqlRunner } from "./migrations.js";
import type { Rpc } from "./rpc.js";

/** Vectors of a model from which an index pays, unless it is said otherwise. */
export const indexPays = 50_000;

const VectorIndex = z.object({
  model: z.string(),
  dimensions: z.number(),
  vectors: z.number(),
  index: z.string().nullable(),
  bytes: z.number().nullable(),
  /** False for more dimensions than an index takes. */
  canHave: z.boolean(),
  /** On the embedded database, which does nothing else while it builds. */
  isEmbedded: z.boolean(),
});
/** A model that has vectors; `index` is the type of its index's numbers, null while there is none. */
export type VectorIndex = z.infer<typeof VectorIndex>;
const Recall = z.object({ samples: z.number(), recall: z.number().nullable() }).nullable();
const Built = z.enum(["built", "building", "not_possible"]);
export type Built = z.infer<typeof Built>;

/** The indexes by which vectors are found, one per model. */
export function createVectorIndexes(rpc: Rpc) {
  return {
    list(): Promise<VectorIndex[]> {
      return rpc.call("sluice_vector_indexes", {}, z.array(VectorIndex));
    },
    /** Builds while nothing is written: on the embedded database, where nothing else can run meanwhile anyway. */
    build(model: string): Promise<Built> {
      return rpc.call("sluice_build_vector_index", { p_model: model }, Built);
    },
    /** Of the ten nearest to stored vectors, the share that the index finds; null where there is no index. */
    recall(model: string, samples: number): Promise<z.infer<typeof Recall>> {
      return rpc.call("sluice_vector_recall", { p_model: model, p_samples: samples }, Recall);
    },
  };
}

/** Builds a model's index beside what goes on, over a connection of its own to a PostgreSQL server. Half-precision numbers where pgvector has them. */
export async function buildVectorIndex(db: SqlRunner, model: string): Promise<Built> {
  const [found] = await db.query<{ sql: string | null; name: string; broken: boolean; building: boolean }>(
    `select sluice.vector_index_sql($1, true, to_regtype('extensions.halfvec') is not null) as sql, sluice.vector_index_name($1) as name,
       exists (select from pg_class c join pg_index x on x.indexrelid = c.oid where c.relnamespace = 'sluice'::regnamespace
         and c.relname = sluice.vector_index_name($1) and not x.indisvalid) as broken,
       exists (select from pg_stat_progress_create_index p join pg_class c on c.oid = p.index_relid where c.relname = sluice.vector_index_name($1)) as building`,
    [model],
  );
  if (found === undefined || found.sql === null) return "not_possible";
  if (found.building) return "building";
  // What an attempt left behind that was cut off.
  if (found.broken) await db.exec(`drop index concurrently if exists sluice.${found.name}`);
  await db.exec(found.sql);
  return "built";
}
