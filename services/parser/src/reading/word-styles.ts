import { readXml } from "./xml.js";

/** Which styles are headings, and how deep; by outline level first, as names are translated. */
export async function headingStyles(xml: string, maxDepth: number): Promise<Map<string, number>> {
  const styles: { id: string; name: string; basedOn: string; level: number | undefined }[] = [];
  const handler = {
    open(name: string, attributes: Record<string, string>) {
      const style = styles.at(-1);
      if (name === "style") styles.push({ id: attributes.styleId ?? "", name: "", basedOn: "", level: undefined });
      else if (!style) return;
      else if (name === "name") style.name = attributes.val ?? "";
      else if (name === "basedOn") style.basedOn = attributes.val ?? "";
      else if (name === "outlineLvl") style.level = Number(attributes.val) + 1;
    },
    text() {},
    close() {},
  };
  await readXml([xml], handler, maxDepth);
  const levels = new Map<string, number>();
  // Styles inherit from styles that may come later.
  for (let pass = 0; pass < 4; pass += 1) {
    for (const { id, name, basedOn, level } of styles) {
      const found = level ?? headingLevel(name) ?? levels.get(basedOn);
      if (found !== undefined && found >= 1 && found <= 9) levels.set(id, found);
    }
  }
  return levels;
}

/** The level in a built-in style's name: `heading 2`, `Title`. */
export function headingLevel(name: string): number | undefined {
  const level = /^heading ?([1-9])$/i.exec(name)?.[1];
  if (level) return Number(level);
  return /^title$/i.test(name) ? 1 : undefined;
}
