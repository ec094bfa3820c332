import { cut } from "../cut.js";
import type { Strategy, StrategyTools } from "./strategy.js";

/** Tables by themselves, in groups of whole rows under their headings; what is no table as by section. */
export function byTable(tools: StrategyTools): Strategy {
  return {
    add: (section) => cut([{ section, ...tools.structure.blocks(section) }], tools, { tableAlone: true }),
    end: () => [],
  };
}
