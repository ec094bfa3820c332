import { createHash } from "node:crypto";
import { withPrefix } from "@sluice/contracts";
import type { Chunk } from "@sluice/store";
import { PrefixText } from "./context.js";
import { sketch } from "./copies.js";
import type { DocumentContext, Draft, Source } from "./source.js";
import { chooseStrategy, type StrategyChoice, strategies } from "./strategies/index.js";
import { Structure } from "./structure.js";
import type { Measure } from "./tokens.js";

/** Changes whenever the same sections would be cut in another way by the same configuration. */
const algorithm = "structure-2";

export interface CuttingOptions extends StrategyChoice {
  measure: Measure;
  /** Sections of fewer tokens are joined with their siblings. */
  minTokens: number;
}

/** Cuts one document, given its sections in reading order. */
export interface DocumentCutter {
  add(section: Source): Promise<Chunk[]>;
  end(): Chunk[];
}

export interface Cutting {
  /** Says which code, by which settings: chunks of another version may be cut otherwise. */
  version: string;
  cutter(context: DocumentContext): DocumentCutter;
}

export function createCutting(options: CuttingOptions): Cutting {
  const { measure } = options;
  // Short is at most a quarter of what fits, so that what is joined still fits.
  const minSize = Math.min(options.minTokens, Math.floor(measure.limit / 4));
  const settings = [measure.name, measure.limit, minSize, options.strategy, [...options.byType].sort()];
  return {
    version: `${algorithm}-${digest(JSON.stringify(settings)).slice(0, 8)}`,
    cutter(context) {
      const name = chooseStrategy(options, context);
      const strategy = strategies[name]({
        measure,
        minSize,
        prefix: new PrefixText(context, measure),
        structure: new Structure(context.type?.display ?? context.title),
      });
      let ordinal = 0;
      const done = (draft: Draft): Chunk => ({
        ordinal: ordinal++,
        sectionOrdinal: draft.sectionOrdinal,
        sectionTo: draft.sectionTo,
        text: draft.text,
        prefix: draft.prefix,
        tokenCount: measure.tokens(withPrefix(draft.prefix, draft.text)),
        pageFrom: draft.pageFrom,
        pageTo: draft.pageTo,
        spans: [[draft.start, draft.end]],
        contentHash: digest(draft.text),
        strategy: name,
        code: draft.code,
        heading: draft.heading,
        bands: context.patientKeys.length === 0 ? null : context.patientKeys.flatMap((key) => sketch(draft.text, key)),
      });
      return {
        add: async (section) => (await strategy.add(section)).map(done),
        end: () => strategy.end().map(done),
      };
    },
  };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
