import type { TextRange } from "@sluice/contracts";
import type { Gap, Output, SectionHead, TableInput } from "../formats/format.js";
import { rowText } from "./table-text.js";

/** A piece of a section in the making: text, or rows of a table. */
export type Block = { gap: Gap; text: string } | TableBlock;

export interface TableBlock extends TableInput {
  gap: Gap;
  title: string | null;
  headerRows: number;
  rows: string[][];
  continues: boolean;
}

/** A section in blocks; without a head it goes on with the one before. */
export interface FlowSection {
  head: SectionHead | null;
  blocks: Block[];
}

/** Writes blocks into the section that is open; answers where each came to stand. */
export async function writeBlocks(out: Output, blocks: Iterable<Block>): Promise<TextRange[]> {
  const placed: TextRange[] = [];
  for (const block of blocks) {
    placed.push("rows" in block ? await out.table(block) : await out.text(block.text, block.gap));
  }
  return placed;
}

export async function writeSection(out: Output, { head, blocks }: FlowSection): Promise<void> {
  if (head) await out.begin(head);
  await writeBlocks(out, blocks);
}

/** Blocks that begin on the line after what is before them. */
export function below([first, ...rest]: Block[]): Block[] {
  return first ? [{ ...first, gap: "\n" }, ...rest] : [];
}

/** Blocks as the text they will be in the document. */
export function blocksText(blocks: readonly Block[]): string {
  let text = "";
  for (const block of blocks) {
    const own = "rows" in block ? tableText(block) : block.text;
    if (own) text += (text && block.gap) + own;
  }
  return text;
}

function tableText({ title, rows, continues }: TableBlock): string {
  return [continues ? "" : title, ...rows.map(rowText)].filter(Boolean).join("\n");
}
