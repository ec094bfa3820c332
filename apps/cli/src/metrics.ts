import { CommandError, exitCodes } from "./exit-codes.js";
import { localStack } from "./home.js";

/** One line of what a service shows at `/metrics`. */
export interface Series {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export function parseMetrics(text: string): Series[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", text = ""]) => [key, text] as const);
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

/** What the services show, wherever they are; the local stack's where nothing is said, none where none runs. */
export async function readMetrics(urls: string[] | undefined): Promise<string[]> {
  const all = urls ?? Object.values((await localStack())?.metricsUrls ?? {});
  return Promise.all(
    all.map(async (url) => {
      const answer = await fetch(url).catch(() => undefined);
      if (answer?.ok) return answer.text();
      throw new CommandError(`${url} can't be read.`, exitCodes.unreachable);
    }),
  );
}
