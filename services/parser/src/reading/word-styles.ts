import type { ListPlace } from "./word-numbering.js";
import { readXml } from "./xml.js";

export interface WordStyles {
  /** Which styles are headings, and how deep. */
  headings: ReadonlyMap<string, number>;
  /** Which styles put their paragraphs into a list. */
  lists: ReadonlyMap<string, ListPlace>;
}

interface Style {
  id: string;
  name: string;
  basedOn: string;
  level: number | undefined;
  list: Partial<ListPlace>;
}

/** What styles say of headings and lists; of headings by outline level first, as names are translated. */
export async function wordStyles(xml: string, maxDepth: number): Promise<WordStyles> {
  const styles: Style[] = [];
  const handler = {
    open(name: string, attributes: Record<string, string>) {
      const style = styles.at(-1);
      if (name === "style") {
        styles.push({ id: attributes.styleId ?? "", name: "", basedOn: "", level: undefined, list: {} });
      } else if (!style) return;
      else if (name === "name") style.name = attributes.val ?? "";
      else if (name === "basedOn") style.basedOn = attributes.val ?? "";
      else if (name === "outlineLvl") style.level = Number(attributes.val) + 1;
      else if (name === "numId") style.list.id = attributes.val ?? "";
      else if (name === "ilvl") style.list.level = Number(attributes.val) || 0;
    },
    text() {},
    close() {},
  };
  await readXml([xml], handler, maxDepth);
  const headings = new Map<string, number>();
  const lists = new Map<string, ListPlace>();
  // Styles inherit from styles that may come later.
  for (let pass = 0; pass < 4; pass += 1) {
    for (const { id, name, basedOn, level, list } of styles) {
      const found = level ?? headingLevel(name) ?? headings.get(basedOn);
      if (found !== undefined && found >= 1 && found <= 9) headings.set(id, found);
      const base = lists.get(basedOn);
      const own = list.id ?? base?.id;
      if (own !== undefined) lists.set(id, { id: own, level: list.level ?? base?.level ?? 0 });
    }
  }
  return { headings, lists };
}

/** The level in a built-in style's name: `heading 2`, `Title`. */
export function headingLevel(name: string): number | undefined {
  const level = /^heading ?([1-9])$/i.exec(name)?.[1];
  if (level) return Number(level);
  return /^title$/i.test(name) ? 1 : undefined;
}
