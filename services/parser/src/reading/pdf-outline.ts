/** An outline may be endless, or lead back to itself. */
export const maxOutlineEntries = 5_000;
export const maxOutlineLevel = 12;

export interface OutlineEntry {
  title: string;
  /** 1 for the outermost. */
  level: number;
}

/** The outline's entries by the page that they lead to, from 1; what leads nowhere is left out. */
export type Outline = Map<number, OutlineEntry[]>;
