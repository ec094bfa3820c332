import type { DocumentContext } from "../source.js";
import { byPage } from "./page.js";
import { recursively } from "./recursive.js";
import { bySection } from "./section.js";
import type { Strategy, StrategyTools } from "./strategy.js";
import { byTable } from "./table.js";

/** A new strategy is a file and its line here. */
export const strategies = {
  section: bySection,
  page: byPage,
  recursive: recursively,
  table: byTable,
} satisfies Record<string, (tools: StrategyTools) => Strategy>;
export type StrategyName = keyof typeof strategies;
export const strategyNames = Object.keys(strategies) as [StrategyName, ...StrategyName[]];

export interface StrategyChoice {
  strategy: StrategyName;
  /** By format, media type or code of the document's type, in lower case. */
  byType: ReadonlyMap<string, StrategyName>;
}

/** The most particular that is configured: by the document's type, its format, its media type, for all. */
export function chooseStrategy(choice: StrategyChoice, context: DocumentContext): StrategyName {
  for (const type of [context.type?.code, context.format, context.mediaType]) {
    const found = choice.byType.get(type?.toLowerCase() ?? "");
    if (found !== undefined) return found;
  }
  return choice.strategy;
}
