import { SluiceError } from "@sluice/contracts";
import type { EmbeddingProvider } from "@sluice/embeddings";
import { withDeadline } from "@sluice/runtime";

/** A search that has not got its vector by then is better tried again. */
const embedMs = 10_000;
/** How much what the words are called otherwise weighs beside the words, for models that don't know it. */
const relatedWeight = 0.8;

/** The vector of a query; a model that compares words gets with it what they are called otherwise. */
export async function queryVector(
  embeddings: Pick<EmbeddingProvider, "model" | "embed">,
  query: string,
  related: string[][],
  signal: AbortSignal,
): Promise<Float32Array> {
  const isHelped = embeddings.model.lexical && related.length > 0;
  const texts = isHelped ? [query, related.flat().join(" ; ")] : [query];
  const { vectors } = await withDeadline(embedMs, signal, (within) =>
    embeddings.embed(texts, { signal: within }),
  ).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw cause instanceof SluiceError ? cause : new SluiceError("embedding_unavailable", { cause });
  });
  const [vector, others] = vectors;
  if (vector === undefined || (isHelped && others === undefined)) throw new SluiceError("embedding_response_invalid");
  return others === undefined ? vector : vector.map((value, i) => value + relatedWeight * (others[i] ?? 0));
}
