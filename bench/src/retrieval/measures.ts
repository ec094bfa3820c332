import { random } from "../corpus.js";

export interface Scores {
  recall5: number;
  recall10: number;
  ndcg10: number;
}

/** What a ranking of passages is worth, of which these answer the question. */
export function score(ranked: string[], relevant: ReadonlySet<string>): Scores {
  const found = (k: number) => ranked.slice(0, k).filter((id) => relevant.has(id)).length / relevant.size;
  const discounted = (places: number[]) => places.reduce((sum, place) => sum + 1 / Math.log2(place + 2), 0);
  const places = ranked.slice(0, 10).flatMap((id, place) => (relevant.has(id) ? [place] : []));
  const best = Array.from({ length: Math.min(relevant.size, 10) }, (_, place) => place);
  return { recall5: found(5), recall10: found(10), ndcg10: discounted(places) / discounted(best) };
}

export const mean = (values: number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;

/** 95 % interval of the mean difference of pairs, by bootstrap over the questions. */
export function interval(
  ours: number[],
  theirs: number[],
  rounds = 10_000,
): { mean: number; low: number; high: number } {
  const differences = ours.map((each, i) => each - (theirs[i] ?? 0));
  const next = random(11);
  const means = Array.from({ length: rounds }, () =>
    mean(differences.map(() => differences[Math.floor(next() * differences.length)] ?? 0)),
  ).sort((a, b) => a - b);
  return {
    mean: mean(differences),
    low: means[Math.floor(rounds * 0.025)] ?? 0,
    high: means[Math.floor(rounds * 0.975)] ?? 0,
  };
}
