import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SearchAnswer, searchModes } from "@sluice/contracts";
import { createStack } from "@sluice/local";
import { connectPostgres, type SqlRunner } from "@sluice/store";
import MiniSearch from "minisearch";
import { caller, complete, json, openBatch, send } from "./client.js";
import { interval, mean, type Scores, score } from "./retrieval/measures.js";
import { answersTo, corpusFiles, type Question, questionsOf } from "./retrieval/questions.js";

type Rank = (question: string) => Promise<string[]>;
interface Passage {
  id: string;
  fileName: string;
  text: string;
  terms: string;
}

/** PostgreSQL's ranking over the same passages, by its own reading of the question, or of any of its words. */
function fullText(db: SqlRunner, anyWord: boolean): Rank {
  const query = anyWord ? "sluice.any_word($1)" : "websearch_to_tsquery('english', $1)";
  return async (question) =>
    (
      await db.query<{ id: string }>(
        `select id from sluice.chunks where search_vector @@ ${query} order by ts_rank(search_vector, ${query}) desc, id limit 10`,
        [question],
      )
    ).map(({ id }) => id);
}

const termsSql = "array_to_string(tsvector_to_array(to_tsvector('english', sluice.for_search($1))), ' ')";

/** BM25 by MiniSearch, over the same word stems as PostgreSQL's. */
function bm25(db: SqlRunner, passages: Passage[]): Rank {
  const index = new MiniSearch<Passage>({
    fields: ["terms"],
    processTerm: (term) => term,
    tokenize: (text) => text.split(" "),
  });
  index.addAll(passages);
  return async (question) => {
    const [row] = await db.query<{ terms: string }>(`select ${termsSql} as terms`, [question]);
    return index
      .search(row?.terms ?? "")
      .slice(0, 10)
      .map(({ id }) => String(id));
  };
}

async function ask(rank: Rank, questions: { question: Question; relevant: ReadonlySet<string> }[]): Promise<Scores[]> {
  const scores: Scores[] = [];
  for (const { question, relevant } of questions) scores.push(score(await rank(question.question), relevant));
  return scores;
}

/**
 * How well search finds what answers questions, beside PostgreSQL's full text and BM25 over the same passages. What is promised is to beat full
 * text as it comes, which wants all words of a question; beside the same with any word, and BM25, the figures are shown.
 */
export async function retrievalBench(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: { questions: { type: "string", default: "frozen" }, misses: { type: "boolean", default: false } },
  });
  if (values.questions !== "frozen" && values.questions !== "open") throw new Error("--questions is open or frozen");
  const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  const stack = createStack({ home: join(folder, "home"), env: process.env, log: () => {} });
  let db: Awaited<ReturnType<typeof connectPostgres>> | undefined;
  try {
    const { gatewayUrl, apiKey, databaseUrl } = await stack.start();
    if (databaseUrl === null) throw new Error("SUPABASE_DB_URL is needed beside SUPABASE_URL");
    const call = caller(gatewayUrl, apiKey);
    const batch = await openBatch(call);
    await send(call, batch, await corpusFiles());
    await complete(call, batch);
    db = await connectPostgres(databaseUrl);
    const passages = await db.query<Passage>(
      `select c.id, d.file_name as "fileName", c.text,
        (select string_agg(repeat(lexeme || ' ', cardinality(positions)), '') from unnest(c.search_vector)) as terms
       from sluice.chunks c join sluice.ingestions i on i.id = c.ingestion_id and i.active join sluice.documents d on d.id = i.document_id`,
    );
    const asked = (await questionsOf(values.questions)).map((question) => ({
      question,
      relevant: answersTo(question, passages),
    }));
    const unanswered = asked.filter(({ relevant }) => relevant.size === 0);
    for (const { question } of unanswered) console.error(`no passage holds the answer to: ${question.question}`);

    const ours =
      (mode: string): Rank =>
      async (query) =>
        (await call("/v1/search", SearchAnswer, json({ query, mode, k: 10 }))).hits.map(({ chunkId }) => chunkId);
    const ways: Record<string, Rank> = {
      "full text": fullText(db, false),
      "full text, any word": fullText(db, true),
      BM25: bm25(db, passages),
      ...Object.fromEntries(searchModes.map((mode) => [mode, ours(mode)])),
    };
    const scores: Record<string, Scores[]> = {};
    for (const [name, rank] of Object.entries(ways)) scores[name] = await ask(rank, asked);
    if (values.misses)
      for (const [i, { question }] of asked.entries())
        if ((scores.hybrid?.[i]?.ndcg10 ?? 0) < 0.5)
          console.log(
            `${scores.hybrid?.[i]?.ndcg10.toFixed(2)} (BM25 ${scores.BM25?.[i]?.ndcg10.toFixed(2)}) ${question.question}`,
          );

    const round = (value: number) => Math.round(value * 1_000) / 1_000;
    const of = (name: string, measure: keyof Scores) => (scores[name] ?? []).map((each) => each[measure]);
    const figures = Object.fromEntries(
      Object.keys(ways).map((name) => [
        name,
        {
          "recall@5": round(mean(of(name, "recall5"))),
          "recall@10": round(mean(of(name, "recall10"))),
          "nDCG@10": round(mean(of(name, "ndcg10"))),
        },
      ]),
    );
    console.log(`${asked.length} ${values.questions} questions, ${passages.length} passages`);
    console.table(figures);
    const beside = (name: string, measure: keyof Scores) => {
      const { mean, low, high } = interval(of("hybrid", measure), of(name, measure));
      return { mean: round(mean), low: round(low), high: round(high) };
    };
    const differences = Object.fromEntries(
      ["full text", "full text, any word", "BM25"].map((name) => [
        name,
        { ndcg10: beside(name, "ndcg10"), recall10: beside(name, "recall10") },
      ]),
    );
    console.log("hybrid beside them, difference with its 95 % interval:");
    console.table(
      Object.fromEntries(
        Object.entries(differences).map(([name, { ndcg10, recall10 }]) => [
          name,
          {
            "nDCG@10": `${ndcg10.mean} (${ndcg10.low} to ${ndcg10.high})`,
            "recall@10": `${recall10.mean} (${recall10.low} to ${recall10.high})`,
          },
        ]),
      ),
    );
    const alone = differences["full text"];
    const passed = unanswered.length === 0 && (alone?.ndcg10.low ?? 0) > 0 && (alone?.recall10.low ?? 0) > 0;
    console.log(
      JSON.stringify({
        bench: "retrieval",
        passed,
        half: values.questions,
        questions: asked.length,
        passages: passages.length,
        figures,
        differences,
      }),
    );
    return passed;
  } finally {
    await db?.destroy();
    await stack.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}
