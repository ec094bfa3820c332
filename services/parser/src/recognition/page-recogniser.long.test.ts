import { readFile } from "node:fs/promises";
import { describe, expect, test } from "@jest/globals";
import { decodePicture } from "../picture/decode.js";
import { createGrey, type Grey, resize, turn } from "../picture/grey.js";
import { chooseEngine, findInstalled } from "./choose-engine.js";
import type { Engine } from "./engine.js";
import { openRecogniser } from "./open-recogniser.js";

const card = await decodePicture(
  await readFile(new URL("../../../../samples/documents/scanned-referral-card.png", import.meta.url)),
  10_000_000,
);
const text = "Sesame seed: food challenge passed without reaction.";
const { signal } = new AbortController();
const dpi = { x: 200, y: 200 };

/** A sheet of paper. */
function sheet(width = 800, height = 1_000): Grey {
  const page = createGrey(width, height);
  page.data.fill(255);
  return page;
}

function draw(page: Grey, points: Iterable<readonly [x: number, y: number]>): Grey {
  for (const [x, y] of points) page.data[Math.round(y) * page.width + Math.round(x)] = 0;
  return page;
}

/** The same everywhere; one that does not run where its engine is not installed says so. */
function suite(what: string, engine: Engine | null): void {
  (engine ? describe : describe.skip)(what, () => {
    const recogniser = openRecogniser(engine as Engine);
    const recognise = (page: Grey, resolution: typeof dpi | null = dpi) =>
      recogniser.recognise({ ...page, dpi: resolution }, signal);

    test.each([0, 90, 180, 270] as const)("a page turned by %i is read upright", async (degrees) => {
      const page = await recognise(turn(card, degrees));
      expect(page).toMatchObject({ kind: "ocr", rotation: (360 - degrees) % 360 });
      expect(page.text).toContain(text);
      expect(page.confidence).toBeGreaterThan(0.85);
      const line = page.lines.find((each) => each.text === text);
      expect(line?.confidence).toBeGreaterThan(0.85);
      // From left to right.
      const [left = 0, top = 0, right = 0, bottom = 0] = line?.bbox ?? [];
      expect(right - left).toBeGreaterThan((bottom - top) * 5);
    });

    test("a fax is read, whose pixels are twice as high as wide", async () => {
      const page = await recognise(resize(card, card.width, Math.round(card.height / 2)), { x: 200, y: 100 });
      expect(page.text).toContain("food challenge");
    });

    test("an empty sheet is blank, also with dust, holes and edges", async () => {
      expect(await recognise(sheet())).toMatchObject({ kind: "blank", text: "", lines: [] });
      const dust = Array.from({ length: 60 }, (_, n) => [(n * 7_919) % 800, (n * 104_729) % 1_000] as const);
      const hole = Array.from({ length: 1_600 }, (_, n) => [20 + (n % 40), 480 + n / 40] as const);
      const edge = Array.from({ length: 4_000 }, (_, n) => [796 + (n % 4), n / 4] as const);
      const used = draw(
        sheet(),
        [...dust, ...hole, ...edge].map(([x, y]) => [x, Math.min(999, Math.floor(y))] as const),
      );
      expect(await recognise(used)).toMatchObject({ kind: "blank", text: "" });
    });

    test("a scribble is neither blank nor text", async () => {
      const stroke = Array.from({ length: 9_000 }, (_, n) => {
        const t = n / 1_500;
        return [400 + 180 * Math.sin(3 * t) + (n % 3), 500 + 120 * Math.cos(4.3 * t)] as const;
      });
      expect(await recognise(draw(sheet(), stroke))).toMatchObject({ kind: "unreadable", text: "", lines: [] });
    });

    test("a picture of a few pixels is no page", async () => {
      expect(await recognise(draw(sheet(9, 9), [[4, 4]]), null)).toMatchObject({ text: "" });
    });
  });
}

suite("tesseract.js", await chooseEngine({ choice: "tesseract.js", languages: ["eng"] }));
suite(
  "tesseract, where it is installed",
  await chooseEngine({ choice: "tesseract", languages: ["eng"] }).catch(() => null),
);

describe("the choice of an engine", () => {
  test("is off, or the one asked for, or the installed one before the bundled one", async () => {
    const languages = ["eng"];
    expect(await chooseEngine({ choice: "off", languages })).toBeNull();
    expect(await chooseEngine({ choice: "tesseract.js", languages })).toMatchObject({
      name: "tesseract.js",
      languages,
    });
    const installed = await findInstalled();
    const name = installed?.languages.includes("eng") ? "tesseract" : "tesseract.js";
    expect(await chooseEngine({ choice: "auto", languages })).toMatchObject({ name });
  });

  test("fails at the start where a language is missing, and says what to install", async () => {
    await expect(chooseEngine({ choice: "tesseract.js", languages: ["eng", "tlh"] })).rejects.toThrow(
      "npm install @tesseract.js-data/tlh",
    );
    await expect(chooseEngine({ choice: "tesseract", languages: ["tlh"] })).rejects.toThrow("OCR=tesseract");
  });

  test("goes into the name under which pages are kept", () => {
    const bundled = openRecogniser({ name: "tesseract.js", version: "7.0.0", languages: ["eng", "deu"] });
    expect(bundled.engine).toBe("tesseract.js 7.0.0 eng+deu r1");
  });
});
