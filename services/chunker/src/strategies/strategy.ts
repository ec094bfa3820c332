import type { CutTools } from "../cut.js";
import type { Draft, Source } from "../source.js";
import type { Structure } from "../structure.js";

/** Cuts one document: it is given the sections one by one, in reading order, and keeps no more of them than it has to. */
export interface Strategy {
  /** What is done; what is not done yet comes with a later section, or at the end. */
  add(section: Source): Draft[] | Promise<Draft[]>;
  end(): Draft[];
}

export interface StrategyTools extends CutTools {
  structure: Structure;
}
